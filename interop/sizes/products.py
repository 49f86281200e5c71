"""Products of sizes: of these only bounds are known, which is enough to see that ``6·H·H`` is not 0."""

from dataclasses import dataclass
from math import inf
from typing import Any

from ...spec.network.affine import Affine, NotAffineError, Restrict, Undecided, range_of

Bound = int | float
"""An integer, or plus or minus infinity."""


@dataclass(frozen=True, slots=True)
class Product:
    """A size between ``low`` and ``high`` where the numbers that it is computed from are in a ``box``."""

    box: tuple[tuple[int, int | None], ...]
    low: Bound
    high: Bound

    def __ge__(self, other: int) -> bool:
        """Whether it is at least a number, in the whole box or nowhere. Raises ``Undecided`` otherwise."""
        if self.low >= other or self.high < other:
            return self.low >= other
        raise Undecided(list(_halves(self.box)))


def plus(a: Any, b: Any) -> Any:
    """The sum of two sizes."""
    if not isinstance(a, Product) and not isinstance(b, Product):
        return a + b
    (low, high), (least, most) = _bounds(a), _bounds(b)
    return Product(_box(a, b), _sum(low, least), _sum(high, most))


def times(a: Any, b: Any) -> Any:
    """The product of two sizes."""
    if isinstance(a, int) and isinstance(b, int):
        return a * b
    if isinstance(a, int | Affine) and isinstance(b, int | Affine) and (isinstance(a, int) or isinstance(b, int)):
        return a * b
    ends = [_product(x, y) for x in _bounds(a) for y in _bounds(b)]
    return Product(_box(a, b), min(ends), max(ends))


def require_affine(size: Any) -> Any:
    """The size. Raises ``NotAffineError`` for a product of sizes, which can't be divided."""
    if isinstance(size, Product):
        raise NotAffineError
    return size


def _bounds(size: Any) -> tuple[Bound, Bound]:
    if isinstance(size, Product):
        return size.low, size.high
    return (size, size) if isinstance(size, int) else range_of(size)


def _box(a: Any, b: Any) -> Any:
    return (a if not isinstance(a, int) else b).box


def _sum(a: Bound, b: Bound) -> Bound:
    return (a if _is_infinite(a) else b) if _is_infinite(a) or _is_infinite(b) else a + b


def _product(a: Bound, b: Bound) -> Bound:
    if not a or not b:
        return 0
    return (inf if (a > 0) == (b > 0) else -inf) if _is_infinite(a) or _is_infinite(b) else a * b


def _is_infinite(bound: Bound) -> bool:
    """Whether a bound is infinity, the only one that is no ``int``. ``math.isinf`` takes no huge ``int``.

    >>> _is_infinite(inf), _is_infinite(10**400)
    (True, False)
    """
    return isinstance(bound, float)


def _halves(box: tuple[tuple[int, int | None], ...]) -> list[Restrict]:
    """Two parts of the box: the unbounded number near its start and beyond, or two halves of the longest."""
    v = max(range(len(box)), key=lambda v: inf if box[v][1] is None else (box[v][1] or 0) - box[v][0])
    least, most = box[v]
    middle = 2 * least + 1 if most is None else (least + most) // 2
    return [Restrict(v, least, middle), Restrict(v, middle + 1, most)]
