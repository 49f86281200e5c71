"""Conditions that divide or multiply sizes, solved exactly: the same sizes as by trying them."""

import random
from fractions import Fraction

import pytest
from effort import examples
from hypothesis import given
from hypothesis import strategies as st

from wellshaped.interop.sizes.expressions import Expression, Statement, holds, name, parsed, plus, times
from wellshaped.interop.sizes.paths import Condition, sizes_on
from wellshaped.interop.sizes.polynomials import root_of
from wellshaped.interop.sizes.quotients import at_sample, rounded
from wellshaped.interop.sizes.traced import Sizes

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
POLYNOMIALS = st.builds(
    lambda a, b, c, k, more: plus(plus(times(times(a, b), k), c), more),
    *(PARTS, PARTS, SIZES, st.sampled_from([-3, -1, 1, 2, 4]), st.integers(-20, 20)),
)
OF_POLYNOMIALS = st.one_of(
    st.builds(lambda op, a, b: Statement(op, (a, b)), st.sampled_from(["==", ">="]), POLYNOMIALS, SIZES),
    st.builds(
        lambda how, a, k, b: Statement("==", (Expression(how, (a, k)), b)),
        *(st.sampled_from(["//", "mod", "max", "min"]), POLYNOMIALS, st.integers(2, 6), st.one_of(st.just(0), SIZES)),
    ),
)
LARGE = [*range(1_000, 1_012), *random.Random(0).choices(range(1_000, 10**6), k=10)]


def require_its_sizes(statement, held):
    """The sizes that are found for a statement are those for which it holds."""
    found = sizes_on([Condition(statement, held)], "H")
    if found is not None:  # too hard
        tried = [*range(1, 300), *LARGE]
        assert [n for n in tried if n in found] == [n for n in tried if holds(statement, {"H": n}, held)]


@examples(60)
@given(STATEMENTS, st.booleans())
def test_a_statement_about_a_quotient_of_two_sizes_has_the_sizes_for_which_it_holds(statement, held):
    require_its_sizes(statement, held)


@examples(60)
@given(OF_POLYNOMIALS, st.booleans())
def test_a_statement_about_a_product_of_sizes_has_the_sizes_for_which_it_holds(statement, held):
    require_its_sizes(statement, held)


@pytest.mark.parametrize(
    ("size", "number", "sizes"),
    [
        ("H*H - 7*H + 12", 1, "{1, 2} or n ≥ 5"),
        ("mod(H*H, 8)", 4, "n ≡ 2 (mod 4), n ≥ 2"),
        ("16*floordiv(H, 4)*floordiv(H, 4) - floordiv(H, 4)", 1, "n ≥ 4"),
        ("H*H*H - 100*H*H", 0, "n ≥ 100"),
    ],
)
def test_a_product_of_sizes_is_decided_for_every_size(size, number, sizes):
    assert str(sizes_on([Condition(Statement(">=", (parsed(size), number)))], "H")) == sizes


@given(st.integers(-300, 300), st.integers(1, 40))
def test_the_nearest_integer_is_that_of_python(top, bottom):
    sizes = Sizes({"H": 7})
    found = rounded(sizes, {**sizes.open_size("H"), (): top - 7}, bottom)
    assert at_sample(found, sizes) == round(Fraction(top, bottom))


@pytest.mark.parametrize(
    ("polynomial", "root"),
    [
        ({(0, 0): 9}, {(0,): 3}),
        ({(0, 0, 1, 1): 1}, {(0, 1): 1}),
        ({(): 16}, {(): 4}),
        ({(0, 0): 8}, None),
        ({(0, 1): 1}, None),
        ({(0, 0): -4}, None),
        ({(0, 0): 1, (): 1}, None),
    ],
)
def test_the_root_of_a_square_is_a_polynomial(polynomial, root):
    assert root_of(polynomial) == root


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
