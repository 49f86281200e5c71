"""The provers' answers that settle a theorem, for every combination that matters."""

import pytest

from wellshaped.proofs_of_shape import THEOREMS, Proof
from wellshaped.proofs_of_shape.verdicts import in_words, settled, summary, unsettled

TRUE = next(theorem for theorem in THEOREMS if theorem.counterexample is None)
FALSE = next(theorem for theorem in THEOREMS if theorem.counterexample is not None)
ANSWERS = {  # the provers' answers: whether they settle a true statement, and a false one
    (): (False, False),
    ("z3 proved",): (True, False),
    ("z3 refuted",): (False, True),
    ("enumeration holds in a box",): (True, False),
    ("z3 unknown",): (False, False),
    ("coq not checked here",): (False, False),
    ("z3 proved", "coq not checked here"): (True, False),
    ("z3 proved", "coq unknown"): (False, False),
    ("z3 refuted", "coq not checked here"): (False, True),
    ("z3 proved", "crosshair unknown"): (True, False),
    ("z3 refuted", "crosshair unknown"): (False, True),
    ("z3 proved", "crosshair refuted"): (False, False),
    ("crosshair unknown",): (False, False),
    ("z3 refuted", "enumeration holds in a box"): (False, True),
}


def proofs(theorem, answers):
    return [(theorem, Proof(theorem.name, *words.split(maxsplit=1))) for words in answers]


@pytest.mark.parametrize(("answers", "expected"), ANSWERS.items(), ids=lambda value: ", ".join(map(str, value)))
def test_a_theorem_is_settled_iff_a_prover_gives_the_expected_verdict_and_none_disagrees_or_gives_up(answers, expected):
    assert tuple(settled(theorem, proofs(theorem, answers)) for theorem in (TRUE, FALSE)) == expected


def test_a_proof_of_another_theorem_settles_nothing():
    assert not settled(TRUE, proofs(FALSE, ["z3 proved"]))


def test_the_summary_counts_both_kinds_and_names_the_open_theorems():
    both = [*proofs(TRUE, ["z3 proved"]), *proofs(FALSE, ["z3 refuted"])]
    wanted = "1 theorem holds, and 1 false statement is refuted"
    assert (unsettled(both), summary(both)) == ([], f"as expected: {wanted}")
    both = [*proofs(TRUE, ["z3 unknown", "coq proved"]), *proofs(FALSE, ["z3 proved"])]
    assert unsettled(both) == [TRUE, FALSE]
    assert summary(both) == f"expected: {wanted}; not settled, or different: {TRUE.name}, {FALSE.name}"


def test_the_summary_names_three_open_theorems_and_counts_the_others():
    answers = [proof for theorem in THEOREMS for proof in proofs(theorem, ["z3 unknown"])]
    names = ", ".join(theorem.name for theorem in THEOREMS[:3])
    assert summary(answers).endswith(f"not settled, or different: {names} and {len(THEOREMS) - 3} more")


def test_an_expected_refutation_is_called_expected():
    assert in_words(FALSE, Proof(FALSE.name, "z3", "refuted")) == "refuted, as expected"
    assert in_words(TRUE, Proof(TRUE.name, "z3", "refuted")) == "refuted"
    assert in_words(FALSE, Proof(FALSE.name, "z3", "proved")) == "proved"
