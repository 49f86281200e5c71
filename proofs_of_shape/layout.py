"""Long statements over several lines, indented by structure, so that a reader sees which parts they have."""

from collections.abc import Sequence
from itertools import groupby

from .terms import Formula, Term

_STEP = "  "


def laid_out(node: Formula | Term, width: int = 100) -> str:
    """Return the text of a statement or a term on lines of at most ``width`` columns.

    A part that fits on a line stays whole. A longer one has its brackets on lines of their own, and its parts between
    them, indented by two. An operator begins the line of its right side. Without its spaces and line breaks, the text
    is that of ``str(node)``.

    >>> from wellshaped.proofs_of_shape.terms import conjunction, iff, variable
    >>> n, k = variable("n"), variable("k")
    >>> print(laid_out(iff(conjunction(n >= 1, n >= k), n + k >= 2 * k), width=24))
    (
      (n ≥ 1 ∧ n ≥ k)
      ↔ (n + k) ≥ (2·k)
    )
    """
    return "\n".join(_lines(node, width))


def _lines(node: Formula | Term, room: int) -> list[str]:
    if len(str(node)) <= room or node.op in ("var", "const"):
        return [str(node)]
    if node.op == "call":
        name, *args = node.args
        return [f"{name}(", *(_STEP + line for line in _arguments(args, room - len(_STEP))), ")"]
    if node.op in ("=", "≥"):
        return _operands(node, room)
    if node.op == "¬":
        return ["¬(", *(_STEP + line for line in _lines(node.args[0], room - len(_STEP))), ")"]
    return ["(", *(_STEP + line for line in _operands(node, room - len(_STEP))), ")"]


def _operands(node: Formula | Term, room: int) -> list[str]:
    """The operands in turn; each but the first begins with the operator, and its other lines are indented."""
    first, *others = node.args
    lines = _lines(first, room)
    operator = f"{node.op} "
    for other in others:
        begin, *more = _lines(other, room - len(operator))
        lines += [operator + begin, *(" " * len(operator) + line for line in more)]
    return lines


def _arguments(args: Sequence[Term], room: int) -> list[str]:
    """The arguments, separated by commas. Variables and numbers that follow each other share a line."""
    groups: list[list[str]] = []
    for short, found in groupby(args, lambda arg: arg.op in ("var", "const")):
        these = list(found)
        groups += [[", ".join(map(str, these))]] if short else [_lines(arg, room - 1) for arg in these]
    return [line + "," * (line is group[-1] and group is not groups[-1]) for group in groups for line in group]
