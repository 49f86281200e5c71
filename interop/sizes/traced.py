"""The sizes of one trace as polynomials of open sizes, quotients and maxima, with the conditions that were recorded.

A comparison that has the same answer for all sizes is no condition: bounds and common divisors decide it. A recorded
equality replaces a size by others, and a recorded bound is used from then on. So the conditions stay few.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

from .expressions import Expression, Statement, balanced, name, plus, times
from .paths import Condition
from .polynomials import (
    Monomial,
    Polynomial,
    added,
    constant,
    factored,
    less,
    multiplied,
    shared_factor,
    without_factor,
)
from .quotients import Atom, Interval, at_sample, divided, without_multiples, without_remainders

Compared = tuple[str, Polynomial]
"""A question about a difference of sizes: whether it is 0 (``"=="``), or at least 0 (``">="``)."""

LARGEST = 2**40
"""No open size is larger. So no product of a few sizes is too large for PyTorch's own numbers."""


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
        self._conditions: dict[Statement, bool] = {}
        self.samples = dict(samples)

    def open_size(self, of: str) -> Polynomial:
        """The open size with this name."""
        return self.atom(of, lambda: Atom(name(of), self.samples[of], (1, LARGEST)))

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """What was decided, in order."""
        return tuple(Condition(statement, held) for statement, held in self._conditions.items())

    def atom(self, key: Any, make: Callable[[], Atom]) -> Polynomial:
        """The atom with this key as a polynomial. It is made if it is new."""
        if key not in self._known:
            made = make()
            self._known[key] = len(self.atoms)
            self.atoms.append(made)
        return {(self._known[key],): 1}

    def decided(self, statement: Statement, held: bool, compared: Compared | None) -> None:
        """Record a statement, and whether it held for the sample. It may say how a difference of sizes ``compared``."""
        while statement.op == "not":
            statement, held = statement.args[0], not held
        if self.lost or statement in self._conditions:
            return
        self._conditions[statement] = held
        if compared is not None:
            self._learn(*compared)

    def _learn(self, op: str, difference: Polynomial) -> None:
        """Use that a difference compares to 0 as for the sample: an atom equals a polynomial, or has closer bounds."""
        sample = at_sample(difference, self)
        difference = self.reduced(difference)
        if op == "==" and sample == 0:
            self._equate(difference)
            return
        rest = {m: c for m, c in difference.items() if m}
        if len(rest) != 1 or len(next(iter(rest))) != 1:
            return
        (((i,), c),) = rest.items()
        number = -difference.get((), 0)
        if op == "==":
            low, high = (of is not None and of * c == number for of in self.atoms[i].bounds)  # not at this end
            self._bound(i, number // c + 1 if low else None, number // c - 1 if high else None)
            return
        if sample < 0:
            c, number = -c, 1 - number
        # c·atom ≥ number
        self._bound(i, -(-number // c) if c > 0 else None, number // c if c < 0 else None)

    def _bound(self, i: int, low: int | None, high: int | None) -> None:
        """An atom is at least ``low`` and at most ``high``. If only one number is left, it equals this number."""
        atom = self.atoms[i]
        lows, highs = ([of for of in pair if of is not None] for pair in zip(atom.bounds, (low, high), strict=True))
        bounds = max(lows, default=None), min(highs, default=None)
        if bounds == atom.bounds:
            return
        self.atoms[i] = replace(atom, bounds=bounds)
        if bounds[0] is not None and bounds[0] == bounds[1] and i not in self._equal:
            self._equate(less({(i,): 1}, bounds[0]))

    def _equate(self, difference: Polynomial) -> None:
        """The difference is 0: an atom is replaced from now on. If it is a remainder, ``a`` is ``m*floor(a/m) + r``."""
        variables = [m for m in difference if m]
        multiple = without_remainders(self, difference) if len(variables) == 1 else difference
        self._replace(difference)
        self._replace(self.reduced(multiple))

    def _replace(self, difference: Polynomial) -> None:
        """Replace an atom by what it equals if the difference is 0."""
        common = math.gcd(*difference.values()) or 1
        difference = {m: c // common for m, c in difference.items()}
        alone = [m for m in difference if len(m) == 1 and sum(m[0] in other for other in difference) == 1]
        unit = next((m for m in alone if difference[m] in (1, -1)), None)
        if unit is not None:
            self._set(unit[0], {m: -c * difference[unit] for m, c in difference.items() if m != unit})
        elif len(alone) == len(difference) == 2:  # 2x = 7y says that x = 7t and y = 2t
            (x, a), (y, b) = difference.items()
            part = divided(self, "//", {x: 1}, {(): abs(b)})
            self._set(x[0], multiplied(part, {(): abs(b)}))
            self._set(y[0], multiplied(part, {(): -a if b > 0 else a}))

    def _set(self, i: int, equal: Polynomial) -> None:
        """An atom equals a polynomial, which takes its bounds. It is not replaced by a remainder of itself."""
        remainders = [self.atoms[j].of[0] for j in self._within(equal) if self.atoms[j].operation == "mod"]
        if any(i in monomial for monomial in equal) or any(i in self._within(of) for of in remainders):
            return
        self._equal[i] = equal
        low, high = self.atoms[i].bounds
        if low is not None:
            self._learn(">=", less(equal, low))
        if high is not None:
            self._learn(">=", less({(): high}, equal))

    def _within(self, of: Polynomial) -> set[int]:
        """The atoms in a polynomial, and those that they are computed from."""
        found, left = set[int](), [of]
        while left:
            new = {i for monomial in left.pop() for i in monomial} - found
            found |= new
            left += [part for i in new for part in (*self.atoms[i].of, self._equal.get(i, {}))]
        return found

    def reduced(self, of: Polynomial) -> Polynomial:
        """The polynomial with the atoms replaced that are known to equal others."""
        if not self._equal:
            return of
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

    def has_few(self, of: Polynomial) -> bool:
        """Whether a size has few values, so that each may have its own path. A quotient of two sizes mostly has few."""
        low, high = self.bounds(self.reduced(of))
        if low is not None and high is not None and high - low < _FEW:
            return True
        return any(self.atoms[i].operation == "//" and constant(self.atoms[i].of[1]) is None for i in self._within(of))

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
        self._choose(difference)
        difference = self.reduced(difference)
        for write in (lambda _, of: of, without_remainders, without_multiples):
            always = self._always(op, write(self, difference))
            if always is not None:
                return always
        if op == "==":
            difference = self._as_remainder(difference)
        number = difference.get((), 0)
        rest = {monomial: c for monomial, c in difference.items() if monomial}
        factor = shared_factor(difference)
        if factor is not None and self.bounds({(factor,): 1})[0] == 0:
            zero = self.compared("==", {(factor,): 1})
            return combined("or", [zero, self.compared(op, without_factor(difference, factor))])
        if factor is not None and (self.bounds({(factor,): 1})[0] or 0) >= 1:
            return self.compared(op, without_factor(difference, factor))
        common = math.gcd(*rest.values())
        rest, number = {monomial: c // common for monomial, c in rest.items()}, number // common
        for factors, left in factored({**rest, (): number}):
            simple = self._of_product(op, factors, -left)
            if simple is not None:
                return simple
            if op == "==" and max(map(len, factors)) > 1:  # (a - 3)*(b - 3) = 25 is shorter than its sum
                return Statement(op, (reduce(times, map(self.expression, sorted(factors, key=max))), -left))
        if op == "==":
            sign = 1 if rest[min(rest)] > 0 else -1
            return Statement(op, balanced(self.expression(multiplied({**rest, (): number}, {(): sign}))))
        if rest[max(rest)] > 0:
            return Statement(op, balanced(self.expression({**rest, (): number})))
        # A negative last coefficient: -a ≥ b says that a ≥ 1 - b is false.
        rest = {monomial: -c for monomial, c in rest.items()}
        return negated(Statement(op, balanced(self.expression({**rest, (): -number - 1}))))

    def _as_remainder(self, difference: Polynomial) -> Polynomial:
        """What is 0 for the same sizes, and is one remainder if that is possible: ``H mod 4`` for ``4*floor(H/4) - H``.

        The remainder has no constant inside: ``H mod 4 - 3`` for ``(H + 1) mod 4``.
        """
        difference = min(without_multiples(self, difference), difference, key=len)
        rest = [monomial for monomial in difference if monomial]
        atom = self.atoms[rest[0][0]] if len(rest) == 1 == len(rest[0]) else None
        if atom is None or atom.operation != "mod" or (by := constant(atom.of[1])) is None:
            return difference
        number, remains = divmod(-difference.get((), 0), difference[rest[0]])
        if remains:
            return difference
        inside = atom.of[0].get((), 0)
        return less(divided(self, "mod", less(atom.of[0], inside), atom.of[1]), (number - inside) % by)

    def _always(self, op: str, difference: Polynomial) -> bool | None:
        """The answer if bounds or common divisors give it for all sizes, otherwise ``None``."""
        low, high = self.bounds(difference)
        if op == ">=" and low is not None and low >= 0:
            return True
        if (high is not None and high < 0) or (op == "==" and low is not None and low > 0):
            return False
        if low == high == 0:
            return True
        common = math.gcd(*(c for m, c in difference.items() if m))
        return False if op == "==" and common and difference.get((), 0) % common else None

    def extreme(self, op: str, a: Polynomial, b: Polynomial) -> Polynomial:
        """The maximum (``"max"``) or the minimum (``"min"``) of two sizes."""
        always = self.compared(">=", less(a, b))
        if isinstance(always, bool):
            return a if always == (op == "max") else b
        (low, high), (least, most) = self.bounds(a), self.bounds(b)
        known = max if op == "max" else min
        lows, highs = [of for of in (low, least) if of is not None], [of for of in (high, most) if of is not None]
        # A maximum is at least each lower bound, and below an upper bound only if both are.
        low = known(lows) if len(lows) == 2 or (lows and op == "max") else None
        high = known(highs) if len(highs) == 2 or (highs and op == "min") else None
        expression = Expression(op, (self.expression(a), self.expression(b)))
        sample = known(at_sample(a, self), at_sample(b, self))
        key = op, frozenset((frozenset(a.items()), frozenset(b.items())))
        return self.atom(key, lambda: Atom(expression, sample, (low, high), op, (a, b)))

    def _choose(self, of: Polynomial) -> None:
        """Replace each maximum and minimum in a polynomial, if it is known by now which size it is."""
        for i in {i for monomial in of for i in monomial} - self._equal.keys():
            atom = self.atoms[i]
            if atom.operation in ("max", "min"):
                a, b = map(self.reduced, atom.of)
                low, high = self.bounds(less(a, b))
                first_is_larger = low is not None and low >= 0
                chosen = a if first_is_larger == (atom.operation == "max") else b
                if first_is_larger or (high is not None and high <= 0):
                    self._set(i, chosen)

    def _of_product(self, op: str, factors: Sequence[Polynomial], number: int) -> Statement | bool | None:
        """Whether a product of several sizes equals a small number, or reaches it, by its factors alone."""
        if op == "==" and number == 0:
            return combined("or", [self.compared("==", factor) for factor in factors])
        negative = [(self.bounds(factor)[1] or 0) < 0 for factor in factors]
        factors = [multiplied(of, {(): -1}) if below else of for of, below in zip(factors, negative, strict=True)]
        least = [self.bounds(factor)[0] for factor in factors]
        if any(low is None or low < 0 for low in least):
            return None
        if sum(negative) % 2:  # the product is negative or 0
            if op == ">=":
                above = self._of_product(">=", factors, 1 - number)
                return above if above is None else negated(above)
            number = -number
        if op == "==" and number == 1:
            return combined("and", [self.compared("==", less(factor, 1)) for factor in factors])
        if op == ">=" and number == 1:
            return combined("and", [self.compared(">=", less(factor, 1)) for factor in factors])
        if op == ">=" and number == 2 and all(least):
            return combined("or", [self.compared(">=", less(factor, 2)) for factor in factors])
        return None


_FEW = 32
"""So many paths may a size have that is turned into a plain number."""


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
