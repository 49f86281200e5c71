"""The presets as the gallery shows them: the facts about each, and its picture."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wellshaped.cli.presets import sizes_of_preset
from wellshaped.drawing import draw
from wellshaped.spec import PRESETS, WellshapedError, compatible_shapes, graph_of, receptive_field, stages
from wellshaped.spec.messages.written import in_words
from wellshaped.spec.presets.sources import SOURCES

CAPTIONS = ("sizes that fit", "halo of a tile", "costs")

NEAR = {1: 65_536, 2: 256, 3: 64}
"""The size that a picture is about, or the next that fits, by the number of axes."""


@dataclass(frozen=True)
class Drawn:
    """A preset: ``facts`` has lines for each of :data:`CAPTIONS`."""

    name: str
    source: str
    file: str
    alt: str
    facts: tuple[tuple[str, ...], ...]
    command: str


def drawn_presets(into: Path) -> Iterator[Drawn]:
    """Draw each preset into a file of the folder ``into``, and return what to write beside it."""
    for name in PRESETS:
        graph, shapes = graph_of(name), compatible_shapes(name)
        sizes = [fitting.above(NEAR[graph.axes]) for fitting in shapes.axes]
        found = stages(name, (graph.image.channels, *sizes))
        file, shape = f"{name}.svg", "×".join(map(str, (graph.image.channels, *sizes)))
        draw(found, into / file)
        parameters, operations = (sum(getattr(of, what) for of in found) for what in ("parameters", "multiply_adds"))
        facts = (
            tuple(sizes_of_preset(name)),
            (_halo(name, sizes),),
            (f"{parameters:,} parameters; {operations:,} multiply-adds for an image of {shape}",),
        )
        alt = f"{name} for an image of {shape}: {len(found)} stages, each with its shape, and the arrows between them."
        command = f"$ wellshaped draw {name} --input {shape.replace('×', 'x')} --output {file}"
        yield Drawn(name, SOURCES[name], file, alt, facts, command)


def _halo(name: str, sizes: list[int]) -> str:
    try:
        try:
            reads = receptive_field(name)
        except WellshapedError:  # it has too many classes of sizes
            reads = receptive_field(name, sizes)
    except WellshapedError as error:
        return str(error.report.failures[0])
    if reads.unbounded:
        return f"none is enough: {reads.unbounded}"
    by_halo: dict[tuple[int, int], list[str]] = {}
    for axis, halo in zip(graph_of(name).axis_names, reads.aligned, strict=True):
        by_halo.setdefault(halo, []).append(axis)
    said = (f"{before} before and {after} after along {in_words(axes)}" for (before, after), axes in by_halo.items())
    return "; ".join(said)
