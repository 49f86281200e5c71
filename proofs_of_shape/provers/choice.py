"""``prove(theorem, by=...)``: ask a prover by its name. It always answers, with a :class:`Proof`."""

from collections.abc import Mapping
from time import perf_counter

from ...spec.messages.choices import nearest_choice
from ...spec.messages.report import UsageError
from ..theorem import Theorem
from .by_crosshair import prove_by_crosshair
from .by_enumeration import prove_by_enumeration
from .by_z3 import prove_by_z3
from .limits import require_seconds
from .proof import Proof, Prover


def _prove_by_coq(theorem: Theorem, seconds: float) -> tuple[str, Mapping[str, int] | None, str]:
    # Imported late: otherwise `python -m wellshaped.proofs_of_shape.coq_reading` is loaded before it runs.
    from .by_coq import prove_by_coq

    return prove_by_coq(theorem, seconds)


PROVERS: dict[str, Prover] = {
    "z3": prove_by_z3,
    "coq": _prove_by_coq,
    "enumeration": prove_by_enumeration,
    "crosshair": prove_by_crosshair,
}
"""The provers by name."""


def prove(theorem: Theorem, by: str = "z3", *, seconds: float = 60.0) -> Proof:
    """Return what the prover ``by`` answers within ``seconds``.

    - ``"z3"`` and ``"coq"`` prove the theorem for all natural numbers.
    - ``"enumeration"`` runs the shipped functions on a box of small numbers.
    - ``"crosshair"`` runs the shipped Python on symbols and looks for a counterexample; it never proves.

    Z3 and CrossHair come with the extra ``proofs``; Coq needs ``coqc`` on the path. If a prover is not installed, the
    verdict says so. Raises :class:`UsageError` for any other name, and for ``seconds`` that are not above 0.

    >>> from wellshaped.proofs_of_shape import THEOREMS
    >>> prove(THEOREMS[5], by="enumeration").verdict
    'holds in a box'
    """
    if by not in PROVERS:
        raise UsageError.of(
            f"by={by!r}",
            "by",
            "no such prover",
            f"it must be one of {', '.join(PROVERS)}",
            f'by="{nearest_choice(by, PROVERS)}"',
        )
    require_seconds(seconds)
    started = perf_counter()
    verdict, counterexample, says = PROVERS[by](theorem, seconds)
    return Proof(theorem.name, by, verdict, counterexample, perf_counter() - started, says)
