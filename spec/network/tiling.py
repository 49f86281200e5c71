"""Tiles along one axis: which part of a tile is as in the whole image, and where tiles stand (SPEC section 9).

A tile is an interval of the input. The network runs on it alone. Node by node, :func:`valid_part` finds the positions
that have the value of the whole image: those that read only such positions, and padding only at an edge that the tile
shares with the image. So tiles need no halo as an argument: their cores are what is valid.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from ..arithmetic.size_set import SizeSet
from ..messages.written import Written
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

    The tile has the input positions ``[start, stop)``. The result has positions of the whole image. Raises
    :class:`NotTiledError` if the tile does not start at a multiple of the total stride, or a node has no such
    positions.

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
    for node in network.nodes:
        parts[node.name] = _valid(node, standing, parts, axis)
    return {name: (low + shifts[name], high + shifts[name]) for name, (low, high) in parts.items()}


def _valid(node: Node, standing: _Standing, parts: Mapping[str, Interval], axis: int) -> Interval:
    """The valid positions of a node, as positions of the tile."""
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
    if low >= high:
        raise NotTiledError(f"{called} has no position whose value is that of the whole image", "larger")
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
        low = max(low, -((reads.first - first * reads.over) // reads.step))
    if not shares_end:
        high = min(high, (end * reads.over - 1 - reads.last) // reads.step + 1)
    return low, high


_SMALL = "the tiles are smaller than what their cores read"


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
    valid = partial(valid_part, network, axis, n)
    stride, slope = total_stride(network, axis), slopes_of(network, axis)[output]
    last = n - size
    last_low, last_high = valid(last, n)[output]
    if last_high < end:
        raise NotTiledError(f"the last tile, from {last}, does not end where the whole image ends", "another")
    found = [Span(0, size, valid(0, size)[output])]
    between = valid(stride, stride + size)[output] if last > stride else None
    while (reached := found[-1].core[1]) < last_low:
        if between is None:
            raise NotTiledError(_SMALL, "larger")
        low, high = (edge - int(stride * slope) for edge in between)  # of a tile that starts at 0
        start = (reached - low) // int(stride * slope) * stride
        core = reached, high + int(start * slope)
        if start >= last or core[1] <= reached:
            raise NotTiledError(_SMALL, "larger")
        found.append(Span(start, start + size, core, int(start * slope)))
    return [*found, Span(last, n, (reached, end), int(last * slope))]


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
