"""Conditions of a trace in their shortest form, so that two that say the same are one.

PyTorch's are recorded in this form (:mod:`.traced`). JAX writes its own: ``8*floor(3*H*W/-8) + 3*H*W = 0`` says that
``3*H*W mod 8 = 0``.
"""

from collections.abc import Mapping
from typing import Any

from .expressions import Expression, Statement
from .polynomials import Polynomial, added, less, multiplied
from .quotients import divided
from .traced import Sizes, combined, negated


def simplified(statement: Statement, at: Mapping[str, int]) -> Statement | bool:
    """The statement in its shortest form; a bool if it has the same answer for all sizes.

    ``at`` has sizes at which nothing in it is divided by 0.

    >>> from wellshaped.interop.sizes.expressions import parsed
    >>> print(simplified(Statement("==", (parsed("8*floordiv(3*H, -8) + 3*H"), 0)), {"H": 64}))
    3*H mod 8 = 0
    """
    return _statement(Sizes(at), statement)


def _statement(sizes: Sizes, statement: Statement) -> Statement | bool:
    if statement.op == "not":
        return negated(_statement(sizes, statement.args[0]))
    if statement.op in ("and", "or"):
        return combined(statement.op, [_statement(sizes, of) for of in statement.args])
    left, right = (_polynomial(sizes, of) for of in statement.args)
    return sizes.compared(statement.op, less(left, right))


def _polynomial(sizes: Sizes, size: Any) -> Polynomial:
    if not isinstance(size, Expression):
        return {(): size} if size else {}
    if size.op == "name":
        return sizes.open_size(size.args[0])
    a, b = (_polynomial(sizes, of) for of in size.args)
    if size.op == "+":
        return added(a, b)
    if size.op == "*":
        return multiplied(a, b)
    if size.op in ("//", "mod"):
        return divided(sizes, size.op, a, b)
    return sizes.extreme(size.op, a, b)
