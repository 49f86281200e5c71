"""The exact reference: against plain loops over what meets what, and each gradient against the derivative, exactly.

Arrays are drawn from few numbers, by a seed: so zeros before a ReLU and equal maxima in a window are common. A test of
these tests shows that they are reached.
"""

import operator
import re
import subprocess
import sys
from dataclasses import asdict
from fractions import Fraction
from functools import partial
from inspect import getmembers, isfunction
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import jax
import numpy as np
import plain
import pytest
from configs import fitting_configs, fitting_sizes
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from wellshaped.spec import (
    LAYERS,
    ShapeError,
    UNet2Config,
    WellshapedError,
    conv_transpose_size,
    layer_parameters,
    reference,
    sliding_window_size,
    stages,
)
from wellshaped.spec.arithmetic.dual import Dual, as_duals, parts
from wellshaped.spec.reference import (
    concat_channels,
    concat_channels_backward,
    conv2d,
    conv2d_backward,
    conv_transpose2d,
    conv_transpose2d_backward,
    max_pool2d,
    max_pool2d_backward,
    relu,
    relu_backward,
    relu_derivative,
    two_level,
    unet2_backward,
    unet2_forward,
    unet2_stages,
)

INTEGERS = (-2, -1, 0, 1, 2)
HALVES = tuple(Fraction(n, 2) for n in INTEGERS)
SPARSE = (0, 0, 0, 1, -1)
THIRDS = tuple(Fraction(n, 3) for n in SPARSE)  # their sums are often zero, and often equal

seeds = st.integers(0, 2**32 - 1)
few = st.integers(1, 3)


def drawing(seed, numbers=HALVES):
    """A function that makes an array of these numbers, another one at each call, of the shape that it is given."""
    rng = np.random.default_rng(seed)
    return lambda shape: np.array(numbers, dtype=object)[rng.integers(len(numbers), size=shape)]


def inner(a, b):
    assert a.shape == b.shape
    return (a * b).sum()


def assert_equal(a, b):
    assert a.shape == b.shape
    assert a.tolist() == b.tolist()


# Convolutions.


class Case(NamedTuple):
    """A convolution and the seed of its arrays."""

    kind: str
    channels: tuple[int, int]
    size: tuple[int, int]
    kernel: tuple[int, int]
    stride: int
    padding: int
    seed: int = 0

    @property
    def window(self):
        return {"stride": self.stride, "padding": self.padding}

    @property
    def result_size(self):
        return tuple(SIZES[self.kind](n, kernel=k, **self.window) for n, k in zip(self.size, self.kernel, strict=True))

    def arrays(self, numbers=HALVES):
        """The input, the kernel, the bias, and a gradient of the result."""
        draw, (c, o) = drawing(self.seed, numbers), self.channels
        shapes = [(c, *self.size), (*((o, c) if self.kind == "conv" else (c, o)), *self.kernel), (o,)]
        return [draw(shape) for shape in (*shapes, (o, *self.result_size))]


SIZES = {"conv": sliding_window_size, "conv_transpose": conv_transpose_size}
FORWARD = {"conv": conv2d, "conv_transpose": conv_transpose2d}
BACKWARD = {"conv": conv2d_backward, "conv_transpose": conv_transpose2d_backward}


@st.composite
def convolutions(draw):
    """A convolution that has a result, built and not filtered. Shrinks toward one pixel under a kernel of one."""
    kind = draw(st.sampled_from(list(FORWARD)))
    kernel = draw(st.tuples(few, few))
    stride, padding = draw(few), draw(st.integers(0, 4))

    def least(k):  # the smallest size of which something comes out
        return max(1, k - 2 * padding if kind == "conv" else 1 + -(-(1 + 2 * padding - k) // stride))

    size = tuple(least(k) + draw(st.integers(0, 3)) for k in kernel)
    return Case(kind, draw(st.tuples(few, few)), size, kernel, stride, padding, draw(seeds))


hard_cases = (
    Case("conv", (2, 3), (4, 5), (3, 2), 2, 4),  # more padding than kernel
    Case("conv", (1, 2), (5, 4), (2, 3), 3, 0),  # a last row that no window reaches
    Case("conv_transpose", (2, 3), (2, 3), (1, 2), 3, 0),  # gaps that nothing reaches
    Case("conv_transpose", (3, 2), (4, 3), (3, 3), 1, 2),  # more taken off than the kernel adds
    Case("conv_transpose", (1, 1), (2, 2), (3, 2), 2, 1),  # kernels that overlap
)


def on_hard_cases(test):
    for case in hard_cases:
        test = example(case)(test)
    return test


def meetings(case, axis):
    """The output, kernel and input positions of an axis that meet, by the equation of SPEC section 6."""
    meet = {
        "conv": lambda o, k, i: o * case.stride + k == i + case.padding,
        "conv_transpose": lambda o, k, i: o + case.padding == i * case.stride + k,
    }[case.kind]
    ranges = (range(n) for n in (case.result_size[axis], case.kernel[axis], case.size[axis]))
    return [positions for positions in product(*ranges) if meet(*positions)]


@given(convolutions())
@on_hard_cases
def test_a_convolution_and_its_gradients_are_sums_over_what_meets(case):
    x, kernel, bias, g = case.arrays(INTEGERS)
    y, d_x, d_kernel = np.zeros_like(g), np.zeros_like(x), np.zeros_like(kernel)
    y += bias[:, None, None]
    (cs, os) = (range(count) for count in case.channels)
    for (i, a, u), (j, b, v), c, o in product(meetings(case, 0), meetings(case, 1), cs, os):
        k = (o, c, a, b) if case.kind == "conv" else (c, o, a, b)
        y[o, i, j] += kernel[k] * x[c, u, v]
        d_x[c, u, v] += kernel[k] * g[o, i, j]
        d_kernel[k] += x[c, u, v] * g[o, i, j]
    d_bias = [sum(g[o].ravel().tolist()) for o in os]
    assert_equal(FORWARD[case.kind](x, kernel, bias, **case.window), y)
    grads = BACKWARD[case.kind](x, kernel, g, **case.window)
    assert_equal(grads.d_x, d_x)
    assert_equal(grads.d_kernel, d_kernel)
    assert grads.d_bias.tolist() == d_bias


@given(convolutions())
@on_hard_cases
def test_the_gradients_of_a_convolution_are_its_derivative(case):
    x, kernel, bias, g = case.arrays()
    directions = [drawing(case.seed + 1)(array.shape) for array in (x, kernel, bias)]
    duals = map(as_duals, (x, kernel, bias), directions)
    _, derivative = parts(FORWARD[case.kind](*duals, **case.window))
    grads = BACKWARD[case.kind](x, kernel, g, **case.window)
    assert inner(g, derivative) == sum(map(inner, grads, directions))


@given(convolutions())
@on_hard_cases
def test_a_convolution_of_floats_is_that_of_the_integers_that_they_are(case):
    integers = case.arrays(INTEGERS)
    x, kernel, bias, g = (array.astype(float) for array in integers)
    results = (FORWARD[case.kind](x, kernel, bias, **case.window), *BACKWARD[case.kind](x, kernel, g, **case.window))
    x, kernel, bias, g = integers
    exact = (FORWARD[case.kind](x, kernel, bias, **case.window), *BACKWARD[case.kind](x, kernel, g, **case.window))
    for result, expected in zip(results, exact, strict=True):
        assert result.dtype == float
        assert_equal(result, expected)


# Pooling.


class Pooling(NamedTuple):
    """A max-pooling and the seed of its arrays."""

    size: tuple[int, int]
    kernel: int
    stride: int
    seed: int = 0

    @property
    def window(self):
        return {"kernel": self.kernel, "stride": self.stride}

    def arrays(self, numbers=HALVES):
        """The input, and a gradient of the result."""
        draw = drawing(self.seed, numbers)
        return draw((2, *self.size)), draw((2, *(sliding_window_size(n, **self.window) for n in self.size)))


@st.composite
def poolings(draw):
    kernel = draw(few)
    height, width = (kernel + draw(st.integers(0, 4)) for _ in range(2))
    return Pooling((height, width), kernel, draw(few), draw(seeds))


@given(poolings())
@example(Pooling((5, 6), 3, 1))  # overlapping
@example(Pooling((5, 6), 2, 3))  # some pixels in no window
@pytest.mark.parametrize("numbers", [INTEGERS, [1]], ids=["few numbers", "all equal"])
def test_pooling_takes_the_first_maximum_of_each_window_and_gives_it_the_gradient(numbers, pooling):
    x, g = pooling.arrays(numbers)
    y, d_x = np.zeros_like(g), np.zeros_like(x)
    for c, i, j in np.ndindex(g.shape):
        top, left = i * pooling.stride, j * pooling.stride
        places = [(c, top + a, left + b) for a in range(pooling.kernel) for b in range(pooling.kernel)]
        y[c, i, j] = max(x[place] for place in places)
        first = next(place for place in places if x[place] == y[c, i, j])
        d_x[first] += g[c, i, j]
    assert_equal(max_pool2d(x, **pooling.window), y)
    assert_equal(max_pool2d_backward(x, g, **pooling.window), d_x)


@given(poolings())
@pytest.mark.parametrize("numbers", [HALVES, [Fraction(1)]], ids=["few numbers", "all equal"])
def test_the_gradient_of_pooling_is_its_derivative(numbers, pooling):
    x, _ = pooling.arrays(numbers)
    g = pooling.arrays()[1]
    direction = drawing(pooling.seed + 1)(x.shape)
    _, derivative = parts(max_pool2d(as_duals(x, direction), **pooling.window))
    assert inner(g, derivative) == inner(max_pool2d_backward(x, g, **pooling.window), direction)


# ReLU and concatenation.

shapes = st.tuples(few, few, few)


@given(shapes, seeds)
def test_relu_is_the_maximum_with_zero_and_its_gradient_its_derivative(shape, seed):
    draw = drawing(seed)
    z, g, direction = draw(shape), draw(shape), draw(shape)
    assert relu(z).ravel().tolist() == [max(number, 0) for number in z.flat]
    assert relu_derivative(z).ravel().tolist() == [1 if number > 0 else 0 for number in z.flat]
    _, derivative = parts(relu(as_duals(z, direction)))
    assert_equal(relu_derivative(z) * direction, derivative)
    assert inner(g, derivative) == inner(relu_backward(z, g), direction)


def test_relu_and_its_derivative_are_zero_at_zero():
    z = np.array([Dual(0, 5), Dual(1, 5)])
    assert relu(z).tolist() == [Dual(0, 0), Dual(1, 5)]
    assert relu_derivative(np.array([0.0, -0.0, 5e-324])).tolist() == [0, 0, 1]


@given(few, shapes, seeds)
def test_the_skip_comes_first_and_each_part_gets_its_own_gradient(skip_channels, shape, seed):
    draw = drawing(seed)
    skip, up = draw((skip_channels, *shape[1:])), draw(shape)
    merged = concat_channels(skip, up)
    assert merged.tolist() == [*skip.tolist(), *up.tolist()]
    g = draw(merged.shape)
    d_skip, d_up = concat_channels_backward(skip_channels, g)
    assert inner(g, merged) == inner(d_skip, skip) + inner(d_up, up)
    assert concat_channels(d_skip, d_up).tolist() == g.tolist()


# The network.


class Network(NamedTuple):
    """A config with channels in and out and an image's size that fit, and the seed of its arrays."""

    cfg: UNet2Config
    channels: tuple[int, int]
    size: tuple[int, int]
    numbers: tuple[object, ...] = HALVES
    seed: int = 0

    def arrays(self, more=0):
        """The parameters, the input, and a gradient of the result."""
        draw, (ins, outs) = drawing(self.seed + more, self.numbers), self.channels
        params = {layer.name: (draw(k), draw(b)) for layer, k, b in layer_parameters(self.cfg, ins, outs)}
        return params, draw((ins, *self.size)), draw((outs, *self.size))

    def in_numbers(self, numbers):
        return self._replace(numbers=numbers)


one_or_two = st.integers(1, 2)


@st.composite
def networks(draw):
    """A well-formed config of few channels and a size that fits. Shrinks toward windows, channels and sizes of one."""
    cfg = draw(fitting_configs(max_kernel=3, max_stride=3, max_channels=2))
    sizes = fitting_sizes(cfg, 1)
    channels = draw(one_or_two), draw(one_or_two)
    return Network(cfg, channels, (draw(sizes), draw(sizes)), draw(st.sampled_from([HALVES, THIRDS])), draw(seeds))


STRIDED = UNet2Config(conv_kernel=2, conv_stride=2, head_kernel=2, head_stride=2, head_padding=1, base_channels=2)
NETWORKS = {
    "default windows": Network(UNet2Config(base_channels=2), (1, 2), (4, 6)),
    "poolings that overlap": Network(UNet2Config(pool_kernel=3, up_kernel=3, base_channels=2), (2, 1), (7, 5)),
    "another stride up than down": Network(UNet2Config(up_stride=3, base_channels=1), (1, 1), (2, 5)),
    "strided convolutions": Network(STRIDED, (1, 1), (2, 2)),
}
pinned = [network.in_numbers(numbers) for network in NETWORKS.values() for numbers in (HALVES, THIRDS)]


def on_pinned_networks(test):
    for network in pinned:
        test = example(network)(test)
    return test


def both_sides(network):
    """The derivative of ``<g, y>`` in a drawn direction, by dual numbers and by the gradients."""
    params, x, g = network.arrays()
    towards, x_towards, _ = network.arrays(more=1)
    duals = {name: tuple(map(as_duals, params[name], towards[name])) for name in params}
    y, derivative = parts(unet2_forward(network.cfg, duals, as_duals(x, x_towards)))
    assert_equal(y, unet2_forward(network.cfg, params, x))
    grads, d_x = unet2_backward(network.cfg, params, x, g)
    directions = [direction for layer in LAYERS for direction in towards[layer.name]]
    along = sum(inner(*pair) for pair in zip((*grads.values(), d_x), (*directions, x_towards), strict=True))
    return inner(g, derivative), along


@settings(max_examples=40)
@given(networks())
@on_pinned_networks
def test_the_gradient_of_the_network_is_its_derivative_exactly(network):
    by_duals, by_gradients = both_sides(network)
    assert by_duals == by_gradients


later_is_greater = Fraction(1, 10**9)


def to_the_last_maximum(x, grad_output, **window):
    later = later_is_greater * np.arange(x.size, dtype=object).reshape(x.shape)
    return max_pool2d_backward(x + later, grad_output, **window)


MISTAKES = {
    "relu' is 1 at 0": ("relu_backward", lambda z, g: g * (z >= 0)),
    "no relu'": ("relu_backward", lambda z, g: g),
    "the last maximum": ("max_pool2d_backward", to_the_last_maximum),
    "no gradient through the pooling": ("max_pool2d_backward", lambda x, g, **window: x * 0),
    "the upsampled first": ("concat_channels_backward", lambda n, g: (g[n:], g[:n])),
    "no gradient of the skip": ("concat_channels_backward", lambda n, g: (g[:n] * 0, g[n:])),
}


@pytest.mark.one_in(3)
@pytest.mark.parametrize(("name", "mistake"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_the_gradient_would_be_seen_at_ties_as_well(name, mistake, monkeypatch):
    monkeypatch.setattr(two_level, name, mistake)
    assert any(by_duals != by_gradients for by_duals, by_gradients in map(both_sides, pinned))


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_the_stages_and_the_gradients_have_the_names_and_shapes_of_the_specification(network):
    params, x, g = network.arrays()
    values = unet2_stages(network.cfg, params, x)
    plainly = {name: value.shape for name, value in values.items() if not name.startswith("z_")}
    ins, outs = network.channels
    expected = stages(network.cfg, (ins, *network.size), out_channels=outs)
    assert list(plainly.items()) == [(stage.name, stage.shape) for stage in expected]
    grads, d_x = unet2_backward(network.cfg, params, x, g)
    assert d_x.shape == x.shape
    assert [(name, grad.shape) for name, grad in grads.items()] == [
        (f"d_{layer.name}_{part}", shape)
        for layer, *shapes in layer_parameters(network.cfg, *network.channels)
        for part, shape in zip(("kernel", "bias"), shapes, strict=True)
    ]


# Other implementations, on integers: floating point then has no error to forgive.


def in_floats(network, kind):
    """The arrays of the network in floating point."""
    params, x, g = network.arrays()
    params = {name: tuple(array.astype(kind) for array in arrays) for name, arrays in params.items()}
    return params, x.astype(kind), g.astype(kind)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_jax_computes_the_plain_network_and_its_gradients_as_the_reference_does(network):
    network = network.in_numbers(SPARSE)

    def forward(params, x):
        stages = plain.intermediates(network.cfg, SimpleNamespace(**params), x)
        return stages["y"], stages

    @jax.jit
    def run(params, x, g):
        _, pull_back, stages = jax.vjp(forward, params, x, has_aux=True)
        return stages, *pull_back(g)

    stages, d_params, d_x = run(*in_floats(network, np.float32))
    params, x, g = network.arrays()
    expected = unet2_stages(network.cfg, params, x)
    for name, stage in stages.items():
        assert_equal(np.asarray(stage), expected[name])
    grads, expected_d_x = unet2_backward(network.cfg, params, x, g)
    d_arrays = [array for layer in LAYERS for array in d_params[layer.name]]
    for ours, theirs in zip((*grads.values(), expected_d_x), (*d_arrays, d_x), strict=True):
        assert_equal(np.asarray(theirs), ours)


@settings(max_examples=20)
@given(networks())
def test_floats_give_what_the_integers_that_they_are_give(network):
    network = network.in_numbers(SPARSE)
    params, x, g = in_floats(network, np.float64)
    grads, d_x = unet2_backward(network.cfg, params, x, g)
    exact_grads, exact_d_x = unet2_backward(network.cfg, *network.arrays())
    for ours, exact in zip((*grads.values(), d_x), (*exact_grads.values(), exact_d_x), strict=True):
        assert ours.dtype == np.float64
        assert_equal(ours, exact)


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed: the gradients are not compared with its own")


def torch_gradients(torch, arrays, run, g):
    """What ``run`` gives on float64 tensors of these arrays, and its gradients, as NumPy arrays."""
    tensors = [torch.from_numpy(array.astype(float)).requires_grad_() for array in arrays]
    y = run(*tensors)
    y.backward(torch.from_numpy(g.astype(float)))
    return y.detach().numpy(), [tensor.grad.numpy() for tensor in tensors]


fixtures_are_fine = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@fixtures_are_fine
@given(convolutions())
@on_hard_cases
def test_pytorch_computes_a_convolution_and_its_gradients_as_the_reference_does(torch, case):
    arrays = (x, kernel, bias, g) = case.arrays(INTEGERS)
    theirs = {"conv": torch.nn.functional.conv2d, "conv_transpose": torch.nn.functional.conv_transpose2d}[case.kind]
    y, d_arrays = torch_gradients(torch, arrays[:3], lambda x, *rest: theirs(x[None], *rest, **case.window)[0], g)
    assert_equal(y, FORWARD[case.kind](x, kernel, bias, **case.window))
    for their, our in zip(d_arrays, BACKWARD[case.kind](x, kernel, g, **case.window), strict=True):
        assert_equal(their, our)


@fixtures_are_fine
@given(poolings())
def test_pytorch_computes_a_pooling_and_its_gradient_as_the_reference_does(torch, pooling):
    x, g = pooling.arrays(INTEGERS)
    run = partial(torch.nn.functional.max_pool2d, kernel_size=pooling.kernel, stride=pooling.stride)
    y, (d_x,) = torch_gradients(torch, [x], run, g)
    assert_equal(y, max_pool2d(x, **pooling.window))
    assert_equal(d_x, max_pool2d_backward(x, g, **pooling.window))


@settings(fixtures_are_fine, max_examples=30)
@given(networks())
@on_pinned_networks
def test_pytorch_computes_the_network_and_its_gradients_as_the_reference_does(torch, network):
    from ..conformance.torch_unet2 import forward

    network, cfg = network.in_numbers(SPARSE), network.cfg
    params, x, g = network.arrays()
    names = [f"{layer.name}.{part}" for layer in LAYERS for part in ("kernel", "bias")]

    def run(x, *arrays):
        return forward(asdict(cfg), {"x": x, **dict(zip(names, arrays, strict=True))})

    given_arrays = [x, *(array for layer in LAYERS for array in params[layer.name])]
    y, (d_x, *d_arrays) = torch_gradients(torch, given_arrays, run, g)
    assert_equal(y, unet2_forward(cfg, params, x))
    grads, expected_d_x = unet2_backward(cfg, params, x, g)
    for their, our in zip((*d_arrays, d_x), (*grads.values(), expected_d_x), strict=True):
        assert_equal(their, our)


# Kinds of numbers.


def all_results(kind):
    """Every function of the reference on arrays of this kind of number, where not every pixel is reached as well."""

    def of_kind(array):
        return array.astype(kind) if issubclass(kind, np.floating) else np.frompyfunc(kind, 1, 1)(array)

    for case in hard_cases:
        x, kernel, bias, g = map(of_kind, case.arrays(SPARSE))
        yield FORWARD[case.kind](x, kernel, bias, **case.window)
        yield from BACKWARD[case.kind](x, kernel, g, **case.window)
    x, g = map(of_kind, Pooling((5, 6), 2, 3).arrays(SPARSE))
    yield from (max_pool2d(x, kernel=2, stride=3), max_pool2d_backward(x, g, kernel=2, stride=3))
    yield from (relu(x), relu_derivative(x), relu_backward(x, x), concat_channels(x, x))
    yield from concat_channels_backward(1, x)
    network = NETWORKS["default windows"].in_numbers(SPARSE)
    params, x, g = network.arrays()
    params = {name: tuple(map(of_kind, arrays)) for name, arrays in params.items()}
    yield from unet2_stages(network.cfg, params, of_kind(x)).values()
    grads, d_x = unet2_backward(network.cfg, params, of_kind(x), of_kind(g))
    yield from (*grads.values(), d_x)


@pytest.mark.parametrize("kind", [int, Fraction, Dual, np.float32, np.float64])
def test_numbers_stay_of_their_kind(kind):
    for result in all_results(kind):
        assert {type(number) for number in result.flat} == {kind}


@pytest.mark.parametrize("kind", [np.int64, np.uint8])
def test_fixed_width_integers_do_not_overflow(kind):
    greatest = np.iinfo(kind).max
    big = np.full((1, 1, 1), greatest, kind)
    y = conv2d(big, big[None], big[0, 0], padding=1)
    assert y.tolist()[0][1] == [greatest, greatest**2 + greatest, greatest]
    assert {type(number) for number in y.flat} == {int}


def test_integers_beside_floats_are_floats():
    x, kernel, bias = np.ones((1, 2, 2), np.uint64), np.ones((1, 1, 1, 1), int), np.ones(1, np.float32)
    assert conv2d(x, kernel, bias).dtype == np.float64
    assert conv2d(x, kernel, bias.astype(int)).dtype == object  # NumPy has no integer type for both


# Dual numbers.

numbers = st.sampled_from(HALVES)
duals = st.builds(Dual, numbers, numbers)


@given(duals, duals, numbers)
def test_duals_differentiate_sums_and_products(a, b, c):
    assert a + b == Dual(a.value + b.value, a.derivative + b.derivative)
    assert a - b == a + (-b) == -(b - a)
    assert a * b == Dual(a.value * b.value, a.value * b.derivative + a.derivative * b.value)
    assert (a + c, a - c, a * c) == (a + Dual(c), a - Dual(c), a * Dual(c))
    assert (c + a, c - a, c * a) == (Dual(c) + a, Dual(c) - a, Dual(c) * a)


@given(duals, duals)
@example(Dual(1, 2), Dual(1, 3))
def test_duals_are_ordered_by_value_and_equal_with_their_derivative(a, b):
    values = a.value, b.value
    assert (a < b, a <= b, a > b, a >= b) == (a < b.value, a <= b.value, a > b.value, a >= b.value)
    assert (a < b, a <= b) == (values[0] < values[1], values[0] <= values[1])
    assert (a > b, a >= b) == (values[0] > values[1], values[0] >= values[1])
    assert (a == b) == ((a.value, a.derivative) == (b.value, b.derivative))
    assert a != b or hash(a) == hash(b)
    assert Dual(a.value) == a.value
    assert hash(Dual(a.value)) == hash(a.value)


@pytest.mark.parametrize("other", ["1", None, [1]])
def test_a_dual_does_not_mix_with_what_is_no_number(other):
    assert Dual(1) != other
    for operation in (operator.add, operator.sub, operator.mul, operator.lt, operator.le, operator.gt, operator.ge):
        for operands in ((Dual(1), other), (other, Dual(1))):
            with pytest.raises(TypeError):
                operation(*operands)


# What is rejected.

X = np.ones((1, 4, 5))
KERNEL, BIAS = np.ones((2, 1, 3, 3)), np.ones(2)
CFG = UNet2Config(base_channels=1)
PARAMS = {layer.name: (np.ones(kernel), np.ones(bias)) for layer, kernel, bias in layer_parameters(CFG, 1, 1)}
IMAGE = np.ones((1, 4, 6))
WITHOUT_THESE = {name: arrays for name, arrays in PARAMS.items() if name not in ("down1_1", "upT", "out1x1")}

MESSAGES = {
    "channels": (
        lambda: conv2d(np.ones((2, 4, 5)), KERNEL, BIAS),
        """\
kernel = float64[2,1,3,3], given to conv2d, does not fit.
  channels: axis C of kernel: it is 1, and must be 2, as in x.
  fix: kernel of shape (O, 2, kH, kW)""",
    ),
    "transposed channels": (
        lambda: conv_transpose2d(X, KERNEL, BIAS),
        """\
kernel = float64[2,1,3,3], given to conv_transpose2d, does not fit.
  channels: axis C of kernel: it is 2, and must be 1, as in x.
  fix: kernel of shape (1, O, kH, kW)""",
    ),
    "rank": (
        lambda: conv2d_backward(X[None], KERNEL, X),
        """\
x = float64[1,1,4,5], given to conv2d_backward, does not fit.
  rank: shape of x: it has 4 axes, and must have 3, (C, H, W).
  fix: x of shape (C, H, W)""",
    ),
    "empty": (
        lambda: max_pool2d(X[:, :0], kernel=1, stride=1),
        """\
x = float64[1,0,5], given to max_pool2d, does not fit.
  empty: axis H of x: it is 0, and must be at least 1.
  fix: x of shape (C, H, W)""",
    ),
    "no array": (
        lambda: relu([1, 2]),
        """\
z = [1, 2], given to relu, can't be used.
  array: it is a list, and must be a NumPy array.
  fix: np.asarray(z), with dtype=object for exact numbers""",
    ),
    "no number": (
        lambda: conv2d(X, KERNEL, np.array([Fraction(1), None])),
        """\
bias = object[2], given to conv2d, does not fit.
  scalar: it holds a NoneType, and must hold real numbers.
  fix: bias.astype(float), or exact numbers as objects""",
    ),
    "bools": (
        lambda: unet2_forward(CFG, PARAMS, IMAGE > 0),
        """\
x = bool[1,4,6], given to the network, does not fit.
  scalar: it holds bool, and must hold real numbers.
  fix: x.astype(float), or exact numbers as objects""",
    ),
    "window": (
        lambda: conv2d(X[:, :2], KERNEL, BIAS),
        """\
x = float64[1,2,5], given to conv2d with kernel=3×3, stride=1, padding=0, does not fit.
  window: the output would be empty: 2×5 becomes 0×3.
  fix: a larger image, or another kernel, stride or padding""",
    ),
    "zero stride": (
        lambda: max_pool2d(X, kernel=2, stride=0),
        """\
x = float64[1,4,5], given to max_pool2d with kernel=2×2, stride=0, padding=0, does not fit.
  window: the output would be empty: 4×5 becomes 0×0.
  fix: a larger image, or another kernel, stride or padding""",
    ),
    "natural": (
        lambda: conv_transpose2d(X, np.ones((1, 2, 3, 3)), BIAS, padding=-1),
        """\
padding=-1 can't be used.
  natural: not a natural number: padding=-1 is negative, and must be an integer ≥ 0.
  fix: padding=1""",
    ),
    "huge": (
        lambda: conv2d(X, KERNEL, BIAS, padding=10**5),
        """\
x = float64[1,4,5], given to conv2d with kernel=3×3, stride=1, padding=100000, does not fit.
  elements: too large to compute with: a padded channel has up to 160002000006 elements, and may have at most \
2147483647.
  fix: a smaller stride or padding""",
    ),
    "gradient of a convolution": (
        lambda: conv2d_backward(X, KERNEL, np.ones((2, 4, 5))),
        """\
grad_output = float64[2,4,5], given to conv2d_backward, does not fit.
  size: axis H of grad_output: it is 4, and must be 2.
  fix: grad_output of shape (2, 2, 3)""",
    ),
    "gradient of a transposed convolution": (
        lambda: conv_transpose2d_backward(X, np.ones((1, 2, 2, 2)), np.ones((2, 8, 9)), stride=2),
        """\
grad_output = float64[2,8,9], given to conv_transpose2d_backward, does not fit.
  size: axis W of grad_output: it is 9, and must be 10.
  fix: grad_output of shape (2, 8, 10)""",
    ),
    "gradient of a pooling": (
        lambda: max_pool2d_backward(X, X, kernel=2, stride=2),
        """\
grad_output = float64[1,4,5], given to max_pool2d_backward, does not fit.
  size: axis H of grad_output: it is 4, and must be 2.
  fix: grad_output of shape (1, 2, 2)""",
    ),
    "gradient of relu": (
        lambda: relu_backward(X, X[0]),
        """\
grad_output = float64[4,5], given to relu_backward, does not fit.
  size: shape of grad_output: it is (4, 5), and must be (1, 4, 5), the shape of z.
  fix: grad_output of shape (1, 4, 5)""",
    ),
    "concatenation": (
        lambda: concat_channels(X, IMAGE),
        """\
up = float64[1,4,6], given to concat_channels, does not fit.
  size: axis W of up: it is 6, and must be 5, as in skip.
  fix: up of shape (C2, 4, 5)""",
    ),
    "gradient of a concatenation": (
        lambda: concat_channels_backward(2, np.ones((2, 4, 5))),
        """\
grad_output = float64[2,4,5], given to concat_channels_backward with skip_channels=2, does not fit.
  channels: skip_channels=2 must be less than 2, the channels of grad_output.
  fix: skip_channels from 1 to 1""",
    ),
    "size of the network": (
        lambda: unet2_forward(CFG, PARAMS, X),
        """\
input (1, 4, 5) of UNet2Config(base_channels=1) does not fit.
  merged (h_upW): width: skip1 is 5, up is 4, and they must be equal.
    x 5 → pooled 2 → up 4
  fix: width 4 (crop 1) or 6 (pad 1); all widths that fit: n ≡ 0 (mod 2), n ≥ 2
  fix: x[:, :4, :4] or jnp.pad(x, ((0, 0), (0, 0), (0, 1)))""",
    ),
    "channels of the network": (
        lambda: unet2_forward(CFG, PARAMS, np.ones((3, 4, 6))),
        """\
x = float64[3,4,6], given to the network, does not fit.
  channels: axis C of x: it is 3, and must be 1.
  fix: x of shape (1, H, W)""",
    ),
    "parameters": (
        lambda: unet2_forward(CFG, {"down1_1": (KERNEL, BIAS), "upT": KERNEL} | WITHOUT_THESE, IMAGE),
        """\
params of UNet2Config(base_channels=1), 1 → 1 channels, does not fit.
  down1_1.kernel, down1_1.bias: arrays of down1_1: the kernel is float64[2,1,3,3], and must be an array [1, 1, 3, 3]; \
the bias is float64[2], and must be an array [1].
  upT.kernel, upT.bias: arrays of upT: the kernel is float64[2,1,3,3], and must be an array [2, 1, 2, 2]; \
the bias is None, and must be an array [1].
  out1x1: arrays of out1x1: they are missing.
  fix: layer_parameters(UNet2Config(base_channels=1), 1, 1) lists the layers and the shapes of their arrays""",
    ),
    "no parameters": (
        lambda: unet2_forward(CFG, None, IMAGE),
        """\
params, given to the network, can't be used.
  type: it is a NoneType, and must map the name of each layer to its kernel and bias.
  fix: {layer.name: getattr(params, layer.name) for layer in LAYERS}""",
    ),
    "config": (
        lambda: unet2_forward(UNet2Config(pool_stride=0), PARAMS, IMAGE),
        """\
UNet2Config(pool_stride=0) is not well-formed.
  poolStride_ne0: pool_stride=0 must be at least 1.
  fix: pool_stride=2""",
    ),
    "gradient of the network": (
        lambda: unet2_backward(CFG, PARAMS, IMAGE, X),
        """\
grad_output = float64[1,4,5], given to the network, does not fit.
  size: axis W of grad_output: it is 5, and must be 6.
  fix: grad_output of shape (1, 4, 6)""",
    ),
}


@pytest.mark.parametrize(("call", "message"), MESSAGES.values(), ids=MESSAGES)
def test_the_message_whole(call, message):
    with pytest.raises(WellshapedError) as error:
        call()
    assert str(error.value) == message


def test_no_parameters_at_all_are_rejected_in_ten_lines():
    with pytest.raises(ShapeError) as error:
        unet2_forward(CFG, {}, IMAGE)
    assert [verdict.name for verdict in error.value.report.failures] == [layer.name for layer in LAYERS]
    assert len(str(error.value).splitlines()) == 10


# The package and its page.


def test_the_reference_loads_no_jax_and_dual_numbers_no_numpy():
    dual, whole = "import wellshaped.spec.arithmetic.dual", "import wellshaped.spec.reference"
    for statement, loaded in ((dual, "set()"), (whole, "{'numpy'}")):
        command = [sys.executable, "-P", "-c", f"{statement}; import sys; print({{'jax', 'numpy'}} & {{*sys.modules}})"]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == loaded


def test_the_page_names_each_function_of_the_reference_and_the_tests_that_hold_it():
    page = (Path(__file__).parents[2] / "docs" / "specification.md").read_text()
    _, section = page.split("## Exact reference\n")
    rows = re.findall(r"^- (.*?):", section.split("\n## ")[0], re.M)
    public = [name for name, function in getmembers(reference, isfunction) if not name.startswith("_")]
    own = [name for name in public if getattr(reference, name).__module__.startswith(reference.__name__)]
    assert {"conv2d", "unet2_backward"} <= {*own}
    assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == sorted(own)
    cited = set(re.findall(r"`(test_\w+)`", section))
    assert cited
    assert cited <= globals().keys()
