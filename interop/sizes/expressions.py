"""Sizes as functions of open sizes, and statements about them: what a framework computes while it traces a network.

An expression is an ``int``, or an :class:`Expression` of named sizes. Every framework's own symbols are translated to
it, so that one solver answers for all of them.
"""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ...spec.network.affine import floor_ratio
from . import products

Size = "int | Expression"
"""A size: a number, or an expression of open sizes."""


@dataclass(frozen=True, slots=True)
class Expression:
    """An operation on sizes: ``op`` is ``"name"`` with one name, or a key of :data:`OPERATIONS` with two sizes.

    >>> half = Expression("//", (Expression("name", ("H",)), 2))
    >>> print(half), value(half, {"H": 303})
    floor(H/2)
    (None, 151)
    """

    op: str
    args: tuple[Any, ...]

    def __str__(self) -> str:
        return _text(self)


def _largest(a: Any, b: Any) -> Any:
    return a if _difference(a, b) >= 0 else b


def _smallest(a: Any, b: Any) -> Any:
    return b if _difference(a, b) >= 0 else a


def _difference(a: Any, b: Any) -> Any:
    return products.plus(a, products.times(b, -1))


def _floor(a: Any, b: Any) -> Any:
    if isinstance(b, int) and b <= 0:
        if b == 0:
            raise ZeroDivisionError("a size is divided by 0")
        a, b = products.times(a, -1), -b
    if isinstance(b, int):
        return products.quotient(a, b)
    a, b = products.require_affine(a), products.require_affine(b)
    if b >= 1:
        return floor_ratio(a, b)
    if b <= -1:
        return floor_ratio(a * -1, b * -1)
    raise ZeroDivisionError("a size is divided by 0")


def _rest(a: Any, b: Any) -> Any:
    return products.plus(a, products.times(products.times(_floor(a, b), b), -1))


OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": products.plus,
    "*": products.times,
    "//": _floor,
    "mod": _rest,
    "max": _largest,
    "min": _smallest,
}
"""What each operation computes, on integers and on affine functions of bounded numbers."""


def name(of: str) -> Expression:
    """The open size with this name."""
    return Expression("name", (of,))


def value(size: Any, sizes: Mapping[str, Any]) -> Any:
    """The value of a size where the open sizes have these values: integers, or affine functions of numbers in a box."""
    if not isinstance(size, Expression):
        return size
    if size.op == "name":
        return sizes[size.args[0]]
    left, right = (value(arg, sizes) for arg in size.args)
    return OPERATIONS[size.op](left, right)


def is_positive(size: Any, sizes: Mapping[str, Any]) -> bool:
    """Whether a size is at least 1 where the open sizes have these values. A size that divides by 0 is not."""
    try:
        return bool(value(size, sizes) >= 1)
    except ZeroDivisionError:
        return False


def names_in(size: Any) -> frozenset[str]:
    """The names of the open sizes in an expression or a statement."""
    if isinstance(size, Expression | Statement):
        if size.op == "name":
            return frozenset(size.args)
        return frozenset().union(*map(names_in, size.args))
    return frozenset()


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement about sizes: ``op`` is ``"=="`` or ``">="`` with two sizes, or ``"and"``, ``"or"``, ``"not"``.

    >>> H = name("H")
    >>> odd = Statement("==", (Expression("mod", (H, 2)), 1))
    >>> print(odd), holds(odd, {"H": 303})
    H mod 2 = 1
    (None, True)
    """

    op: str
    args: tuple[Any, ...]

    def __str__(self) -> str:
        if self.op == "not":
            inner = self.args[0]
            if inner.op == ">=":
                left, right = inner.args
                first, number = _and_number(right) if isinstance(right, Expression) else (0, right)
                if number > 0:  # a < b + 1 is a ≤ b
                    return f"{left} ≤ {plus(first, number - 1)}"
            return _compared(inner, "≠", "<", ">") if inner.op in ("==", ">=") else f"not ({inner})"
        if self.op in ("and", "or"):
            return f" {self.op} ".join(f"({arg})" for arg in self.args)
        return _compared(self, "=", "≥", "≤")


def holds(statement: Statement, sizes: Mapping[str, Any], truth: bool = True) -> bool:
    """Whether the statement is ``truth`` where the open sizes have these values.

    A statement that divides by a size of 0 is neither true nor false. On affine functions it raises ``Undecided`` if
    the box does not decide it; the parts cover the whole box.
    """
    if statement.op == "not":
        return holds(statement.args[0], sizes, not truth)
    if statement.op in ("and", "or"):
        each = any if (statement.op == "or") == truth else all
        return each(holds(arg, sizes, truth) for arg in statement.args)
    try:
        left, right = (value(arg, sizes) for arg in statement.args)
    except ZeroDivisionError:
        return False
    more, less = _difference(left, right), _difference(right, left)
    if statement.op == ">=":
        return bool(more >= 0) if truth else bool(less >= 1)
    if truth:
        return bool(more >= 0) and bool(less >= 0)
    return bool(more >= 1) or bool(less >= 1)


@lru_cache(maxsize=16_384)
def parsed(text: str) -> Any:
    """The expression that a text like ``2*floordiv(h, 2) - 1`` writes: the notation of ``jax.export``.

    >>> print(parsed("2*floordiv(H + 1, 2) - 1"))
    2*floor((H + 1)/2) - 1
    """
    return _read(ast.parse(text.replace("^", "**").strip(), mode="eval").body)


_CALLS = {"floordiv": "//", "mod": "mod", "max": "max", "min": "min"}


def _read(node: ast.expr) -> Any:
    match node:
        case ast.Constant(int() as number):
            return number
        case ast.Name(of):
            return name(of)
        case ast.UnaryOp(ast.USub(), operand):
            return times(_read(operand), -1)
        case ast.BinOp(left, ast.Add(), right):
            return plus(_read(left), _read(right))
        case ast.BinOp(left, ast.Sub(), right):
            return plus(_read(left), times(_read(right), -1))
        case ast.BinOp(left, ast.Mult(), right):
            return times(_read(left), _read(right))
        case ast.BinOp(left, ast.Pow(), ast.Constant(int() as power)) if power >= 1:
            base = _read(left)
            product = base
            for _ in range(power - 1):
                product = times(product, base)
            return product
        case ast.Call(ast.Name(of), args, []) if of in _CALLS:
            left, right = map(_read, args)
            return Expression(_CALLS[of], (left, right))
    raise ValueError(f"{ast.unparse(node)} is not an expression of sizes")


def plus(a: Any, b: Any) -> Any:
    """The sum of two sizes."""
    if isinstance(a, int) and isinstance(b, int):
        return a + b
    if 0 in (a, b):
        return b if a == 0 else a
    return Expression("+", (a, b))


def times(a: Any, b: Any) -> Any:
    """The product of two sizes."""
    if isinstance(a, int) and isinstance(b, int):
        return a * b
    if 1 in (a, b):
        return b if a == 1 else a
    return Expression("*", (a, b))


def balanced(difference: Any) -> tuple[Any, Any]:
    """The two sizes whose difference this is: its positive terms, and its negative ones.

    >>> left, right = balanced(parsed("H - 2*floordiv(W, 2) - 1"))
    >>> print(left, "|", right)
    H | 2*floor(W/2) + 1
    """
    sides: tuple[list[Any], list[Any]] = ([], [])
    terms = [difference]
    while terms:
        term = terms.pop()
        if isinstance(term, Expression) and term.op == "+":
            terms += reversed(term.args)
            continue
        of_term = term.args if isinstance(term, Expression) and term.op == "*" else (term,)
        number = next((arg for arg in of_term if isinstance(arg, int)), 1)
        if number < 0:
            term = _opposite(term)
        sides[number < 0].append(term)
    left, right = (_sum(side) for side in sides)
    return left, right


def _negated(term: Expression) -> Any:
    """A product with a negative number, times -1."""
    a, b = term.args
    return times(_opposite(a), b) if _is_negative(a) else times(a, _opposite(b))


def _sum(terms: list[Any]) -> Any:
    total: Any = 0
    for term in terms:
        total = plus(total, term)
    return total


def _compared(statement: Statement, equal: str, more: str, less: str) -> str:
    left, right = statement.args
    if statement.op == "==":
        if right == 0 and isinstance(left, Expression) and left.op == "mod" and _is_negative(left.args[1]):
            left = Expression("mod", (left.args[0], _opposite(left.args[1])))  # no remainder, whatever the sign
        return f"{left} {equal} {right}"
    if right == 0 and isinstance(left, Expression) and left.op == "+" and isinstance(left.args[1], int):
        text = str(left.args[0])
        if text.startswith("-"):  # 10000 - H*W ≥ 0
            return f"{text[1:]} {less} {left.args[1]}"
    return f"{left} {more} {right}"


def _is_negative(size: Any) -> bool:
    """Whether a size is written with a minus: a negative number, or a product with one."""
    if isinstance(size, Expression):
        return size.op == "*" and any(map(_is_negative, size.args))
    return isinstance(size, int) and size < 0


def _opposite(size: Any) -> Any:
    return -size if isinstance(size, int) else _negated(size)


def _text(size: Any) -> str:
    if not isinstance(size, Expression):
        return str(size)
    if size.op == "name":
        return str(size.args[0])
    left, right = size.args
    match size.op:
        case "+":
            if isinstance(right, int) and right < 0:
                return f"{_text(left)} - {-right}"
            if isinstance(right, Expression) and _is_negative(right):
                return f"{_text(left)} - {_factor(_opposite(right))}"
            return f"{_text(left)} + {_text(right)}"
        case "*":
            if isinstance(right, int):
                left, right = right, left
            if isinstance(left, int) and left < 0 and _divides_by_a_negative(right):
                above, below = right.args  # -floor(a / -b) is a divided by b and rounded up
                text = f"ceil({_factor(above)}/{_divisor(_opposite(below))})"
                return text if left == -1 else f"{-left}*{text}"
            if isinstance(left, int) and left < 0 and (rounded := _rounded_up(right)) is not None:
                return _text(times(rounded, -left))
            return f"-{_later(right)}" if left == -1 else f"{_factor(left)}*{_later(right)}"
        case "//":
            left, right = _at_once(left, right)
            return f"floor({_factor(left)}/{_divisor(right)})"
        case "mod":
            return f"{_factor(left)} mod {_divisor(right)}"
    return f"{size.op}({_text(left)}, {_text(right)})"


def _rounded_up(size: Any) -> Any:
    """``-floor(-a / b)`` as ``floor((a + b - 1) / b)``, given the quotient; ``None`` for other sizes."""
    if not (isinstance(size, Expression) and size.op == "//" and isinstance(size.args[1], int) and size.args[1] > 0):
        return None
    above, below = size.args
    first, number = _and_number(above)
    if not _is_negative(first):
        return None
    return Expression("//", (plus(_opposite(first), below - 1 - number), below))


def _at_once(above: Any, below: Any) -> tuple[Any, Any]:
    """The two numbers of a quotient. Two that are rounded down one after the other are one: half a half is a quarter.

    >>> print(parsed("floordiv(floordiv(H + 1, 2) + 1, 2)"))
    floor((H + 3)/4)
    """
    if not (isinstance(below, int) and below > 0):
        return above, below
    first, more = _and_number(above)
    if not (isinstance(first, Expression) and first.op == "//"):
        return above, below
    inner, by = first.args
    if not (isinstance(by, int) and by > 0):
        return above, below
    rest, number = _and_number(inner)
    return _at_once(plus(rest, number + more * by), below * by)


def _and_number(size: Any) -> tuple[Any, int]:
    """A size as a sum of another and a number."""
    if isinstance(size, Expression) and size.op == "+":
        left, right = size.args
        if isinstance(right, int):
            return left, right
        if isinstance(left, int):
            return right, left
    return size, 0


def _divides_by_a_negative(size: Any) -> bool:
    return isinstance(size, Expression) and size.op == "//" and _is_negative(size.args[1])


def _divisor(size: Any) -> str:
    return f"({_text(size)})" if isinstance(size, Expression) and size.op == "*" else _factor(size)


def _factor(size: Any) -> str:
    first, number = _and_number(size)
    if number and isinstance(first, Expression) and first.op == "//" and isinstance(first.args[1], int):
        size = Expression("//", (plus(first.args[0], number * first.args[1]), first.args[1]))  # floor(a/b) + n
    text = _text(size)
    return f"({text})" if isinstance(size, Expression) and size.op in ("+", "mod") else text


def _later(size: Any) -> str:
    """A factor after another one, or after a minus."""
    text = _factor(size)
    return f"({text})" if text.startswith("-") else text
