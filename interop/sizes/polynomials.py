"""Polynomials of sizes, as numbers of their atoms: an open size, a quotient, a remainder, a maximum."""

import math
from collections.abc import Iterator

Monomial = tuple[int, ...]
"""A product of atoms, by their numbers in :class:`.traced.Sizes`; empty for the number 1."""

Polynomial = dict[Monomial, int]
"""The coefficient of each monomial. None is 0."""


def less(a: Polynomial, b: Polynomial | int) -> Polynomial:
    """The difference of two polynomials."""
    return added(a, {(): b} if isinstance(b, int) else b, -1)


def added(a: Polynomial, b: Polynomial, by: int = 1) -> Polynomial:
    """The sum ``a + by·b``."""
    total = dict(a)
    for monomial, c in b.items():
        total[monomial] = total.get(monomial, 0) + by * c
    return {monomial: c for monomial, c in total.items() if c}


def multiplied(a: Polynomial, b: Polynomial) -> Polynomial:
    """The product of two polynomials."""
    total: Polynomial = {}
    for of_a, c in a.items():
        for of_b, d in b.items():
            monomial = tuple(sorted(of_a + of_b))
            total[monomial] = total.get(monomial, 0) + c * d
    return {monomial: c for monomial, c in total.items() if c}


def constant(of: Polynomial) -> int | None:
    """The number that the polynomial is, or ``None``."""
    if not of:
        return 0
    return of.get(()) if len(of) == 1 else None


def shared_factor(of: Polynomial) -> int | None:
    """An atom that is a factor of every term; there are several terms."""
    first = min(of, key=len)
    return next((i for i in first if all(i in m for m in of)), None) if len(of) > 1 else None


def without_factor(of: Polynomial, factor: int) -> Polynomial:
    """The polynomial divided by this atom."""
    found: Polynomial = {}
    for monomial, c in of.items():
        i = monomial.index(factor)
        found[monomial[:i] + monomial[i + 1 :]] = c
    return found


def factored(of: Polynomial) -> Iterator[tuple[list[Polynomial], int]]:
    """The ways to write a polynomial as a product of several, plus a number: ``ab - a - b`` is ``(a - 1)(b - 1) - 1``.

    One factor, or each of them, is an atom plus a number.
    """
    rest = [monomial for monomial in of if monomial]
    if len(rest) == 1:
        (monomial,) = rest
        factors: list[Polynomial] = [{(i,): 1} for i in monomial[1:]]
        if factors:
            yield [{monomial[:1]: of[monomial]}, *factors], of.get((), 0)
        return
    for i in sorted({i for monomial in rest for i in monomial}):
        if any(monomial.count(i) > 1 for monomial in rest):
            continue
        times_it = without_factor({m: c for m, c in of.items() if i in m}, i)
        others_of_it = [m for m in times_it if m]
        if not others_of_it:
            continue
        alone = {m: c for m, c in of.items() if i not in m}
        number, remains = divmod(alone.get(others_of_it[0], 0), times_it[others_of_it[0]])
        left = constant(added(alone, times_it, -number))
        if not remains and left is not None:
            yield [times_it, {(i,): 1, **({(): number} if number else {})}], left


def root_of(of: Polynomial) -> Polynomial | None:
    """The square root of a square of sizes, such as ``9*H*H``; up to its sign. ``None`` for another polynomial."""
    if len(of) != 1:
        return None
    ((monomial, c),) = of.items()
    root = math.isqrt(max(c, 0))
    is_square = root * root == c and monomial[::2] == monomial[1::2]
    return {monomial[::2]: root} if is_square else None


def quotient_of(a: Polynomial, b: Polynomial) -> Polynomial | None:
    """The polynomial ``a / b``, or ``None`` if ``b`` does not divide ``a``."""
    left: Polynomial = a
    found: Polynomial = {}
    lead = max(b, key=_degree)
    for _ in range(len(a) + len(b)):
        if not left:
            return found
        first = max(left, key=_degree)
        term = _term_of(first, left[first], lead, b[lead])
        if term is None:
            return None
        found = added(found, term)
        left = less(left, multiplied(term, b))
    return None


def _degree(monomial: Monomial) -> tuple[int, Monomial]:
    return len(monomial), monomial


def _term_of(monomial: Monomial, c: int, factors: Monomial, by: int) -> Polynomial | None:
    """The quotient of two terms."""
    rest = list(monomial)
    if c % by:
        return None
    for factor in factors:
        if factor not in rest:
            return None
        rest.remove(factor)
    return {tuple(rest): c // by}
