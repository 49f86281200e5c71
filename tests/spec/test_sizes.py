"""The two size functions against what they count, the arithmetic under them, and XLA."""

import jax
import jax.numpy as jnp
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jax import lax

from wellshaped.spec import (
    Reading,
    UsageError,
    conv_transpose_size,
    monus,
    natural,
    positive,
    quotient,
    read_as,
    sliding_window_size,
)

small = st.integers(0, 12)


@given(small, small, small, small)
@example(2, 3, 1, 0)  # phantom sizes of the first edition: pool kernel 3 on 2 "gives" 1
@example(1, 1, 0, 0)  # and so does a stride of 0
def test_a_sliding_window_counts_the_places_where_the_window_fits(n, k, s, p):
    places = [i for i in range(n + 2 * p + 1) if i * s + k <= n + 2 * p] if k and s else []
    assert sliding_window_size(n, kernel=k, stride=s, padding=p) == len(places)


@given(small, small, small, small)
@example(1, 1, 1, 1)  # the integer formula gives -1, the first edition 1
def test_a_transposed_convolution_counts_the_positions_reached_less_the_padding(n, k, s, p):
    reached = {i * s + j for i in range(n) for j in range(k)} if k and s else set()
    span = max(reached, default=-1) + 1
    assert conv_transpose_size(n, kernel=k, stride=s, padding=p) == max(span - 2 * p, 0)


@given(st.integers(1, 12), st.integers(1, 5), st.integers(1, 4), st.integers(0, 3))
def test_where_a_window_fits_xla_computes_the_same_size(n, k, s, p):
    size = sliding_window_size(n, kernel=k, stride=s, padding=p)

    def convolve(x, kernel):
        return lax.conv_general_dilated(x, kernel, (s,), [(p, p)])

    x, kernel = (jax.ShapeDtypeStruct((1, 1, length), jnp.float32) for length in (n, k))
    assert jax.eval_shape(convolve, x, kernel).shape[2] == size


def test_the_guards_make_invalid_geometry_a_size_of_zero():
    assert [sliding_window_size(5, kernel=0), sliding_window_size(5, kernel=1, stride=0)] == [0, 0]
    assert [conv_transpose_size(0, kernel=2), conv_transpose_size(5, kernel=0)] == [0, 0]
    assert conv_transpose_size(5, kernel=2, stride=0) == 0


@given(st.integers(0, 10**40), st.integers(0, 10**40))
def test_the_arithmetic_is_that_of_the_naturals(a, b):
    assert monus(a, b) == max(a - b, 0)
    assert quotient(a, b) == (a // b if b else 0)
    assert positive(a) == (1 if a else 0)


@pytest.mark.parametrize("function", [sliding_window_size, conv_transpose_size])
@pytest.mark.parametrize("bad", [-1, True, 1.0, "1", None])
@pytest.mark.parametrize("name", ["n", "kernel", "stride", "padding"])
def test_what_is_not_natural_is_rejected_by_name(function, bad, name):
    numbers = {"n": 4, "kernel": 2, "stride": 1, "padding": 0} | {name: bad}
    with pytest.raises(UsageError, match=f"{name}={bad!r}"):
        function(numbers.pop("n"), **numbers)


class Text(str):
    """A reading of the naturals as the text of a formula."""

    __slots__ = ()

    def __add__(self, other):
        return Text(f"({self} + {other})")

    def __mul__(self, other):
        return Text(f"{self}·{other}")

    def __rmul__(self, other):
        return Text(f"{other}·{self}")


def test_a_size_function_can_be_read_over_symbols():
    read_as(Reading(Text, lambda a, b: Text(f"({a} ∸ {b})"), lambda a, b: Text(f"{a} / {b}")))
    n = Text("n")
    assert natural(n, "n") is n
    assert sliding_window_size(n, kernel=2, stride=2) == "1·(((n + 0) + 2) ∸ 2) / 2"
