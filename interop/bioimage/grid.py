"""Tiles as tools of the BioImage Model Zoo lay them out, along one axis: how large a halo has to be (SPEC section 9).

Such a tool pads the image, and lays tiles of one size over it, one every ``size - excess`` positions. From each side of
a tile's result it crops the halo, and puts the rest together. So ``excess`` follows from the halo, and the other way
round. The results agree with each other only if the tiles begin at multiples of the total stride, counted from the
first tile. They agree with the network on the image itself if the first tile, too, begins on the image's own grid: it
begins ``excess / 2`` positions before the image.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from math import ceil, lcm

from ...spec.arithmetic.size_set import SizeSet
from ...spec.network.network import Network
from ...spec.network.reaching import period_of, total_stride
from ...spec.network.running import sizes_along
from ...spec.network.scale import slopes_of
from ...spec.network.tiling import NotTiledError, valid_part

MAX_CLASSES = 64
"""The most classes of sizes that are compared."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Tiles along one axis: the ``excess`` of a tile over what it adds, and the halo of each output, in order.

    ``on_image`` says whether the tiles begin at multiples of the total stride of the image itself.
    """

    excess: int
    halos: tuple[int, ...]
    on_image: bool


@lru_cache(maxsize=1_024)
def margins(network: Network, axis: int, n: int, fitting: SizeSet, more: int = 0) -> tuple[int, ...]:
    """For each output, how many positions at the side of a tile's result can differ from the whole image's.

    The tile has the size ``n``, or a larger one of its class if ``n`` is too small. The image is larger by a multiple
    of all periods, and by ``more``. Raises :class:`NotTiledError` if no tiles are possible.

    >>> from wellshaped.spec import compatible_sizes, graph_of
    >>> graph = graph_of("milesial")
    >>> margins(graph, 0, 256, compatible_sizes(graph))
    (94,)
    """
    period = class_period(network, axis, fitting)
    size = n
    while True:
        try:
            return margins_at(network, axis, size, fitting, more)
        except NotTiledError as error:
            if error.helps != "larger" or size > _LARGEST * (n + period):
                raise
            size += period * -(-size // period)


_LARGEST = 2**12
"""By how much a tile may grow until a part of it is valid."""


def margins_at(network: Network, axis: int, n: int, fitting: SizeSet, more: int = 0) -> tuple[int, ...]:
    """The :func:`margins` for tiles of exactly this size. Raises :class:`NotTiledError` if they are too small."""
    period = class_period(network, axis, fitting)
    if n + 2 * period + more not in fitting:
        raise NotTiledError(f"no larger image fits whose size differs from {n} by a multiple of {period}", "another")
    sizes = sizes_along(network, n, axis)
    return tuple(
        _margin(_first(network, name), axis, n, period, more) if sizes[name] else 0 for name in network.outputs
    )


def class_period(network: Network, axis: int, fitting: SizeSet) -> int:
    """A period of all that depends on the size: which sizes fit, what is read, and where tiles may begin."""
    return lcm(2 * period_of(network, axis), total_stride(network, axis), fitting.period or 1)


def _first(network: Network, output: str) -> Network:
    """The network with this output as the first one."""
    if network.outputs[0] == output:
        return network
    return replace(network, outputs=(output, *(name for name in network.outputs if name != output)))


def _margin(network: Network, axis: int, size: int, period: int, more: int) -> int:
    """The margin of the first output, for a tile inside of a larger image and for the tiles at its edges."""
    output, whole = network.outputs[0], size + 2 * period + more
    made, slope = sizes_along(network, size, axis)[output], slopes_of(network, axis)[output]
    found = [0]
    for start in (0, period, 2 * period + more):
        low, high = valid_part(network, axis, whole, start, start + size)[output]
        shift = int(start * slope)
        found += [low - shift, shift + made - high]
    return max(found)


def grid_of(network: Network, axis: int, n: int, fitting: SizeSet) -> Grid | None:
    """The tiles of size ``n``, or larger ones of its class, with the least halo. ``None`` if no halo is right.

    A halo is the same on both sides. So none is right if, for example, a tile's result has an odd size, and tiles may
    only begin at even positions. Raises :class:`NotTiledError` if no tiles are possible.

    >>> from wellshaped.spec import compatible_sizes, graph_of
    >>> graph = graph_of("milesial")
    >>> grid_of(graph, 0, 256, compatible_sizes(graph))
    Grid(excess=192, halos=(96,), on_image=True)
    """
    stride = total_stride(network, axis)
    ends = list(_ends(network, axis, n, margins(network, axis, n, fitting)))
    least = max((end.least_excess for end in ends), default=0)
    first = least + (n - least) % stride
    found = [first + turn * stride for turn in range(4)]  # halves of the excess repeat after two strides
    whole = [excess for excess in found if all(end.has_halo(excess) for end in ends)]
    if not whole:
        return None
    on_image = [excess for excess in whole if excess % (2 * stride) == 0]
    excess = (on_image or whole)[0]
    return Grid(excess, tuple(int(end.halo(excess)) for end in ends), bool(on_image))


@dataclass(frozen=True, slots=True)
class _End:
    """An output along an axis: its positions for each of the input, how many more it has in all, and its margin."""

    slope: Fraction
    more: Fraction
    margin: int

    def halo(self, excess: int) -> Fraction:
        return (excess * self.slope + self.more) / 2

    def has_halo(self, excess: int) -> bool:
        """Whether the halo is a whole number of positions of the output, and of the input, as the zoo requires."""
        halo = self.halo(excess)
        return halo.denominator == 1 and (not self.slope or (halo / self.slope).denominator == 1)

    @property
    def least_excess(self) -> int:
        return ceil((2 * self.margin - self.more) / self.slope) if self.slope else 0


def _ends(network: Network, axis: int, n: int, of_outputs: Sequence[int]) -> Iterator[_End]:
    slopes, sizes = slopes_of(network, axis), sizes_along(network, n, axis)
    for name, margin in zip(network.outputs, of_outputs, strict=True):
        slope = slopes[name]
        yield _End(slope, sizes[name] - n * slope if slope else Fraction(0), margin)


def starts_apart(network: Network, axis: int, output: str, n: int, halo: int) -> Fraction:
    """How many input positions lie between tiles of size ``n``, if the results without the halo follow each other.

    >>> from wellshaped.spec import graph_of
    >>> starts_apart(graph_of("milesial"), 0, "y", 256, 96)
    Fraction(64, 1)
    """
    return (sizes_along(network, n, axis)[output] - 2 * halo) / slopes_of(network, axis)[output]


def leaves_core(network: Network, axis: int, n: int, halos: Sequence[int], fitting: SizeSet) -> bool:
    """Whether something is left of a tile's result without the halo, and all of it is the whole image's.

    >>> from wellshaped.spec import compatible_sizes, graph_of
    >>> graph = graph_of("milesial")
    >>> [n for n in (192, 208) if leaves_core(graph, 0, n, [96], compatible_sizes(graph))]
    [208]
    """
    sizes = sizes_along(network, n, axis)
    if any(sizes[name] - 2 * halo < 1 for name, halo in zip(network.outputs, halos, strict=True)):
        return False
    try:
        needed = margins_at(network, axis, n, fitting)
    except NotTiledError:
        return False
    return all(margin <= halo for margin, halo in zip(needed, halos, strict=True))
