"""What a prover answers: one form for all of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..theorem import Theorem

PROVED, REFUTED, UNKNOWN, NOT_CHECKED = "proved", "refuted", "unknown", "not checked here"
HOLDS_IN_A_BOX = "holds in a box"


@dataclass(frozen=True, slots=True)
class Proof:
    """The answer of the prover ``by``: its ``verdict``, a ``counterexample`` if it refutes, and what it ``says``.

    The verdict is ``"proved"``, ``"refuted"``, ``"unknown"``, ``"not checked here"`` (the prover is not installed), or
    ``"holds in a box"`` (for the numbers that were tried).
    """

    theorem: str
    by: str
    verdict: str
    counterexample: Mapping[str, int] | None = None
    seconds: float = 0.0
    says: str = ""


Prover = Callable[[Theorem, float], tuple[str, Mapping[str, int] | None, str]]
"""From a theorem and a time limit in seconds to a verdict, a counterexample or ``None``, and a remark."""
