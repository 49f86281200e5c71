"""The page of all theorems, ``docs/theorems.md``, generated from their values."""

import sys
from pathlib import Path

from ..spec.messages.written import written_number
from .folding import FUNCTIONS, definition, fold, parameters
from .theorem import Theorem
from .theorems import THEOREMS

_HEAD = """\
# Theorems

This page is generated from the theorems as values, and a test fails when it is not up to date:
`python -P -m wellshaped.proofs_of_shape.ledger docs/theorems.md`. Each statement is what the shipped functions give
when called on symbols; `wellshaped prove` has Z3 and Coq prove it for all natural numbers. `a ∸ b` is truncated
subtraction, `a / b` floor division with `a / 0 = 0`.

The functions that statements call by name:
"""


def page() -> str:
    """The text of the page."""
    lines = [_HEAD, "```text"]
    lines += [f"{name}({', '.join(parameters(name))}) = {definition(name)}" for name in FUNCTIONS]
    lines += ["```", "", "## Proved", ""]
    proved = [theorem for theorem in THEOREMS if theorem.counterexample is None]
    refuted = [theorem for theorem in THEOREMS if theorem.counterexample is not None]
    lines += [line for theorem in proved for line in _section(theorem)]
    lines += [
        "## Refuted",
        "",
        "What the audit of the source's first edition finds false, with the smallest numbers.",
        "",
    ]
    lines += [line for theorem in refuted for line in _section(theorem)]
    return "\n".join(lines)


def _section(theorem: Theorem) -> list[str]:
    lines = [f"### {theorem.name}", "", f"{theorem.says} ({theorem.mirrors})", "", "```text"]
    lines += [f"for all {', '.join(theorem.variables)}:", f"  {fold(theorem.statement())}", "```", ""]
    if theorem.counterexample is not None:
        found = {name: written_number(value) for name, value in theorem.counterexample.items() if value}
        numbers = ", ".join(f"{name} = {value}" for name, value in found.items())
        lines += [f"Fails for {numbers}, and 0 for the others.", ""]
    return lines


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
