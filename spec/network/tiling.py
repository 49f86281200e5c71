"""Tiles along one axis: which part of a tile is as in the whole image, and where tiles stand (SPEC section 9).

A tile is an interval of the input. The network runs on it alone. Node by node, :func:`valid_part` finds the positions
that have the value of the whole image: those that read only such positions, and padding only at an edge that the tile
shares with the image. So tiles need no halo as an argument: their cores are what is valid.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial

from ..arithmetic.naturals import monus, quotient
from ..arithmetic.size_set import SizeSet
from ..messages.written import Written, written_number
from .network import Network, Node
from .reaching import total_stride
from .reading import Reads, reads_of
from .running import sizes_along
from .scale import slopes_of

Interval = tuple[int, int]
"""The positions from the first number up to, but not including, the second."""


@dataclass(frozen=True, slots=True, repr=False)
class Span(Written):
    """A tile along one axis: the input positions ``[start, stop)``, and the output positions ``core`` taken from it.

    The tile's own output begins at the output position ``shift`` of the whole image.
    """

    start: int
    stop: int
    core: Interval
    shift: int = 0


class NotTiledError(Exception):
    """No part of a tile is that of the whole image. The text says which node is the reason.

    ``helps`` says which tiles can be better: ``"larger"`` ones, those of ``"another"`` size, or none (``""``).
    """

    def __init__(self, says: str, helps: str) -> None:
        super().__init__(says)
        self.helps = helps


@dataclass(frozen=True, slots=True)
class _Standing:
    """A tile in the image: the sizes of all inputs and nodes in the ``whole`` image and ``alone``, and their shifts."""

    whole: Mapping[str, int]
    alone: Mapping[str, int]
    shifts: Mapping[str, int]
    at_start: bool
    at_end: bool

    def ends_alike(self, name: str) -> bool:
        """Whether an input or a node ends in the tile where it ends in the image."""
        return self.at_end and self.shifts[name] + self.alone[name] == self.whole[name]


def valid_part(network: Network, axis: int, n: int, start: int, stop: int) -> dict[str, Interval]:
    """The positions of each input and node whose values in the tile are those of an image of size ``n``.

    Only what the first output needs is listed. The tile has the input positions ``[start, stop)``. The result has
    positions of the whole image. Raises :class:`NotTiledError` if the tile does not start at a multiple of the total
    stride, or a node has no such positions.

    >>> from wellshaped.spec import graph_of
    >>> valid_part(graph_of("milesial"), 0, 1024, 256, 512)["y"]
    (350, 418)
    """
    stride, slopes = total_stride(network, axis), slopes_of(network, axis)
    if start % stride:
        raise NotTiledError(f"a tile starts at {start}, which is not a multiple of the total stride {stride}", "")
    whole, alone = (sizes_along(network, size, axis) for size in (n, stop - start))
    shifts = {name: int(start * slope) for name, slope in slopes.items()}
    standing = _Standing(whole, alone, shifts, start == 0, stop == n)
    parts: dict[str, Interval] = {given.name: (0, alone[given.name]) for given in network.inputs}
    for node in needed_nodes(network):
        low, high = parts[node.name] = _valid(node, standing, parts, axis)
        if low >= high:
            of = f"{node.name} ({node.operation.called})"
            says = (
                f"a tile of {written_number(stop - start)} is too small: every position of {of} reads beyond its edges"
            )
            raise NotTiledError(says, "larger")
    return {name: (low + shifts[name], high + shifts[name]) for name, (low, high) in parts.items()}


@lru_cache(maxsize=256)
def needed_nodes(network: Network) -> tuple[Node, ...]:
    """The nodes that the first output needs, in order."""
    names = {network.outputs[0]}
    for node in reversed(network.nodes):
        if node.name in names:
            names.update(node.inputs)
    return tuple(node for node in network.nodes if node.name in names)


def _valid(node: Node, standing: _Standing, parts: Mapping[str, Interval], axis: int) -> Interval:
    """The valid positions of a node, as positions of the tile. There are none if the first is not below the last."""
    called = f"{node.name} ({node.operation.called})"
    in_whole, in_tile = (
        reads_of(node.operation, [sizes[name] for name in node.inputs], axis)
        for sizes in (standing.whole, standing.alone)
    )
    low, high = 0, min(standing.alone[node.name], standing.whole[node.name] - standing.shifts[node.name])
    for name, reads, reads_alone in zip(node.inputs, in_whole, in_tile, strict=True):
        if reads is None:
            continue
        if reads.everything:
            raise NotTiledError(f"{called} reads the whole image", "")
        moves_along = standing.shifts[node.name] * reads.step == standing.shifts[name] * reads.over
        if reads != reads_alone or not moves_along:
            raise NotTiledError(f"{called} reads other positions in a tile than in the whole image", "another")
        if reads.step:
            low, high = _cut(reads, (low, high), parts[name], standing, name)
    return low, high


def _cut(reads: Reads, made: Interval, valid: Interval, standing: _Standing, name: str) -> Interval:
    """The positions among ``made`` that read only ``valid`` positions of the input ``name``, or shared padding."""
    low, high = made
    (first, end), size = valid, standing.alone[name]
    mirrors = reads.repeats == "mirrored"
    reaches = reads.interval(*made)  # beyond an edge, a mirror repeats as many positions inside
    shares_start = standing.at_start and first == 0 and not (mirrors and -reaches[0] >= end)
    shares_end = standing.ends_alike(name) and end == size and not (mirrors and 2 * size - 1 - reaches[1] < first)
    if not shares_start:
        low = max(low, reads.start_after(first))
    if not shares_end:
        high = min(high, reads.stop_before(end))
    return low, high


_SMALL = "the tiles are too small: the exact parts of two neighbours do not meet"


def spans(network: Network, axis: int, n: int, size: int) -> list[Span]:
    """Tiles of this ``size`` along one axis whose cores partition the first output for an image of size ``n``.

    An image that is not larger is one tile. Otherwise each tile reaches as far as the one before allows. Raises
    :class:`NotTiledError`, with the reason, if such tiles do not exist.

    >>> from wellshaped.spec import graph_of
    >>> [(tile.start, tile.core) for tile in spans(graph_of("milesial"), 0, 1024, 512)]
    [(0, (0, 418)), (320, (418, 738)), (512, (738, 1024))]
    """
    output = network.outputs[0]
    end = sizes_along(network, n, axis)[output]
    if size >= n:
        return [Span(0, n, (0, end))]
    edges = _edges(network, axis, n, size)
    stride, slope = total_stride(network, axis), slopes_of(network, axis)[output]
    shift, last = int(stride * slope), n - size
    found = [Span(0, size, (0, edges.first))]
    while (reached := found[-1].core[1]) < edges.last:
        turn = edges.turn(reached, shift)
        start, core = turn * stride, (reached, edges.high + turn * shift)
        found.append(Span(start, start + size, core, turn * shift))
    return [*found, Span(last, n, (found[-1].core[1], end), int(last * slope))]


def count_of(network: Network, axis: int, n: int, size: int) -> int:
    """The number of :func:`spans`, without making them. Raises :class:`NotTiledError` as it does.

    >>> from wellshaped.spec import graph_of
    >>> count_of(graph_of("milesial"), 0, 8192, 512)
    25
    """
    if size >= n:
        return 1
    edges = _edges(network, axis, n, size)
    shift = int(total_stride(network, axis) * slopes_of(network, axis)[network.outputs[0]])
    if edges.first >= edges.last:
        return 2
    reached = edges.high + edges.turn(edges.first, shift) * shift
    each = (edges.high - edges.low) // shift * shift  # what every further tile adds
    return 3 + max(-((reached - edges.last) // each), 0)


@dataclass(frozen=True, slots=True)
class _Edges:
    """What is valid in tiles of one size: up to ``first`` in the first tile, from ``last`` on in the last.

    Between them a tile that starts at 0 would be valid from ``low`` to ``high``.
    """

    first: int
    low: int
    high: int
    last: int

    def turn(self, reached: int, shift: int) -> int:
        """How many strides from the start the next tile starts, if its core begins where the last one ends."""
        return next_turn(reached, self.low, shift)


def next_turn(reached: int, low: int, shift: int) -> int:
    """The most strides by which a tile, valid from ``low`` on, can move and still have the position ``reached``.

    Each stride moves its output by ``shift`` positions.

    >>> next_turn(418, 94, 16)
    20
    """
    return quotient(monus(reached, low), shift)


@lru_cache(maxsize=4_096)
def _edges(network: Network, axis: int, n: int, size: int) -> _Edges:
    output = network.outputs[0]
    valid = partial(valid_part, network, axis, n)
    stride, slope = total_stride(network, axis), slopes_of(network, axis)[output]
    shift, last = int(stride * slope), n - size
    last_low, last_high = valid(last, n)[output]
    first_low, first_high = valid(0, size)[output]
    if last_high < sizes_along(network, n, axis)[output]:
        raise NotTiledError(f"the last tile, from {last}, does not end where the whole image ends", "another")
    if first_low > 0:
        raise NotTiledError(_SMALL, "larger")
    if first_high >= last_low:
        return _Edges(first_high, 0, 0, last_low)
    if last <= stride:
        raise NotTiledError(_SMALL, "larger")
    low, high = (edge - shift for edge in valid(stride, stride + size)[output])
    edges = _Edges(first_high, low, high, last_low)
    if (
        high - low < shift
        or edges.turn(first_high, shift) < 1
        or high + edges.turn(first_high, shift) * shift <= first_high
    ):
        raise NotTiledError(_SMALL, "larger")
    return edges


def tile_sizes(network: Network, axis: int, n: int, fitting: SizeSet, most: int) -> Iterator[int]:
    """The sizes of at most ``most`` positions that tiles of an image of size ``n`` can have, the largest first.

    They fit the network, and the last tile, which ends with the image, starts at a multiple of the total stride.

    >>> from wellshaped.spec import compatible_sizes, graph_of
    >>> graph = graph_of("milesial")
    >>> next(tile_sizes(graph, 0, 1001, compatible_sizes(graph), 512))
    505
    """
    if n <= most:
        yield n
    stride = total_stride(network, axis)
    largest = min(most, n - stride)
    for size in range(largest - (largest - n) % stride, 0, -stride):
        if size in fitting:
            yield size
