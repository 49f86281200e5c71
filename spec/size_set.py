"""Sets of sizes that are eventually periodic: what fits a network, exactly (SPEC section 5.3)."""

from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import count as counting
from math import gcd, lcm

from .naturals import as_integer, natural
from .progression import Progression


class SizeSet:
    """From ``start`` on, the sizes whose remainder modulo ``period`` is among ``residues``; before, those of ``head``.

    ``period`` and ``start`` are as small as they can be, ``residues`` are in order; a finite set has the period
    ``None`` and no residues. Made by :func:`compatible_sizes`, or from progressions that share no member. Two sets are
    equal iff they have the same members.

    >>> even = SizeSet([Progression(2, 2, None)])
    >>> 303 in even, even.below(303), even.above(303), str(even), even.period, even.residues, even.minimum
    (False, 302, 304, 'n ≡ 0 (mod 2), n ≥ 2', 2, (0,), 2)
    >>> str(even & SizeSet([Progression(3, 3, None)])), str(SizeSet([Progression(2, 2, 3)])), str(SizeSet())
    ('n ≡ 0 (mod 6), n ≥ 6', '{2, 4, 6}', 'no size')
    """

    __slots__ = ("head", "period", "residues", "start")

    def __init__(self, progressions: Iterable[Progression] = ()) -> None:
        parts = [p for p in progressions if p]
        finite = [p for p in parts if p.count is not None]
        endless = [p for p in parts if p.count is None]
        self.period: int | None = None
        self.residues: tuple[int, ...] = ()
        step = lcm(*(p.step for p in endless))
        firsts = [p.first + i * p.step for p in endless for i in range(step // p.step)]
        if endless:
            self.period, self.residues = _shortest(step, {first % step for first in firsts})
        # "A member iff the remainder is among the residues" is true from beyond the last size for which it is false.
        false = [self._last_stray(p) for p in finite] + [_last_gap(first, step, finite) for first in firsts]
        self.start: int = max([-1, *false]) + 1
        below = Progression(0, 1, self.start)
        self.head: tuple[Progression, ...] = tuple(
            sorted((cut for p in parts if (cut := p & below)), key=lambda p: p.first)
        )

    def _last_stray(self, finite: Progression) -> int:
        """The largest member of a finite part that the residues do not have; -1 where there is none."""
        if self.period is None:
            return -1 if finite.maximum is None else finite.maximum
        count = finite.count or 0
        turn = self.period // gcd(self.period, finite.step)  # remainders come again after as many members
        members = (finite.first + i * finite.step for i in reversed(range(max(count - turn, 0), count)))
        return next((n for n in members if n % self.period not in self.residues), -1)

    @property
    def is_finite(self) -> bool:
        """Whether there is a largest member, or none at all."""
        return self.period is None

    @property
    def minimum(self) -> int | None:
        """The smallest member, or ``None`` where there is none."""
        return self.above(0)

    @property
    def maximum(self) -> int | None:
        """The largest member, or ``None`` where there is none: the set is empty or without end."""
        return max((p.maximum for p in self.head if p.maximum is not None), default=None) if self.is_finite else None

    @property
    def count(self) -> int | None:
        """How many members there are, or ``None`` for a set without end."""
        return sum(p.count or 0 for p in self.head) if self.is_finite else None

    @property
    def tail(self) -> tuple[Progression, ...]:
        """The members from ``start`` on, as progressions in the order of their first members; none for a finite set."""
        if self.period is None:
            return ()
        firsts = sorted(self.start + (residue - self.start) % self.period for residue in self.residues)
        return tuple(Progression(first, self.period, None) for first in firsts)

    def __contains__(self, n: object) -> bool:
        n = as_integer(n)
        if n is None:
            return False
        if self.period is not None and n >= self.start:
            return n % self.period in self.residues
        return any(n in p for p in self.head)

    def __bool__(self) -> bool:
        return bool(self.head or self.residues)

    def __iter__(self) -> Iterator[int]:
        yield from merge(*self.head)
        if self.period is not None:
            firsts = [p.first for p in self.tail]
            yield from (first + turn * self.period for turn in counting() for first in firsts)

    def below(self, n: int) -> int | None:
        """The largest member that is not above ``n``, or ``None``."""
        n = natural(n, "n")
        return max((m for p in (*self.head, *self.tail) if (m := p.below(n)) is not None), default=None)

    def above(self, n: int) -> int | None:
        """The smallest member that is not below ``n``, or ``None``."""
        n = natural(n, "n")
        return min((m for p in (*self.head, *self.tail) if (m := p.above(n)) is not None), default=None)

    def __and__(self, other: "SizeSet") -> "SizeSet":
        if not isinstance(other, SizeSet):
            return NotImplemented
        return SizeSet(p & q for p in (*self.head, *self.tail) for q in (*other.head, *other.tail))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SizeSet):
            return NotImplemented
        if (self.period, self.residues, self.start) != (other.period, other.residues, other.start):
            return False
        # The heads may be cut into progressions differently: they are equal iff they share as many members as each has.
        sizes = [sum(p.count or 0 for p in parts) for parts in (self.head, other.head)]
        shared = sum((p & q).count or 0 for p in self.head for q in other.head)
        return sizes == [shared, shared]

    def __hash__(self) -> int:
        return hash((self.period, self.residues, self.start))

    def to_dict(self) -> dict[str, object]:
        """The set as plain data for JSON: its text, ends, period and residues."""
        ends = {"minimum": self.minimum, "maximum": self.maximum}
        return {"sizes": str(self), **ends, "period": self.period, "residues": list(self.residues)}

    def __repr__(self) -> str:
        return f"<SizeSet {self}>"

    def __str__(self) -> str:
        if not self:
            return "no size"
        head = [n for n, _ in zip(merge(*self.head), range(9), strict=False)]
        words = [str(n) for n in head]
        if len(head) > 8:
            words = [str(head[0]), str(head[1]), "…", str(max(p.maximum or 0 for p in self.head))]
        finite = f"{{{', '.join(words)}}}"
        if self.period is None:
            return finite
        text = f"n ≥ {self.tail[0].first}"
        if self.period > 1:
            text = f"n ≡ {_one_of(self.residues)} (mod {self.period}), {text}"
        return f"{finite} or {text}" if head else text


def _last_gap(first: int, step: int, finite: list[Progression]) -> int:
    """The largest of ``first - step``, ``first - 2·step``, ... that no finite part has; negative if there is none."""
    n = first - step
    while n >= 0:
        inside = next((p for p in finite if n in p), None)
        if inside is None:
            break
        n -= step * ((n - inside.first) // step + 1 if step % inside.step == 0 else 1)
    return n


def _shortest(period: int, residues: set[int]) -> tuple[int, tuple[int, ...]]:
    """The smallest period of the periodic set with these residues, and its residues."""
    # A period shorter by a factor repeats each residue as often, so that the factor divides their number.
    for factor in range(len(residues), 1, -1):
        shorter, rest = divmod(period, factor)
        if rest == 0 and len(residues) % factor == 0 and {(r + shorter) % period for r in residues} == residues:
            return shorter, tuple(sorted({r % shorter for r in residues}))
    return period, tuple(sorted(residues))


def _one_of(numbers: tuple[int, ...]) -> str:
    if len(numbers) > 8:
        return f"one of {len(numbers)} remainders"
    *most, last = map(str, numbers)
    return f"{', '.join(most)} or {last}" if most else last
