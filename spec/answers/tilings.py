"""Tiles whose results, put together, are the result of the whole image: ``tiles`` (SPEC section 9)."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache, partial
from itertools import islice, product
from math import ceil, inf, prod

from ..arithmetic.naturals import natural
from ..messages.report import Report, UsageError, Verdict, WellshapedError
from ..messages.written import Written, written_number, written_sizes, written_value
from ..network.network import Network
from ..network.reaching import total_stride
from ..network.running import AxisSizes, require_sizes, sizes_along
from ..network.statistics import of_one_size, statistics_in_order, with_statistics_given
from ..network.tiling import NotTiledError, Span, count_of, spans, tile_sizes
from .any_network import AnyNetwork, graph_of, title
from .compatibility import solved_axis
from .planning import Plan, plan

Sizes = tuple[int, ...]
Slices = tuple[slice, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Tile(Written):
    """A tile: its part of the image (after padding), the part of the result that it gives, and where its own has this.

    Each is one slice for each axis.

    >>> from wellshaped.spec import tiles
    >>> second = list(tiles("milesial", (1024, 512), 512))[1]
    >>> second.image[0], second.core[0], second.inside[0]
    (slice(320, 832, None), slice(418, 738, None), slice(98, 418, None))
    """

    image: Slices
    core: Slices
    inside: Slices


@dataclass(frozen=True, slots=True, repr=False)
class Tiling(Written):
    """Tiles of one size, whose cores partition the output. In its core, a tile has the result of the whole image.

    ``axes`` has the tiles along each axis; the tiles of the image are all combinations. ``plan`` says how the image is
    padded or cropped first, if it does not fit. ``result`` has the sizes of a tile's result. Iterating gives each
    :class:`Tile`.

    >>> from wellshaped.spec import tiles
    >>> tiling = tiles("milesial", (1024, 1024), 512)
    >>> print(tiling)
    9 tiles of 512×512 for an image of 1024×1024: 125 % of the image is computed again
    >>> next(iter(tiling)).core
    (slice(0, 418, None), slice(0, 418, None))
    """

    network: str
    plan: Plan
    axes: tuple[tuple[Span, ...], ...]
    result: Sizes

    @property
    def size(self) -> tuple[int, ...]:
        """The size of every tile, along each axis."""
        return tuple(along[0].stop - along[0].start for along in self.axes)

    @property
    def recomputed(self) -> Fraction:
        """The number of positions that are computed more than once, for each position of the image."""
        return Fraction(len(self) * prod(self.size), prod(self.plan.fitting)) - 1

    def __len__(self) -> int:
        return prod(map(len, self.axes))

    def __iter__(self) -> Iterator[Tile]:
        for along in product(*self.axes):
            yield Tile(
                tuple(slice(span.start, span.stop) for span in along),
                tuple(slice(*span.core) for span in along),
                tuple(slice(span.core[0] - span.shift, span.core[1] - span.shift) for span in along),
            )

    def __str__(self) -> str:
        size, image = map(written_sizes, (self.size, self.plan.fitting))
        if len(self) == 1:
            return f"1 tile: the whole image of {image}"
        again = f"{round(100 * self.recomputed)} % of the image is computed again"
        if self.recomputed >= 10:
            again = f"the image is computed {round(self.recomputed + 1)} times"
        return f"{written_number(len(self))} tiles of {size} for an image of {image}: {again}"


def tiles(
    network: AnyNetwork,
    sizes: AxisSizes,
    tile: AxisSizes | None = None,
    *,
    most: int | None = None,
    policy: str = "error",
) -> Tiling:
    """Return tiles of an image whose results, put together, are exactly the result of the whole image.

    - ``sizes``: the image's size along each axis; a network of one axis also takes a number.
    - ``tile``: the largest size of a tile, one number for all axes or one for each. The tiles get the largest
      possible size up to it: the image's size minus a multiple of the total stride.
    - ``most``: instead, the most positions that a tile may have. The tiles then have the sizes with the least to
      compute.
    - ``policy``: what to do with an image that does not fit, as in :func:`wellshaped.spec.plan`.

    The network computes as in evaluation: batch norms use their stored statistics. The result is that of the network's
    first output.

    Raises :class:`ShapeError` if the image does not fit and the policy is ``"error"``; :class:`WellshapedError`, with
    the node that is the reason, if the network can't be tiled exactly or the tiles are too small; :class:`ConfigError`
    if the config is not well-formed; :class:`UsageError` for an argument that can't be used. The message names the
    smallest tiles that work, and what is exact for norms and means over the whole image. Source: SPEC section 9.

    >>> tiles("milesial", (1024, 1000), 512).size
    (512, 504)
    >>> print(tiles("milesial", (8192, 8192), most=2**20))
    100 tiles of 992×992 for an image of 8192×8192: 47 % of the image is computed again
    >>> tiles("milesial", (1024, 1024), 200)
    Traceback (most recent call last):
    ...
    wellshaped.spec.messages.report.WellshapedError: milesial on an image of 1024×1024 in tiles is not possible.
      tiles: the tiles are too small: the exact parts of two neighbours do not meet; 200 is rounded down
          to 192, because a tile must be 1024 minus a multiple of 16.
      fix: tile=416 (2.64 times the work of the whole image)
      fix: tile=208, the smallest that is possible (112 times the work of the whole image)
    """
    graph = graph_of(network)
    planned = plan(network, sizes, policy)
    if (tile is None) == (most is None):
        raise one_of("the tiles", ("tile", "most"), "tile=512", both=tile is not None)
    try:
        if tile is None:
            axes = _best(graph, planned.fitting, natural(most, "most"))
        else:
            axes = _largest(graph, planned.fitting, _one_for_each(graph, tile))
    except NotTiledError as error:
        of = f"{'an image' if len(planned.fitting) > 1 else 'a signal'} of {written_sizes(planned.fitting)} in tiles"
        verdict = Verdict("tiles", False, str(error), "")
        possible = _possible(graph, planned.fitting, error, "most" if tile is None else "tile")
        fixes = (*statistics_first(graph, planned.fitting), *possible)
        raise WellshapedError(Report(f"{title(network)} on {of}", (verdict,), fixes)) from None
    result = (sizes_along(graph, _size(along), axis)[graph.outputs[0]] for axis, along in enumerate(axes))
    return Tiling(title(network), planned, axes, tuple(result))


def one_of(subject: str, names: tuple[str, str], fix: str, *, both: bool) -> UsageError:
    """The error for two arguments, if ``both`` are given or neither is: it must be one of them."""
    first, second = names
    if both:
        says, fix = f"{first} and {second} are both given, and only one of them may be", f"leave out {second}"
    else:
        says = f"neither {first} nor {second} is given, and one of them must be"
    return UsageError.of(subject, first, "", says, fix)


def _one_for_each(graph: Network, tile: AxisSizes | None) -> tuple[int, ...]:
    assert tile is not None  # then most is
    if isinstance(tile, Sequence):
        return require_sizes(graph, tile, of="the tile")
    return (natural(tile, "tile"),) * graph.axes


def _largest(graph: Network, sizes: Sizes, most: Sizes) -> tuple[tuple[Span, ...], ...]:
    """The tiles with the largest sizes, up to ``most``. Raises :class:`NotTiledError`."""
    return tuple(_largest_along(graph, axis, *of_axis) for axis, of_axis in enumerate(zip(sizes, most, strict=True)))


def _largest_along(graph: Network, axis: int, n: int, most: int) -> tuple[Span, ...]:
    return tuple(spans(graph, axis, n, _largest_size(graph, axis, n, most)))


def _largest_size(graph: Network, axis: int, n: int, most: int) -> int:
    """The largest size of tiles up to ``most``. Raises :class:`NotTiledError`."""
    stride = total_stride(graph, axis)
    says = (
        f"no tile of size {written_number(most)} or less is possible: the size of a tile must fit, and "
        f"{written_number(n)} minus it must be a multiple of {written_number(stride)}, the total stride"
    )
    failed = NotTiledError(says, "larger")
    for size in islice(tile_sizes(graph, axis, n, solved_axis(graph, axis), most), _TRIED):
        try:
            count_of(graph, axis, n, size)
            return size
        except NotTiledError as error:
            failed = error
            if error.helps == "larger" and size < most:
                less = f"because a tile must be {written_number(n)} minus a multiple of {written_number(stride)}"
                rounded = f"{written_number(most)} is rounded down to {written_number(size)}, {less}"
                failed = NotTiledError(f"{error}; {rounded}", error.helps)
            if error.helps != "another":
                break
    raise failed


_TRIED = 4_096
"""The most sizes of tiles that are tried along an axis."""

_MORE = 1.04
"""By how much the numbers of tiles grow that are compared to find the best."""


def _best(graph: Network, sizes: Sizes, most: int) -> tuple[tuple[Span, ...], ...]:
    """The tiles of at most ``most`` positions with the least to compute. Raises :class:`NotTiledError`."""
    least = least_tile(graph, sizes)
    if prod(least) > most:
        for axis, n in enumerate(sizes):
            _step(graph, axis, n)  # raises, if no tiles help
        raise NotTiledError(f"no tiles have at most {written_number(most)} positions", "larger")
    ranges = [(size, most // (prod(least) // size)) for size in least]
    choices = [list(_choices(graph, axis, n, *ends)) for axis, (n, ends) in enumerate(zip(sizes, ranges, strict=True))]
    allowed = (of for of in product(*choices) if prod(size for size, _ in of) <= most)
    found = min(allowed, key=lambda of: (prod(size * count for size, count in of), prod(count for _, count in of)))
    return tuple(
        tuple(spans(graph, axis, n, size)) for axis, (n, (size, _)) in enumerate(zip(sizes, found, strict=True))
    )


def _choices(graph: Network, axis: int, n: int, least: int, most: int) -> Iterator[tuple[int, int]]:
    """Sizes from ``least`` to ``most`` along an axis, each the smallest with its number of tiles, and this number."""
    if n <= most:
        yield n, 1
    if least == n:
        return
    step = _step(graph, axis, n)
    found = range(least, min(most, n - step) + 1, step)
    count = partial(_count, graph, axis, n)
    allowed = count(found[-1])
    while allowed < count(least):
        size = found[bisect_left(found, True, key=lambda size: count(size) <= allowed)]
        yield size, int(count(size))
        allowed = max(allowed + 1, ceil(allowed * _MORE))
    yield least, int(count(least))


@lru_cache(maxsize=256)
def _step(graph: Network, axis: int, n: int) -> int:
    """By how much sizes of tiles along an axis differ. Raises :class:`NotTiledError` if no tiles are possible.

    It is the total stride, or a multiple of it if only every other size, say, reads as the whole image does.
    """
    try:
        return n - _largest_size(graph, axis, n, n - 1)
    except NotTiledError as error:
        if error.helps == "larger":
            raise NotTiledError("every tile that is smaller than the image is too small", "") from None
        raise


@lru_cache(maxsize=16_384)
def _count(graph: Network, axis: int, n: int, size: int) -> float:
    """How many tiles of this size an axis needs; infinity if they are not possible."""
    try:
        return count_of(graph, axis, n, size) if size in solved_axis(graph, axis) else inf
    except NotTiledError:
        return inf


def _size(along: Sequence[Span]) -> int:
    return along[0].stop - along[0].start


def _possible(graph: Network, sizes: Sizes, error: NotTiledError, name: str) -> tuple[str, ...]:
    """Tiles that do not compute much again, and the smallest that are possible, with their cost; or the whole image."""
    least = least_tile(graph, sizes)
    if error.helps != "larger" or least == sizes:
        return (_WHOLE,)
    tile, times = least, _times(graph, sizes, least)
    smallest = f"{_argument(name, least)}, the smallest that is possible ({_work(times)})"
    while times > _MUCH and tile != sizes:
        tile = tuple(min(2 * size, n) for size, n in zip(tile, sizes, strict=True))
        times = _times(graph, sizes, tile)
    if tile == least:
        return (smallest,)
    return _WHOLE if tile == sizes else f"{_argument(name, tile)} ({_work(times)})", smallest


_WHOLE = "run the whole image at once, without tiles"

_MUCH = 4.0
"""Tiles that take more times the work of the whole image are not proposed, if larger ones are possible."""


def _argument(name: str, tile: Sizes) -> str:
    if name == "most":
        return f"most={written_value(prod(tile))}"
    return f"tile={written_value(tile[0] if len(set(tile)) == 1 else tile)}"


def _work(times: float) -> str:
    return f"{times:.3g} times the work of the whole image"


def _times(graph: Network, sizes: Sizes, tile: Sizes) -> float:
    """How much there is to compute in tiles of up to this size: times the work of the whole image."""
    each = [
        _largest_size(graph, axis, n, most) if most < n else n
        for axis, (n, most) in enumerate(zip(sizes, tile, strict=True))
    ]
    counts = [_count(graph, axis, n, size) for axis, (n, size) in enumerate(zip(sizes, each, strict=True))]
    return prod(count * size for count, size in zip(counts, each, strict=True)) / prod(sizes)


def statistics_first(graph: Network, sizes: Sizes) -> tuple[str, ...]:
    """The fix for a network that can be tiled once its norms and means over the image are known; none for another.

    >>> statistics_first(graph_of("monai_like"), (256, 256))
    ('tiled(…, statistics=True): statistics first, over all tiles; 19 passes over the image',)
    """
    count = len(statistics_in_order(graph))
    if not count or of_one_size(graph) or least_tile(graph, sizes) != sizes:
        return ()
    if least_tile(with_statistics_given(graph), sizes) == sizes:
        return ()
    return (f"{STATISTICS_FIRST}: statistics first, over all tiles; {written_number(count + 1)} passes over the image",)


STATISTICS_FIRST = "tiled(…, statistics=True)"
"""How the fix begins that computes the statistics of the image first."""


def least_tile(graph: Network, sizes: Sizes) -> Sizes:
    """The size of the smallest tiles for an image of these ``sizes``, which fit; the whole image if there are no tiles.

    >>> least_tile(graph_of("milesial"), (1024, 1024))
    (208, 208)
    """
    return tuple(_least(graph, axis, n) for axis, n in enumerate(sizes))


@lru_cache(maxsize=256)
def _least(graph: Network, axis: int, n: int) -> int:
    """The least size of tiles along an axis."""
    try:
        step = _step(graph, axis, n)
    except NotTiledError:
        return n
    found = range(n % step or step, n, step)
    return found[bisect_left(found, True, key=lambda size: _count(graph, axis, n, size) < inf)]
