"""Eventually periodic sets of sizes: the sizes that fit a network, exactly (SPEC section 5.3).

All progressions are first split into progressions of one common step. Those with the same remainder modulo this step
are then merged into disjoint runs, in order. The runs show where the last gap is and what the period is.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from heapq import merge
from itertools import count as counting
from math import gcd, lcm

from ..messages.report import UsageError, WellshapedError
from ..messages.written import clipped, written_number, written_value
from .naturals import as_integer, natural
from .progression import Progression

MAX_PARTS = 50_000
"""The most progressions in one set; more would take seconds."""

MAX_STEPS = 500
"""The most different steps among the progressions that a set is made from."""

Run = tuple[int, int | None]
"""The first and the last member of a run of one remainder; the last is ``None`` for an infinite run."""


class SizeSet:
    """A set of sizes: ``n ≥ start`` is a member iff ``n % period`` is in ``residues``.

    ``head`` has the members below ``start``. ``period`` and ``start`` are as small as possible, and ``residues`` are
    sorted. A finite set has the period ``None`` and no residues. The parts of ``head`` are disjoint. Two sets are equal
    iff they have the same members.

    :func:`compatible_sizes` returns one. ``SizeSet(progressions)`` is the union of the progressions, which may overlap.

    Raises :class:`UsageError` for a part that is not a :class:`Progression`. Raises :class:`WellshapedError` if the
    union needs more than :data:`MAX_PARTS` progressions, such as very long runs with the steps 10**6 and 10**6 + 1.

    >>> from wellshaped.spec import Progression
    >>> even = SizeSet([Progression(2, 2, None)])
    >>> 303 in even, even.below(303), even.above(303), str(even), even.period, even.residues, even.minimum
    (False, 302, 304, 'n ≡ 0 (mod 2), n ≥ 2', 2, (0,), 2)
    >>> str(even & SizeSet([Progression(3, 3, None)])), str(SizeSet([Progression(2, 2, 3)])), str(SizeSet())
    ('n ≡ 0 (mod 6), n ≥ 6', '{2, 4, 6}', 'no size')
    >>> SizeSet([Progression(2, 2, 2), Progression(4, 1, 2)]).count
    3
    """

    __slots__ = ("_heads", "_step", "head", "period", "residues", "start")

    def __init__(self, progressions: Iterable[Progression] = ()) -> None:
        parts = list(progressions)
        for i, part in enumerate(parts):
            if not isinstance(part, Progression):
                says = f"part {i} is {clipped(written_value(part))}, and must be a Progression"
                raise UsageError.of("SizeSet(progressions)", "parts", "", says, "Progression(first, step, count)")
        self._step = 0
        self.period: int | None = None
        self.residues: tuple[int, ...] = ()
        # Repeat, because the union may have a smaller step. Then a set made from another's parts has the same parts.
        while (step := _common_step(parts)) != self._step:
            self._step = step
            self._unite(_runs(parts, step))
            parts = [*self.head, *self.tail]
        self._heads: dict[int, list[Progression]] = {}
        for part in self.head:
            self._heads.setdefault(part.first % step, []).append(part)

    def _unite(self, runs: dict[int, list[Run]]) -> None:
        """Set the fields to the union of these maximal runs."""
        endless = {residue for residue, of_it in runs.items() if of_it[-1][1] is None}
        self.period, self.residues = _shortest(self._step, endless) if endless else (None, ())
        # The set starts to be periodic after the last exception to "n is a member iff its remainder is a residue".
        # For a remainder with finite runs this is its last member, otherwise its last gap.
        last = (of_it[-1] for of_it in runs.values())
        false = [first - self._step if end is None else end for first, end in last]
        self.start: int = max([-1, *false]) + 1
        head = []
        for of_it in runs.values():
            for first, end in of_it:
                if first < self.start:
                    end = self.start - 1 if end is None else end
                    head.append(Progression(first, self._step, (end - first) // self._step + 1))
        self.head: tuple[Progression, ...] = tuple(sorted(head, key=lambda p: p.first))

    @property
    def is_finite(self) -> bool:
        """Whether the set has finitely many members."""
        return self.period is None

    @property
    def minimum(self) -> int | None:
        """The smallest member, or ``None`` for the empty set."""
        return self.above(0)

    @property
    def maximum(self) -> int | None:
        """The largest member, or ``None`` if the set is empty or infinite."""
        return max((p.maximum for p in self.head if p.maximum is not None), default=None) if self.is_finite else None

    @property
    def count(self) -> int | None:
        """The number of members, or ``None`` for an infinite set."""
        return sum(p.count or 0 for p in self.head) if self.is_finite else None

    @property
    def tail(self) -> tuple[Progression, ...]:
        """The members ``≥ start`` as infinite progressions, ordered by first member; empty for a finite set."""
        if self.period is None:
            return ()
        firsts = sorted(self.start + (residue - self.start) % self.period for residue in self.residues)
        return tuple(Progression(first, self.period, None) for first in firsts)

    def __contains__(self, n: object) -> bool:
        n = as_integer(n)
        if n is None:
            return False
        if self.period is not None and n >= self.start:
            i = bisect_left(self.residues, n % self.period)
            return i < len(self.residues) and self.residues[i] == n % self.period
        runs = self._heads.get(n % self._step, [])
        i = bisect_right(runs, n, key=lambda run: run.first)
        return i > 0 and n in runs[i - 1]

    def __bool__(self) -> bool:
        return bool(self.head or self.residues)

    def __iter__(self) -> Iterator[int]:
        yield from merge(*self.head)
        if self.period is not None:
            firsts = [p.first for p in self.tail]
            yield from (first + turn * self.period for turn in counting() for first in firsts)

    def below(self, n: int) -> int | None:
        """The largest member ``≤ n``, or ``None``. Raises :class:`UsageError` unless ``n`` is natural."""
        n = natural(n, "n")
        return max((m for p in (*self.head, *self.tail) if (m := p.below(n)) is not None), default=None)

    def above(self, n: int) -> int | None:
        """The smallest member ``≥ n``, or ``None``. Raises :class:`UsageError` unless ``n`` is natural."""
        n = natural(n, "n")
        return min((m for p in (*self.head, *self.tail) if (m := p.above(n)) is not None), default=None)

    def __and__(self, other: "SizeSet") -> "SizeSet":
        """The shared members. Raises :class:`WellshapedError` if they need more than :data:`MAX_PARTS` progressions."""
        if not isinstance(other, SizeSet):
            return NotImplemented
        pairs = list(_pairs((*self.head, *self.tail), (*other.head, *other.tail)))
        number = sum(len(ours) * len(theirs) for ours, theirs in pairs)
        if number > MAX_PARTS:
            raise _too_many(number, "(n in a and n in b) instead of n in (a & b)")
        runs = [p & q for ours, theirs in pairs for p in ours for q in theirs]
        return SizeSet([*runs, *(Progression(n, 1, 1) for n in self._singles_in(other) | other._singles_in(self))])

    def complement(self) -> "SizeSet":
        """The sizes ``n ≥ 1`` that are not members.

        >>> SizeSet([Progression(2, 2, None)]).complement()
        <SizeSet n ≡ 1 (mod 2), n ≥ 1>
        """
        runs = _runs([*self.head, *self.tail], self._step)
        gaps = []
        for residue in range(self._step):
            first: int | None = residue or self._step
            for since, until in runs.get(residue, []):
                if first is not None and since > first:
                    gaps.append(Progression(first, self._step, (since - first) // self._step))
                first = None if until is None else until + self._step
            if first is not None:
                gaps.append(Progression(first, self._step, None))
        return SizeSet(gaps)

    def _singles_in(self, other: "SizeSet") -> set[int]:
        return {p.first for p in self.head if p.count == 1 and p.first in other}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SizeSet):
            return NotImplemented
        if (self.period, self.residues, self.start) != (other.period, other.residues, other.start):
            return False
        if self._step == other._step:
            return self.head == other.head
        # Heads with different steps are equal iff the number of shared members is the number of members of each.
        sizes = [sum(p.count or 0 for p in parts) for parts in (self.head, other.head)]
        pairs = _pairs(self.head, other.head)
        shared = sum((p & q).count or 0 for ours, theirs in pairs for p in ours for q in theirs)
        shared += len(self._singles_in(other) | other._singles_in(self))
        return sizes == [shared, shared]

    def __hash__(self) -> int:
        return hash((self.period, self.residues, self.start))

    def to_dict(self) -> dict[str, object]:
        """The set as plain data for JSON: its text, minimum, maximum, period and residues."""
        ends = {"minimum": self.minimum, "maximum": self.maximum}
        return {"sizes": str(self), **ends, "period": self.period, "residues": list(self.residues)}

    def __repr__(self) -> str:
        return f"<SizeSet {self}>"

    def __str__(self) -> str:
        if not self:
            return "no size"
        head = [n for n, _ in zip(merge(*self.head), range(9), strict=False)]
        words = [written_number(n) for n in head]
        if len(head) > 8:
            last = max(p.maximum or 0 for p in self.head)
            count = sum(p.count or 0 for p in self.head)
            step = head[1] - head[0]
            evenly = last - head[0] == (count - 1) * step and all((p.first - head[0]) % step == 0 for p in self.head)
            evenly = evenly and all(p.step % step == 0 for p in self.head if p.count != 1)
            runs = [] if evenly or count > _MOST_IN_RUNS else _consecutive(merge(*self.head))
            if 1 < len(runs) <= _MOST_RUNS:  # every gap is seen
                words = [word for run in runs for word in _run_words(*run)]
            else:
                words = [*words[: 2 if evenly else 6], "…", written_number(last)]
        finite = f"{{{', '.join(words)}}}"
        if self.period is None:
            return finite
        text = f"n ≥ {written_number(self.tail[0].first)}"
        if self.period > 1:
            text = f"n ≡ {_one_of(self.residues)} (mod {written_number(self.period)}), {text}"
        return f"{finite} or {text}" if head else text


_MOST_RUNS = 4
"""At most this many runs of consecutive sizes are written."""

_MOST_IN_RUNS = 10_000


def _consecutive(sizes: Iterable[int]) -> list[tuple[int, int]]:
    """The first and the last size of each run of consecutive ones.

    >>> _consecutive([1, 2, 3, 7, 8])
    [(1, 3), (7, 8)]
    """
    runs: list[tuple[int, int]] = []
    for n in sizes:
        if runs and n <= runs[-1][1] + 1:
            runs[-1] = runs[-1][0], n
        else:
            runs.append((n, n))
    return runs


def _run_words(first: int, last: int) -> list[str]:
    if last - first < 3:
        return [written_number(n) for n in range(first, last + 1)]
    return [written_number(first), written_number(first + 1), "…", written_number(last)]


def _common_step(parts: list[Progression]) -> int:
    """A common multiple of the steps of all parts, except of short parts that are cheaper to split into single members.

    Raises :class:`WellshapedError` if the parts make more than :data:`MAX_PARTS` progressions of this step.
    """
    endless = [p.step for p in parts if p.count is None]
    members: dict[int, int] = {}
    runs: dict[int, int] = {}
    for p in parts:
        if p.count is not None and p.count > 1:
            members[p.step] = members.get(p.step, 0) + p.count
            runs[p.step] = runs.get(p.step, 0) + 1
    if len({*endless, *members}) > MAX_STEPS:
        says = f"it has {len({*endless, *members})} different steps, and at most {MAX_STEPS} are possible"
        fix = f"progressions with at most {MAX_STEPS} different steps"
        raise WellshapedError.of("this set of sizes", "parts", "", says, fix)

    def pieces(step: int, steps: list[int]) -> int:
        return sum(min(runs[s] * (step // s), members[s]) for s in steps)

    singles = sum(p.count == 1 for p in parts)
    step = lcm(*endless)
    split: list[int] = []
    for s in sorted(members, key=members.__getitem__, reverse=True):
        wider = lcm(step, s)
        number = pieces(wider, [*split, s])
        enough = number + singles + sum(wider // e for e in endless) <= MAX_PARTS
        if enough and number < pieces(step, split) + members[s]:
            step = wider
            split.append(s)
    listed = singles + sum(number for s, number in members.items() if s not in split)
    number = sum(step // e for e in endless) + pieces(step, split) + listed
    if number > MAX_PARTS:
        raise _too_many(number, "progressions with fewer different steps")
    return step


def _too_many(number: int, fix: str) -> WellshapedError:
    says = f"the set needs {written_number(number)} progressions, and at most {MAX_PARTS} are possible"
    return WellshapedError.of("this set of sizes", "parts", "", says, fix)


def _runs(parts: list[Progression], step: int) -> dict[int, list[Run]]:
    """The maximal runs of the union of the parts, in order, for each remainder modulo ``step``."""
    pieces: dict[int, list[Run]] = {}
    for p in parts:
        # Every turn-th member has the same remainder. If p.step does not divide step, each member is its own run.
        turn = step // p.step if step % p.step == 0 else p.count or 0
        for i in range(turn if p.count is None else min(turn, p.count)):
            first = p.first + i * p.step
            end = None if p.count is None else first + (p.count - 1 - i) // turn * turn * p.step
            pieces.setdefault(first % step, []).append((first, end))
    return {residue: _joined(of_it, step) for residue, of_it in pieces.items()}


def _joined(runs: list[Run], step: int) -> list[Run]:
    """The runs of one remainder in order, with overlapping and adjacent ones merged."""
    runs.sort(key=lambda run: run[0])
    joined = runs[:1]
    for first, end in runs[1:]:
        since, until = joined[-1]
        if until is None:
            break
        if first > until + step:
            joined.append((first, end))
        else:
            joined[-1] = since, None if end is None else max(until, end)
    return joined


def _pairs(
    ours: Iterable[Progression], theirs: Iterable[Progression]
) -> Iterator[tuple[list[Progression], list[Progression]]]:
    """Pairs of lists of parts, one list from each set. Any two parts, one of each list, can share members.

    By the Chinese remainder theorem, two parts can share members iff they have the same remainder modulo the common
    divisor of their steps. Parts with a single member are left out.
    """
    steps = [_by(lambda p: p.step, (p for p in parts if p.count != 1)) for parts in (ours, theirs)]
    for step, of_one in steps[0].items():
        for other_step, of_other in steps[1].items():
            shared = gcd(step, other_step)
            classes = [_by(partial(_remainder, shared), parts) for parts in (of_one, of_other)]
            yield from ((parts, classes[1][r]) for r, parts in classes[0].items() if r in classes[1])


def _remainder(modulus: int, part: Progression) -> int:
    return part.first % modulus


def _by(key: Callable[[Progression], int], parts: Iterable[Progression]) -> dict[int, list[Progression]]:
    groups: dict[int, list[Progression]] = {}
    for part in parts:
        groups.setdefault(key(part), []).append(part)
    return groups


def _shortest(period: int, residues: set[int]) -> tuple[int, tuple[int, ...]]:
    """The smallest period of the periodic set with these residues, and its residues."""
    # If a shorter period divides this one by a factor, its residues repeat that many times: the factor divides their
    # number.
    for factor in range(len(residues), 1, -1):
        shorter, rest = divmod(period, factor)
        if rest == 0 and len(residues) % factor == 0 and all((r + shorter) % period in residues for r in residues):
            return shorter, tuple(sorted({r % shorter for r in residues}))
    return period, tuple(sorted(residues))


def _one_of(numbers: tuple[int, ...]) -> str:
    if len(numbers) > 8:
        return f"one of {len(numbers)} remainders"
    *most, last = map(written_number, numbers)
    return f"{', '.join(most)} or {last}" if most else last


EVERY_SIZE = SizeSet([Progression(1, 1, None)])
"""All sizes: n ≥ 1."""
