"""The layers over one, two and three axes beside PyTorch's, where PyTorch is installed: values and gradients."""

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
    ("BatchNorm", "BatchNorm", {}),
    ("InstanceNorm", "InstanceNorm", {}),
]
OURS = {"kernel_size": "kernel"}
"""Arguments with another name."""


def of_axes(case, axes):
    """Our layer, without values if it has parameters, and PyTorch's."""
    ours, theirs, given = case
    cut = {name: value[:axes] if isinstance(value, tuple) else value for name, value in given.items()}
    named = {OURS.get(name, name): value for name, value in cut.items()}
    layer = getattr(models, f"{ours}{axes}d")
    if "Pool" in ours:
        return layer(**named), getattr(torch.nn, f"{theirs}{axes}d")(**cut)
    channels = (4, 6) if "Conv" in ours else (4,)
    return layer(*channels, **named, rngs=nnx.Rngs(0)), getattr(torch.nn, f"{theirs}{axes}d")(*channels, **cut)


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


def functions_of_one_input():
    """Layers whose counterpart in PyTorch is a function, each with that function and the image's shape."""
    functional, nn = torch.nn.functional, models
    yield nn.Resize1d(2, "linear"), lambda x: functional.interpolate(x, scale_factor=2, mode="linear"), (4, 9)
    yield nn.Resize3d(3), lambda x: functional.interpolate(x, scale_factor=3), (2, 3, 4, 5)
    yield nn.DepthToSpace2d(2), lambda x: functional.pixel_shuffle(x, 2), (8, 5, 6)
    yield nn.SpaceToDepth2d(2), lambda x: functional.pixel_unshuffle(x, 2), (2, 4, 6)
    yield nn.Pad2d(((1, 2), (3, 0)), "mirrored"), lambda x: functional.pad(x, (3, 0, 1, 2), "reflect"), (2, 5, 6)
    yield nn.Pad3d((0, 1, 2)), lambda x: functional.pad(x, (2, 2, 1, 1, 0, 0)), (2, 3, 4, 5)
    yield nn.Crop1d(((1, 2),)), lambda x: x[..., 1:-2], (2, 9)
    yield nn.ActivationLayer("prelu"), lambda x: functional.prelu(x, torch.tensor([0.25])), (2, 9)
    yield nn.GroupNorm(4, groups=2, rngs=nnx.Rngs(0)), lambda x: functional.group_norm(x, 2), (4, 9)


def require_same(layer, function, x, parameters=()):
    """Both have the same value, and the same gradients of ``x`` and of the ``parameters``, given that of the value."""
    graph, state = nnx.split(layer)
    given = torch.tensor(x[None], requires_grad=True)
    y = function(given)
    d_y = np.random.default_rng(1).normal(size=y.shape[1:]).astype(np.float32)
    (y * torch.tensor(d_y)).sum().backward()

    def computed(state, x):
        y = nnx.merge(graph, state)(x)
        return (y * d_y).sum(), y

    (_, ours), (d_state, d_x) = jax.jit(jax.value_and_grad(computed, (0, 1), has_aux=True, allow_int=True))(state, x)
    assert np.allclose(ours, y.detach().numpy()[0], atol=1e-5)
    assert np.allclose(d_x, given.grad.numpy()[0], atol=1e-4)
    for name, parameter in parameters:
        assert np.allclose(d_state[name][...], parameter.grad.numpy(), atol=1e-3)


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_a_layer_has_the_values_and_gradients_of_pytorch(case, axes):
    layer, theirs = of_axes(case, axes)
    parameters = ()
    if "Conv" in case[0]:
        layer.kernel, layer.bias = (nnx.Param(jnp.asarray(p.detach().numpy())) for p in (theirs.weight, theirs.bias))
        parameters = (("kernel", theirs.weight), ("bias", theirs.bias))
    x = np.random.default_rng(0).normal(size=(4, *SIZES[:axes])).astype(np.float32)
    require_same(layer, theirs, x, parameters)


def test_a_layer_has_the_values_and_gradients_of_the_function_of_pytorch():
    for layer, function, shape in functions_of_one_input():
        require_same(layer, function, np.random.default_rng(0).normal(size=shape).astype(np.float32))
