"""Statements as SMT-LIB 2, a text format that every solver for integers reads and that a file can keep.

Certificates keep this text, and Z3 reads it to prove theorems.
"""

from typing import Literal

from .terms import Formula, Term, digits

Division = Literal["divided", "defined", "both"]
"""How a quotient ``a / b`` is written.

- ``"divided"``: by the solver's own division, and its definition if the divisor is known.
- ``"defined"``: by a new number ``q`` and its definition, ``b·q ≤ a < b·q + b``. Quotients of equal numbers are also
  stated to be equal, because Z3 does not always see this if the divisor is a variable.
- ``"both"``: as ``"defined"``, and ``q`` is also stated to equal the solver's own division. This helps with some
  statements and hinders with others.
"""

_OPERATIONS = {"+": "+", "·": "*", "=": "=", "≥": ">=", "∧": "and", "∨": "or", "¬": "not", "→": "=>", "↔": "="}


def refutation_text(statement: Formula | bool, variables: tuple[str, ...], division: Division = "divided") -> str:
    """Return a script that asks for natural numbers for which the statement fails; ``unsat`` means that none exist.

    Each part of the statement is written once, under a name. Raises :class:`WellshapedError` if a number has more than
    4 300 digits.

    >>> print(refutation_text(Term("var", ("n",)) + 1 >= 1, ("n",)))
    (declare-const n Int)
    (assert (>= n 0))
    (define-fun t0 () Int (+ n 1))
    (define-fun t1 () Bool (>= t0 1))
    (assert (not t1))
    (check-sat)
    """
    lines = [line for name in variables for line in (f"(declare-const {name} Int)", f"(assert (>= {name} 0))")]
    script = _Script(lines, division)
    claim = script.name_of(statement)
    return "\n".join([*lines, f"(assert (not {claim}))", "(check-sat)"])


class _Script:
    """Adds the definitions of a statement's parts to the ``lines`` of a script."""

    def __init__(self, lines: list[str], division: Division) -> None:
        self.lines = lines
        self.division = division
        self._names: dict[int, str] = {}
        self._texts: dict[str, str] = {}
        self._quotients: list[tuple[str, str, str]] = []

    def name_of(self, node: Formula | Term | bool) -> str:
        """Return the text that stands for a node: a number, a variable, or a name, which is defined on first use."""
        if isinstance(node, bool):
            return "true" if node else "false"
        if node.op in ("var", "const"):
            return str(node.args[0]) if node.op == "var" else digits(node.args[0])
        if id(node) not in self._names:
            args = [self.name_of(arg) for arg in node.args]
            text = _text(node, args)
            if text not in self._texts:
                self._texts[text] = self._defined(node, args, text)
            self._names[id(node)] = self._texts[text]
        return self._names[id(node)]

    def _defined(self, node: Formula | Term, args: list[str], text: str) -> str:
        if node.op == "/" and self.division != "divided":
            return self._quotient(args[0], args[1], text)
        name = f"t{len(self._texts)}"
        self.lines.append(f"(define-fun {name} () {'Int' if isinstance(node, Term) else 'Bool'} {text})")
        if node.op == "/" and args[1].isdecimal() and int(args[1]) > 0:
            # The definition of division, added because Z3 is slow to use it by itself.
            a, b = args
            self.lines.append(f"(assert (and (<= (* {b} {name}) {a}) (< {a} (+ (* {b} {name}) {b}))))")
        return name

    def _quotient(self, a: str, b: str, text: str) -> str:
        q = f"q{len(self._quotients)}!"  # no variable has a name with "!"
        bounds = f"(and (<= (* {b} {q}) {a}) (< {a} (+ (* {b} {q}) {b})))"
        conditions = [f"(>= {q} 0)", f"(ite (= {b} 0) (= {q} 0) {bounds})"]
        if self.division == "both":
            conditions.append(f"(= {q} {text})")
        conditions += [f"(=> (and (= {a} {c}) (= {b} {d})) (= {q} {other}))" for other, c, d in self._quotients]
        self.lines += [f"(declare-const {q} Int)", *(f"(assert {condition})" for condition in conditions)]
        self._quotients.append((q, a, b))
        return q


def _text(node: Formula | Term, args: list[str]) -> str:
    if node.op == "∸":
        a, b = args
        return f"(ite (>= {a} {b}) (- {a} {b}) 0)"
    if node.op == "/":
        a, b = args
        return f"(ite (= {b} 0) 0 (div {a} {b}))"
    return f"({_OPERATIONS[node.op]} {' '.join(args)})"
