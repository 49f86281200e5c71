"""Statements read by Coq, and its check of the proofs in ``coq/proofs.v``.

The statements are generated from the theorem values; a proof of ``name`` has the type ``name_statement``, so the two
cannot drift apart unseen. Coq's natural numbers have the same truncated subtraction and the same division by zero.
"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
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
    """The file ``statements.v``: each theorem's statement, and the negation of each refuted one."""
    lines = ["(* Generated from proofs_of_shape/theorems.py by `python -m wellshaped.proofs_of_shape.coq_reading`. *)"]
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


def prove_by_coq(theorem: Theorem, seconds: float) -> tuple[str, Mapping[str, int] | None, str]:
    """For all naturals, by the proof in ``coq/proofs.v``, checked by ``coqc`` without axioms."""
    if shutil.which("coqc") is None:
        return "not checked here", None, "coqc is not installed (Debian package coq)"
    from .theorems import THEOREMS

    shipped = {known.name: known for known in THEOREMS}.get(theorem.name)
    if shipped is None or statements([replace(shipped, says="")]) != statements([replace(theorem, says="")]):
        return "unknown", None, "coq/proofs.v has proofs of the statements in THEOREMS only"
    closed, trouble = check_proofs(seconds)
    if theorem.name not in closed:
        return "unknown", None, trouble or f"coq/proofs.v has no proof of {theorem.name} without axioms"
    if theorem.counterexample is not None:
        return "refuted", theorem.counterexample, "its negation is proved without axioms"
    return "proved", None, "without axioms"


@cache
def check_proofs(seconds: float) -> tuple[frozenset[str], str]:
    """The theorems that ``coqc`` finds proved, as they are stated now and without axioms; or what is wrong."""
    from .theorems import THEOREMS

    proofs = (FOLDER / "proofs.v").read_text()
    given = [theorem.name for theorem in THEOREMS if re.search(rf"\bTheorem {theorem.name} :", proofs)]
    # By its full name, or a definition in proofs.v could stand for the statement.
    asked = "".join(f"Check ({name} : statements.{name}_statement).\nPrint Assumptions {name}.\n" for name in given)
    files = {
        "statements.v": statements(THEOREMS),
        "proofs.v": proofs,
        "asked.v": f"Require Import statements proofs.\n{asked}",
    }
    output = ""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            (Path(folder) / name).write_text(text)
            try:
                run = subprocess.run(["coqc", name], cwd=folder, capture_output=True, text=True, timeout=seconds)
            except subprocess.TimeoutExpired:
                return frozenset(), f"coqc took more than {seconds} seconds over {name}"
            if run.returncode:
                return frozenset(), f"coqc refuses {name}: {run.stderr.strip()[-400:]}"
            output = run.stdout
    # In turn, for each name: what `Check` answers, then "Closed under the global context" or a list of axioms.
    closes = re.compile(r"^Closed under the global context$", re.MULTILINE)
    _, *answers = re.split(r"^(\w+)\s*:\s*(?:statements\.)?\1_statement", output, flags=re.MULTILINE)
    closed = (name for name, answer in zip(answers[::2], answers[1::2], strict=True) if closes.search(answer))
    return frozenset(closed), ""


if __name__ == "__main__":
    from .theorems import THEOREMS

    (FOLDER / "statements.v").write_text(statements(THEOREMS))
