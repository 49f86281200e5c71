"""Which sizes fit, and how an output follows them: for a model that ``read_jax`` or ``read_torch`` has read."""

from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from math import lcm
from typing import Any

from ...spec.answers.planning import Plan
from ...spec.messages.report import ShapeError, UsageError
from ..sizes.answer import ModelSizes
from ..sizes.exploring import kind
from ..sizes.expressions import Expression, names_in, value
from ..sizes.paths import Accepted
from .cutting import Along, lost_at, not_known, require_slope
from .sources import EVERY_SIZE, Source, nearest

Shapes = tuple[tuple[Any, ...], ...]
"""The shape of each output: numbers, and expressions of one open size."""


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
            fix = 'read_jax(model, "3 H W"), with a name for each open size'
            raise UsageError.of("sizes", "sizes", "", "every size is fixed", fix)
        if sizes.independent is False:
            names = " and ".join(self.names)
            says = f"{names} depend on each other, so the nearest sizes of each need not fit together"
            raise UsageError.of("sizes", "independent", "", says, "read_jax with one open size")

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
                require_slope(slope_of(self._usual[name][number][place], name), f"output {number}", name)

    def _along(self, number: int, place: int, name: str, size: int) -> Along:
        def expression_of(n: int) -> Any:
            region = self.sizes.axes[name].region_of(n)
            if region is None or not isinstance(region.end, Accepted):
                raise not_known(f"no trace has {name} = {n}")
            return region.end.output[number][place]

        of_it = expression_of(size)
        slope = slope_of(of_it if name in names_in(of_it) else self._usual[name][number][place], name)
        require_slope(slope, f"output {number}", name)
        assert slope is not None  # required above
        lost = lost_at(size, lambda n: value(expression_of(n), {name: n}), slope, self.fits[name])
        return Along(place, name, value(of_it, {name: size}), slope, lost)

    @cached_property
    def _usual(self) -> dict[str, Shapes]:
        """For each axis that may be padded, the shapes of the outputs as a function of its usual sizes."""
        return {name: self._usual_along(name) for name, fits in self.fits.items() if fits != EVERY_SIZE}

    def _usual_along(self, name: str) -> Shapes:
        found = (region for region in self.sizes.axes[name].found.regions if kind(region.end) == "fits")
        regions = [(region.sizes, region.end.output) for region in found if isinstance(region.end, Accepted)]
        regions.sort(key=lambda region: (region[0].is_finite, region[0].count == 1))
        if not regions:
            raise not_known(f"no size was found that fits along {name}")
        _, usual = regions[0]
        if all(sizes.count == 1 for sizes, _ in regions) and not any(name in names_in(n) for of in usual for n in of):
            return _through(name, sorted((sizes.minimum or 0, output) for sizes, output in regions))
        return usual

    @cached_property
    def _followed(self) -> tuple[dict[int, str], ...]:
        """For each output, the axes whose size follows an axis that may be padded."""
        ranks = {tuple(map(len, shapes)) for shapes in self._usual.values()}
        if len(ranks) > 1:
            raise not_known("the number of outputs, or their ranks, depend on the sizes")
        followed = []
        for number, rank in enumerate(ranks.pop() if ranks else ()):
            axes: dict[int, str] = {}
            for place in range(rank):
                of_it = [name for name, shapes in self._usual.items() if name in names_in(shapes[number][place])]
                if len(of_it) > 1:
                    raise not_known(f"axis {place} of output {number} depends on {' and '.join(of_it)} together")
                axes.update(dict.fromkeys([place] if of_it else [], "".join(of_it)))
            for name in self._usual:
                if name not in axes.values():
                    require_slope(Fraction(0), f"output {number}", name)
            followed.append(axes)
        return tuple(followed)

    def __str__(self) -> str:
        return "; ".join(f"{name}: {fit}" for name, fit in self.fits.items())


def _through(name: str, tried: Sequence[tuple[int, Shapes]]) -> Shapes:
    """The outputs as a function of a size that was only tried: a line through all points, or else a number."""
    first, shapes = tried[0]

    def line(number: int, place: int) -> Any:
        points = [(size, of[number][place]) for size, of in tried]
        slopes = {Fraction(m - k, b - a) for (a, k), (b, m) in pairwise(points)}
        slope = slopes.pop() if len(slopes) == 1 else Fraction(0)
        if not slope:
            return points[0][1]
        grown = Expression("*", (Expression("name", (name,)), slope.numerator))
        whole = Expression("+", (grown, slope.denominator * points[0][1] - slope.numerator * first))
        return Expression("//", (whole, slope.denominator))

    if any(tuple(map(len, of)) != tuple(map(len, shapes)) for _, of in tried):
        raise not_known("the number of outputs, or their ranks, depend on the sizes")
    return tuple(tuple(line(number, place) for place in range(len(of))) for number, of in enumerate(shapes))


def slope_of(size: Any, name: str) -> Fraction | None:
    """How many positions an expression gains for each position of a large size; ``None`` if it is not linear.

    >>> from wellshaped.interop.sizes.expressions import parsed
    >>> slope_of(parsed("2*floordiv(H, 4) + 1"), "H"), slope_of(parsed("H*H"), "H")
    (Fraction(1, 2), None)
    """
    period = _period(size)
    far = 1_000_000 * period
    first, *others = (value(size, {name: far + turns * period}) for turns in (0, 1, 7))
    slopes = {Fraction(n - first, turns * period) for n, turns in zip(others, (1, 7), strict=True)}
    return slopes.pop() if len(slopes) == 1 else None


def _period(size: Any) -> int:
    """A number of positions after which the expression grows by the same amount again, if it is linear."""
    if not isinstance(size, Expression) or size.op == "name":
        return 1
    divisor = size.args[1] if size.op in ("//", "mod") and isinstance(size.args[1], int) else 1
    return abs(divisor or 1) * lcm(*map(_period, size.args))
