"""The layers over one, two and three axes beside PyTorch's, where PyTorch is installed: values and gradients."""

from functools import partial
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from wellshaped import models
from wellshaped.spec import (
    AvgPool,
    Conv,
    MaxPool,
    Network,
    Node,
    Norm,
    Resize,
    compatible_sizes,
)

torch = pytest.importorskip("torch", reason="PyTorch is not a dependency")

SIZES = (9, 6, 12)

# A name of ours, PyTorch's, and arguments: a tuple has numbers of three axes, and the first ones are taken.
SPREAD = {"kernel_size": (3, 2, 4), "stride": (2, 1, 3), "padding": (1, 0, 2)}
CASES = [
    ("Conv", "Conv", SPREAD | {"dilation": (1, 3, 2)}),
    ("Conv", "Conv", {"kernel_size": 3, "padding": 1, "groups": 2}),
    ("ConvTranspose", "ConvTranspose", SPREAD | {"output_padding": (1, 0, 2)}),
    ("ConvTranspose", "ConvTranspose", {"kernel_size": 3, "stride": 2, "dilation": 2, "groups": 2}),
    ("MaxPool", "MaxPool", {"kernel_size": (3, 2, 4), "stride": (2, 1, 3), "padding": (1, 0, 2), "ceil_mode": True}),
    ("MaxPool", "MaxPool", {"kernel_size": 2, "dilation": (2, 3, 1)}),
    ("AvgPool", "AvgPool", {"kernel_size": (3, 2, 4), "stride": (2, 1, 3), "padding": (1, 0, 2), "ceil_mode": True}),
    ("AvgPool", "AvgPool", {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False}),
    ("BatchNorm", "BatchNorm", {}),
    ("InstanceNorm", "InstanceNorm", {}),
]
OURS = {"kernel_size": "kernel"}
"""Arguments with another name."""


RUNS = {"float32": (np.float32, 1e-5), "float64": (np.float64, 1e-12)}
"""A dtype, and the largest difference, relative to the largest number but at least to 1."""


def of_axes(case, axes, dtype):
    """Our layer, without values if it has parameters, and PyTorch's."""
    ours, theirs, given = case
    cut = {name: value[:axes] if isinstance(value, tuple) else value for name, value in given.items()}
    named = {OURS.get(name, name): value for name, value in cut.items()}
    layer = getattr(models, f"{ours}{axes}d")
    of_torch = getattr(torch.nn, f"{theirs}{axes}d")
    if "Pool" in ours:
        return layer(**named), of_torch(**cut)
    channels = (4, 6) if "Conv" in ours else (4,)
    with_types = {"dtype": getattr(torch, np.dtype(dtype).name)}
    return layer(*channels, **named, param_dtype=dtype, rngs=nnx.Rngs(0)), of_torch(*channels, **cut, **with_types)


@pytest.mark.parametrize("levels", [1, 2])
def test_the_sizes_of_a_network_with_instance_norms_along_one_axis_are_those_that_pytorch_takes(levels):
    nn, widths = torch.nn, (1, *(2,) * (levels + 1))
    blocks = [
        nn.Sequential(nn.Conv1d(ins, 2, 3, padding=1), nn.InstanceNorm1d(2), nn.MaxPool1d(2)) for ins in widths[:-2]
    ]
    bottom = nn.Sequential(nn.Conv1d(2, 2, 3, padding=1), nn.InstanceNorm1d(2), nn.Upsample(scale_factor=2**levels))
    theirs = nn.Sequential(*blocks, bottom)
    nodes = []
    for i in range(levels):
        nodes += [Node(f"c{i}", Conv(3, padding=1, channels=2)), Node(f"n{i}", Norm("instance"))]
        nodes += [Node(f"p{i}", MaxPool(2))]
    nodes += [Node("c", Conv(3, padding=1)), Node("n", Norm("instance")), Node("y", Resize(2**levels))]
    fit = compatible_sizes(Network({"x": 1}, nodes, axes=1))
    for n in range(1, 20):
        try:
            theirs(torch.zeros(1, 1, n))
        except (ValueError, RuntimeError):
            assert n not in fit
        else:
            assert n in fit


@pytest.mark.parametrize("kind", ["MaxPool", "AvgPool"])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_a_pooling_takes_the_sizes_that_pytorch_takes_but_those_below_an_avgpool3d_s_kernel(kind, axes):
    """PyTorch's ``avg_pool3d`` alone rejects an image that is smaller than the kernel before it is padded."""
    others = (1,) * (axes - 1)
    for kernel, stride, ceil_mode in product(range(1, 6), range(1, 4), (False, True)):
        for padding in range(kernel // 2 + 1):
            numbers = [n if axes == 1 else (n, *others) for n in (kernel, stride)]
            sides = padding if axes == 1 else (padding, *(0 for _ in others))
            theirs = getattr(torch.nn, f"{kind}{axes}d")(*numbers, sides, ceil_mode=ceil_mode)
            ours = {"MaxPool": MaxPool, "AvgPool": AvgPool}[kind](kernel, stride, padding=padding, ceil_mode=ceil_mode)
            for n in range(1, 8):
                size = ours.size([n], 0)
                try:
                    made = theirs(torch.zeros(1, 1, n, *others)).shape[2]
                except RuntimeError:
                    assert size == 0 or ((kind, axes) == ("AvgPool", 3) and n < kernel)
                else:
                    assert made == size
                    assert n >= kernel or (kind, axes) != ("AvgPool", 3)


def functions_of_one_input(axes, dtype):
    """Layers over so many axes whose counterpart in PyTorch is a function: each with it and the image's channels."""
    functional, nn = torch.nn.functional, models
    mode = ("linear", "bilinear", "trilinear")[axes - 1]
    sides = ((1, 2), (3, 0), (0, 1))[:axes]
    of_torch = [n for pair in reversed(sides) for n in pair]
    types = {"param_dtype": dtype}

    def layer(name, *numbers):
        return getattr(nn, f"{name}{axes}d")(*numbers)

    yield layer("Resize", 2, "linear"), lambda x: functional.interpolate(x, scale_factor=2, mode=mode), 2
    yield layer("Resize", 3), lambda x: functional.interpolate(x, scale_factor=3), 2
    yield layer("Pad", sides), lambda x: functional.pad(x, of_torch), 2
    yield layer("Pad", sides, "mirrored"), lambda x: functional.pad(x, of_torch, "reflect"), 2
    yield layer("Crop", 1), lambda x: functional.pad(x, [-1] * 2 * axes), 2
    if axes == 2:
        yield nn.DepthToSpace2d(2), lambda x: functional.pixel_shuffle(x, 2), 8
        yield nn.SpaceToDepth2d(2), lambda x: functional.pixel_unshuffle(x, 2), 2
    yield nn.ActivationLayer("prelu", **types), lambda x: functional.prelu(x, x.new_tensor([0.25])), 2
    of_channels = nn.ActivationLayer("prelu_channels", channels=2, **types)
    of_channels.slope[...] = np.array([0.5, -2.0])
    yield of_channels, lambda x: functional.prelu(x, x.new_tensor([0.5, -2.0])), 2
    for kind in SMOOTH:
        if kind == "hardsigmoid" and dtype is np.float64:
            continue  # PyTorch's derivative is a sixth in float32
        more = {"dim": 1} if kind in ("glu", "softmax") else {}
        of_kind = partial(functional.gelu, approximate="tanh") if kind == "gelu_tanh" else getattr(functional, kind)
        yield nn.ActivationLayer(kind), partial(of_kind, **more), 4
    plain = {**types, "affine": False, "rngs": nnx.Rngs(0)}
    yield getattr(nn, f"InstanceNorm{axes}d")(4, **plain), functional.instance_norm, 4
    yield nn.GroupNorm(4, groups=2, **plain), lambda x: functional.group_norm(x, 2), 4
    yield nn.GroupNorm(4, groups=2, **types, rngs=nnx.Rngs(0)), lambda x: functional.group_norm(x, 2), 4


SMOOTH = (
    *("elu", "gelu", "silu", "sigmoid", "tanh", "softplus", "softmax", "glu"),
    *("relu6", "hardsigmoid", "hardswish", "mish", "selu", "gelu_tanh"),
)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
# PyTorch's glu rounds in between, so its gradient is farther from the right one than ours.
@pytest.mark.parametrize("kind", [*(kind for kind in SMOOTH if kind != "glu"), "relu", "leaky_relu"])
def test_an_activation_of_16_bits_differs_from_pytorch_by_a_rounding(kind, dtype):
    x = np.tile(np.linspace(-9, 9, 289), (2, 1))
    x[1] = x[1, ::-1]
    more = {"dim": 1} if kind == "softmax" else {}
    of_kind = partial(torch.nn.functional.gelu, approximate="tanh") if kind == "gelu_tanh" else None
    given = torch.tensor(x[None], dtype=getattr(torch, dtype), requires_grad=True)
    theirs = (of_kind or getattr(torch.nn.functional, kind))(given, **more)
    theirs.sum().backward()
    y, pullback = jax.vjp(models.ActivationLayer(kind), jnp.asarray(x, dtype))
    (d_x,) = pullback(jnp.ones_like(y))
    rounding = float(jnp.finfo(dtype).eps)
    for ours, of_torch in ((y, theirs), (d_x, given.grad)):
        expected = of_torch.detach().float().numpy()[0]
        assert np.abs(np.asarray(ours, np.float32) - expected).max() <= rounding * max(1, np.abs(expected).max())


def require_same(layer, function, x, most, parameters=()):
    """Both have the same value, and the same gradients of ``x`` and of the ``parameters``, given that of the value."""
    graph, state = nnx.split(layer)
    given = torch.tensor(x[None], requires_grad=True)
    y = function(given)
    d_y = np.random.default_rng(1).normal(size=y.shape[1:]).astype(x.dtype)
    (y * torch.tensor(d_y)).sum().backward()

    def computed(state, x):
        y = nnx.merge(graph, state)(x)
        return (y * d_y).sum(), y

    (_, ours), (d_state, d_x) = jax.jit(jax.value_and_grad(computed, (0, 1), has_aux=True, allow_int=True))(state, x)
    theirs = {"y": y.detach().numpy()[0], "d x": given.grad.numpy()[0]}
    found = {"y": ours, "d x": d_x} | {name: d_state[name][...] for name, _ in parameters}
    for name, array in (theirs | {name: parameter.grad.numpy() for name, parameter in parameters}).items():
        assert found[name].dtype == array.dtype == x.dtype
        assert np.abs(found[name] - array).max() <= most * max(1, np.abs(array).max()), name


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_a_layer_has_the_values_and_gradients_of_pytorch(case, axes, run):
    dtype, most = RUNS[run]
    with jax.enable_x64(dtype is np.float64):
        layer, theirs = of_axes(case, axes, dtype)
        parameters = ()
        if "Conv" in case[0]:
            layer.kernel, layer.bias = (
                nnx.Param(jnp.asarray(p.detach().numpy())) for p in (theirs.weight, theirs.bias)
            )
            parameters = (("kernel", theirs.weight), ("bias", theirs.bias))
        x = np.random.default_rng(0).normal(size=(4, *SIZES[:axes])).astype(dtype)
        require_same(layer, theirs, x, most, parameters)


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_a_layer_has_the_values_and_gradients_of_the_function_of_pytorch(axes, run):
    dtype, most = RUNS[run]
    with jax.enable_x64(dtype is np.float64):
        for layer, function, channels in functions_of_one_input(axes, dtype):
            x = np.random.default_rng(0).normal(size=(channels, *(6, 4, 6)[:axes])).astype(dtype)
            require_same(layer, function, x, most)
