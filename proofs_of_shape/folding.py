"""Statements that call the size functions by name, for people to read and for Coq to prove.

A size function called on symbols returns its formula, which is long if calls are nested. Folding replaces these
formulas by the calls. Nothing is lost: Coq gets the same formulas as the definitions of the functions.
"""

from collections.abc import Callable
from inspect import signature
from typing import Any

from ..spec.arithmetic.sizes import conv_transpose_size, sliding_window_size
from ..spec.network import TransposedWindow, Window
from .terms import Formula, Term, term, variable

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sliding_window_size": lambda n, k, s, p: sliding_window_size(n, kernel=k, stride=s, padding=p),
    "conv_transpose_size": lambda n, k, s, p: conv_transpose_size(n, kernel=k, stride=s, padding=p),
    "window_size": lambda n, k, s, p: Window(k, s, padding=p).size([n], 0),
    "transposed_size": lambda n, k, s, p: TransposedWindow(k, s, padding=p).size([n], 0),
}
"""The shipped functions that calls are folded into, by name, each with its numbers in order."""


def parameters(name: str) -> tuple[str, ...]:
    """The names of the arguments of a folded function."""
    return tuple(signature(FUNCTIONS[name]).parameters)


def definition(name: str) -> Term:
    """The formula of a folded function, in its :func:`parameters`."""
    return term(FUNCTIONS[name](*map(variable, parameters(name))))


def _patterns() -> list[tuple[str, Term, tuple[object, ...]]]:
    """Each function with all numbers unknown, and with a padding of 0, because Python works out ``2·0``."""
    patterns: list[tuple[str, Term, tuple[object, ...]]] = []
    for name, function in FUNCTIONS.items():
        *others, last = names = parameters(name)
        patterns.append((name, definition(name), names))
        if last == "p":
            patterns.append((name, term(function(*map(variable, others), 0)), (*others, 0)))
    return patterns


_PATTERNS = _patterns()


def fold(statement: Formula | Term) -> Any:
    """Return the statement with calls (``op="call"``) in place of the formulas of the size functions.

    >>> n, k, s = map(variable, "nks")
    >>> print(fold(sliding_window_size(n, kernel=k, stride=s) >= 1))
    sliding_window_size(n, k, s, 0) ≥ 1
    """
    if isinstance(statement, Formula):
        return Formula(statement.op, tuple(fold(arg) for arg in statement.args))
    if statement.op in ("var", "const"):
        return statement
    for name, pattern, numbers in _PATTERNS:
        found: dict[str, Term] = {}
        if _match(pattern, statement, found):
            given = (fold(found[p]) if isinstance(p, str) else term(p) for p in numbers)
            return Term("call", (name, *given))
    return Term(statement.op, tuple(fold(arg) for arg in statement.args))


def _match(pattern: Term, given: Term, found: dict[str, Term]) -> bool:
    if pattern.op == "var":
        name = pattern.args[0]
        return _same(found.setdefault(name, given), given)
    if pattern.op != given.op:
        return False
    if pattern.op == "const":
        return bool(pattern.args == given.args)
    return all(_match(p, g, found) for p, g in zip(pattern.args, given.args, strict=True))


def _same(one: Term, other: Term) -> bool:
    """Whether two terms are the same formula. Their ``==`` is a statement, and their texts shorten long numbers."""
    if one is other:
        return True
    if one.op != other.op or len(one.args) != len(other.args):
        return False
    pairs = zip(one.args, other.args, strict=True)
    return all(_same(a, b) if isinstance(a, Term) and isinstance(b, Term) else a is b or a == b for a, b in pairs)
