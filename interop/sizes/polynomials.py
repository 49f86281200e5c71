"""The sizes of one trace as polynomials of open sizes, quotients and maxima, with the conditions that were recorded.

A comparison that has the same answer for all sizes is no condition: bounds and common divisors decide it. A recorded
equality replaces a size by others, and a recorded bound is used from then on. So the conditions stay few.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from .expressions import Expression, Statement, balanced, name, plus, times
from .paths import Condition

Monomial = tuple[int, ...]
"""A product of atoms, by their numbers in :class:`Sizes`; empty for the number 1."""

Polynomial = dict[Monomial, int]
"""The coefficient of each monomial. None is 0."""

Interval = tuple[int | None, int | None]
"""A lower and an upper bound, or ``None`` for no bound."""

LARGEST = 2**40
"""No open size is larger. So no product of a few sizes is too large for PyTorch's own numbers."""


@dataclass(frozen=True, slots=True)
class Atom:
    """A size that is not a polynomial of others: an open size, a quotient, a maximum."""

    expression: Expression
    sample: int
    bounds: Interval


class Sizes:
    """The open sizes of one trace, each with a sample, and the conditions so far.

    ``lost`` says why no more conditions can be recorded, if something depends on a size in a way that has no
    expression. Later conditions are then left out: the sizes that meet the earlier ones all come to this point.
    """

    def __init__(self, samples: Mapping[str, int]) -> None:
        self.atoms: list[Atom] = []
        self._equal: dict[int, Polynomial] = {}
        self.lost = ""
        self._known: dict[Any, int] = {}
        self._keys: list[Any] = []
        self._conditions: dict[Statement, bool] = {}
        self.samples = dict(samples)

    def open_size(self, of: str) -> Polynomial:
        """The open size with this name."""
        return self.atom(of, lambda: name(of), self.samples[of], (1, LARGEST))

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """What was decided, in order."""
        return tuple(Condition(statement, held) for statement, held in self._conditions.items())

    def atom(self, key: Any, expression: Callable[[], Any], sample: int, bounds: Interval) -> Polynomial:
        """The atom with this key as a polynomial. It is made if it is new."""
        if key not in self._known:
            self._known[key] = len(self.atoms)
            self._keys.append(key)
            self.atoms.append(Atom(expression(), sample, bounds))
        return {(self._known[key],): 1}

    def decided(self, statement: Statement, held: bool, difference: Polynomial | None) -> None:
        """Record a statement, and whether it held for the sample. It may be about this ``difference`` of sizes."""
        while statement.op == "not":
            statement, held = statement.args[0], not held
        if self.lost or statement in self._conditions:
            return
        self._conditions[statement] = held
        if difference is not None:
            self._learn(statement, held, difference)

    def _learn(self, statement: Statement, held: bool, difference: Polynomial) -> None:
        """Use a condition that was recorded: an atom equals a polynomial, or has closer bounds."""
        difference = self.reduced(difference)
        common = math.gcd(*difference.values()) or 1
        difference = {m: c // common for m, c in difference.items()}
        if statement.op == "==" and held:
            difference = self._as_multiple(difference)
            alone = [m for m, c in difference.items() if len(m) == 1 and c in (1, -1)]
            alone = [m for m in alone if sum(m[0] in other for other in difference) == 1]
            if alone:
                sign = difference[alone[0]]
                rest = {m: -c * sign for m, c in difference.items() if m != alone[0]}
                self._equal[alone[0][0]] = rest
            return
        rest = {m: c for m, c in difference.items() if m}
        if len(rest) != 1 or len(next(iter(rest))) != 1:
            return
        ((monomial, _),) = rest.items()
        atom = self.atoms[monomial[0]]
        low, high = atom.bounds
        if statement.op == "==":
            number = -difference.get((), 0) // rest[monomial]
            low = number + 1 if low == number else low
        elif statement.op == ">=":
            number = statement.args[1]  # the left side is the atom itself
            if statement.args[0] != atom.expression:
                return
            if held:
                low = number if low is None else max(low, number)
            else:
                high = number - 1 if high is None else min(high, number - 1)
        self.atoms[monomial[0]] = Atom(atom.expression, atom.sample, (low, high))

    def _as_multiple(self, difference: Polynomial) -> Polynomial:
        """``a - (b*floor(a/b) + r)`` for the difference ``a mod b - r``; other differences stay."""
        rest = [m for m in difference if m]
        if len(rest) != 1 or len(rest[0]) != 1 or difference[rest[0]] not in (1, -1):
            return difference
        key = self._keys[rest[0][0]]
        if key[0] != "mod" or constant(dict(key[2])) is None:
            return difference
        a, by = dict(key[1]), dict(key[2])[()]
        remainder = -difference.get((), 0) * difference[rest[0]]
        low, high = self.bounds(a)
        bounds = (None if low is None else low // by, None if high is None else high // by)
        quotient = self.atom(
            ("//", key[1], key[2]),
            lambda: Expression("//", (self.expression(a), by)),
            at_sample(a, self) // by,
            bounds,
        )
        return self.reduced(less(less(a, multiplied(quotient, {(): by})), remainder))

    def reduced(self, of: Polynomial) -> Polynomial:
        """The polynomial with the atoms replaced that are known to equal others."""
        while (found := next((i for m in of for i in m if i in self._equal), None)) is not None:
            whole: Polynomial = {}
            for monomial, c in of.items():
                power = monomial.count(found)
                kept: Polynomial = {tuple(i for i in monomial if i != found): c}
                whole = added(whole, reduce(multiplied, [self._equal[found]] * power, kept))
            of = whole
        return of

    def by_open_sizes(self, of: Polynomial) -> Polynomial:
        """The polynomial in terms of open sizes, if recorded equalities say so: ``H`` for ``4*floor(H/4)``."""
        of = self.reduced(of)
        for open_size in map(self.open_size, self.samples):
            same = self.reduced(open_size)
            rest = {m: c for m, c in same.items() if m}
            if same == open_size or not rest:
                continue
            first = next(iter(rest))
            times_it = of.get(first, 0) // rest[first]
            if times_it and all(of.get(m, 0) == times_it * c for m, c in rest.items()):
                of = added(less(of, multiplied(same, {(): times_it})), open_size, times_it)
        return of

    def lose(self, why: str) -> None:
        """Record that the trace says nothing about other sizes from here on."""
        self.lost = self.lost or why

    def expression(self, of: Polynomial) -> Any:
        """The polynomial as an expression, or a number."""
        total: Any = 0
        for monomial, coefficient in sorted(of.items(), key=lambda item: (-len(item[0]), item[0])):
            atoms = [self.atoms[i].expression for i in monomial]
            total = plus(total, times(reduce(times, atoms), coefficient) if atoms else coefficient)
        return total

    def bounds(self, of: Polynomial) -> Interval:
        """Bounds of a polynomial, for open sizes that are at least 1."""
        low: int | None = 0
        high: int | None = 0
        for monomial, c in of.items():
            least, most = self._product(monomial)
            ends = (least, most) if c > 0 else (most, least)
            low = None if low is None or ends[0] is None else low + c * ends[0]
            high = None if high is None or ends[1] is None else high + c * ends[1]
        return low, high

    def _product(self, monomial: Monomial) -> Interval:
        low, high = 1, 1
        for i in monomial:
            least, most = self.atoms[i].bounds
            if least is None or least < 0:
                return self.atoms[i].bounds if len(monomial) == 1 else (None, None)
            low, high = low * least, None if high is None or most is None else high * most  # type: ignore[assignment]
        return low, high

    def compared(self, op: str, difference: Polynomial) -> Statement | bool:
        """The statement that the difference is 0 (``"=="``), or at least 0 (``">="``); a bool if it is always so."""
        difference = self.reduced(difference)
        low, high = self.bounds(difference)
        if op == ">=" and low is not None and low >= 0:
            return True
        if (high is not None and high < 0) or (op == "==" and low is not None and low > 0):
            return False
        constant = difference.get((), 0)
        rest = {monomial: c for monomial, c in difference.items() if monomial}
        if not rest:
            return constant == 0 if op == "==" else constant >= 0
        factor = _shared(difference)
        if factor is not None and self.bounds({(factor,): 1})[0] == 0:
            zero = self.compared("==", {(factor,): 1})
            return combined("or", [zero, self.compared(op, _without(difference, factor))])
        if factor is not None and (self.bounds({(factor,): 1})[0] or 0) >= 1:
            return self.compared(op, _without(difference, factor))
        common = math.gcd(*rest.values())
        if op == "==" and constant % common:
            return False
        rest, constant = {monomial: c // common for monomial, c in rest.items()}, constant // common
        if len(rest) == 1:
            ((monomial, sign),) = rest.items()
            simple = self._of_product(op, monomial, sign, -constant * sign)
            if simple is not None:
                return simple
        if rest[max(rest)] > 0:
            return Statement(op, balanced(self.expression({**rest, (): constant})))
        # A negative first coefficient: -a ≥ b says that a ≥ 1 - b is false.
        rest = {monomial: -c for monomial, c in rest.items()}
        if op == "==":
            return Statement(op, balanced(self.expression({**rest, (): -constant})))
        return negated(Statement(op, balanced(self.expression({**rest, (): -constant - 1}))))

    def _of_product(self, op: str, monomial: Monomial, sign: int, number: int) -> Statement | bool | None:
        """Whether a product of several atoms equals a small number, or reaches it, by its factors alone."""
        least = [self.atoms[i].bounds[0] for i in monomial]
        if len(monomial) < 2 or any(low is None or low < 0 for low in least):
            return None
        if op == ">=" and sign < 0:  # product ≤ number
            above = self._of_product(">=", monomial, 1, number + 1)
            return above if above is None else negated(above)
        factors: list[Polynomial] = [{(i,): 1} for i in dict.fromkeys(monomial)]
        if op == "==" and number in (0, 1):
            each = [self.compared("==", less(factor, number)) for factor in factors]
            return combined("or" if number == 0 else "and", each)
        if op == ">=" and number == 1:
            return combined("and", [self.compared(">=", less(factor, 1)) for factor in factors])
        if op == ">=" and number == 2 and all(least):
            return combined("or", [self.compared(">=", less(factor, 2)) for factor in factors])
        return None


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


def negated(of: Statement | bool) -> Statement | bool:
    """The statement that this one is false."""
    if isinstance(of, bool):
        return not of
    return of.args[0] if of.op == "not" else Statement("not", (of,))


def combined(op: str, parts: Iterable[Statement | bool]) -> Statement | bool:
    """All (``"and"``) or one (``"or"``) of the parts."""
    left = []
    for part in parts:
        if isinstance(part, bool):
            if part == (op == "or"):
                return part
        elif part not in left:
            left.append(part)
    if not left:
        return op == "and"
    return left[0] if len(left) == 1 else Statement(op, tuple(left))


def _shared(of: Polynomial) -> int | None:
    """An atom that is a factor of every term; there are several terms."""
    first = min(of, key=len)
    return next((i for i in first if all(i in m for m in of)), None) if len(of) > 1 else None


def _without(of: Polynomial, factor: int) -> Polynomial:
    """The polynomial divided by this atom."""
    found: Polynomial = {}
    for monomial, c in of.items():
        i = monomial.index(factor)
        found[monomial[:i] + monomial[i + 1 :]] = c
    return found


def lowest_terms(a: Polynomial, b: Polynomial, sizes: Sizes) -> tuple[Polynomial, Polynomial, Polynomial]:
    """Two polynomials without the positive factors that they share, and these factors."""
    common = math.gcd(*a.values(), *b.values())
    factors: Polynomial = {(): common}
    a, b = ({m: c // common for m, c in of.items()} for of in (a, b))
    for i in dict.fromkeys(i for m in b for i in m):
        while a and all(i in m for of in (a, b) for m in of) and (sizes.atoms[i].bounds[0] or 0) >= 1:
            a, b, factors = _without(a, i), _without(b, i), multiplied(factors, {(i,): 1})
    return a, b, factors


def quotient_of(a: Polynomial, b: Polynomial) -> Polynomial | None:
    """The polynomial ``a / b`` if ``b`` is one monomial that divides every term of ``a``."""
    if len(b) != 1:
        return None
    ((factors, by),) = b.items()
    found: Polynomial = {}
    for monomial, c in a.items():
        left = list(monomial)
        if c % by:
            return None
        for factor in factors:
            if factor not in left:
                return None
            left.remove(factor)
        found[tuple(left)] = c // by
    return found


def at_sample(of: Polynomial, sizes: Sizes) -> int:
    """The value of a polynomial for the sample."""
    return sum(c * math.prod(sizes.atoms[i].sample for i in monomial) for monomial, c in of.items())
