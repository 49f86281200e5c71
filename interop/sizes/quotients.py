"""Quotients and remainders of the sizes of one trace, written so that equal ones look alike.

A size that was padded to a multiple, ``h + (7 - h % 7) % 7``, is 7 times a quotient, the same as ``ceil(h / 7) * 7``.
So the windows of an attention ask nothing about it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any, Protocol

from .expressions import Expression
from .polynomials import (
    Polynomial,
    added,
    constant,
    less,
    multiplied,
    quotient_of,
    without_factor,
)

Interval = tuple[int | None, int | None]
"""A lower and an upper bound, or ``None`` for no bound."""


@dataclass(frozen=True, slots=True)
class Atom:
    """A size that is not a polynomial of others: an open size, a quotient, a remainder, a maximum.

    A quotient, a remainder, a maximum or a minimum has its ``operation``, ``"//"``, ``"mod"``, ``"max"`` or ``"min"``,
    and the two polynomials that it is ``of``.
    """

    expression: Expression
    sample: int
    bounds: Interval
    operation: str = ""
    of: tuple[Polynomial, Polynomial] = ({}, {})


class Atoms(Protocol):
    """What is known about the atoms of one trace."""

    atoms: list[Atom]

    def atom(self, key: Any, make: Callable[[], Atom]) -> Polynomial:
        """The atom with this key as a polynomial. It is made if it is new."""

    def reduced(self, of: Polynomial) -> Polynomial:
        """The polynomial with the atoms replaced that are known to equal others."""

    def bounds(self, of: Polynomial) -> Interval:
        """Bounds of a polynomial, for open sizes that are at least 1."""

    def expression(self, of: Polynomial) -> Any:
        """The polynomial as an expression, or a number."""


def at_sample(of: Polynomial, sizes: Atoms) -> int:
    """The value of a polynomial for the sample."""
    return sum(c * math.prod(sizes.atoms[i].sample for i in monomial) for monomial, c in of.items())


def divided(sizes: Atoms, op: str, a: Polynomial, b: Polynomial) -> Polynomial:
    """The quotient (``"//"``) or the remainder (``"mod"``) of two polynomials. The divisor is not 0 for the sample."""
    a, b = sizes.reduced(a), shortest(sizes, sizes.reduced(b))
    by = constant(b)
    if by is not None and by < 0:
        a, b, by = added({}, a, -1), added({}, b, -1), -by
        if op == "mod":
            return added({}, divided(sizes, op, a, b), -1)
    exact = quotient_of(a, b)
    if exact is None:
        exact = quotient_of(without_remainders(sizes, a), b)
    if exact is not None:
        return exact if op == "//" else {}
    return _by_a_size(sizes, op, a, b) if by is None else _by_a_number(sizes, op, a, by)


def rounded(sizes: Atoms, top: Polynomial, bottom: int) -> Polynomial:
    """The integer nearest to ``top / bottom``, and the even one of two: what Python's ``round`` returns.

    Of each ``2 * bottom`` numbers, it grows above the first half, and at the second.
    """
    places = (bottom // 2 + 1, -(-3 * bottom // 2))
    steps = (divided(sizes, "//", less(top, place - 2 * bottom), {(): 2 * bottom}) for place in places)
    return reduce(added, steps)


def _by_a_size(sizes: Atoms, op: str, a: Polynomial, b: Polynomial) -> Polynomial:
    top, bottom, shared = _lowest_terms(a, b, sizes)
    if shared != {(): 1}:
        found = divided(sizes, op, top, bottom)
        return found if op == "//" else multiplied(found, shared)
    bounds: Interval = (None, None)
    if (sizes.bounds(b)[0] or 0) >= 1:
        low, high = sizes.bounds(a)
        if low is not None and low >= 0:
            if (sizes.bounds(less(b, a))[0] or 0) >= 1:
                return a if op == "mod" else {}
            bounds = (0, high)
        elif op == "mod":
            bounds = (0, None)
    return _atom(sizes, op, a, b, bounds)


def _by_a_number(sizes: Atoms, op: str, a: Polynomial, by: int) -> Polynomial:
    whole: Polynomial = {}
    if op == "//":  # multiples of the divisor leave the quotient, and leave nothing to the remainder
        whole = {m: c // by for m, c in a.items() if c // by and (c % by == 0 or not m)}
    a = {m: c if m else c % by for m, c in a.items() if c % by}
    low, high = sizes.bounds(a)
    if low is not None and high is not None and low // by == high // by:
        block = low // by
        return added(whole, {(): block} if block else {}) if op == "//" else less(a, block * by)
    common = math.gcd(by, *(c for m, c in a.items() if m))
    if common > 1:  # (2h + 1) // 4 is h // 2, and (2h + 1) mod 4 is 2(h mod 2) + 1
        rest: Polynomial = {(): a[()] % common} if a.get((), 0) % common else {}
        found = divided(sizes, op, {m: c // common for m, c in a.items() if c // common}, {(): by // common})
        return added(whole, found) if op == "//" else added(rest, found, common)
    if a[max(a)] < 0:  # -h // 7 is -((h + 6) // 7), and -h mod 7 is 6 - (h + 6) mod 7
        found = divided(sizes, op, less({(): by - 1}, a), {(): by})
        return less(whole, found) if op == "//" else less({(): by - 1}, found)
    inner = _inside_remainders(sizes, a, by) if op == "mod" else a
    if inner != a:
        return divided(sizes, op, inner, {(): by})
    ends = (None if low is None else low // by, None if high is None else high // by)
    return added(whole, _atom(sizes, op, a, {(): by}, ends if op == "//" else (0, by - 1)))


def _atom(sizes: Atoms, op: str, a: Polynomial, b: Polynomial, bounds: Interval) -> Polynomial:
    def make() -> Atom:
        top, bottom = at_sample(a, sizes), at_sample(b, sizes)
        sample = top // bottom if op == "//" else top % bottom
        return Atom(Expression(op, (sizes.expression(a), sizes.expression(b))), sample, bounds, op, (a, b))

    return sizes.atom((op, frozenset(a.items()), frozenset(b.items())), make)


def without_remainders(sizes: Atoms, of: Polynomial) -> Polynomial:
    """The polynomial with ``a - m*floor(a/m)`` in the place of each remainder ``a mod m`` by a number."""
    while (found := next((m for m in of if len(m) == 1 and _is_remainder(sizes.atoms[m[0]])), None)) is not None:
        a, by = sizes.atoms[found[0]].of
        whole = less(a, multiplied(divided(sizes, "//", a, by), by))
        of = added({m: c for m, c in of.items() if m != found}, sizes.reduced(whole), of[found])
    return of


def without_multiples(sizes: Atoms, of: Polynomial) -> Polynomial:
    """The polynomial with each ``m*floor(a/m)``, for a constant ``m``, replaced by ``a - a mod m``."""
    total: Polynomial = {}
    for monomial, c in of.items():
        atom = sizes.atoms[monomial[0]] if len(monomial) == 1 else None
        by = constant(atom.of[1]) if atom is not None and atom.operation == "//" else None
        if atom is None or not by or c % by:
            total = added(total, {monomial: c})
        else:
            total = added(total, less(atom.of[0], divided(sizes, "mod", *atom.of)), c // by)
    return sizes.reduced(total)


def shortest(sizes: Atoms, of: Polynomial) -> Polynomial:
    """The polynomial, written without remainders if that has fewer terms: ``7*floor(h/7)`` for ``h - h mod 7``."""
    other = without_remainders(sizes, of)
    return other if len(other) < len(of) else of


def _inside_remainders(sizes: Atoms, of: Polynomial, by: int) -> Polynomial:
    """The polynomial without the inner remainders that make no difference to its remainder by a number."""
    total: Polynomial = {}
    for monomial, c in of.items():
        atom = sizes.atoms[monomial[0]] if len(monomial) == 1 else None
        inside = atom is not None and _is_remainder(atom) and c * (constant(atom.of[1]) or 0) % by == 0
        total = added(total, atom.of[0] if atom is not None and inside else {monomial: 1}, c)
    return total


def _is_remainder(atom: Atom) -> bool:
    return atom.operation == "mod" and constant(atom.of[1]) is not None


def _lowest_terms(a: Polynomial, b: Polynomial, sizes: Atoms) -> tuple[Polynomial, Polynomial, Polynomial]:
    """Two polynomials without the positive factors that they share, and these factors."""
    common = math.gcd(*a.values(), *b.values())
    factors: Polynomial = {(): common}
    a, b = ({m: c // common for m, c in of.items()} for of in (a, b))
    for i in dict.fromkeys(i for m in b for i in m):
        while a and all(i in m for of in (a, b) for m in of) and (sizes.atoms[i].bounds[0] or 0) >= 1:
            a, b, factors = without_factor(a, i), without_factor(b, i), multiplied(factors, {(i,): 1})
    return a, b, factors
