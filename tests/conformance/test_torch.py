"""Agreement with PyTorch, values and the network's gradients: an older, independent implementation of the arithmetic.

What PyTorch computed on the cases of ``cases.py`` is recorded in ``torch_vectors.npz`` and checked everywhere; where
PyTorch is installed, networks that no one wrote down are drawn and compared as well.
"""

from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from effort import sparse
from flax import nnx
from hypothesis import find, given, settings
from hypothesis import strategies as st

from wellshaped.models import (
    Conv2d,
    ConvTranspose2d,
    LayerParams,
    MaxPool2d,
    UNet2,
    UNet2Params,
    conv2d,
    conv_transpose2d,
    max_pool2d,
)
from wellshaped.spec import LAYERS, UNet2Config, check, compatible_sizes, layer_parameters

from .cases import LAYER_CASES, UNET2_CASES, UNet2Case

VECTORS = np.load(Path(__file__).with_name("torch_vectors.npz"))
FUNCTIONS = {"conv2d": conv2d, "conv_transpose2d": conv_transpose2d, "max_pool2d": max_pool2d}
MODULES = {"conv2d": Conv2d, "conv_transpose2d": ConvTranspose2d}


def recorded(case):
    """The arrays recorded for a case, by name."""
    return {key.removeprefix(f"{case}/"): VECTORS[key] for key in VECTORS.files if key.startswith(f"{case}/")}


def distance(ours, expected, dtype=np.float32):
    """The largest difference, relative to the largest magnitude of the expected output.

    Relative to each value it could not be small: where terms cancel, float32 leaves no digits to agree on.
    """
    ours = np.asarray(ours)
    assert ours.dtype == expected.dtype == dtype
    assert ours.shape == expected.shape
    scale, error = np.abs(expected).max(), np.abs(ours - expected).max()
    return error / scale if scale else error  # a ReLU that closes a small network leaves gradients of 0


def assert_agrees(ours, expected):
    assert distance(ours, expected) <= 1e-5


def params_of(cfg, channels, arrays):
    """The parameters, under the names that the recorder gives them."""
    layers = {layer.name: LayerParams(arrays[f"{layer.name}.kernel"], arrays[f"{layer.name}.bias"]) for layer in LAYERS}
    return UNet2Params(cfg=cfg, in_channels=channels[0], out_channels=channels[1], **layers)


@partial(jax.jit, static_argnums=(0, 1))
def run_unet2(cfg, channels, arrays):
    """This library's network on ``arrays["x"]``."""
    return UNet2.from_params(params_of(cfg, channels, arrays), precision="highest")(arrays["x"])


@partial(jax.jit, static_argnums=(0, 1))
def gradients_of_unet2(cfg, channels, arrays):
    """Those of the inner product of the output with ``arrays["grad_output"]``, named as the recorder does."""
    model = UNet2.from_params(params_of(cfg, channels, arrays), precision="highest")
    grads, d_x = model.backward(arrays["x"], arrays["grad_output"])
    names = [f"{layer.name}.{part}" for layer in LAYERS for part in LayerParams._fields]
    return {"d x": d_x} | {f"d {name}": getattr(grads, f"d_{name.replace('.', '_')}") for name in names}


def farthest(ours, expected, dtype=np.float32):
    """The largest of the distances of the gradients, all of which are expected."""
    gradients = {name: array for name, array in expected.items() if name.startswith("d ")}
    assert ours.keys() == gradients.keys()
    return np.max([distance(ours[name], array, dtype) for name, array in gradients.items()])


@pytest.mark.parametrize("case", LAYER_CASES, ids=str)
def test_a_function_agrees_with_pytorch(case):
    arrays = recorded(case)
    expected = arrays.pop("y")
    if case.operation == "max_pool2d":
        numbers = {"kernel": case.kernel, "stride": case.stride}
    else:
        numbers = {"stride": case.stride, "padding": case.padding, "precision": "highest"}
    assert_agrees(FUNCTIONS[case.operation](*arrays.values(), **numbers), expected)


@pytest.mark.parametrize("case", LAYER_CASES, ids=str)
def test_a_layer_agrees_with_pytorch(case):
    arrays = recorded(case)
    if case.operation == "max_pool2d":
        layer = MaxPool2d(case.kernel, case.stride)
    else:
        numbers = {"stride": case.stride, "padding": case.padding, "precision": "highest"}
        make = partial(MODULES[case.operation], *case.channels, case.kernel, **numbers)
        # Drawing parameters that are then replaced would be most of the time of this test.
        layer = nnx.eval_shape(lambda: make(rngs=nnx.Rngs(0)))
        layer.kernel, layer.bias = nnx.Param(jnp.asarray(arrays["kernel"])), nnx.Param(jnp.asarray(arrays["bias"]))
    assert_agrees(layer(arrays["x"]), arrays["y"])


# A whole network is made of functions, which are all compared in the quick part.
@pytest.mark.parametrize("case", sparse(UNET2_CASES, 2), ids=str)
def test_the_network_agrees_with_pytorch(case):
    arrays = recorded(case)
    assert_agrees(run_unet2(UNet2Config(**case.config), case.channels, arrays), arrays["y"])


@pytest.mark.parametrize("case", sparse(UNET2_CASES, 4), ids=str)
def test_the_gradients_of_the_network_agree_with_pytorch(case):
    arrays = recorded(case)
    ours = gradients_of_unet2(UNet2Config(**case.config), case.channels, arrays)
    assert farthest(ours, arrays) <= 1e-5


MISTAKES = {
    "the upsampled before the skip": ("up1_1.kernel", lambda k: np.roll(k, k.shape[1] // 2, axis=1)),
    "a transposed kernel that is not flipped": ("upT.kernel", lambda k: np.flip(k, (2, 3))),
    "a transposed kernel with rows for columns": ("upT.kernel", lambda k: k.swapaxes(2, 3)),
    "a head without its bias": ("out1x1.bias", np.zeros_like),
}


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("case", UNET2_CASES, ids=str)
def test_a_mistake_in_the_network_would_be_seen(case, mistake):
    arrays = recorded(case)
    name, change = MISTAKES[mistake]
    arrays[name] = np.ascontiguousarray(change(arrays[name]))
    assert distance(run_unet2(UNet2Config(**case.config), case.channels, arrays), arrays["y"]) > 1e-3


def test_the_record_holds_the_cases_and_nothing_else():
    cases = [str(case) for case in (*LAYER_CASES, *UNET2_CASES)]
    assert len(set(cases)) == len(cases)
    assert {key.split("/")[0] for key in VECTORS.files} == {*cases, "torch_version"}


@pytest.mark.parametrize("operation", ["conv2d", "conv_transpose2d"])
def test_the_cases_cover_kernels_to_5_strides_to_3_and_paddings_to_2(operation):
    cases = [case for case in LAYER_CASES if case.operation == operation]
    windows = {(case.kernel, case.stride, case.padding) for case in cases}
    assert windows >= {(k, s, p) for k in range(1, 6) for s in range(1, 4) for p in range(3)}
    for kernel in range(1, 6):
        assert any(case.size[0] != case.size[1] for case in cases if case.kernel == kernel)
        assert any(case.channels[0] != case.channels[1] for case in cases if case.kernel == kernel)


def test_the_cases_cover_pooling_by_2_and_3_overlapping_and_not():
    windows = {(case.kernel, case.stride) for case in LAYER_CASES if case.operation == "max_pool2d"}
    assert windows >= {(k, s) for k in (2, 3) for s in (1, 2, 3)}


def test_the_networks_cover_the_windows_that_differ_from_the_default():
    def seen(part):
        return {getattr(case, part) for case in UNET2_CASES}

    assert seen("pool") >= {(2, 2), (3, 3), (3, 2), (2, 3)}
    assert seen("up") >= {(2, 2, 0), (3, 3, 0), (4, 2, 1), (2, 3, 0)}
    assert seen("conv") >= {(1, 1, 0), (3, 1, 1), (5, 1, 2)}
    assert seen("head") >= {(1, 1, 0), (3, 1, 1)}
    assert seen("base") >= {2, 3, 4}
    assert {c for case in UNET2_CASES for c in case.channels} >= {1, 2, 3}
    assert any(case.size[0] < case.size[1] for case in UNET2_CASES)
    assert any(case.size[0] > case.size[1] for case in UNET2_CASES)


KEEPING = st.sampled_from([(1, 1, 0), (3, 1, 1), (5, 1, 2)])


@st.composite
def networks(draw):
    """A case that is valid, built and not filtered. Shrinks toward one channel, 1×1 windows and the smallest size.

    It starts from a size ``n`` that pooling leaves ``m + 1`` positions of, and takes the upsampling kernel that brings
    ``n`` back. So the upsampling's stride need not be the pooling's, and its kernel may be below its stride.
    """
    small = st.integers(1, 3)
    kernel, stride = draw(small), draw(small)
    m = draw(st.integers(0, 3))
    n = kernel + stride * m + draw(st.integers(0, stride - 1))
    padding = draw(st.integers(0, 2))
    # The largest stride that leaves the kernel at least 1.
    up_stride = draw(st.integers(1, min(3, (n + 2 * padding - 1) // m) if m else 3))
    case = UNet2Case(
        channels=(draw(small), draw(small)),
        size=(n, n),
        base=draw(small),
        pool=(kernel, stride),
        conv=draw(KEEPING),
        up=(n - up_stride * m + 2 * padding, up_stride, padding),
        head=draw(KEEPING),
    )
    sizes = st.sampled_from(list(islice(compatible_sizes(UNet2Config(**case.config)), 5)))
    return replace(case, size=(draw(sizes), draw(sizes)))


@given(networks())
def test_the_drawn_networks_are_valid(case):
    ins, outs = case.channels
    assert check(UNet2Config(**case.config), (ins, *case.size), out_channels=outs).ok


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    "hard",
    [
        lambda case: case.size[0] != case.size[1],
        lambda case: case.pool[1] < case.pool[0],
        lambda case: case.up[1] != case.pool[1],
        lambda case: case.up[0] < case.up[1] and max(case.size) > case.up[0],
        lambda case: case.up[2] == 2,
        lambda case: 1 not in (*case.size, *case.channels, case.conv[0], case.head[0]),
    ],
    ids=["not square", "pools overlap", "strides differ", "gaps in the upsampled", "padding 2", "nothing is 1"],
)
def test_the_drawn_networks_reach_the_hard_cases(hard):
    find(networks(), hard, settings=settings(database=None, derandomize=True))


@pytest.fixture(scope="module")
def torch_unet2():
    """The network in PyTorch, where it is installed."""
    pytest.importorskip("torch", reason="PyTorch is not installed: only its recorded values are compared")
    from . import torch_unet2

    return torch_unet2


def test_both_name_the_same_kernel_shapes(torch_unet2):
    for case in UNET2_CASES:
        cfg = UNet2Config(**case.config)
        ours = {layer.name: kernel for layer, kernel, _ in layer_parameters(cfg, *case.channels)}
        assert torch_unet2.kernel_shapes(case.config, *case.channels) == ours


@settings(max_examples=25, deadline=None)
@given(case=networks(), seed=st.integers(0, 2**32 - 1))
def test_drawn_networks_agree_with_pytorch(torch_unet2, case, seed):
    arrays = torch_unet2.draw(case.config, case.channels, case.size, np.random.default_rng(seed))
    expected = torch_unet2.forward(case.config, torch_unet2.tensors(arrays))
    assert_agrees(run_unet2(UNet2Config(**case.config), case.channels, arrays), expected.numpy())


@settings(max_examples=25, deadline=None)
@given(case=networks(), seed=st.integers(0, 2**32 - 1))
def test_the_gradients_of_drawn_networks_agree_with_pytorch(torch_unet2, case, seed):
    # In float64: where rounding moves a number over ReLU's zero, or past another maximum, the gradient jumps.
    rng = np.random.default_rng(seed)
    drawn = torch_unet2.draw(case.config, case.channels, case.size, rng)
    arrays = {name: array.astype(np.float64) for name, array in drawn.items()}
    arrays |= torch_unet2.computed(case.config, arrays, rng)
    with jax.enable_x64(True):
        ours = gradients_of_unet2(UNet2Config(**case.config), case.channels, arrays)
    assert farthest(ours, arrays, np.float64) <= 1e-12


ONE_WINDOW = [
    ([[1, 1], [1, 1]], [[1, 0], [0, 0]]),
    ([[0, 1], [1, 1]], [[0, 1], [0, 0]]),
    ([[0, 0], [1, 1]], [[0, 0], [1, 0]]),
    ([[1, 2], [2, 2]], [[0, 1], [0, 0]]),
]


@pytest.mark.parametrize(("x", "expected"), ONE_WINDOW, ids=str)
def test_the_gradient_of_a_tie_goes_to_its_first_maximum_in_row_major_order(x, expected):
    gradient = jax.grad(lambda x: max_pool2d(x, kernel=2, stride=2).sum())(jnp.asarray([x], jnp.float32))
    assert gradient.tolist() == [expected]


def test_the_gradients_of_overlapping_ties_add():
    def weighted(x):
        return (max_pool2d(x, kernel=2, stride=1) * jnp.asarray([[1.0, 2.0], [4.0, 8.0]])).sum()

    # The four windows choose (0, 1), (0, 1), (1, 0) and (1, 2).
    x = jnp.asarray([[[0.0, 3.0, 3.0], [3.0, 2.0, 3.0], [3.0, 3.0, 3.0]]])
    assert jax.grad(weighted)(x).tolist() == [[[0.0, 3.0, 0.0], [4.0, 0.0, 8.0], [0.0, 0.0, 0.0]]]
