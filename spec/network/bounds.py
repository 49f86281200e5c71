"""An upper bound on the sizes that fit, found without solving the network. The size functions run on pairs of lines.

Each size lies between two lines over ``n``, for every ``n ≥ 1`` that fits: ``low(n) ≤ size(n) ≤ high(n)``. Rounding
down moves a line by less than 1, and a truncated subtraction moves it by a constant. Suppose that two sizes must be
equal, and the lower line of one is steeper than the upper line of the other. Then the lines cross, and no larger ``n``
fits. This bounds ``n`` for a convolution of stride 2 that must keep its input's size, and for branches of different
slope.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Any

from ..arithmetic.naturals import Reading, read_as
from .requirement import AT_LEAST, EQUAL, Need

Line = tuple[Fraction, Fraction]
"""The slope, and the value at ``n = 1``."""

_ZERO: Line = (Fraction(0), Fraction(0))


@dataclass(frozen=True, slots=True, eq=False)
class Enclosed:
    """A size between two lines. It is at least ``least`` for every ``n`` that fits."""

    low: Line
    high: Line
    least: int = 0

    def __add__(self, other: "Enclosed | int") -> "Enclosed":
        other = enclosed(other)
        return Enclosed(_plus(self.low, other.low), _plus(self.high, other.high), self.least + other.least)

    __radd__ = __add__

    def __mul__(self, other: "Enclosed | int") -> "Enclosed":
        if isinstance(other, int):
            by = Fraction(other)
            return Enclosed(_times(self.low, by), _times(self.high, by), self.least * other)
        for factor, size in ((self, other), (other, self)):
            if factor.high[0] == 0:  # bounded by a constant, as a guard is by 1
                low = _times(size.low, Fraction(factor.least)) if factor.low[0] == 0 and size.low[1] >= 0 else _ZERO
                return Enclosed(low, _times(size.high, factor.high[1]), factor.least * size.least)
        raise UnboundedError

    __rmul__ = __mul__

    def at_least(self, least: int) -> "Enclosed":
        """The same size, when a requirement says that it must be at least ``least``."""
        return Enclosed(self.low, self.high, max(self.least, least))


class UnboundedError(Exception):
    """A product of two sizes, or a division by one: no line is above it."""


def unknown() -> Enclosed:
    """The size ``n ≥ 1`` itself."""
    line = Fraction(1), Fraction(1)
    return Enclosed(line, line, 1)


def enclosed(size: Enclosed | int) -> Enclosed:
    """The size as an :class:`Enclosed`; for an ``int`` both lines are this constant."""
    if isinstance(size, Enclosed):
        return size
    return Enclosed((Fraction(0), Fraction(size)), (Fraction(0), Fraction(size)), size)


def largest(needs: Iterable[Need]) -> int | None:
    """The largest ``n`` that may fit: beyond it, the lines show that some need fails. ``None`` if there is no bound.

    >>> n = unknown()
    >>> largest([Need("equal", n * 2, EQUAL, n + 7)])
    7
    """
    ends = []
    for need in needs:
        left, right = enclosed(need.left), enclosed(need.right)
        if need.relation in (EQUAL, AT_LEAST):
            ends.append(_crossing(right.low, left.high))
        if need.relation is EQUAL:
            ends.append(_crossing(left.low, right.high))
    return min((end for end in ends if end is not None), default=None)


def _crossing(low: Line, high: Line) -> int | None:
    """The largest ``n ≥ 1`` with ``low(n) ≤ high(n)``, 0 if there is none, ``None`` if there is no bound."""
    steeper, above = low[0] - high[0], high[1] - low[1]
    if steeper <= 0:
        return 0 if above < 0 and steeper == 0 else None
    return max(floor(above / steeper) + 1, 0)


def _plus(a: Line, b: Line) -> Line:
    return a[0] + b[0], a[1] + b[1]


def _times(line: Line, by: Fraction) -> Line:
    return line[0] * by, line[1] * by


def _monus(a: Any, b: Any) -> Enclosed:
    a, b = enclosed(a), enclosed(b)
    low, high = _plus(a.low, _times(b.high, Fraction(-1))), _plus(a.high, _times(b.low, Fraction(-1)))
    if a.high[0] == 0 and a.high[1] <= b.least:
        return enclosed(0)
    low = low if low[0] > 0 else (Fraction(0), max(low[1], Fraction(0))) if low[0] == 0 else _ZERO
    # A size is never negative. So a falling line is replaced by its first value, and a line that starts below 0 is
    # moved up.
    high = (max(high[0], Fraction(0)), max(high[1], Fraction(0)))
    least = max(a.least - floor(b.high[1]), 0) if b.high[0] == 0 else 0
    return Enclosed(low, high, least)


def _quotient(a: Any, divisor: Any) -> Enclosed:
    if isinstance(divisor, Enclosed):
        raise UnboundedError
    if divisor == 0:
        return enclosed(0)
    a, by = enclosed(a), Fraction(1, divisor)
    slope, start = _times(a.low, by)
    low = slope, start - (1 - by)
    if slope == 0:
        low = Fraction(0), Fraction(max(floor(start), 0))
    return Enclosed(low, _times(a.high, by), a.least // divisor)


read_as(Reading(Enclosed, _monus, _quotient))
