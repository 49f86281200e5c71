"""Resizes of long axes in float32, whose products have more bits than JAX's integers; averages in 16 bits."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellshaped.models import AvgPool2d
from wellshaped.models.operations.resizing import _divided, resize, resize_to
from wellshaped.spec.network import Resize, ResizeTo

LARGEST = 2**30


@given(st.lists(st.integers(0, LARGEST), min_size=1, max_size=9), st.integers(0, LARGEST), st.integers(1, LARGEST))
def test_a_quotient_and_its_rest_are_exact_however_large_the_product_is(positions, numerator, denominator):
    numerator = min(numerator, denominator)  # the quotient is a position
    low, rest = _divided(jnp.asarray(positions, jnp.int32), LARGEST + 1, numerator, denominator)
    expected = [divmod(i * numerator, denominator) for i in positions]
    assert [*zip(low.tolist(), rest.tolist(), strict=True)] == expected


def positions_of(made, given, numerator, denominator, mode, align_corners):
    """The positions that PyTorch reads, as fractions of a position for a linear resize."""
    i = np.arange(made)
    if mode == "nearest":
        return np.minimum(i * numerator // denominator, given - 1)
    if align_corners:
        return i * (given - 1) / (made - 1)
    return np.clip(((2 * i + 1) * numerator - denominator) / (2 * denominator), 0, given - 1)


@pytest.mark.parametrize(
    ("n", "operation"),
    [
        (32_769, Resize(2, mode="linear", align_corners=True)),
        (70_000, Resize(160, mode="nearest", over=147)),
        (70_000, Resize(160, mode="linear", over=147)),
        (33_000, Resize(3, mode="linear", over=2, align_corners=True)),
        (2_000_000, Resize(1_001, mode="nearest", over=1_000)),
    ],
    ids=str,
)
def test_a_resize_of_a_long_axis_reads_the_right_positions(n, operation):
    x = np.arange(n, dtype=np.float32)
    made = operation.size([n], 0)
    expected = positions_of(made, n, operation.over, operation.factor, operation.mode, operation.align_corners)
    (y,) = resize(operation, [jnp.asarray(x)[None]], {}, None)
    np.testing.assert_allclose(y, expected, rtol=1e-6, atol=0.01)


@pytest.mark.parametrize(
    ("n", "made", "operation"),
    [
        (33_000, 32_999, ResizeTo(mode="linear")),
        (70_000, 69_999, ResizeTo(mode="nearest")),
        (70_000, 69_999, ResizeTo(mode="linear", align_corners=True)),
    ],
    ids=str,
)
def test_a_resize_to_a_long_axis_reads_the_right_positions(n, made, operation):
    x = np.arange(n, dtype=np.float32)
    (y,) = resize_to(operation, [jnp.asarray(x)[None], jnp.zeros((1, made))], {}, None)
    expected = positions_of(made, n, n, made, operation.mode, operation.align_corners)
    np.testing.assert_allclose(y, expected, rtol=1e-6, atol=0.01)


@pytest.mark.parametrize("layer", [AvgPool2d(32), AvgPool2d(32, 31, padding=1)], ids=["plain", "padded"])
@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_an_average_in_sixteen_bits_is_that_of_32_rounded_once(layer, dtype):
    x = jnp.asarray(np.random.default_rng(0).uniform(1, 2, (2, 64, 64)), dtype)
    np.testing.assert_array_equal(layer(x), layer(x.astype(jnp.float32)).astype(dtype))
