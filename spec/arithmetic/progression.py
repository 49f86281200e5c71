"""Arithmetic progressions of sizes, finite or infinite. Sets of sizes are made of them.

Kernels and strides may be huge, so no function here visits the members one by one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count as counting
from math import gcd

from ..messages.written import Written
from .naturals import as_integer, natural


@dataclass(frozen=True, slots=True, repr=False)
class Progression(Written):
    """The sizes ``first + i·step`` for ``0 ≤ i < count``, or for all ``i ≥ 0`` if ``count`` is ``None``.

    Two progressions are equal iff they have the same members. Raises :class:`UsageError` for a number that is not
    natural.

    >>> even = Progression(2, 2, None)
    >>> 303 in even, even.below(303), even.above(303), even & Progression(3, 3, None)
    (False, 302, 304, Progression(first=6, step=6, count=None))
    """

    first: int
    step: int
    count: int | None

    def __post_init__(self) -> None:
        for name in ("first", "step", "count"):
            if name != "count" or self.count is not None:
                object.__setattr__(self, name, natural(getattr(self, name), name))
        # Normalise the fields: equal sets then have equal fields.
        if self.step == 0 and self.count != 0:
            object.__setattr__(self, "count", 1)
        if self.count == 0:
            object.__setattr__(self, "first", 0)
        if self.count is not None and self.count <= 1:
            object.__setattr__(self, "step", 1)

    @property
    def maximum(self) -> int | None:
        """The largest member, or ``None`` if the progression is empty or infinite."""
        return None if not self.count else self.first + (self.count - 1) * self.step

    def __contains__(self, n: object) -> bool:
        n = as_integer(n)
        if n is None:
            return False
        return n >= self.first and (n - self.first) % self.step == 0 and self._within((n - self.first) // self.step)

    def _within(self, i: int) -> bool:
        return self.count is None or i < self.count

    def __bool__(self) -> bool:
        return self.count != 0

    def __iter__(self) -> Iterator[int]:
        indices = counting() if self.count is None else iter(range(self.count))
        return (self.first + i * self.step for i in indices)

    def below(self, n: int) -> int | None:
        """The largest member ``≤ n``, or ``None``. Raises :class:`UsageError` unless ``n`` is natural."""
        n = natural(n, "n")
        if not self or n < self.first:
            return None
        i = (n - self.first) // self.step
        return self.first + i * self.step if self._within(i) else self.maximum

    def above(self, n: int) -> int | None:
        """The smallest member ``≥ n``, or ``None``. Raises :class:`UsageError` unless ``n`` is natural."""
        n = natural(n, "n")
        i = -((self.first - n) // self.step) if n > self.first else 0
        return self.first + i * self.step if self._within(i) else None

    def __and__(self, other: "Progression") -> "Progression":
        if not isinstance(other, Progression):
            return NotImplemented
        shared = gcd(self.step, other.step)
        if not (self and other) or (self.first - other.first) % shared:
            return Progression(0, 1, 0)
        # The Chinese remainder theorem gives one shared member, ignoring first and last members. From it follows the
        # first shared member that is at least both first members.
        modulus = other.step // shared
        turns = (other.first - self.first) // shared * pow(self.step // shared, -1, modulus) % modulus
        step = self.step * modulus
        start = max(self.first, other.first)
        first = start + (self.first + turns * self.step - start) % step
        ends = [s.maximum for s in (self, other) if s.maximum is not None]
        return Progression(first, step, max((min(ends) - first) // step + 1, 0) if ends else None)
