"""Statements as Coq reads them: ``python -P -m wellshaped.proofs_of_shape.coq_reading`` writes ``coq/statements.v``.

Coq's natural numbers have the same truncated subtraction as ours, and the same division by zero.
"""

from collections.abc import Iterable
from pathlib import Path

from .folding import FUNCTIONS, definition, fold, parameters
from .terms import Formula, Term, digits
from .theorem import Theorem

FOLDER = Path(__file__).parent / "coq"
_OPERATIONS = {"+": "+", "·": "*", "∸": "-", "/": "/", "=": "=", "∧": "/\\", "∨": "\\/", "→": "->", "↔": "<->"}


def read(statement: Formula | Term | bool) -> str:
    """The Coq text of a statement or a term."""
    if isinstance(statement, bool):
        return "True" if statement else "False"
    if statement.op in ("var", "const"):
        return str(statement.args[0]) if statement.op == "var" else digits(statement.args[0])
    if statement.op == "call":
        return f"({' '.join([statement.args[0], *map(read, statement.args[1:])])})"
    args = [read(arg) for arg in statement.args]
    if statement.op == "¬":
        return f"(~ {args[0]})"
    if statement.op == "≥":
        return f"({args[1]} <= {args[0]})"
    return "(" + f" {_OPERATIONS[statement.op]} ".join(args) + ")"


def statements(theorems: Iterable[Theorem]) -> str:
    """The text of ``statements.v``: the statement of each theorem, negated if the theorem has a counterexample."""
    lines = ["(* Generated from the theorems by `python -m wellshaped.proofs_of_shape.coq_reading`. *)"]
    lines += ["Require Import Arith.", ""]
    for name in FUNCTIONS:
        numbers = " ".join(parameters(name))
        lines += [f"Definition {name} ({numbers} : nat) : nat :=", f"  {read(definition(name))}.", ""]
    for theorem in theorems:
        claim = f"forall {' '.join(theorem.variables)} : nat,\n  {read(fold(theorem.statement()))}"
        if theorem.counterexample is not None:
            claim = f"~ ({claim})"
        lines += [f"(* {theorem.says} *)", f"Definition {theorem.name}_statement : Prop := {claim}.", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    from .theorems import THEOREMS

    (FOLDER / "statements.v").write_text(statements(THEOREMS))
