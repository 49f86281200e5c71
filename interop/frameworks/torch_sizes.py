"""Symbolic sizes for PyTorch, with every comparison decided for a sample and recorded.

PyTorch's own symbolic sizes keep some facts to themselves: an equality replaces a symbol, a comparison narrows a range,
and a later comparison is then decided without a guard. :class:`Node` has no such memory. PyTorch asks it for the
operations of Python's numbers, and each answer that is not the same for all sizes becomes a condition.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cmp_to_key, reduce
from typing import Any

from ..sizes.expressions import Expression, Statement, balanced, name, plus, times
from ..sizes.paths import Condition

Monomial = tuple[int, ...]
"""A product of atoms, by their numbers in :class:`Sizes`; empty for the number 1."""

Polynomial = dict[Monomial, int]
"""The coefficient of each monomial. None is 0."""

Interval = tuple[int | None, int | None]
"""A lower and an upper bound, or ``None`` for no bound."""

LARGEST = 2**40
"""No open size is larger. So no product of a few sizes is too large for PyTorch's own numbers."""

EXACT = 2**20
"""The largest denominator of a fraction that is computed exactly, as Python's floats do it for sizes below 2**32."""


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
        self._conditions: dict[Statement, bool] = {}
        self.nodes = {of: self._open(of, sample) for of, sample in samples.items()}

    def _open(self, of: str, sample: int) -> "Node":
        return Node(self, int, sample, self.atom(of, lambda: name(of), sample, (1, LARGEST)))

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """What was decided, in order."""
        return tuple(Condition(statement, held) for statement, held in self._conditions.items())

    def atom(self, key: Any, expression: Callable[[], Any], sample: int, bounds: Interval) -> Polynomial:
        """The atom with this key as a polynomial. It is made if it is new."""
        if key not in self._known:
            self._known[key] = len(self.atoms)
            self.atoms.append(Atom(expression(), sample, bounds))
        return {(self._known[key],): 1}

    def decided(self, node: "Node") -> bool:
        """The truth of a statement for the sample; it becomes a condition."""
        if isinstance(node.value, Statement):
            if not self.lost and node.value not in self._conditions:
                self._conditions[node.value] = bool(node.hint)
                if node.difference is not None:
                    self._learn(node.value, bool(node.hint), node.difference)
        elif not isinstance(node.value, bool):
            self.lose("a comparison of numbers that are no exact function of the sizes")
        return bool(node.hint)

    def _learn(self, statement: Statement, held: bool, difference: Polynomial) -> None:
        """Use a condition that was recorded: an atom equals a polynomial, or has closer bounds."""
        while statement.op == "not":
            statement, held = statement.args[0], not held
        difference = self.reduced(difference)
        common = math.gcd(*difference.values()) or 1
        difference = {m: c // common for m, c in difference.items()}
        if statement.op == "==" and held:
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
        factors = [{(i,): 1} for i in dict.fromkeys(monomial)]
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


@dataclass(frozen=True, slots=True)
class Ratio:
    """A float: ``top / bottom``. If it is ``rounded``, the float is the nearest to this number."""

    top: Polynomial
    bottom: int
    rounded: bool = False


def ratio(top: Polynomial, bottom: int, rounded: bool = False) -> Ratio:
    """The fraction in lowest terms."""
    if bottom < 0:
        top, bottom = {monomial: -c for monomial, c in top.items()}, -bottom
    common = math.gcd(bottom, *top.values())
    top, bottom = {monomial: c // common for monomial, c in top.items()}, bottom // common
    return Ratio(top, bottom, rounded or bottom & (bottom - 1) != 0)


class Node:
    """A symbolic number or truth value, as ``torch.SymInt``, ``torch.SymFloat`` and ``torch.SymBool`` expect it.

    ``value`` is a polynomial (int), a ratio (float), or a statement or bool (bool); ``None`` has no expression, and
    only the ``hint``, the value for the sample, is known.
    """

    # PyTorch names the methods and fields.
    __slots__ = ("difference", "hint", "of", "pytype", "value")
    constant = None
    fx_node = None

    def __init__(self, of: Sizes, pytype: type, hint: Any, value: Any, difference: Polynomial | None = None) -> None:
        self.of, self.pytype, self.hint, self.value, self.difference = of, pytype, hint, value, difference

    # What PyTorch asks about a node.

    @property
    def expr(self) -> "Node":
        return self

    @property
    def free_symbols(self) -> frozenset[str]:
        return frozenset()

    @property
    def shape_env(self) -> "Node":
        return self

    @property
    def _hint(self) -> None:
        return None  # a known hint is used in the place of a question

    def evaluate_sym_node(self, node: "Node", *_: Any, **__: Any) -> Any:
        return node.evaluate()

    def _maybe_evaluate_static(self, node: "Node", *_: Any, **__: Any) -> Any:
        return node.evaluate()

    def is_int(self) -> bool:
        return self.pytype is int

    def is_float(self) -> bool:
        return self.pytype is float

    def is_bool(self) -> bool:
        return self.pytype is bool

    def is_nested_int(self) -> bool:
        return False

    def nested_int(self) -> None:
        return None

    def is_symbolic(self) -> bool:
        return True

    def is_constant(self) -> bool:
        return self._fixed() is not None and self.pytype is not float

    def has_hint(self) -> bool:
        return True

    def maybe_as_int(self) -> int | None:
        fixed = self._fixed()
        return None if self.pytype is not int or fixed is None else int(fixed)

    def maybe_as_float(self) -> float | None:
        return None

    def maybe_as_bool(self) -> bool | None:
        return self.value if isinstance(self.value, bool) else None

    def clone(self) -> "Node":
        return self

    def str(self) -> str:
        return str(self.hint)

    _graph_repr = __str__ = __repr__ = str

    def wrap_int(self, number: int) -> "Node":
        return Node(self.of, int, number, {(): number} if number else {})

    def wrap_float(self, number: float) -> "Node":
        exact = Fraction(number) if math.isfinite(number) else None
        known = exact is not None and exact.denominator <= EXACT and abs(exact.numerator) <= 2**53
        value = (
            ratio({(): exact.numerator} if exact else {}, exact.denominator) if known and exact is not None else None
        )
        return Node(self.of, float, number, value)

    def wrap_bool(self, truth: bool) -> "Node":
        return Node(self.of, bool, truth, truth)

    def _fixed(self) -> Any:
        if self.value is None or isinstance(self.value, Statement):
            return None
        if self.pytype is bool:
            return self.value
        if self.pytype is int:
            return constant(self.value)
        top = constant(self.value.top)
        return None if top is None else self.hint

    # Answers that the network's code depends on.

    def evaluate(self, *_: Any, **__: Any) -> Any:
        if self.pytype is bool:
            return self.of.decided(self)
        if self._fixed() is None:
            self.of.lose(f"{self.of_what()} is turned into a plain number")
        return self.hint

    def of_what(self) -> "str":  # type: ignore[valid-type]
        """The number in words."""
        if self.pytype is int and self.value is not None:
            return f"{self.of.expression(self.value)}"
        return "a number that is computed from a size"

    def guard_int(self, *_: Any) -> int:
        return int(self.evaluate())

    def guard_float(self, *_: Any) -> float:
        return float(self.evaluate())

    def guard_bool(self, *_: Any) -> bool:
        return bool(self.evaluate())

    int_ = guard_int
    bool_ = expect_true = guard_bool
    guard_size_oblivious = guard_or_false = guard_or_true = statically_known_true = guard_bool

    # Numbers.

    def _result(self, hint: Any, value: Any) -> "Node":
        return Node(self.of, type(hint), hint, value)

    def _pair(self, other: "Node") -> tuple[Any, Any, bool]:
        """Both values as ratios or polynomials, and whether both are known."""
        a, b = self.value, other.value
        if a is None or b is None:
            return a, b, False
        if float in (self.pytype, other.pytype):
            a = a if isinstance(a, Ratio) else ratio(a, 1)
            b = b if isinstance(b, Ratio) else ratio(b, 1)
        return a, b, True

    def _sum(self, other: "Node", by: int) -> "Node":
        hint = self.hint + by * other.hint
        a, b, known = self._pair(other)
        if not known:
            return self._result(hint, None)
        if not isinstance(a, Ratio):
            return self._result(hint, added(a, b, by))
        if a.rounded or b.rounded:
            return self._result(hint, None)
        bottom = math.lcm(a.bottom, b.bottom)
        parts = [{m: c * (bottom // of.bottom) for m, c in of.top.items()} for of in (a, b)]
        return self._result(hint, _exact(ratio(added(*parts, by), bottom)))

    def add(self, other: "Node") -> "Node":
        return self._sum(other, 1)

    def sub(self, other: "Node") -> "Node":
        return self._sum(other, -1)

    def neg(self) -> "Node":
        return self.wrap_int(0).sub(self)

    def pos(self) -> "Node":
        return self

    def mul(self, other: "Node") -> "Node":
        hint = self.hint * other.hint
        a, b, known = self._pair(other)
        if not known:
            return self._result(hint, None)
        if not isinstance(a, Ratio):
            return self._result(hint, multiplied(a, b))
        if a.rounded or b.rounded:
            return self._result(hint, None)
        return self._result(hint, _exact(ratio(multiplied(a.top, b.top), a.bottom * b.bottom)))

    def int_truediv(self, other: "Node") -> "Node":
        return self.sym_float().float_truediv(other.sym_float())

    def float_truediv(self, other: "Node") -> "Node":
        hint = float(self.hint / self._divisor(other))
        a, b, known = self._pair(other)
        by = constant(b.top) if known and isinstance(b, Ratio) else None
        if by is None or a.rounded or b.rounded:
            return self._result(hint, None)
        top = {monomial: c * b.bottom for monomial, c in a.top.items()}
        quotient = ratio(top, a.bottom * by)
        return self._result(hint, quotient if quotient.bottom <= EXACT else None)

    truediv = float_truediv

    def _divisor(self, other: "Node") -> Any:
        if other.eq(other.wrap_int(0) if other.pytype is int else other.wrap_float(0.0)).guard_bool():
            raise ZeroDivisionError("division by zero")
        return other.hint

    def int_floordiv(self, other: "Node") -> "Node":
        hint = self.hint // self._divisor(other)
        return self._result(hint, self._divided("//", other, hint))

    floordiv = int_floordiv

    def mod(self, other: "Node") -> "Node":
        hint = self.hint % self._divisor(other)
        return self._result(hint, self._divided("mod", other, hint) if self.pytype is int else None)

    def _divided(self, op: "str", other: "Node", hint: Any) -> Polynomial | None:  # type: ignore[valid-type]
        """The quotient or the remainder of two ints."""
        a, b = self.value, other.value
        if a is None or b is None:
            return None
        by = constant(b)
        if by is not None and by < 0:
            a, b, by = added({}, a, -1), added({}, b, -1), -by
            if op == "mod":
                return added({}, Node(self.of, int, -self.hint, a)._divided(op, self.wrap_int(by), -hint) or {}, -1)
        sizes = self.of
        a, b = sizes.reduced(a), sizes.reduced(b)
        by = constant(b)
        exact = _quotient(a, b)
        if exact is not None:
            return exact if op == "//" else {}
        whole: Polynomial = {}
        bounds: Interval = (None, None)
        if by is not None:
            common = math.gcd(by, *a.values())
            if common > 1:
                parts = ({m: c // common for m, c in of.items()} for of in (a, b))
                a, b = (Node(self.of, int, _at(of, sizes), of) for of in parts)  # type: ignore[assignment]
                smaller = a._divided(op, b, a.hint // b.hint if op == "//" else a.hint % b.hint)  # type: ignore
                return smaller if op == "//" or smaller is None else {m: c * common for m, c in smaller.items()}
            # Multiples of the divisor leave the quotient, and leave nothing to the remainder.
            if op == "//":
                whole = {m: c // by for m, c in a.items() if c // by and (c % by == 0 or not m)}
            a = {m: c if m else c % by for m, c in a.items() if c % by}
            low, high = sizes.bounds(a)
            if low is not None and high is not None and low // by == high // by:
                block = low // by
                return added(whole, {(): block} if block else {}) if op == "//" else less(a, block * by)
            bounds = (None if low is None else low // by, None if high is None else high // by)
            if op == "mod":
                bounds = (0, by - 1)
        elif (sizes.bounds(b)[0] or 0) >= 1:
            low, high = sizes.bounds(a)
            if low is not None and low >= 0:
                if (sizes.bounds(less(b, a))[0] or 0) >= 1:
                    return a if op == "mod" else {}
                bounds = (0, high)
            elif op == "mod":
                bounds = (0, None)
        key = op, frozenset(a.items()), frozenset(b.items())
        sample = hint - _at(whole, sizes) if op == "//" else hint
        atom = sizes.atom(key, lambda: Expression(op, (sizes.expression(a), sizes.expression(b))), sample, bounds)
        return added(whole, atom)

    def sym_float(self) -> "Node":
        return self if self.pytype is float else Node(self.of, float, float(self.hint), self._as_ratio())

    def _as_ratio(self) -> Ratio | None:
        return None if self.value is None else ratio(self.value, 1)

    def floor(self) -> "Node":
        return self._whole(math.floor(self.hint), 0)

    def ceil(self) -> "Node":
        return self._whole(math.ceil(self.hint), 1)

    def trunc(self) -> "Node":
        if self.pytype is int:
            return self
        return self.floor() if self.ge(self.wrap_float(0.0)).guard_bool() else self.ceil()

    sym_int = trunc

    def round(self, ndigits: int | None = None) -> "Node":
        if self.pytype is int:
            return self
        known = isinstance(self.value, Ratio) and self.value.bottom == 1 and not self.value.rounded
        return self._result(round(self.hint, ndigits), self.value.top if known and ndigits is None else None)

    def is_integer(self) -> "Node":
        if not isinstance(self.value, Ratio):
            return Node(self.of, bool, float(self.hint).is_integer(), None)
        number = Node(self.of, int, _at(self.value.top, self.of), self.value.top)
        return number.mod(self.wrap_int(self.value.bottom)).eq(self.wrap_int(0))

    def _whole(self, hint: int, up: int) -> "Node":
        if self.pytype is int:
            return self
        if not isinstance(self.value, Ratio):
            return self._result(hint, None)
        top, bottom = self.value.top, self.value.bottom
        top = added(top, {(): bottom - 1}) if up and bottom > 1 else top
        number = Node(self.of, int, _at(top, self.of), top)
        return self._result(hint, number._divided("//", self.wrap_int(bottom), hint))

    def pow_by_natural(self, other: "Node") -> "Node":
        hint, power = self.hint**other.hint, other._fixed()
        if power is None or self.value is None or not 0 <= power <= 8:
            return self._result(hint, None)
        return self._result(hint, reduce(multiplied, [self.value] * power, {(): 1}))

    def float_pow(self, other: "Node") -> "Node":
        return self._result(float(self.hint**other.hint), None)

    pow = float_pow

    def abs(self) -> "Node":
        zero = self.wrap_int(0) if self.pytype is int else self.wrap_float(0.0)
        return self if self.ge(zero).guard_bool() else self.neg()

    def sym_max(self, other: "Node") -> "Node":
        return self._extreme("max", other)

    def sym_min(self, other: "Node") -> "Node":
        return self._extreme("min", other)

    def _extreme(self, op: "str", other: "Node") -> "Node":  # type: ignore[valid-type]
        hint = {"max": max, "min": min}[op](self.hint, other.hint)
        if self.pytype is not int or other.pytype is not int or self.value is None or other.value is None:
            return self if self._chosen(op, other) else other
        always = self.of.compared(">=", less(self.value, other.value))
        if isinstance(always, bool):
            return self if always == (op == "max") else other
        sizes, pair = self.of, (self.value, other.value)
        (a, a_high), (b, b_high) = (sizes.bounds(of) for of in pair)
        known = max if op == "max" else min
        lows, highs = [of for of in (a, b) if of is not None], [of for of in (a_high, b_high) if of is not None]
        # A maximum is at least each lower bound, and below an upper bound only if both are.
        low = known(lows) if len(lows) == 2 or (lows and op == "max") else None
        high = known(highs) if len(highs) == 2 or (highs and op == "min") else None
        key = op, frozenset(frozenset(of.items()) for of in pair)
        return self._result(
            hint, sizes.atom(key, lambda: Expression(op, tuple(map(sizes.expression, pair))), hint, (low, high))
        )

    def _chosen(self, op: "str", other: "Node") -> bool:  # type: ignore[valid-type]
        return (self.ge(other) if op == "max" else self.le(other)).guard_bool()

    def sym_sum(self, nodes: "list[Node]") -> "Node":
        return reduce(Node.add, nodes)

    # Bits.

    def lshift(self, other: "Node") -> "Node":
        by = other._fixed()
        return self._result(self.hint << other.hint, None) if by is None else self.mul(self.wrap_int(1 << by))

    def rshift(self, other: "Node") -> "Node":
        by = other._fixed()
        return self._result(self.hint >> other.hint, None) if by is None else self.int_floordiv(self.wrap_int(1 << by))

    def bitwise_and(self, other: "Node") -> "Node":
        for a, b in ((self, other), (other, self)):
            mask = b._fixed()
            if mask is not None and mask >= 0 and mask & (mask + 1) == 0:
                return a.mod(self.wrap_int(mask + 1))
            if mask is not None and mask < 0 and -mask & (-mask - 1) == 0:
                return a.sub(a.mod(self.wrap_int(-mask)))
        return self._result(self.hint & other.hint, None)

    def bitwise_or(self, other: "Node") -> "Node":
        return self._result(self.hint | other.hint, None)

    def bitwise_xor(self, other: "Node") -> "Node":
        return self._result(self.hint ^ other.hint, None)

    # Statements.

    def _compared(self, op: "str", other: "Node", hint: bool, strict: bool = False) -> "Node":  # type: ignore[valid-type]
        a, b, known = self._pair(other)
        if self.pytype is bool:
            truths = self.guard_bool(), other.guard_bool()
            return self.wrap_bool(truths[0] == truths[1])
        if not known or (isinstance(a, Ratio) and a.rounded and b.rounded):
            return Node(self.of, bool, hint, None)
        if isinstance(a, Ratio):
            a, b = multiplied(a.top, {(): b.bottom}), multiplied(b.top, {(): a.bottom})
        difference = less(less(a, b), 1 if strict else 0)
        return Node(self.of, bool, hint, self.of.compared(op, difference), difference)

    def eq(self, other: "Node") -> "Node":
        return self._compared("==", other, self.hint == other.hint)

    def ne(self, other: "Node") -> "Node":
        return self.eq(other).sym_not()

    def ge(self, other: "Node") -> "Node":
        return self._compared(">=", other, self.hint >= other.hint)

    def gt(self, other: "Node") -> "Node":
        return self._compared(">=", other, self.hint > other.hint, strict=True)

    def le(self, other: "Node") -> "Node":
        return other.ge(self)

    def lt(self, other: "Node") -> "Node":
        return other.gt(self)

    def sym_not(self) -> "Node":
        return Node(self.of, bool, not self.hint, None if self.value is None else negated(self.value), self.difference)

    def and_(self, other: "Node") -> "Node":
        return self._joined("and", other, self.hint and other.hint)

    def or_(self, other: "Node") -> "Node":
        return self._joined("or", other, self.hint or other.hint)

    sym_and, sym_or = and_, or_

    def _joined(self, op: "str", other: "Node", hint: bool) -> "Node":  # type: ignore[valid-type]
        values = self.value, other.value
        if (op == "or") in [value for value in values if isinstance(value, bool)]:
            return self.wrap_bool(op == "or")
        value = None if None in values else combined(op, values)
        alone = next((node for node in (self, other) if node.value == value), None)
        return Node(self.of, bool, hint, value, alone.difference if alone else None)

    def sym_ite(self, then: "Node", otherwise: "Node") -> "Node":
        return then if self.guard_bool() else otherwise

    # Strides.

    def is_contiguous(self, sizes: "list[Node]", strides: "list[Node]") -> "Node":
        return self.wrap_bool(_is_contiguous(sizes, strides, range(len(sizes) - 1, -1, -1)))

    def is_channels_last_contiguous_2d(self, sizes: "list[Node]", strides: "list[Node]") -> "Node":
        return self.wrap_bool(len(sizes) == 4 and _is_contiguous(sizes, strides, (1, 3, 2, 0)))

    def is_channels_last_contiguous_3d(self, sizes: "list[Node]", strides: "list[Node]") -> "Node":
        return self.wrap_bool(len(sizes) == 5 and _is_contiguous(sizes, strides, (1, 4, 3, 2, 0)))

    def is_channels_last_strides_2d(self, sizes: "list[Node]", strides: "list[Node]") -> "Node":
        return self.wrap_bool(len(sizes) == 4 and _is_channels_last(sizes, strides, (1, 3, 2, 0)))

    def is_channels_last_strides_3d(self, sizes: "list[Node]", strides: "list[Node]") -> "Node":
        return self.wrap_bool(len(sizes) == 5 and _is_channels_last(sizes, strides, (1, 4, 3, 2, 0)))

    def is_non_overlapping_and_dense(self, sizes: "list[Node]", strides: "list[Node]") -> "Node":
        return self.wrap_bool(_is_dense(sizes, strides))

    def is_non_overlapping_and_dense_indicator(self, sizes: "list[Node]", strides: "list[Node]") -> "Node":
        return self.wrap_int(int(_is_dense(sizes, strides)))


def _quotient(a: Polynomial, b: Polynomial) -> Polynomial | None:
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


def _exact(of: Ratio) -> Ratio | None:
    return of if not of.rounded and of.bottom <= EXACT else None


def _at(of: Polynomial, sizes: Sizes) -> int:
    return sum(c * math.prod(sizes.atoms[i].sample for i in monomial) for monomial, c in of.items())


def _equal(a: Node, b: Node | int) -> bool:
    return a.eq(a.wrap_int(b) if isinstance(b, int) else b).guard_bool()


def _is_contiguous(sizes: list[Node], strides: list[Node], order: Iterable[int]) -> bool:
    order = list(order)
    expected = sizes[0].wrap_int(1) if sizes else None
    for d in order:
        # The stride comes first: it mostly agrees for all sizes, and then nothing is asked.
        if not (expected is None or _equal(strides[d], expected) or _equal(sizes[d], 1)):
            return any(_equal(size, 0) for size in sizes)
        expected = sizes[d] if expected is None else expected.mul(sizes[d])
    return True


def _is_channels_last(sizes: list[Node], strides: list[Node], order: Iterable[int]) -> bool:
    least = sizes[0].wrap_int(0)
    if _equal(strides[1], 0):
        return False
    for d in order:
        if _equal(sizes[d], 0) or strides[d].lt(least).guard_bool() or (d == 0 and _equal(least, strides[1])):
            return False
        least = strides[d].mul(sizes[d].sym_max(sizes[d].wrap_int(1)))
    return True


def _is_dense(sizes: list[Node], strides: list[Node]) -> bool:
    if _is_contiguous(sizes, strides, range(len(sizes) - 1, -1, -1)):
        return True
    larger = [d for d in range(len(sizes)) if sizes[d].ge(sizes[d].wrap_int(2)).guard_bool()]

    def order(a: int, b: int) -> int:
        if _equal(strides[a], strides[b]):
            return 0
        return -1 if strides[a].lt(strides[b]).guard_bool() else 1

    expected = sizes[0].wrap_int(1)
    for d in sorted(larger, key=cmp_to_key(order)):
        if not _equal(strides[d], expected):
            return False
        expected = expected.mul(sizes[d])
    return True


for _op in ("sqrt", "cos", "cosh", "sin", "sinh", "tan", "tanh", "asin", "acos", "atan", "log2"):
    # Only the value for the sample is known.
    setattr(Node, f"sym_{_op}", lambda self, of=getattr(math, _op): Node(self.of, float, float(of(self.hint)), None))
