"""The page of all theorems, ``docs/theorems.md``, generated from their values."""

import sys
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill, indent

from ..spec.messages.written import written_number
from .folding import FUNCTIONS, definition, fold, parameters
from .layout import laid_out
from .terms import Formula, Term, variable
from .theorem import Theorem
from .theorems import THEOREMS

_HEAD = """\
# Theorems

This page is generated from `proofs_of_shape/size_theorems.py` and `tile_theorems.py`, by
`python -P -m wellshaped.proofs_of_shape.ledger docs/theorems.md`; a test checks that it is up to date. Each statement
is what the shipped functions return when you call them on symbols. `wellshaped prove` has Z3 and Coq prove it for all
natural numbers.

`a ∸ b` is truncated subtraction: `max(a - b, 0)`. `a / b` is floor division, with `a / 0 = 0`. The brackets after a
sentence name its source: a section of the specification. A statement of many lines is folded: click on it.
"""

_FUNCTIONS = """\
## The functions of the statements

The statements call these functions by name:
"""

_REFUTED = """\
Claims that do not hold, each with the smallest numbers for which it fails: those of the source's first edition, and a
usual rule about tiles.
"""

_WIDTH = 100
_MOST_LINES = 12
"""The lines of a statement that is not folded."""


def page() -> str:
    """The text of the page."""
    proved = [theorem for theorem in THEOREMS if theorem.counterexample is None]
    refuted = [theorem for theorem in THEOREMS if theorem.counterexample is not None]
    lines = [_HEAD, *_table("holds", proved), *_table("does not hold", refuted), _FUNCTIONS, "```text"]
    lines += [laid_out(_defined(name), _WIDTH) for name in FUNCTIONS]
    lines += ["```", "", "## Proved", ""]
    lines += [line for theorem in proved for line in _section(theorem)]
    lines += ["## Refuted", "", _REFUTED]
    lines += [line for theorem in refuted for line in _section(theorem)]
    return "\n".join(lines)


def _table(title: str, theorems: Sequence[Theorem]) -> list[str]:
    """The theorems in words, each with a link to its statement."""
    rows = [f"| [{of.name}](#{of.name}) | {of.says} |" for of in theorems]
    return [f"| {title} | in words |", "|---|---|", *rows, ""]


def _defined(name: str) -> Formula:
    """A function of the statements, with its definition."""
    return Formula("=", (Term("call", (name, *map(variable, parameters(name)))), definition(name)))


def _section(theorem: Theorem) -> list[str]:
    quantified = fill(f"for all {', '.join(theorem.variables)}:", _WIDTH, subsequent_indent="    ")
    statement = f"{quantified}\n{indent(laid_out(fold(theorem.statement()), _WIDTH - 2), '  ')}"
    block = ["```text", statement, "```", ""]
    count = statement.count("\n") + 1
    if count > _MOST_LINES:
        block = [f"<details><summary>The statement, {count} lines</summary>", "", *block, "</details>", ""]
    lines = [f"### {theorem.name}", "", f"{theorem.says} ({theorem.mirrors})", "", *block]
    if theorem.counterexample is not None:
        found = {name: written_number(value) for name, value in theorem.counterexample.items() if value}
        numbers = ", ".join(f"{name} = {value}" for name, value in found.items())
        lines += [f"Fails for {numbers}, and 0 for the others.", ""]
    return lines


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
