"""Symbols for natural numbers, and statements about them: what size functions return when called on symbols.

A :class:`Term` has the operations of :mod:`wellshaped.spec.arithmetic.naturals` and no others. So a size function that
is called on terms returns its own formula. Comparing terms makes a :class:`Formula`. Each prover reads both in its own
way.
"""

from dataclasses import dataclass
from typing import Any, TypeVar

from ..spec.arithmetic.naturals import Reading, read_as
from ..spec.messages.report import WellshapedError
from ..spec.messages.written import written_number, written_value

Value = TypeVar("Value")


@dataclass(frozen=True, eq=False, slots=True)
class Term:
    """A natural number as a symbol: a variable (``op="var"``), a number (``"const"``), or an operation on terms.

    After folding (see :mod:`.folding`), it may also be a call of a size function by name (``"call"``).

    >>> n = variable("n")
    >>> print(n * 2 + 1), print(n >= 1)
    ((n·2) + 1)
    n ≥ 1
    (None, None)
    """

    op: str
    args: tuple[Any, ...]

    def __add__(self, other: "Term | int") -> "Term":
        return Term("+", (self, term(other)))

    def __radd__(self, other: int) -> "Term":
        return Term("+", (term(other), self))

    def __mul__(self, other: "Term | int") -> "Term":
        return Term("·", (self, term(other)))

    def __rmul__(self, other: int) -> "Term":
        return Term("·", (term(other), self))

    def __eq__(self, other: object) -> Any:
        if isinstance(other, str):  # a padding may be a word such as "SAME", which no number equals
            return False
        return Formula("=", (self, term(other)))

    def __ne__(self, other: object) -> Any:
        return Formula("¬", (self == other,))

    def __ge__(self, other: "Term | int") -> Any:
        return Formula("≥", (self, term(other)))

    def __le__(self, other: "Term | int") -> Any:
        return Formula("≥", (term(other), self))

    def __gt__(self, other: "Term | int") -> Any:
        return Formula("≥", (self, term(other) + 1))

    def __lt__(self, other: "Term | int") -> Any:
        return Formula("≥", (term(other), self + 1))

    __hash__ = object.__hash__

    def __str__(self) -> str:
        if self.op in ("var", "const"):
            return written_number(self.args[0])
        if self.op == "call":
            return f"{self.args[0]}({', '.join(map(str, self.args[1:]))})"
        left, right = self.args
        return f"({left}·{right})" if self.op == "·" else f"({left} {self.op} {right})"


@dataclass(frozen=True, eq=False, slots=True)
class Formula:
    """A statement about terms: a comparison, or statements put together by ``∧``, ``∨``, ``¬``, ``→``, ``↔``."""

    op: str
    args: tuple[Any, ...]

    def __bool__(self) -> bool:
        raise TypeError(f"only a prover can decide whether {self} holds: do not branch on a symbol")

    def __str__(self) -> str:
        if self.op == "¬":
            return f"¬({self.args[0]})"
        if self.op in ("=", "≥"):
            return f"{self.args[0]} {self.op} {self.args[1]}"
        return "(" + f" {self.op} ".join(map(str, self.args)) + ")"


def variable(name: str) -> Term:
    """Return the symbol for a natural number called ``name``."""
    return Term("var", (name,))


def term(value: object) -> Term:
    """Return ``value`` as a term: a natural number, or a term, which is returned unchanged."""
    if isinstance(value, Term):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return Term("const", (value,))
    raise TypeError(f"{written_value(value)} is neither a term nor a natural number")


def digits(number: int) -> str:
    """Return all digits of a number, for a prover to read.

    Raises :class:`WellshapedError` if the number is longer than Python writes (4 300 digits by default).

    >>> digits(304)
    '304'
    """
    try:
        return str(number)
    except ValueError:
        says = f"the statement has {written_number(number)}, and a prover needs all digits of a number"
        raise WellshapedError.of(
            "writing the statement", "digits", "a number is too long", says, "smaller numbers"
        ) from None


def _join(op: str, empty: bool, statements: tuple[Any, ...]) -> Any:
    """Join statements by ``∧`` or ``∨``, working out in Python the ones whose truth is known."""
    known = [s for s in statements if isinstance(s, bool)]
    if any(s is not empty for s in known):
        return not empty
    rest = tuple(s for s in statements if not isinstance(s, bool))
    return empty if not rest else rest[0] if len(rest) == 1 else Formula(op, rest)


def conjunction(*statements: Any) -> Any:
    """The statement that all ``statements`` hold, or its truth value if that is known.

    >>> conjunction(True, False), str(conjunction(variable("n") >= 1, True))
    (False, 'n ≥ 1')
    """
    return _join("∧", True, statements)


def disjunction(*statements: Any) -> Any:
    """The statement that at least one of the ``statements`` holds."""
    return _join("∨", False, statements)


def negation(statement: Any) -> Any:
    """The statement that ``statement`` does not hold."""
    return not statement if isinstance(statement, bool) else Formula("¬", (statement,))


def implies(assumption: Any, conclusion: Any) -> Any:
    """The statement that the ``conclusion`` holds if the ``assumption`` does."""
    if isinstance(assumption, bool):
        return conclusion if assumption else True
    if conclusion is True:
        return True
    return negation(assumption) if conclusion is False else Formula("→", (assumption, conclusion))


def iff(left: Any, right: Any) -> Any:
    """The statement that ``left`` and ``right`` both hold, or neither."""
    for known, other in ((left, right), (right, left)):
        if isinstance(known, bool):
            return other if known else negation(other)
    return Formula("↔", (left, right))


read_as(Reading(Term, lambda a, b: Term("∸", (term(a), term(b))), lambda a, b: Term("/", (term(a), term(b)))))
