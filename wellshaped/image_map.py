"""The numbers of a picture of an image: its tiles, one of them with core and halo, and what one position reads.

Without a drawing, so that they can be printed and tested (SPEC section 9).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from .spec import AnyNetwork, Network, ReceptiveField, Tiling, graph_of, plan, receptive_field, tiles
from .spec.messages.choices import nearest_choice
from .spec.messages.report import UsageError
from .spec.messages.written import Written, clipped, in_words, written_number, written_value
from .spec.network.reaching import read_by
from .spec.network.running import AxisSizes, sizes_along
from .spec.network.tiling import Interval, Span

Ends = tuple[Fraction, Fraction]
"""Where positions of a node stand in the image: from the first number to the second."""


@dataclass(frozen=True, slots=True, repr=False)
class AxisMap(Written):
    """One axis of an :class:`ImageMap`, in positions of the image.

    - ``cores``: where the core of each tile stands; empty without tiles, as are ``tiles``. ``chosen`` is a tile in the
      middle, and ``halo`` the positions that its core reads.
    - ``position``: where the position of the node stands; ``field``: what it reads.
    """

    name: str
    size: int
    tiles: tuple[Interval, ...]
    cores: tuple[Ends, ...]
    chosen: int
    halo: Interval
    position: Ends
    field: Interval

    @property
    def tile(self) -> Interval:
        """The chosen tile."""
        return self.tiles[self.chosen]

    @property
    def core(self) -> Ends:
        """Where the core of the chosen tile stands."""
        return self.cores[self.chosen]

    @property
    def around(self) -> Interval:
        """How many positions the core of the chosen tile reads before and after those that it stands at."""
        return max(floor(self.core[0]) - self.halo[0], 0), max(self.halo[1] - ceil(self.core[1]), 0)

    @property
    def margins(self) -> tuple[Fraction | int, Fraction | int]:
        """How many positions the chosen tile has before and after its core: at least what the core reads."""
        return self.core[0] - self.tile[0], self.tile[1] - self.core[1]


@dataclass(frozen=True, slots=True, repr=False)
class ImageMap(Written):
    """What is drawn of an image: its tiles, if any, and what one position of the node ``node`` reads.

    >>> print(image_map("milesial", (1024, 1024), 512))
    9 tiles of 512×512 for an image of 1024×1024: 125 % of the image is computed again
      tile: 512×512, starts at 320, 320
      core: 320×320, from 418, 418
      halo: 98 before and 94 after; the core reads 96 and 92
      field: one position of y reads 204×204
      stride: tiles start at multiples of 16
    """

    reads: ReceptiveField
    node: str
    tiling: Tiling | None
    axes: tuple[AxisMap, ...]

    @property
    def title(self) -> str:
        """What the picture shows."""
        if self.tiling is not None:
            return str(self.tiling)
        return f"What one position of {self.node} reads of an image of {_times([axis.size for axis in self.axes])}"

    def lines(self) -> dict[str, str]:
        """What is written beside the picture: for each thing that is drawn, its numbers."""
        found = {}
        if self.tiling is not None:
            starts = ", ".join(written_number(axis.tile[0]) for axis in self.axes)
            found["tile"] = f"{_times(self.tiling.size)}, starts at {starts}"
            cores = _times([axis.core[1] - axis.core[0] for axis in self.axes])
            found["core"] = f"{cores}, from {', '.join(written_length(axis.core[0]) for axis in self.axes)}"
            found["halo"] = self._halo()
        field = [axis.field[1] - axis.field[0] for axis in self.axes]
        whole = self.reads[self.node][0].unbounded and "the whole image: "
        found["field"] = f"one position of {self.node} reads {whole}{_times(field)}"
        if self.tiling is not None:
            alike = len(set(self.reads.strides)) == 1
            strides = self.reads.strides[:1] if alike else self.reads.strides
            found["stride"] = f"tiles start at multiples of {' and '.join(map(written_number, strides))}"
        return found

    def _halo(self) -> str:
        along: dict[str, list[str]] = {}
        for axis in self.axes:
            before, after = map(written_length, axis.margins)
            reads = " and ".join(map(written_number, axis.around))
            more = "" if axis.margins == axis.around else f"; the core reads {reads}"
            along.setdefault(f"{before} before and {after} after{more}", []).append(axis.name)
        texts = list(along.items())
        return texts[0][0] if len(texts) == 1 else "; ".join(f"{in_words(names)} {text}" for text, names in texts)

    def __str__(self) -> str:
        return "\n".join([self.title, *(f"  {name}: {says}" for name, says in self.lines().items())])


def image_map(
    network: AnyNetwork, sizes: AxisSizes, tile: AxisSizes | None = None, *, field: str | None = None
) -> ImageMap:
    """Return the numbers of a picture of an image of these ``sizes``, which :func:`wellshaped.drawing.draw` draws.

    - ``tile``: the largest size of a tile, as for :func:`wellshaped.spec.tiles`. The tile in the middle is shown with
      its core and its halo.
    - ``field``: a node or an input, by default the first output. One position of it is shown, with what it reads. The
      position stands at the middle of the core, or of the image if there are no tiles.

    Raises the errors of :func:`wellshaped.spec.receptive_field` and :func:`wellshaped.spec.tiles`, and
    :class:`UsageError` for a node that does not exist or depends on no image.

    >>> image_map("milesial", (256, 256), field="pooled[3]").axes[0].field
    (98, 174)
    """
    reads = receptive_field(network, sizes)
    tiling = None if tile is None else tiles(network, sizes, tile)
    graph, node = graph_of(network), reads.output if field is None else field
    if node not in reads.axes[0]:
        says = f"{reads.network} has no node {clipped(written_value(node))}"
        fix = f"field={written_value(nearest_choice(node, list(reads.axes[0])))}"
        raise UsageError.of(f"field {clipped(written_value(node))}", "unknown_node", "", says, fix)
    if any(not of_axis.stride and not of_axis.unbounded for of_axis in reads[node]):
        says = f"{node} depends on no position of the image"
        raise UsageError.of(f"field {written_value(node)}", "field", "", says, f"field={written_value(reads.output)}")
    found = []
    for axis, n in enumerate(plan(network, sizes, "error").given):
        spans = () if tiling is None else tiling.axes[axis]
        found.append(_axis_map(graph, axis, n, spans, reads, node))
    return ImageMap(reads, node, tiling, tuple(found))


def _axis_map(graph: Network, axis: int, n: int, spans: Sequence[Span], reads: ReceptiveField, node: str) -> AxisMap:
    """One axis of a picture. A node that has no positions of its own stands at the whole image."""
    of_output = reads[reads.output][axis].stride
    cores = tuple((span.core[0] * of_output, span.core[1] * of_output) for span in spans)
    chosen = max(len(spans) - 1, 0) // 2
    halo = read_by(graph, axis, n, reads.output, spans[chosen].core) if spans else (0, 0)
    step, size = reads[node][axis].stride or Fraction(n), sizes_along(graph, n, axis)[node]
    position = min(int(sum(cores[chosen]) / 2 // step), size - 1) if spans else size // 2
    return AxisMap(
        name=graph.axis_names[axis],
        size=n,
        tiles=tuple((span.start, span.stop) for span in spans),
        cores=cores,
        chosen=chosen,
        halo=halo,
        position=(position * step, (position + 1) * step),
        field=read_by(graph, axis, n, node, (position, position + 1)),
    )


def written_length(n: Fraction | int) -> str:
    """A length in positions of the image. It need not be whole if the output is larger than the image.

    >>> written_length(Fraction(320)), written_length(Fraction(1, 2))
    ('320', '0.5')
    """
    return written_number(int(n)) if int(n) == n else str(float(n))


def _times(sizes: list[Fraction] | list[int] | tuple[int, ...]) -> str:
    return "×".join(map(written_length, sizes))
