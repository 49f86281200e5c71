"""The theorems: all provers agree, each counterexample is the smallest, and generated files are up to date."""

import re
import shutil
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import get_args

import pytest
from effort import sparse
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from wellshaped.proofs_of_shape import THEOREMS, Theorem, certify, prove, smallest_counterexample
from wellshaped.proofs_of_shape.coq_reading import FOLDER, statements
from wellshaped.proofs_of_shape.folding import FUNCTIONS, definition, fold
from wellshaped.proofs_of_shape.layout import laid_out
from wellshaped.proofs_of_shape.ledger import page
from wellshaped.proofs_of_shape.provers.by_z3 import goals
from wellshaped.proofs_of_shape.smt_reading import Division, refutation_text
from wellshaped.proofs_of_shape.strategies import configs, nearly_fitting_configs
from wellshaped.proofs_of_shape.terms import (
    Formula,
    Term,
    conjunction,
    disjunction,
    iff,
    implies,
    negation,
    term,
    variable,
)
from wellshaped.spec import OBLIGATIONS, WELL_FORMED, UsageError, graph_of, monus, quotient, run

ROOT = Path(__file__).parents[2]
BY_NAME = {theorem.name: theorem for theorem in THEOREMS}
PATIENCE = 300.0
"""The time limit of a prover in seconds: many times what the slowest theorem takes, for slow machines."""

expected = pytest.mark.parametrize("theorem", THEOREMS, ids=lambda theorem: theorem.name)


def verdict_of(theorem, proved="proved"):
    return proved if theorem.counterexample is None else "refuted"


# Z3 needs half a minute for these, and Coq a dozen seconds for all: they prove them in the slow part.
LONG_FOR_Z3 = ("exactness", "graph_obligations")


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    "theorem", sparse(THEOREMS, lambda theorem: theorem.name not in LONG_FOR_Z3), ids=lambda theorem: theorem.name
)
def test_z3_gives_the_expected_verdict(theorem):
    proof = prove(theorem, by="z3", seconds=PATIENCE)
    assert proof.verdict == verdict_of(theorem), proof.says
    assert proof.counterexample is None or not theorem.holds(**proof.counterexample)


@pytest.mark.skipif(shutil.which("coqc") is None, reason="coqc is not installed: Coq's proofs are not checked here")
@pytest.mark.slow
@expected
def test_coq_gives_the_expected_verdict_without_axioms(theorem):
    proof = prove(theorem, by="coq", seconds=PATIENCE)
    assert proof.verdict == verdict_of(theorem), proof.says


LARGE_BOXES = ("graph_obligations", "one_more_level")


@pytest.mark.one_in(4)
@pytest.mark.parametrize(
    "theorem", sparse(THEOREMS, lambda theorem: theorem.name not in LARGE_BOXES), ids=lambda theorem: theorem.name
)
def test_the_shipped_functions_agree_on_a_box_of_small_numbers(theorem):
    assert prove(theorem, by="enumeration").verdict == verdict_of(theorem, "holds in a box")


@pytest.mark.one_in(3)
@pytest.mark.parametrize("theorem", [t for t in THEOREMS if not t.counterexample], ids=lambda theorem: theorem.name)
def test_a_theorem_holds_for_drawn_numbers(theorem):
    @given(**{name: st.integers(0, 1000) for name in theorem.variables})
    def look(**numbers):
        assert theorem.holds(**numbers)

    look()


@expected
def test_the_witness_meets_the_assumptions_so_that_no_theorem_is_empty(theorem):
    assert theorem.assumes(**theorem.witness)
    assert set(theorem.witness) == set(theorem.variables)


@given(configs() | nearly_fitting_configs(), st.integers(0, 100), st.sampled_from(["height", "width"]))
def test_the_graph_at_the_door_meets_its_requirements_iff_the_obligations_hold(cfg, n, axis):
    """The theorem graph_obligations is about symbols and one channel; this test is about the graphs that ship."""
    assume(all(condition.holds(cfg) for condition in WELL_FORMED))
    obligations = [obligation.holds(cfg, n) for obligation in OBLIGATIONS if obligation.axis == axis]
    assert run(graph_of(cfg), n, ("height", "width").index(axis)).ok == (n >= 1 and all(obligations))


@pytest.mark.parametrize("theorem", [t for t in THEOREMS if t.counterexample], ids=lambda theorem: theorem.name)
def test_a_counterexample_is_real_and_the_smallest(theorem):
    assert not theorem.holds(**theorem.counterexample)
    assert smallest_counterexample(theorem, sum(theorem.counterexample.values())) == theorem.counterexample


def test_a_statement_is_not_mistaken_for_a_deleted_one_with_the_same_identity():
    n = variable("n")
    texts = [refutation_text(conjunction(*(n >= i for i in range(m))), ("n",)) for m in range(2, 6)]
    assert [text.count("define-fun") for text in texts] == [3, 4, 5, 6]


@pytest.mark.parametrize("division", get_args(Division))
def test_each_way_to_write_a_quotient_defines_it_exactly(division):
    z3 = pytest.importorskip("z3")
    a, b, q = map(variable, "abq")
    for numbers in product(range(5), range(4), range(6)):
        given = [it == number for it, number in zip((a, b, q), numbers, strict=True)]
        solver = z3.Solver()
        # No other number makes the claim false iff it is true for these.
        claim = implies(conjunction(*given), term(quotient(a, b)) == q)
        solver.from_string(refutation_text(claim, ("a", "b", "q"), division))
        assert (solver.check() == z3.unsat) == (quotient(*numbers[:2]) == numbers[2])


@pytest.mark.one_in(4)
@expected
def test_a_statement_holds_iff_all_its_goals_hold(theorem):
    @settings(max_examples=50)
    @given(st.fixed_dictionaries({name: st.integers(0, 6) for name in theorem.variables}))
    def look(numbers):
        assert all(worked_out(goal, numbers) for goal in goals(theorem.statement())) == theorem.holds(**numbers)

    look()


def worked_out(statement, numbers):
    """The value of a statement or a term for these numbers, worked out in Python."""
    if not isinstance(statement, Formula | Term):
        return statement
    if statement.op in ("var", "const"):
        return numbers.get(statement.args[0], statement.args[0])
    args = [worked_out(arg, numbers) for arg in statement.args]
    return MEANINGS[statement.op](*args)


MEANINGS = {
    "+": lambda a, b: a + b,
    "·": lambda a, b: a * b,
    "∸": monus,
    "/": quotient,
    "=": lambda a, b: a == b,
    "≥": lambda a, b: a >= b,
    "↔": lambda a, b: a == b,
    "∧": lambda *parts: all(parts),
    "∨": lambda *parts: any(parts),
    "¬": lambda part: not part,
    "→": lambda a, b: b or not a,
}


def test_the_generated_statements_are_up_to_date():
    assert (FOLDER / "statements.v").read_text() == statements(THEOREMS)


def test_every_statement_has_a_proof_by_hand_and_no_proof_is_left_open():
    proofs = (FOLDER / "proofs.v").read_text()
    assert [name for name in BY_NAME if f"Theorem {name} : {name}_statement." not in proofs] == []
    assert not re.search(r"Admitted|Axiom|admit|Parameter|Hypothesis|Conjecture|Variable|Context", proofs)


def test_the_page_of_theorems_is_up_to_date():
    assert (ROOT / "docs" / "theorems.md").read_text() == page()


@expected
@pytest.mark.parametrize("width", [60, 100])
def test_a_statement_laid_out_is_the_statement_on_short_lines_indented_by_its_brackets(theorem, width):
    statement = fold(theorem.statement())
    lines = laid_out(statement, width).split("\n")
    assert "".join("".join(lines).split()) == "".join(str(statement).split())
    # At 60 columns, deeply nested calls do not fit.
    assert all(len(line) <= width for line in lines) or width == 60
    opened = [-2]  # the columns at which lines begin that open a bracket and leave it open
    for line in lines:
        content = line.lstrip(" ")
        column = len(line) - len(content)
        if content.startswith(")"):
            assert column == opened.pop()
        else:  # a part begins two columns further in, and what goes on after an operator two more
            assert column - opened[-1] in (2, 4)
        if content.endswith("("):
            opened.append(column + 2 * (content[:2] in OPERATORS))
    assert opened == [-2]


OPERATORS = {f"{operator} " for operator in "+·∸/=≥↔∧∨→"}


def test_a_line_that_fits_is_not_broken_and_one_column_less_breaks_it():
    statement = iff(variable("n") >= 1, negation(variable("k") >= 2))
    whole = str(statement)
    assert laid_out(statement, len(whole)) == whole
    assert laid_out(statement, len(whole) - 1) == "(\n  n ≥ 1\n  ↔ ¬(k ≥ 2)\n)"


def test_no_line_of_a_formula_on_the_page_is_longer_than_100_columns():
    formulas = "".join(re.findall(r"^```text\n(.*?)^```", page(), re.M | re.S))
    assert max(map(len, formulas.splitlines())) <= 100


def test_the_page_of_trust_names_what_exists():
    text = (ROOT / "docs" / "trust.md").read_text()
    tests = "\n".join(file.read_text() for file in (ROOT / "tests").rglob("test_*.py"))
    names = re.findall(r"`([a-z0-9_]+)`", text)
    cited = [name for name in names if "_" in name and name != "proofs_of_shape"]
    assert len(cited) >= 10
    for name in cited:
        assert name in BY_NAME or f"def {name}(" in tests, name
    for path in re.findall(r"`((?:spec|tests)/[\w/.]+)`", text):
        assert (ROOT / path).exists(), path


@pytest.mark.skipif(shutil.which("coqc") is None, reason="coqc is not installed: Coq's proofs are not checked here")
def test_coq_rejects_the_proof_of_another_statement(monkeypatch):
    from wellshaped.proofs_of_shape.provers import by_coq

    changed = [replace(t, claim=lambda n, k, s: ((), n >= k)) if t.name == "round_trip" else t for t in THEOREMS]
    monkeypatch.setattr(by_coq, "THEOREMS", tuple(changed))
    proved, trouble = by_coq.check_proofs.__wrapped__(60.0)
    assert not proved
    assert "coqc rejects proofs.v" in trouble


def test_coq_does_not_prove_another_statement_under_the_name_of_a_theorem():
    false = replace(BY_NAME["round_trip"], claim=lambda n, k, s: ((), n >= 5))
    assert prove(false, by="coq").verdict in ("unknown", "not checked here")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("coqc") is None, reason="coqc is not installed: Coq's proofs are not checked here")
def test_an_axiom_whose_text_says_closed_is_still_an_axiom(monkeypatch, tmp_path):
    from wellshaped.proofs_of_shape.provers import by_coq

    proofs = (FOLDER / "proofs.v").read_text()
    honest = re.search(r"^Theorem round_trip :.*?^Qed\.$", proofs, re.M | re.S)
    assert honest is not None
    cheat = (
        'Require Export String. Conjecture cheat : forall P : Prop, "Closed under"%string = "Closed under"%string -> P.'
    )
    begin = proofs.index("Theorem soundness :")
    forged = f"{cheat}\nTheorem soundness : soundness_statement. Proof. exact (cheat _ eq_refl). Qed.\n"
    (tmp_path / "proofs.v").write_text(proofs[:begin] + forged + honest[0])
    monkeypatch.setattr(by_coq, "FOLDER", tmp_path)
    proved, trouble = by_coq.check_proofs.__wrapped__(60.0)
    assert not trouble
    assert "soundness" not in proved
    assert "round_trip" in proved


def test_the_verdict_says_that_coq_is_not_installed(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert prove(THEOREMS[0], by="coq").verdict == "not checked here"


def test_z3_says_why_it_gives_up_and_keeps_its_time_limit():
    def fermat(a, b, c):
        return (a >= 1, b >= 1), negation(a * a * a + b * b * b == c * c * c)

    hard = Theorem("fermat", "No two cubes make a cube.", "", fermat, {"a": 1, "b": 1, "c": 1})
    proof = prove(hard, by="z3", seconds=1)
    assert proof.verdict == "unknown"
    assert "Z3 says" in proof.says
    assert proof.seconds < 10


def test_a_false_theorem_is_refuted_with_a_real_counterexample():
    wrong = Theorem("wrong", "Halving and doubling gives back.", "", lambda n: ((), quotient(n, 2) * 2 == n), {})
    for by in ("z3", "enumeration"):
        proof = prove(wrong, by=by)
        assert proof.verdict == "refuted"
        assert proof.counterexample["n"] % 2 == 1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # CrossHair's own
@expected
def test_crosshair_finds_only_counterexamples_that_are_expected(theorem):
    pytest.importorskip("hypothesis_crosshair_provider", reason="CrossHair is not installed (extra proofs)")
    proof = prove(theorem, by="crosshair", seconds=5)
    assert proof.verdict in ("unknown", verdict_of(theorem))
    assert proof.counterexample is None or not theorem.holds(**proof.counterexample)


def test_an_unknown_prover_is_rejected_by_name():
    with pytest.raises(UsageError, match="no such prover: it must be one of z3, coq, enumeration, crosshair"):
        prove(THEOREMS[0], by="hand")


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), True, "3", None])
def test_seconds_that_are_no_time_are_rejected_before_a_proof(seconds):
    for call in (lambda: prove(THEOREMS[0], seconds=seconds), lambda: certify("milesial", seconds=seconds)):
        with pytest.raises(UsageError, match="must be a number above 0"):
            call()


def test_any_time_is_enough_for_a_theorem_that_is_easy():
    theorem = BY_NAME["round_trip"]
    assert prove(theorem, seconds=float("inf")).verdict == prove(theorem, seconds=1e300).verdict == "proved"


def evaluate(term, numbers):
    """The value of a term for these numbers, by the shipped arithmetic."""
    if term.op == "var":
        return numbers[term.args[0]]
    if term.op == "const":
        return term.args[0]
    if term.op == "call":
        name, *args = term.args
        return FUNCTIONS[name](*(evaluate(arg, numbers) for arg in args))
    operations = {"+": int.__add__, "·": int.__mul__, "∸": monus, "/": quotient}
    return operations[term.op](*(evaluate(arg, numbers) for arg in term.args))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_on_symbols_is_its_own_formula_and_folding_loses_nothing(name):
    from itertools import product

    formula = definition(name)
    letters = "nksp"[: len(FUNCTIONS[name].__code__.co_varnames)]
    for numbers in product(range(5), repeat=len(letters)):
        values = dict(zip(letters, numbers, strict=True))
        assert evaluate(formula, values) == evaluate(fold(formula), values) == FUNCTIONS[name](*numbers)
    assert fold(formula).op == "call"


def test_known_statements_are_worked_out_and_branching_on_unknown_ones_raises():
    n = variable("n") >= 1
    assert conjunction() is True
    assert disjunction() is False
    assert implies(False, n) is True
    assert str(iff(n, False)) == "¬(n ≥ 1)"
    assert str(disjunction(n, False)) == "n ≥ 1"
    assert disjunction(n, True) is True
    with pytest.raises(TypeError, match="do not branch on a symbol"):
        bool(n)
    with pytest.raises(TypeError):
        Term("var", ("n",)) + -1


def test_a_symbol_equals_no_word_and_is_compared_with_numbers_only():
    n = variable("n")
    assert (n == "SAME") is False
    with pytest.raises(TypeError):
        n == 0.5  # noqa: B015 the comparison raises
