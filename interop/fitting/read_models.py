"""Which sizes fit, and how an output follows them: for a model that ``read_jax`` or ``read_torch`` has read."""

from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from math import lcm
from typing import Any

from ...spec.answers.cutting import Along, lost_at
from ...spec.answers.planning import Plan
from ...spec.arithmetic.size_set import EVERY_SIZE, SizeSet
from ...spec.messages.report import ShapeError, UsageError
from ...spec.messages.written import in_words
from ..sizes.answer import ModelSizes
from ..sizes.expressions import Expression, names_in, value
from ..sizes.paths import Accepted, kind
from .cutting import not_known, require_slope
from .sources import Source, nearest

Slopes = tuple[tuple[Fraction | None, ...], ...]
"""How each axis of each output grows with one open size: ``None`` if not by a constant."""


class OfModel(Source):
    """The sizes that were read. The shapes that were read say where the axes are."""

    def __init__(self, sizes: ModelSizes) -> None:
        self.sizes, self.title = sizes, sizes.model
        self.names = tuple(sizes.axes)
        self.images = tuple(
            tuple((place, size) for place, size in enumerate(shape) if isinstance(size, str)) for shape in sizes.shapes
        )
        self.fits = {name: of.sizes for name, of in sizes.axes.items()}
        if not self.names:
            fix = f'{sizes.reader}(model, "3 H W"), with a name for each open size'
            raise UsageError.of("sizes", "sizes", "", "every size is fixed", fix)
        without = [name for name, fit in self.fits.items() if not fit]
        if without:
            says = f"no size was found that fits {in_words(without)}, so no image can be padded or cropped"
            fix = "another shape of the image; print(sizes.check()) says what is wrong with this one"
            raise UsageError.of("sizes", "sizes", "", says, fix)
        if sizes.independent is False:
            names = " and ".join(self.names)
            says = f"{names} depend on each other, so the nearest sizes of each need not fit together"
            raise UsageError.of("sizes", "independent", "", says, f"{sizes.reader} with one open size")

    def plan(self, given: tuple[int, ...], policy: str) -> Plan:
        """The nearest size of each axis."""
        return nearest(self.fits, given, policy, self.title)

    def require_shape(self, shape: tuple[int, ...], image: int) -> None:
        """Raise :class:`ShapeError` if the shape is not the one that was read."""
        read = self.sizes.shapes[image]
        if len(shape) == len(read) and all(isinstance(of, str) or of == n for n, of in zip(shape, read, strict=True)):
            return
        text = f"({', '.join(map(str, read))})"
        says = f"its shape is {shape}, and must be {text}, the shape that was read"
        raise ShapeError.of("the image", "shape", "", says, f"an image of shape {text}")

    def outputs(self, fitting: tuple[int, ...]) -> tuple[tuple[Along, ...], ...]:
        """The axes whose size follows an axis that may be padded, by the trace of this size."""
        at = dict(zip(self.names, fitting, strict=True))
        return tuple(
            tuple(self._along(number, place, name, at[name]) for place, name in axes.items())
            for number, axes in enumerate(self._followed)
        )

    def require_cut(self) -> None:
        """Raise :class:`UsageError` if an output can't be cut along an axis that may be padded."""
        for number, axes in enumerate(self._followed):
            for place, name in axes.items():
                require_slope(self._slopes[name][number][place], f"output {number}", name)

    def _along(self, number: int, place: int, name: str, size: int) -> Along:
        def region_of(n: int) -> tuple[SizeSet, Any]:
            region = self.sizes.axes[name].region_of(n)
            if region is None or not isinstance(region.end, Accepted):
                raise not_known(f"no trace has {name} = {n}")
            if [*map(len, region.end.output)] != [len(slopes) for slopes in self._slopes[name]]:
                raise not_known(_RANKS)
            return region.sizes, region.end.output[number][place]

        def output_of(n: int) -> int:
            size_of_it: int = value(region_of(n)[1], {name: n})
            return size_of_it

        own, expression = region_of(size)
        slope = self._slopes[name][number][place] if own.count == 1 else slope_of(expression, name, own)
        require_slope(slope, f"output {number}", name)
        assert slope is not None  # required above
        return Along(place, name, output_of(size), slope, lost_at(size, output_of, slope, self.fits[name]))

    @cached_property
    def _slopes(self) -> dict[str, Slopes]:
        """For each axis that may be padded, the slopes of the outputs for its usual sizes."""
        return {name: self._slopes_along(name) for name, fits in self.fits.items() if fits != EVERY_SIZE}

    def _slopes_along(self, name: str) -> Slopes:
        found = (region for region in self.sizes.axes[name].found.regions if kind(region.end) == "fits")
        regions = [(region.sizes, region.end.output) for region in found if isinstance(region.end, Accepted)]
        if not regions:
            raise not_known(f"no size was found that fits along {name}")
        sizes, usual = min(regions, key=lambda region: (region[0].is_finite, region[0].count == 1))
        if sizes.count == 1 and not any(name in names_in(n) for of in usual for n in of):
            return _slopes_through([(sizes.minimum or 0, output) for sizes, output in regions])
        return tuple(tuple(slope_of(n, name, sizes) for n in of) for of in usual)

    @cached_property
    def _followed(self) -> tuple[dict[int, str], ...]:
        """For each output, the axes whose size follows an axis that may be padded."""
        ranks = {tuple(map(len, slopes)) for slopes in self._slopes.values()}
        if len(ranks) > 1:
            raise not_known(_RANKS)
        followed = []
        for number, rank in enumerate(ranks.pop() if ranks else ()):
            axes: dict[int, str] = {}
            for place in range(rank):
                of_it = [name for name, slopes in self._slopes.items() if slopes[number][place] != 0]
                if len(of_it) > 1:
                    raise not_known(f"axis {place} of output {number} depends on {' and '.join(of_it)} together")
                axes.update(dict.fromkeys([place] if of_it else [], "".join(of_it)))
            for name in self._slopes:
                if name not in axes.values():
                    require_slope(Fraction(0), f"output {number}", name)
            followed.append(axes)
        return tuple(followed)

    def __str__(self) -> str:
        return "; ".join(f"{name}: {fit}" for name, fit in self.fits.items())


_RANKS = "the number of outputs, or their ranks, depend on the sizes"


def _slopes_through(tried: Sequence[tuple[int, Any]]) -> Slopes:
    """The slopes of outputs that are only known for some sizes: ``None`` if these are not on a line."""
    if len({tuple(map(len, output)) for _, output in tried}) > 1:
        raise not_known(_RANKS)

    def slope(number: int, place: int) -> Fraction | None:
        points = sorted((size, of[number][place]) for size, of in tried)
        slopes = {Fraction(m - k, b - a) for (a, k), (b, m) in pairwise(points)}
        return slopes.pop() if len(slopes) == 1 else None if slopes else Fraction(0)

    return tuple(tuple(slope(number, place) for place in range(len(of))) for number, of in enumerate(tried[0][1]))


def slope_of(size: Any, name: str, sizes: SizeSet) -> Fraction | None:
    """How many positions an expression gains for each position of a large size; ``None`` if it is not linear.

    ``sizes`` are those for which the expression holds.

    >>> from wellshaped.interop.sizes.expressions import parsed
    >>> slope_of(parsed("2*floordiv(H, 4) + 1"), "H", EVERY_SIZE), slope_of(parsed("H*H"), "H", EVERY_SIZE)
    (Fraction(1, 2), None)
    """
    # An expression may be meant for multiples alone, such as floor(2*H/floor(H/2)), so steps are multiples of theirs.
    step = _period(size) * (sizes.period or 1)
    start = (sizes.tail[0].first if sizes.tail else sizes.minimum or 0) + 1_000_000 * step
    try:
        first, *others = (value(size, {name: start + turns * step}) for turns in (0, 1, 7))
    except ZeroDivisionError:
        return None
    slopes = {Fraction(n - first, turns * step) for n, turns in zip(others, (1, 7), strict=True)}
    return slopes.pop() if len(slopes) == 1 else None


def _period(size: Any) -> int:
    """A number of positions after which the expression grows by the same amount again, if it is linear."""
    if not isinstance(size, Expression) or size.op == "name":
        return 1
    divisor = size.args[1] if size.op in ("//", "mod") and isinstance(size.args[1], int) else 1
    return abs(divisor or 1) * lcm(*map(_period, size.args))
