"""Sets of sizes: an arithmetic progression, finite or without end (SPEC section 5.3).

The compatible sizes of a two-level U-Net on one axis are always one progression (see :mod:`.compatible`), and so is
what two axes share. Kernels and strides may be huge, so nothing here counts members one by one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count as counting
from math import gcd

from .naturals import natural


@dataclass(frozen=True, slots=True)
class SizeSet:
    """The sizes ``first + i·step`` for ``0 ≤ i < count``, or for all ``i`` where ``count`` is ``None``.

    Made by :func:`compatible_sizes`. Two sets are equal iff they have the same members.

    >>> even = SizeSet(2, 2, None)
    >>> 303 in even, even.below(303), even.above(303), str(even)
    (False, 302, 304, 'n ≡ 0 (mod 2), n ≥ 2')
    >>> str(even & SizeSet(3, 3, None)), str(SizeSet(2, 2, 3)), str(SizeSet(0, 1, 0))
    ('n ≡ 0 (mod 6), n ≥ 6', '{2, 4, 6}', 'no size')
    """

    first: int
    step: int
    count: int | None

    def __post_init__(self) -> None:
        for name in ("first", "step", "count"):
            if name != "count" or self.count is not None:
                object.__setattr__(self, name, natural(getattr(self, name), name))
        # One way to write each set, so that equality of sets is equality of fields.
        if self.step == 0 and self.count != 0:
            object.__setattr__(self, "count", 1)
        if self.count == 0:
            object.__setattr__(self, "first", 0)
        if self.count is not None and self.count <= 1:
            object.__setattr__(self, "step", 1)

    @property
    def is_finite(self) -> bool:
        """Whether there is a largest member, or none at all."""
        return self.count is not None

    @property
    def minimum(self) -> int | None:
        """The smallest member, or ``None`` where there is none."""
        return None if self.count == 0 else self.first

    @property
    def maximum(self) -> int | None:
        """The largest member, or ``None`` where there is none: the set is empty or without end."""
        return None if not self.count else self.first + (self.count - 1) * self.step

    @property
    def period(self) -> int | None:
        """From the minimum on, ``n`` is a member iff ``n + period`` is; ``None`` for a finite set."""
        return None if self.is_finite else self.step

    @property
    def residues(self) -> tuple[int, ...]:
        """What members leave modulo the period; empty for a finite set."""
        return () if self.is_finite else (self.first % self.step,)

    def __contains__(self, n: object) -> bool:
        if not isinstance(n, int) or isinstance(n, bool):
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
        """The largest member that is not above ``n``, or ``None``."""
        n = natural(n, "n")
        if not self or n < self.first:
            return None
        i = (n - self.first) // self.step
        return self.first + i * self.step if self._within(i) else self.maximum

    def above(self, n: int) -> int | None:
        """The smallest member that is not below ``n``, or ``None``."""
        n = natural(n, "n")
        i = -((self.first - n) // self.step) if n > self.first else 0
        return self.first + i * self.step if self._within(i) else None

    def __and__(self, other: "SizeSet") -> "SizeSet":
        if not isinstance(other, SizeSet):
            return NotImplemented
        shared = gcd(self.step, other.step)
        if not (self and other) or (self.first - other.first) % shared:
            return SizeSet(0, 1, 0)
        # The Chinese remainder theorem: one member of both, ends aside, then the first one from where both have begun.
        modulus = other.step // shared
        turns = (other.first - self.first) // shared * pow(self.step // shared, -1, modulus) % modulus
        step = self.step * modulus
        start = max(self.first, other.first)
        first = start + (self.first + turns * self.step - start) % step
        ends = [s.maximum for s in (self, other) if s.maximum is not None]
        return SizeSet(first, step, max((min(ends) - first) // step + 1, 0) if ends else None)

    def to_dict(self) -> dict[str, object]:
        """The set as plain data for JSON: its text, ends, period and residues."""
        ends = {"minimum": self.minimum, "maximum": self.maximum}
        return {"sizes": str(self), **ends, "period": self.period, "residues": list(self.residues)}

    def __str__(self) -> str:
        if self.count is None:
            congruence = f"n ≡ {self.residues[0]} (mod {self.step}), " if self.step > 1 else ""
            return f"{congruence}n ≥ {self.first}"
        if not self:
            return "no size"
        if self.count <= 8:
            return f"{{{', '.join(map(str, self))}}}"
        return f"{{{self.first}, {self.first + self.step}, …, {self.maximum}}}"
