"""Theorems proved by Coq for all natural numbers, with the proofs that people wrote in ``coq/proofs.v``.

A proof of ``name`` must have the type ``name_statement``, which is generated from the theorem. So Coq rejects a
proof of another statement.
"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from ..coq_reading import FOLDER, statements
from ..theorem import Theorem
from ..theorems import THEOREMS
from .proof import NOT_CHECKED, PROVED, REFUTED, UNKNOWN


def prove_by_coq(theorem: Theorem, seconds: float) -> tuple[str, Mapping[str, int] | None, str]:
    """Let ``coqc`` check the proof in ``coq/proofs.v``. It holds for all naturals, and may use no axiom."""
    if shutil.which("coqc") is None:
        return NOT_CHECKED, None, "coqc is not installed (Debian package coq)"
    shipped = {known.name: known for known in THEOREMS}.get(theorem.name)
    if shipped is None or statements([replace(shipped, says="")]) != statements([replace(theorem, says="")]):
        return UNKNOWN, None, "coq/proofs.v proves only the statements in THEOREMS"
    closed, trouble = check_proofs(seconds)
    if theorem.name not in closed:
        return UNKNOWN, None, trouble or f"coq/proofs.v has no proof of {theorem.name} without axioms"
    if theorem.counterexample is not None:
        return REFUTED, theorem.counterexample, "its negation is proved without axioms"
    return PROVED, None, "without axioms"


@cache
def check_proofs(seconds: float) -> tuple[frozenset[str], str]:
    """Return the names of the theorems that ``coqc`` finds proved without axioms, and what went wrong, or ``""``.

    The statements are generated from the theorems as they are now, so a proof of an older statement does not count.
    """
    proofs = (FOLDER / "proofs.v").read_text()
    given = [theorem.name for theorem in THEOREMS if re.search(rf"\bTheorem {theorem.name} :", proofs)]
    # With the full name of the statement: proofs.v could define another one of the same name.
    questions = "".join(f"Check ({name} : statements.{name}_statement).\nPrint Assumptions {name}.\n" for name in given)
    files = {
        "statements.v": statements(THEOREMS),
        "proofs.v": proofs,
        "questions.v": f"Require Import statements proofs.\n{questions}",
    }
    output = ""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            (Path(folder) / name).write_text(text)
            try:
                most = min(seconds, 1e6)  # a larger timeout overflows
                run = subprocess.run(["coqc", name], cwd=folder, capture_output=True, text=True, timeout=most)
            except subprocess.TimeoutExpired:
                return frozenset(), f"coqc took more than {seconds} seconds for {name}"
            if run.returncode:
                return frozenset(), f"coqc rejects {name}: {run.stderr.strip()[-400:]}"
            output = run.stdout
    # For each name, Coq prints the answer to `Check`, then "Closed under the global context" or a list of axioms.
    closes = re.compile(r"^Closed under the global context$", re.MULTILINE)
    _, *answers = re.split(r"^(\w+)\s*:\s*(?:statements\.)?\1_statement", output, flags=re.MULTILINE)
    closed = (name for name, answer in zip(answers[::2], answers[1::2], strict=True) if closes.search(answer))
    return frozenset(closed), ""
