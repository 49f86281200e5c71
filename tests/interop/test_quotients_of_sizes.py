"""Conditions that divide one size by another, solved exactly: the same sizes as by trying them."""

import random

from effort import examples
from hypothesis import given
from hypothesis import strategies as st

from wellshaped.interop.sizes.expressions import Expression, Statement, holds, name, plus, times
from wellshaped.interop.sizes.paths import Condition, sizes_on

H = name("H")
PARTS = st.sampled_from([H, *(Expression(op, (H, k)) for op in ("//", "mod") for k in (2, 3, 4))])
SIZES = st.builds(
    lambda of, k, more: plus(times(of, k), more), PARTS, st.sampled_from([-3, -2, -1, 1, 2, 3, 6]), st.integers(-20, 20)
)
STATEMENTS = st.builds(
    lambda op, how, above, below, other: Statement(op, (Expression(how, (above, below)), other)),
    st.sampled_from(["==", ">="]),
    st.sampled_from(["//", "mod"]),
    SIZES,
    SIZES,
    st.one_of(st.integers(-2, 4), SIZES),
)
LARGE = [*range(1_000, 1_012), *random.Random(0).choices(range(1_000, 10**6), k=10)]


@examples(60)
@given(STATEMENTS, st.booleans())
def test_a_statement_about_a_quotient_of_two_sizes_has_the_sizes_for_which_it_holds(statement, held):
    found = sizes_on([Condition(statement, held)], "H")
    if found is not None:  # too hard
        tried = [*range(1, 300), *LARGE]
        assert [n for n in tried if n in found] == [n for n in tried if holds(statement, {"H": n}, held)]


def test_few_statements_are_too_hard():
    draw = random.Random(0)

    def size():
        part = draw.choice([H, Expression("//", (H, draw.randint(2, 5))), Expression("mod", (H, draw.randint(2, 4)))])
        return plus(times(part, draw.randint(1, 6)), draw.randint(-6, 6))

    statements = [Statement("==", (Expression("mod", (size(), size())), 0)) for _ in range(60)]
    assert sum(sizes_on([Condition(of)], "H") is None for of in statements) <= 2


def test_a_divisor_that_becomes_0_and_negative_is_solved_on_both_sides():
    quotient = Expression("//", (plus(times(H, -2), 13), plus(times(H, -1), 19)))
    statement = Statement(">=", (quotient, -3))
    found = sizes_on([Condition(statement)], "H")
    assert [n for n in range(1, 300) if n in found] == [n for n in range(1, 300) if holds(statement, {"H": n})]


def test_a_size_is_written_with_one_sign():
    other = name("W")
    assert str(plus(H, times(-3, other))) == str(plus(H, times(other, -3))) == "H - 3*W"
    assert str(times(times(H, -1), -1)) == "-(-H)"
    assert str(Expression("//", (H, times(2, other)))) == "floor(H/(2*W))"


def test_a_statement_that_divides_by_0_is_neither_true_nor_false():
    statement = Statement("==", (Expression("//", (8, Expression("//", (H, 4)))), 8))
    assert [holds(statement, {"H": 3}, truth) for truth in (True, False)] == [False, False]
    assert str(sizes_on([Condition(statement)], "H")) == "{4, 5, 6, 7}"
