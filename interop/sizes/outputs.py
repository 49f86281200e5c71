"""The shape of the output as functions of the open sizes, compared with that of every class of sizes that fit."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

from ...spec.messages.written import in_words
from .answer import AxisSizes, output_text
from .exploring import kind
from .expressions import value
from .linking import Sizes
from .paths import Accepted, Path
from .shapes import equalities
from .tracer import Tracer

_RETRACED = 3
"""At most this many other paths are traced to find a function that holds on all of them."""


def output_of(
    tracer: Tracer, path: Path, usual: Mapping[str, int], found: Mapping[str, AxisSizes]
) -> tuple[tuple[str, ...], list[str]]:
    """The output's shapes as functions of the sizes, or none; and what the answer says of them."""
    sets = {name: of.sizes for name, of in found.items()}
    output: tuple[str, ...] = ()
    notes = []
    if not any(usual[name] in of.found.tried for name, of in found.items()):
        end, note = _general(tracer, path, usual, found)
        output = output_text(end, sets) if end else ()
        notes += [note] if note else []
    alone = tracer.trial_of(usual) if not output and all(sets.values()) else None
    if isinstance(alone, Accepted) and alone.output:
        written = in_words(output_text(alone, {}))
        notes.append(f"the output is {written} with {equalities(usual)}; as a function of the sizes it is not known")
    return output, notes


def _general(
    tracer: Tracer, path: Path, samples: Mapping[str, int], axes: Mapping[str, AxisSizes]
) -> tuple[Accepted | None, str]:
    """The end with the output of all sizes, and a note if none is right for all.

    ``path`` is a trace of the ``samples`` with all sizes open. On another path the sizes may be other functions, that
    hold here as well: if an odd size is padded and cropped, it is kept, and so is an even one.
    """
    if not isinstance(path.end, Accepted):
        return None, ""
    sizes = dict(samples)
    differing = _differing(path.end, axes)
    other, end, left = differing, path.end, _RETRACED
    while other is not None and left:
        axis, size, _ = other
        sizes[axis] = axes[axis].sizes.above(size) or size
        again = tracer.path_of(sizes, {}).end
        if not isinstance(again, Accepted):
            break
        other, end, left = _differing(again, axes), again, left - 1
    if differing is None or other is None:
        return end, ""
    axis, size, shapes = differing
    at = equalities({**axes[axis].held, axis: size})
    return path.end, f"the output of other sizes differs: it is {' and '.join(output_text(shapes, {}))} with {at}"


def _differing(end: Accepted, axes: Mapping[str, AxisSizes]) -> tuple[str, int, Accepted] | None:
    """A size along one axis with another output than this, which the axis alone shows; ``None`` if there is none."""
    for axis, of in axes.items():
        for region in of.found.regions:
            if kind(region.end) != "fits" or not isinstance(region.end, Accepted):
                continue
            larger = (region.sizes.above(n) for n in (300, 1_000))
            for size in {*islice(region.sizes, 2), *(n for n in larger if n is not None)}:
                expected = _shapes(region.end, {axis: size})
                if expected is not None and _shapes(end, {**of.held, axis: size}) != expected:
                    return axis, size, Accepted(expected, names=region.end.names)
    return None


def _shapes(end: Accepted, sizes: Sizes) -> Any:
    try:
        return tuple(tuple(value(size, sizes) for size in shape) for shape in end.output)
    except ZeroDivisionError:
        return None
