"""Products of sizes, as polynomials of the numbers in a box: enough to see where ``h·h - 7h + 12`` is at least 1."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf, prod
from typing import Any

from ...spec.arithmetic.naturals import quotient as quotient_of_naturals
from ...spec.network.affine import Affine, Box, NotAffineError, Restrict, Undecided, affine, blocks

Monomial = tuple[int, ...]
"""The numbers of a product, in order; empty for the number 1."""


@dataclass(frozen=True, slots=True)
class Product:
    """A polynomial of numbers that are in a ``box``: the coefficient of each monomial.

    Each number is counted from the least that it is in the box. So it is at least 0, and the signs of the coefficients
    give bounds. Where the box is far enough from 0, all of them have the sign of the first.
    """

    box: Box
    terms: Mapping[Monomial, int]

    def __ge__(self, other: int) -> bool:
        """Whether it is at least a number, in the whole box or nowhere. Raises ``Undecided`` otherwise."""
        low, high = _bounds(self.box, self.terms)
        if low >= other or high < other:
            return low >= other
        raise Undecided(list(_halves(self.box, self.terms)))


def plus(a: Any, b: Any) -> Any:
    """The sum of two sizes."""
    if not isinstance(a, Product) and not isinstance(b, Product):
        return a + b
    total = dict(_terms(a))
    for monomial, c in _terms(b).items():
        total[monomial] = total.get(monomial, 0) + c
    return _size(_box(a, b), total)


def times(a: Any, b: Any) -> Any:
    """The product of two sizes."""
    if isinstance(a, int) or (isinstance(b, int) and isinstance(a, Affine)):
        a, b = b, a
    if isinstance(a, int | Affine) and isinstance(b, int):
        return a * b
    total: dict[Monomial, int] = {}
    for of_a, c in _terms(a).items():
        for of_b, d in _terms(b).items():
            monomial = tuple(sorted(of_a + of_b))
            total[monomial] = total.get(monomial, 0) + c * d
    return _size(_box(a, b), total)


def quotient(a: Any, divisor: int) -> Any:
    """``floor(a / divisor)`` for a divisor of at least 1. Raises ``Undecided`` until the box decides it."""
    if not isinstance(a, Product):
        return quotient_of_naturals(a, divisor)
    whole = _size(a.box, {monomial: c // divisor for monomial, c in a.terms.items()})
    rest = {monomial: c % divisor for monomial, c in a.terms.items() if c % divisor}
    low, high = _bounds(a.box, rest)
    if low // divisor == high // divisor:
        return plus(whole, int(low // divisor))
    left = _size(a.box, rest)
    if not isinstance(left, Product):
        return plus(whole, quotient_of_naturals(left, divisor))
    v, (least, most) = _longest(a.box, {monomial: c for monomial, c in rest.items() if len(monomial) > 1})
    if most is None or most - least + 1 >= 2 * divisor:  # a polynomial repeats with each divisor's remainders
        raise Undecided(blocks(a.box, v, least, divisor))
    raise Undecided(list(_halves(a.box, rest)))


def require_affine(size: Any) -> Any:
    """The size. Raises ``NotAffineError`` for a product of sizes, by which no size can be divided."""
    if isinstance(size, Product):
        raise NotAffineError
    return size


def _terms(size: Any) -> Mapping[Monomial, int]:
    if isinstance(size, Product):
        return size.terms
    if isinstance(size, int):
        return {(): size}
    start = size.constant + sum(c * least for c, (least, _) in zip(size.coefficients, size.box, strict=True))
    return {(): start, **{(v,): c for v, c in enumerate(size.coefficients) if c}}


def _size(box: Box, terms: Mapping[Monomial, int]) -> Any:
    """The polynomial, as an integer or an affine function if it is one."""
    terms = {monomial: c for monomial, c in terms.items() if c and all(box[v][0] != box[v][1] for v in monomial)}
    if any(len(monomial) > 1 for monomial in terms):
        return Product(box, terms)
    coefficients = tuple(terms.get((v,), 0) for v in range(len(box)))
    start = sum(c * least for c, (least, _) in zip(coefficients, box, strict=True))
    return affine(box, terms.get((), 0) - start, coefficients)


def _box(a: Any, b: Any) -> Box:
    box: Box = (a if not isinstance(a, int) else b).box
    return box


def _bounds(box: Box, terms: Mapping[Monomial, int]) -> tuple[int | float, int | float]:
    """A number that the polynomial is not below, and one that it is not above."""
    low = high = terms.get((), 0)
    ends = set()
    for monomial, c in terms.items():
        lengths = [most - least for least, most in (box[v] for v in monomial) if most is not None]
        if len(lengths) < len(monomial):
            ends.add(c > 0)  # infinity is added last: a sum of it and a huge integer overflows
        elif monomial:
            low, high = low + min(c, 0) * prod(lengths), high + max(c, 0) * prod(lengths)
    return -inf if False in ends else low, inf if True in ends else high


def _longest(box: Box, terms: Mapping[Monomial, int]) -> tuple[int, tuple[int, int | None]]:
    """The number in the terms that has the most values."""

    def length(v: int) -> int | float:
        least, most = box[v]
        return inf if most is None else most - least

    v = max(sorted({v for monomial in terms for v in monomial}), key=length)
    return v, box[v]


def _halves(box: Box, terms: Mapping[Monomial, int]) -> Iterator[Restrict]:
    """Two parts of the box: the unbounded number near its start and beyond, or two halves of the longest."""
    v, (least, most) = _longest(box, terms)
    middle = max(2 * least, least) + 1 if most is None else (least + most) // 2
    yield Restrict(v, least, middle)
    yield Restrict(v, middle + 1, most)
