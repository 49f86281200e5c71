"""The explicit gradients: the reference's bit for bit on integers, and those of ``jax.vjp`` and PyTorch elsewhere.

The window of the docstring of ``UNet2.backward`` is computed here for what is drawn: each sum of the reference is taken
again over absolute values. Arrays are drawn from few integers, and kernels are sparse, so that sums stay small and ties
are common; a test of these tests shows that they are.
"""

import subprocess
import sys
from contextlib import contextmanager
from dataclasses import fields, replace
from functools import partial
from unittest.mock import patch

import jax
import jax.numpy as jnp
import numpy as np
import plain
import pytest
from configs import fitting_configs, fitting_sizes
from devices import simulated
from effort import examples, sparse
from flax import nnx
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from limits import AS_SHIPPED, BACKENDS, SMALL

from wellshaped.models import (
    Conv2d,
    ConvTranspose2d,
    LayerParams,
    MaxPool2d,
    UNet2,
    UNet2Grads,
    UNet2Params,
    concat_channels,
    concat_channels_backward,
    conv2d,
    conv2d_backward,
    conv_transpose2d_backward,
    convolutions,
    max_pool2d,
    max_pool2d_backward,
    relu,
    relu_backward,
)
from wellshaped.models.cpu import algorithms
from wellshaped.spec import LAYERS, ShapeError, UNet2Config, UsageError, WellshapedError, layer_parameters, reference
from wellshaped.spec.arithmetic.dual import as_duals, parts
from wellshaped.spec.reference import two_level

WINDOW = 2**24
NAMES = [f"d_{layer.name}_{part}" for layer in LAYERS for part in ("kernel", "bias")]

CFG = UNet2Config(base_channels=4)
OVERLAPPING = UNet2Config(base_channels=3, pool_kernel=3, up_kernel=3, conv_kernel=5, conv_padding=2)
SHAPES = (1, 6, 10), (2, 6, 10)
X, G = (jax.random.normal(jax.random.key(n), shape) for n, shape in enumerate(SHAPES))


@pytest.fixture(scope="module")
def model():
    return UNet2(CFG, 1, 2, rngs=nnx.Rngs(0))


# Integers inside the window.


def integers(cfg, ins, outs, size, seed):
    """Integer parameters, ``x`` and ``grad_output``: about six terms of ±1 in each sum over a kernel, more of +1.

    Fewer, or as many of -1, and most networks would be zero from some layer on.
    """
    rng = np.random.default_rng(seed)

    def sparse(shape):
        terms = max(shape[0], shape[1]) * shape[2] * shape[3]
        return rng.choice([-1, 1, 1], shape) * (rng.random(shape) < 6 / terms)

    params = {}
    for layer, kernel, bias in layer_parameters(cfg, ins, outs):
        params[layer.name] = (sparse(kernel).astype(float), rng.integers(-1, 3, bias).astype(float))
    x, grad_output = (rng.integers(-2, 3, (c, *size)).astype(float) for c in (ins, outs))
    return params, x, grad_output


@contextmanager
def recording():
    """The largest sum of absolute values among all sums that the reference takes meanwhile."""
    largest = [0.0]
    plainly = dict(two_level._OPERATIONS)
    pool_backward = two_level.max_pool2d_backward

    def note(*results):
        largest[0] = max(largest[0], *(np.abs(result).max() for result in results))

    def forward(function, *arrays, **numbers):
        note(function(*map(np.abs, arrays), **numbers))
        return function(*arrays, **numbers)

    def backward(function, *arrays, **numbers):
        note(*function(*map(np.abs, arrays), **numbers))
        return function(*arrays, **numbers)

    def pooled_backward(x, grad_output, **numbers):
        # Its result is added to the gradient of the skip, which is noted too: twice the largest bounds the sum.
        note(pool_backward(x, np.abs(grad_output), **numbers))
        return pool_backward(x, grad_output, **numbers)

    watched = {kind: (partial(forward, f), partial(backward, b)) for kind, (f, b) in plainly.items()}
    with (
        patch.dict(two_level._OPERATIONS, watched),
        patch.object(two_level, "max_pool2d_backward", pooled_backward),
    ):
        yield largest
    largest[0] *= 2


def by_reference(cfg, params, x, grad_output):
    """Output and gradients by the reference, in float64, where integers are exact, and the window's number."""
    with recording() as largest:
        y = reference.unet2_forward(cfg, params, x)
        grads, d_x = reference.unet2_backward(cfg, params, x, grad_output)
    return (y, grads, d_x), largest[0]


def typed(cfg, params, dtype=jnp.float32):
    ins, outs = params["down1_1"][0].shape[1], params["out1x1"][0].shape[0]
    arrays = {name: LayerParams(*(jnp.asarray(a, dtype) for a in pair)) for name, pair in params.items()}
    return UNet2Params(cfg=cfg, in_channels=ins, out_channels=outs, **arrays)


def run(params, x, grad_output):
    model = UNet2.from_params(params)
    return model(x), *model.backward(x, grad_output)


def assert_the_reference_exactly(cfg, draws, backends=BACKENDS, limits=SMALL):
    """In each backend, all draws by one compiled function."""
    for backend in backends:
        with convolutions(backend), patch.multiple(algorithms, **limits):
            compiled = jax.jit(lambda *arrays: run(*arrays))  # a function of its own, traced by these rules
            for params, x, grad_output, (y, grads, d_x) in draws:
                arrays = [jnp.asarray(a, jnp.float32) for a in (x, grad_output)]
                found_y, found, found_d_x = compiled(typed(cfg, params), *arrays)
                assert found_y.tolist() == y.tolist()
                assert found_d_x.tolist() == d_x.tolist()
                for name in NAMES:
                    assert getattr(found, name).tolist() == grads[name].tolist(), name


def drawn_inside(cfg, ins, outs, size, seeds):
    draws = []
    for seed in seeds:
        given = integers(cfg, ins, outs, size, seed)
        expected, number = by_reference(cfg, *given)
        if number < WINDOW:
            draws.append((*given, expected))
    return draws


tiny_configs = fitting_configs(max_kernel=3, max_stride=3, max_channels=2)


@st.composite
def networks_inside(draw):
    """A config, and parameters, images and gradients of the output inside the window, with what is expected of them."""
    cfg, ins, outs = draw(tiny_configs), draw(st.integers(1, 2)), draw(st.integers(1, 2))
    size = tuple(draw(fitting_sizes(cfg, max_index=3)) for _ in range(2))
    seed = draw(st.integers(0, 2**16))
    draws = drawn_inside(cfg, ins, outs, size, range(seed, seed + 3))
    assume(draws)
    return cfg, draws


@examples(3)
@given(networks_inside())
def test_on_integers_inside_the_window_the_network_and_its_gradient_are_the_reference_bit_for_bit(network):
    assert_the_reference_exactly(*network)


@pytest.mark.exhaustive
@settings(max_examples=10)
@given(networks_inside())
def test_on_integers_inside_the_window_the_two_agree_at_length(network):
    assert_the_reference_exactly(*network)


@pytest.mark.slow
def test_the_default_config_too_inside_the_window():
    cfg = UNet2Config()
    draws = drawn_inside(cfg, 3, 2, (6, 8), range(1))
    assert len(draws) == 1
    assert_the_reference_exactly(cfg, draws, backends=("cpu",))


def test_by_the_rules_as_they_are_shipped_too():
    draws = drawn_inside(OVERLAPPING, 1, 2, (9, 13), range(3))
    assert draws
    assert_the_reference_exactly(OVERLAPPING, draws, backends=("cpu",), limits=AS_SHIPPED)


@pytest.mark.slow
def test_what_is_drawn_is_inside_the_window_and_has_many_ties_and_gradients_that_are_not_zero():
    counts = {"inside": 0, "zero before a relu": 0, "equal maxima": 0, "d_x": 0, "first kernel": 0, "several": 0}
    draws = []

    @settings(max_examples=40, database=None)
    @given(st.data(), tiny_configs, st.integers(0, 2**16))
    def collect(data, cfg, seed):
        size = tuple(data.draw(fitting_sizes(cfg, max_index=3)) for _ in range(2))
        given = params, x, _ = integers(cfg, 1, 2, size, seed)
        (_, grads, d_x), number = by_reference(cfg, *given)
        draws.append(number)
        stages = reference.unet2_stages(cfg, params, x)
        skip = stages["skip1"]
        tops = max_pool2d(jnp.asarray(skip, jnp.float32), kernel=cfg.pool_kernel, stride=cfg.pool_stride)
        ties = 0
        for i, j in np.ndindex(tops.shape[1:]):
            low, high = i * cfg.pool_stride, j * cfg.pool_stride
            window = skip[:, low : low + cfg.pool_kernel, high : high + cfg.pool_kernel]
            ties += ((window == np.asarray(tops)[:, i, j, None, None]).sum((1, 2)) > 1).sum()
        counts["inside"] += number < WINDOW
        counts["zero before a relu"] += any((stages[f"z_{n}"] == 0).any() for n in ("s1", "skip1", "b1", "u1", "u2"))
        counts["equal maxima"] += ties > 0
        counts["d_x"] += bool(d_x.any())
        counts["first kernel"] += bool(grads["d_down1_1_kernel"].any())
        counts["several"] += tops[0].size > 1

    collect()
    assert counts.pop("inside") == len(draws)
    assert min(counts.values()) >= len(draws) // 4, counts


def test_the_window_is_computed_over_absolute_values():
    cfg = UNet2Config(base_channels=1)
    ones = {layer.name: (-np.ones(k), np.ones(b)) for layer, k, b in layer_parameters(cfg, 1, 1)}
    (y, _, _), number = by_reference(cfg, ones, np.ones((1, 2, 2)), np.ones((1, 2, 2)))
    assert number >= 2 * np.abs(y).max()
    assert number >= 2 * 5  # the bias and four pixels, of other signs, in the first layer


# Single operations, at ties.

WINDOWS = [(2, 2), (3, 3), (5, 5), (3, 2), (3, 1), (2, 3), (1, 1)]


@pytest.mark.parametrize(("kernel", "stride"), WINDOWS)
def test_the_gradient_of_pooling_at_ties_is_the_reference_for_backward_and_for_grad(kernel, stride):
    rng = np.random.default_rng(0)
    for numbers in (1, 2, 4):  # all equal, then two values, then four
        x = rng.integers(0, numbers, (2, 7, 11)).astype(np.float32)
        g = rng.integers(-3, 4, reference.max_pool2d(x, kernel=kernel, stride=stride).shape).astype(np.float32)
        expected = reference.max_pool2d_backward(x, g, kernel=kernel, stride=stride).tolist()
        _, back = jax.vjp(partial(max_pool2d, kernel=kernel, stride=stride), jnp.asarray(x))
        assert max_pool2d_backward(x, g, kernel=kernel, stride=stride).tolist() == expected
        assert MaxPool2d(kernel, stride).backward(x, g).tolist() == expected
        assert back(jnp.asarray(g))[0].tolist() == expected


def test_overlapping_windows_add_at_their_shared_first_maximum():
    x = jnp.array([[[0.0, 3.0, 3.0]] * 2])
    assert max_pool2d_backward(x, jnp.array([[[10.0, 1.0]]]), kernel=2, stride=1).tolist() == [[[0, 11, 0], [0, 0, 0]]]


def test_relu_at_zero_has_gradient_zero_for_backward_and_for_grad():
    z, g = jnp.array([[[-1.0, 0.0, -0.0, 2.0]]]), jnp.full((1, 1, 4), 7.0)
    _, back = jax.vjp(relu, z)
    for found in (relu_backward(z, g), relu_backward(relu(z), g), back(g)[0]):
        assert found.tolist() == reference.relu_backward(np.asarray(z), np.asarray(g)).tolist() == [[[0, 0, 0, 7]]]


def test_the_gradient_of_a_concatenation_is_its_two_parts():
    g = np.arange(5.0, dtype=np.float32).reshape(5, 1, 1)
    for ours, theirs in zip(concat_channels_backward(2, g), reference.concat_channels_backward(2, g), strict=True):
        assert ours.tolist() == theirs.tolist()


@pytest.mark.parametrize(("skip_channels", "channels"), [(0, 5), (5, 5), (7, 5), (-1, 5), (1, 1), (0, 1)])
def test_parts_without_channels_are_rejected_in_the_words_of_the_reference(skip_channels, channels):
    g = np.ones((channels, 1, 1), np.float32)
    rejections = []
    for function in (concat_channels_backward, reference.concat_channels_backward):
        with pytest.raises(WellshapedError) as error:
            function(skip_channels, g)
        rejections.append(str(error.value).split("\n")[1:])
    assert rejections[0] == rejections[1]


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
def test_a_bias_has_its_gradient_summed_in_more_than_sixteen_bits(dtype):
    layer = Conv2d(1, 1, 3, padding=1, dtype=dtype, rngs=nnx.Rngs(0))
    x = jnp.ones((1, 100, 200))
    gradient = nnx.grad(lambda layer: layer(x).astype(jnp.float32).sum())(layer)
    for d_bias in (gradient["bias"][...], layer.backward(x, jnp.ones((1, 100, 200))).d_bias):
        assert abs(d_bias.item() / 20_000 - 1) <= jnp.finfo(dtype).eps / 2  # rounded once


@pytest.mark.one_in(2)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [None, jnp.bfloat16])
def test_a_convolution_of_joined_images_is_the_one_of_their_concatenation(backend, dtype):
    layer = Conv2d(5, 3, 3, stride=2, padding=1, dtype=dtype, rngs=nnx.Rngs(0))
    rng = np.random.default_rng(0)
    k, skip, up = (rng.integers(-2, 3, n).astype(np.float32) for n in (layer.kernel.shape, (2, 5, 7), (3, 5, 7)))
    layer.kernel[...] = jnp.asarray(k)
    layer.bias[...] = jnp.array([1.0, 2.0, 3.0])
    g = rng.integers(-2, 3, (3, 3, 4)).astype(np.float32)
    joined = concat_channels(skip, up)
    grads = layer.backward(joined, g)
    with convolutions(backend), patch.object(algorithms, "LANES", 1):
        assert layer.of_joined(skip, up).tolist() == layer(joined).tolist()
        found = layer.of_joined_backward(skip, up, g)
    assert [d.tolist() for d in (found.d_skip, found.d_up)] == [d.tolist() for d in (grads.d_x[:2], grads.d_x[2:])]
    assert found.d_kernel.tolist() == grads.d_kernel.tolist()
    assert found.d_bias.tolist() == grads.d_bias.tolist()
    assert [d.dtype for d in found] == [jnp.float32] * 4


def test_halves_that_cancel_are_joined_in_float16():
    layer = Conv2d(2, 1, 1, dtype=jnp.float16, rngs=nnx.Rngs(0))
    layer.kernel[...] = jnp.array([300.0, -300.0]).reshape(1, 2, 1, 1)
    image = jnp.full((1, 1, 1), 300.0)
    with patch.object(algorithms, "LANES", 1):
        assert layer.of_joined(image, image).item() == layer(concat_channels(image, image)).item() == 0


def test_only_the_stock_way_writes_the_joined_image(model):
    joined = f"x{X.shape[1]}x{X.shape[2]}x{2 * CFG.base_channels}xf32"
    for backend in BACKENDS:
        with convolutions(backend), patch.object(algorithms, "LANES", 1):
            assert (joined in jax.jit(model).lower(X).as_text()) == (backend == "stock")


@pytest.mark.parametrize(("images", "outputs"), [(0, 4), (2, 0)])
def test_the_gradients_of_nothing_are_zeros(images, outputs):
    def loss(kernel, x):
        return jax.vmap(lambda x: conv2d(x, kernel, jnp.zeros(outputs), padding=1))(x).sum()

    found = jax.grad(loss, (0, 1))(jnp.ones((outputs, 3, 3, 3)), jnp.zeros((images, 3, 8, 8)))
    assert [d.shape for d in found] == [(outputs, 3, 3, 3), (images, 3, 8, 8)]
    assert not any(d.any() for d in found)


IN_SHARDS = """
import jax, jax.numpy as jnp
from flax import nnx
from jax.sharding import NamedSharding, PartitionSpec as P
from wellshaped.models import UNet2
from wellshaped.spec import UNet2Config
if hasattr(jax, "shard_map"):
    x, t = (jax.random.normal(jax.random.key(n), (4, 3, 8, 8)) for n in range(2))
    params = jax.jit(lambda: UNet2(UNet2Config(base_channels=4), 3, 3, rngs=nnx.Rngs(0)).params())()
    def loss(params, x, t):
        return ((jax.vmap(UNet2.from_params(params))(x) - t) ** 2).sum()
    def of_one(params, x, t):
        _, back = jax.vjp(lambda params, x: jax.vmap(UNet2.from_params(params))(x), params, x)
        return jax.grad(loss)(params, x, t), back(t)
    expected = jax.jit(of_one)(params, x, t)
    mesh = jax.make_mesh((2,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    specs = {"in_specs": (P(), P("data"), P("data")), "out_specs": (P(), (P(), P("data")))}
    def of_many(params, x, t):
        grads, d_x = jax.vmap(UNet2.from_params(params).backward)(x, t)
        summed = jax.tree.map(lambda each: jax.lax.psum(each.sum(0), "data"), grads).as_params()
        return jax.grad(loss)(params, x, t), (summed, d_x)
    def same(found, expected):
        close = jax.tree.map(lambda a, b: jnp.allclose(jax.device_get(a), b, rtol=1e-4, atol=1e-3), found, expected)
        assert jax.tree.all(close), "gradients differ"
    same(jax.jit(jax.shard_map(of_many, mesh=mesh, **specs))(params, x, t), expected)
    mesh = jax.make_mesh((2,), ("data",), axis_types=(jax.sharding.AxisType.Explicit,))
    with jax.set_mesh(mesh):
        everywhere, split = (NamedSharding(mesh, spec) for spec in (P(), P("data")))
        over = jax.device_put((params, x, t), (everywhere, split, split))
        same(jax.jit(jax.grad(loss))(*over), expected[0])
"""


@pytest.mark.slow
def test_gradients_over_devices_are_those_of_one_device():
    environment = simulated(2) | {"JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-P", "-c", IN_SHARDS], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.optimised
def test_a_gradient_holds_less_memory_than_that_of_the_plain_network():
    cfg = UNet2Config(base_channels=32)
    model = UNet2(cfg, 3, 2, rngs=nnx.Rngs(0))
    x, g = jnp.ones((3, 64, 64)), jnp.ones((2, 64, 64))

    def temporary(network):
        def gradient(params, x, g):
            return jax.vjp(network, params, x)[1](g)

        return jax.jit(gradient).lower(model.params(), x, g).compile().memory_analysis().temp_size_in_bytes

    typed = temporary(lambda params, x: UNet2.from_params(params)(x))
    assert typed < 0.75 * temporary(partial(plain.forward, cfg))


KINDS = {
    "conv": (Conv2d, conv2d_backward, reference.conv2d, reference.conv2d_backward),
    "transposed": (
        ConvTranspose2d,
        conv_transpose2d_backward,
        reference.conv_transpose2d,
        reference.conv_transpose2d_backward,
    ),
}


@pytest.mark.one_in(2)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("kernel", "stride", "padding"), [(3, 1, 1), (2, 2, 0), (3, 2, 2), (2, 3, 0)])
def test_the_gradient_of_a_layer_is_the_reference_on_integers(kind, kernel, stride, padding):
    make, function, forward, backward = KINDS[kind]
    layer = make(2, 3, kernel, stride=stride, padding=padding, rngs=nnx.Rngs(0))
    rng = np.random.default_rng(0)
    k, x = (rng.integers(-3, 4, shape).astype(np.float32) for shape in (layer.kernel.shape, (2, 5, 7)))
    layer.kernel[...] = jnp.asarray(k)
    window = {"stride": stride, "padding": padding}
    g = rng.integers(-3, 4, forward(x, k, np.zeros(3, np.float32), **window).shape).astype(np.float32)
    expected = backward(x, k, g, **window)
    for backend in BACKENDS:
        with convolutions(backend):
            for found in (layer.backward(x, g), function(x, k, g, **window)):
                for ours, theirs in zip(found, expected, strict=True):
                    assert ours.tolist() == theirs.tolist()


# Other numbers: jax.vjp through the plain network and through the typed one.


def distance(found, expected):
    """The largest difference of any array, relative to the largest magnitude in it."""
    pairs = zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True)
    found, expected = zip(*((np.asarray(a, float), np.asarray(b, float)) for a, b in pairs), strict=True)
    return max(np.abs(a - b).max() / np.abs(b).max() for a, b in zip(found, expected, strict=True))


def normals(cfg, size, dtype):
    """Parameters, ``x`` and ``grad_output`` of normal numbers, of one channel in and two out."""
    rng = np.random.default_rng(0)
    shapes = {layer.name: (kernel, bias) for layer, kernel, bias in layer_parameters(cfg, 1, 2)}
    params = {
        name: (rng.normal(size=kernel) * np.prod(kernel[1:]) ** -0.5, rng.normal(size=bias))
        for name, (kernel, bias) in shapes.items()
    }
    x, g = (jnp.asarray(rng.normal(size=(c, *size)), dtype) for c in (1, 2))
    return typed(cfg, params, dtype), x, g


def as_tree(grads, d_x):
    return [getattr(grads, name) for name in NAMES], d_x


@pytest.mark.parametrize(
    ("backend", "dtype", "tolerance"),
    sparse([("cpu", "float32", 1e-5), ("cpu", "float64", 1e-13), ("stock", "float64", 1e-13)], 3),
)
def test_it_is_jax_vjp_of_the_plain_network_and_of_the_typed_one(backend, dtype, tolerance):
    cfg = OVERLAPPING
    with jax.enable_x64(dtype == "float64"), convolutions(backend), patch.multiple(algorithms, **SMALL):
        params, x, g = normals(cfg, (9, 13), dtype)

        @jax.jit
        def all_three(params, x, g):
            _, of_plain = jax.vjp(partial(plain.forward, cfg), params, x)
            _, of_typed = jax.vjp(lambda params, x: UNet2.from_params(params)(x), params, x)
            return UNet2.from_params(params).backward(x, g), of_plain(g), of_typed(g)

        ours, *others = all_three(params, x, g)
        assert {leaf.dtype for leaf in jax.tree.leaves(ours)} == {jnp.dtype(dtype)}
        for other in others:
            assert distance(ours, other) <= tolerance


@pytest.mark.parametrize("backend", BACKENDS)
def test_forward_mode_is_the_reference_on_dual_numbers_bit_for_bit(backend):
    """On integers with ties; the derivative in one direction of all parameters and the image."""
    values, directions = (integers(OVERLAPPING, 1, 2, (5, 7), seed) for seed in (0, 1))
    duals = {name: tuple(map(as_duals, pair, directions[0][name])) for name, pair in values[0].items()}
    y, tangent = parts(reference.unet2_forward(OVERLAPPING, duals, as_duals(values[1], directions[1])))
    assert np.count_nonzero(tangent) > tangent.size // 2

    @jax.jit
    def both(at, along):
        def forward(params, x):
            return UNet2.from_params(params)(x)

        y, linear = jax.linearize(forward, *at)
        return jax.jvp(forward, at, along), (y, linear(*along))

    with convolutions(backend), patch.multiple(algorithms, **SMALL):
        at, along = ((typed(OVERLAPPING, params), jnp.asarray(x, jnp.float32)) for params, x, _ in (values, directions))
        for found_y, found_tangent in both(at, along):
            assert found_y.tolist() == y.tolist()
            assert found_tangent.tolist() == tangent.tolist()


@pytest.mark.parametrize("backend", sparse(BACKENDS, lambda backend: backend == "cpu"))
def test_second_derivatives_of_the_network_are_those_of_the_plain_one(backend):
    with jax.enable_x64(True), convolutions(backend), patch.multiple(algorithms, **SMALL):
        params, x, g = normals(OVERLAPPING, (5, 7), "float64")

        @jax.jit
        def both(params, x):
            def of(forward):
                def loss(params, x):
                    return (forward(params, x) ** 2 * g).sum()

                # The Hessian, times the parameters and the image themselves.
                return jax.jvp(jax.grad(loss, (0, 1)), (params, x), (params, x))[1]

            return of(lambda params, x: UNet2.from_params(params)(x)), of(partial(plain.forward, OVERLAPPING))

        assert distance(*both(params, x)) <= 1e-12


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    sparse([("bfloat16", 0.2), ("float32", 1e-5), ("float64", 1e-13)], lambda case: case[0] == "float64"),
)
def test_off_the_integers_it_is_the_reference_up_to_rounding(dtype, tolerance):
    with jax.enable_x64(dtype == "float64"):
        params, x, g = normals(OVERLAPPING, (9, 13), jnp.dtype(dtype))
        exact = {
            name: tuple(np.asarray(a, float) for a in getattr(params, name))
            for name in (layer.name for layer in LAYERS)
        }
        (y, gradients, d_x), _ = by_reference(OVERLAPPING, exact, np.asarray(x, float), np.asarray(g, float))
        expected = [gradients[name] for name in NAMES], d_x
        found_y, *found = run(params, x, g)
        assert distance((found_y, as_tree(*found)), (y, expected)) <= tolerance


@pytest.mark.slow
def test_in_bfloat16_it_is_jax_vjp_up_to_its_seven_bits(model):
    narrow = partial(UNet2.from_params, dtype=jnp.bfloat16)

    @jax.jit
    def both(params, x, g):
        y, of_typed = jax.vjp(lambda params, x: narrow(params)(x), params, x)
        return narrow(params).backward(x, g), of_typed(g.astype(y.dtype))

    assert distance(*both(model.params(), X, G)) <= 0.05


@pytest.mark.parametrize(
    ("dtype", "param_dtype", "x_dtype", "g_dtype"),
    [
        (None, "float32", "bfloat16", "float32"),
        ("bfloat16", "float32", "float32", "float32"),
        ("bfloat16", "float32", "bfloat16", "bfloat16"),
        (None, "bfloat16", "bfloat16", "float32"),
        ("float32", "bfloat16", "float16", "bfloat16"),
    ],
)
def test_each_gradient_has_the_dtype_of_what_it_is_the_gradient_of(dtype, param_dtype, x_dtype, g_dtype):
    options = {"dtype": dtype and jnp.dtype(dtype), "param_dtype": jnp.dtype(param_dtype)}
    x, g = X.astype(x_dtype), G.astype(g_dtype)

    def gradients(x, g):
        model = UNet2(CFG, 1, 2, **options, rngs=nnx.Rngs(0))
        of_layer = model.down1_1.backward(x, jnp.ones((4, 6, 10), g.dtype))
        of_upsampling = model.upT.backward(jnp.ones((8, 3, 5), x.dtype), jnp.ones((4, 6, 10), g.dtype))
        return model.backward(x, g), of_layer, of_upsampling

    (grads, d_x), *layers = jax.eval_shape(gradients, x, g)
    assert d_x.dtype == x_dtype
    assert {leaf.dtype for leaf in jax.tree.leaves(grads)} == {jnp.dtype(param_dtype)}
    for found in layers:
        assert [grad.dtype for grad in found] == [x_dtype, param_dtype, param_dtype]


def test_a_bias_of_another_dtype_has_its_gradient_in_that():
    layer = Conv2d(2, 1, 3, param_dtype=jnp.bfloat16, rngs=nnx.Rngs(0))
    layer.bias = nnx.Param(jnp.zeros(1))
    image, g = jnp.ones((1, 4, 4)), jnp.ones((1, 2, 2))
    for grads in (layer.backward(jnp.ones((2, 4, 4)), g), layer.of_joined_backward(image, image, g)):
        assert (grads.d_kernel.dtype, grads.d_bias.dtype) == (jnp.bfloat16, jnp.float32)


# JAX's transformations, and the gradients as a pytree.


def test_it_works_under_jit_and_vmap_and_outside_of_them(model):
    eager, one = model.backward(X, G), jax.jit(model.backward)
    assert distance(one(X, G), eager) <= 1e-5
    batched = jax.jit(jax.vmap(model.backward))(jnp.stack((X, -X)), jnp.stack((G, G)))
    for n, expected in enumerate((one(X, G), one(-X, G))):
        assert distance(jax.tree.map(lambda leaf, n=n: leaf[n], batched), expected) <= 1e-5


def test_the_fields_are_named_as_the_reference_names_them():
    own = [field.name for field in fields(UNet2Grads) if field.name.startswith("d_")]
    assert own == NAMES
    assert [field.name for field in fields(UNet2Grads)][:3] == ["cfg", "in_channels", "out_channels"]


@pytest.fixture(scope="module")
def grads(model):
    return model.backward(X, G)[0]


def test_the_leaves_are_the_sixteen_arrays_in_the_order_of_the_parameters(model, grads):
    leaves, _ = jax.tree.flatten_with_path(grads)
    assert [jax.tree_util.keystr(path) for path, _ in leaves] == [f".{name}" for name in NAMES]
    assert [leaf.shape for _, leaf in leaves] == [leaf.shape for leaf in jax.tree.leaves(model.params())]


def test_as_params_has_the_structure_of_the_parameters_and_serves_a_step_of_descent(model, grads):
    params = model.params()
    assert jax.tree.structure(grads.as_params()) == jax.tree.structure(params)
    stepped = jax.tree.map(lambda p, d: p - 1e-3 * d, params, grads.as_params())
    before, after = ((UNet2.from_params(p)(X) * G).sum() for p in (params, stepped))
    assert after < before
    assert (stepped.upT.kernel == params.upT.kernel - 1e-3 * grads.d_upT_kernel).all()


def test_the_tree_may_hold_other_things_than_arrays(model, grads):
    tree = jax.tree.structure(grads)
    numbers = jax.tree.unflatten(tree, range(16))
    assert (numbers.d_down1_1_kernel, numbers.d_out1x1_bias, numbers.cfg) == (0, 15, CFG)
    assert jax.tree.map(lambda leaf: leaf.shape, grads).d_upT_kernel == (8, 4, 2, 2)
    shapes, _ = jax.eval_shape(model.backward, X, G)
    assert isinstance(shapes, UNet2Grads)
    assert jax.tree.structure(shapes) == tree
    assert jax.tree.unflatten(tree, [None] * 16).d_upT_bias is None


def test_arrays_that_do_not_fit_are_all_named(grads):
    with pytest.raises(ShapeError) as error:
        replace(grads, d_upT_kernel=jnp.ones((4, 8, 2, 2)), d_out1x1_bias=None)
    assert (
        str(error.value)
        == """\
UNet2Grads of UNet2Config(base_channels=4), 1 → 2 channels, does not fit.
  upT.kernel: arrays of upT: the kernel is float32[4,8,2,2], and must be floating-point [8, 4, 2, 2].
  out1x1.bias: arrays of out1x1: the bias is None, and must be floating-point [2].
  fix: UNet2(cfg, in_channels, out_channels, rngs=rngs).params() has the arrays that fit"""
    )


# Messages.

MESSAGES = {
    "another size": (
        lambda model: model.backward(X, jnp.ones((2, 6, 9))),
        """\
grad_output = float32[2,6,9], given to UNet2, does not fit.
  size: axis W of grad_output: it is 9, and must be 10, as in x.
  fix: grad_output of shape (2, 6, 10)""",
    ),
    "other channels": (
        lambda model: model.backward(X, jnp.ones((3, 6, 10))),
        """\
grad_output = float32[3,6,10], given to UNet2, does not fit.
  channels: axis C of grad_output: it is 3, and must be 2.
  fix: grad_output of shape (2, 6, 10)""",
    ),
    "a size that does not fit": (
        lambda model: model.backward(jnp.ones((1, 303, 384)), jnp.ones((2, 303, 384))),
        """\
input (1, 303, 384) of UNet2Config(base_channels=4) does not fit.
  merged (h_upH): height: skip1 is 303, up is 302, and they must be equal.
    x 303 → pooled 151 → up 302
  fix: height 302 (crop 1) or 304 (pad 1); all heights that fit: n ≡ 0 (mod 2), n ≥ 2
  fix: x[:, :302, :384] or jnp.pad(x, ((0, 0), (0, 1), (0, 0)))""",
    ),
    "the wrong one": (lambda model: model.backward(G, X), None),
    "a batch": (lambda model: model.backward(X[None], G[None]), None),
    "a batch of gradients": (lambda model: model.backward(X, G[None]), None),
    "integers": (lambda model: model.backward(X, G.astype(int)), None),
    "no array": (lambda model: model.backward(X, None), None),
    "a layer, another size": (lambda model: model.down1_1.backward(X, jnp.ones((4, 6, 9))), None),
    "a transposed layer": (lambda model: model.upT.backward(jnp.ones((8, 3, 5)), jnp.ones((4, 6, 9))), None),
    "a pooling": (lambda model: model.pool.backward(X, jnp.ones((1, 3, 6))), None),
    "a convolution": (
        lambda _: conv2d_backward(X, jnp.ones((2, 1, 3, 3)), G),
        """\
grad_output = float32[2,6,10], given to conv2d_backward, does not fit.
  size: axis H' of grad_output: it is 6, and must be 4.
  fix: grad_output of shape (2, 4, 8)""",
    ),
    "a convolution's channels": (lambda _: conv2d_backward(X, jnp.ones((2, 3, 3, 3)), G, padding=1), None),
    "an empty output": (lambda _: conv2d_backward(X, jnp.ones((2, 1, 9, 9)), jnp.ones((2, 0, 2))), None),
    "a transposed convolution": (lambda _: conv_transpose2d_backward(X, jnp.ones((1, 2, 2, 2)), G, stride=2), None),
    "relu": (lambda _: relu_backward(X, G), None),
    "pooling": (lambda _: max_pool2d_backward(X, G, kernel=2, stride=2), None),
    "pooling by nothing": (
        lambda _: max_pool2d_backward(X, jnp.ones((1, 3, 5)), kernel=0, stride=2),
        """\
grad_output = float32[1,3,5], given to max_pool2d_backward, does not fit.
  size: axis H' of grad_output: it is 3, and must be 0; the output would be empty: kernel or stride is 0, the window \
is larger than the image, or padding removes all.
  fix: a larger image, or another kernel, stride or padding""",
    ),
}


@pytest.mark.parametrize(("call", "message"), MESSAGES.values(), ids=MESSAGES)
def test_what_does_not_fit_is_rejected_in_words(model, call, message):
    with pytest.raises((ShapeError, UsageError)) as error:
        call(model)
    assert message is None or str(error.value) == message
    for sign in ("{", "}", "_size", "self."):
        assert sign not in str(error.value)
    assert "\n  fix: " in str(error.value)
