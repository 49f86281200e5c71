"""Symbolic sizes for PyTorch, with every comparison decided for a sample and recorded.

PyTorch's own symbolic sizes hide some of what they decide: an equality replaces a symbol, a comparison narrows a range,
and a later comparison is then decided without a guard. :class:`Node` has no such memory of its own. PyTorch asks it for
the operations of Python's numbers, and each answer that is not the same for all sizes becomes a condition.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cmp_to_key, reduce
from typing import Any

from ..sizes.expressions import Statement
from ..sizes.polynomials import Polynomial, added, constant, less, multiplied, quotient_of, root_of
from ..sizes.quotients import at_sample, divided, rounded, shortest
from ..sizes.traced import Compared, Sizes, combined, negated

EXACT = 2**20
"""The largest denominator of a fraction that is computed exactly, as Python's floats do it for sizes below 2**32."""


def nodes(sizes: Sizes) -> "dict[str, Node]":
    """A node for each open size."""
    return {of: Node(sizes, int, sample, sizes.open_size(of)) for of, sample in sizes.samples.items()}


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
    __slots__ = ("compared", "hint", "of", "pytype", "value")
    constant = None
    fx_node = None

    def __init__(self, of: Sizes, pytype: type, hint: Any, value: Any, compared: Compared | None = None) -> None:
        self.of, self.pytype, self.hint, self.value, self.compared = of, pytype, hint, value, compared

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
            return constant(self.of.reduced(self.value))
        top = constant(self.of.reduced(self.value.top))
        return None if top is None else self.hint

    # Answers that the network's code depends on.

    def evaluate(self, *_: Any, **__: Any) -> Any:
        if self.pytype is bool:
            if isinstance(self.value, Statement):
                self.of.decided(self.value, self.hint, self.compared)
            elif self.value is None:
                self.of.lose("a comparison of numbers that are no exact function of the sizes")
            return self.hint
        if self._fixed() is None and self.pytype is int and self.value is not None and self.of.has_few(self.value):
            self.eq(self.wrap_int(self.hint)).guard_bool()
        elif self._fixed() is None:
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
            return self._result(hint, shortest(self.of, added(a, b, by)))
        if a.rounded or b.rounded:
            return self._result(hint, None)
        bottom = math.lcm(a.bottom, b.bottom)
        left, right = ({m: c * (bottom // of.bottom) for m, c in of.top.items()} for of in (a, b))
        return self._result(hint, _exact(ratio(added(left, right, by), bottom)))

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
        if not known or a.rounded or b.rounded:
            return self._result(hint, None)
        by = constant(self.of.reduced(b.top))
        if by is None:  # a size by itself is 1
            whole = quotient_of(multiplied(a.top, {(): b.bottom}), multiplied(b.top, {(): a.bottom}))
            return self._result(hint, None if whole is None else ratio(whole, 1))
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
        return self._result(hint, self._divided("//", other))

    floordiv = int_floordiv

    def mod(self, other: "Node") -> "Node":
        hint = self.hint % self._divisor(other)
        return self._result(hint, self._divided("mod", other) if self.pytype is int else None)

    def _divided(self, op: "str", other: "Node") -> Polynomial | None:  # type: ignore[valid-type]
        """The quotient or the remainder of two ints."""
        return None if self.value is None or other.value is None else divided(self.of, op, self.value, other.value)

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
        known = isinstance(self.value, Ratio) and ndigits is None
        nearest = rounded(self.of, self.value.top, self.value.bottom) if known else None
        return self._result(round(self.hint, ndigits), nearest)

    def is_integer(self) -> "Node":
        if not isinstance(self.value, Ratio):
            return Node(self.of, bool, float(self.hint).is_integer(), None)
        number = Node(self.of, int, at_sample(self.value.top, self.of), self.value.top)
        return number.mod(self.wrap_int(self.value.bottom)).eq(self.wrap_int(0))

    def _whole(self, hint: int, up: int) -> "Node":
        if self.pytype is int:
            return self
        if not isinstance(self.value, Ratio):
            return self._result(hint, None)
        top, bottom = self.value.top, self.value.bottom
        top = added(top, {(): bottom - 1}) if up and bottom > 1 else top
        return self._result(hint, divided(self.of, "//", top, {(): bottom}))

    def pow_by_natural(self, other: "Node") -> "Node":
        hint, power = self.hint**other.hint, other._fixed()
        if power is None or self.value is None or not 0 <= power <= 8:
            return self._result(hint, None)
        one: Polynomial = {(): 1}
        return self._result(hint, reduce(multiplied, [self.value] * power, one))

    def float_pow(self, other: "Node") -> "Node":
        if other.hint == 0.5 and other._fixed() is not None:
            return self.sym_sqrt()
        return self._result(float(self.hint**other.hint), None)

    pow = float_pow

    def sym_sqrt(self) -> "Node":
        value = self.sym_float().value
        root = root_of(value.top) if isinstance(value, Ratio) and value.bottom == 1 else None
        low = None if root is None else self.of.bounds(root)[0]
        known = root is not None and low is not None and low >= 0
        return Node(self.of, float, math.sqrt(self.hint), ratio(root or {}, 1) if known else None)

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
        return self._result(hint, self.of.extreme(op, self.value, other.value))

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
            a_bottom, b_bottom = a.bottom, b.bottom
            a, b = multiplied(a.top, {(): b_bottom}), multiplied(b.top, {(): a_bottom})
        difference = less(less(a, b), 1 if strict else 0)
        return Node(self.of, bool, hint, self.of.compared(op, difference), (op, difference))

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
        return Node(self.of, bool, not self.hint, None if self.value is None else negated(self.value), self.compared)

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
        return Node(self.of, bool, hint, value, alone.compared if alone else None)

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


def _exact(of: Ratio) -> Ratio | None:
    return of if not of.rounded and of.bottom <= EXACT else None


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


def _for_the_sample(function: Callable[[Any], float]) -> Callable[[Node], Node]:
    """A function without an expression: only its value for the sample is known."""
    return lambda node: Node(node.of, float, float(function(node.hint)), None)


for _op in ("cos", "cosh", "sin", "sinh", "tan", "tanh", "asin", "acos", "atan", "log2"):
    setattr(Node, f"sym_{_op}", _for_the_sample(getattr(math, _op)))
