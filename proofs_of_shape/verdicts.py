"""Whether the provers' answers settle the theorems, and a summary in one line.

A theorem with a counterexample is a false statement. It is settled when it is refuted.
"""

from collections.abc import Sequence

from .provers.proof import HOLDS_IN_A_BOX, NOT_CHECKED, PROVED, REFUTED, UNKNOWN, Proof
from .theorem import Theorem

Proofs = Sequence[tuple[Theorem, Proof]]
"""Pairs of a theorem and one prover's answer. A theorem may be in several pairs."""


def in_words(theorem: Theorem, proof: Proof) -> str:
    """Return the verdict, with a remark if a refutation is expected.

    >>> from wellshaped.proofs_of_shape import THEOREMS, prove
    >>> in_words(THEOREMS[5], prove(THEOREMS[5], by="enumeration"))
    'holds in a box'
    """
    expected = proof.verdict == REFUTED and theorem.counterexample is not None
    return "refuted, as expected" if expected else proof.verdict


def settled(theorem: Theorem, proofs: Proofs) -> bool:
    """Return whether some prover gives the expected verdict on ``theorem``, and none disagrees or gives up.

    CrossHair only looks for counterexamples. If it finds none, its answer does not count.

    >>> from wellshaped.proofs_of_shape import THEOREMS, prove
    >>> theorem = THEOREMS[5]
    >>> settled(theorem, [(theorem, prove(theorem, by="enumeration"))]), settled(theorem, [])
    (True, False)
    """
    verdicts = {p.verdict for t, p in proofs if t is theorem and not (p.verdict == UNKNOWN and p.by == "crosshair")}
    false = theorem.counterexample is not None
    right, wrong = ({REFUTED}, PROVED) if false else ({PROVED, HOLDS_IN_A_BOX}, REFUTED)
    return bool(verdicts & right) and not verdicts & {wrong, UNKNOWN}


def unsettled(proofs: Proofs) -> list[Theorem]:
    """Return the theorems that are not settled, in order.

    >>> from wellshaped.proofs_of_shape import THEOREMS, prove
    >>> unsettled([(THEOREMS[5], prove(THEOREMS[5], by="enumeration"))])
    []
    """
    return [theorem for theorem in _theorems(proofs) if not settled(theorem, proofs)]


def answered(proofs: Proofs) -> bool:
    """Return whether any prover is installed, and so gave an answer.

    >>> from wellshaped.proofs_of_shape import THEOREMS, prove
    >>> answered([(THEOREMS[5], prove(THEOREMS[5], by="enumeration"))]), answered([])
    (True, False)
    """
    return any(proof.verdict != NOT_CHECKED for _, proof in proofs)


def summary(proofs: Proofs) -> str:
    """Return one line: the expected verdicts, and whether the provers agree.

    >>> from wellshaped.proofs_of_shape import THEOREMS, prove
    >>> summary([(THEOREMS[5], prove(THEOREMS[5], by="enumeration"))])
    'as expected: 1 theorem holds, and 0 false statements are refuted'
    """
    if not answered(proofs):
        return f"no answer: {'; '.join(dict.fromkeys(proof.says for _, proof in proofs))}"
    theorems, left = _theorems(proofs), unsettled(proofs)
    false = sum(theorem.counterexample is not None for theorem in theorems)
    true = len(theorems) - false
    holds = f"{true} theorem{'s hold' if true != 1 else ' holds'}"
    goal = f"{holds}, and {false} false statement{' is' if false == 1 else 's are'} refuted"
    if not left:
        return f"as expected: {goal}"
    names = ", ".join(theorem.name for theorem in left[:3])
    more = f" and {len(left) - 3} more" if len(left) > 3 else ""
    return f"expected: {goal}; not settled, or different: {names}{more}"


def _theorems(proofs: Proofs) -> list[Theorem]:
    found: list[Theorem] = []
    for theorem, _ in proofs:
        if all(theorem is not other for other in found):
            found.append(theorem)
    return found
