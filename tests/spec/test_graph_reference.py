"""The value of a graph in exact arithmetic: the two-level network's own reference has it too, and what is rejected."""

from fractions import Fraction

import numpy as np
import pytest

from wellshaped.spec import UNet2Config, WellshapedError, graph_of
from wellshaped.spec.network import (
    Add,
    Conv,
    Input,
    MaxPool,
    Mean,
    Network,
    Node,
    Norm,
    Pad,
    TransposedWindow,
    Window,
    parameter_shapes,
)
from wellshaped.spec.reference import graph_value, unet2_stages


def fractions(rng, shape):
    return np.array([Fraction(int(n), 3) for n in rng.integers(-4, 5, np.prod(shape, dtype=int))]).reshape(shape)


@pytest.mark.parametrize("cfg", [UNet2Config(base_channels=1), UNet2Config(base_channels=2, up_kernel=4, up_padding=1)])
def test_the_graph_of_the_two_level_network_has_the_values_of_its_own_reference_exactly(cfg):
    network, rng = graph_of(cfg, 2, 1), np.random.default_rng(0)
    parameters = {
        layer: {part: fractions(rng, shape) for part, shape in shapes.items()}
        for layer, shapes in parameter_shapes(network).items()
    }
    x = fractions(rng, (2, 6, 8))
    values = graph_value(network, parameters, x)
    stages = unet2_stages(cfg, {layer: (of["kernel"], of["bias"]) for layer, of in parameters.items()}, x)
    shared = {"pooled", "merged", "y"} & values.keys() & stages.keys()
    assert shared == {"pooled", "merged", "y"}
    assert all(values[name].tolist() == stages[name].tolist() for name in shared)
    assert all(isinstance(entry, Fraction) for entry in values["y"].flat)


def test_values_are_exact_until_a_norm_and_in_float64_after_it():
    nodes = (Node("mean", Mean(), "x"), Node("norm", Norm("layer", affine=False), "x"), Node("y", Add(), ("norm", "x")))
    values = graph_value(Network({"x": 2}, nodes, axes=1), {}, np.array([[1, 2], [4, 4]]))
    assert values["mean"].tolist() == [[Fraction(3, 2)], [4]]
    assert (values["norm"].dtype, values["y"].dtype) == (float, float)


def test_floats_stay_floats_of_their_kind():
    network = Network({"x": 1}, (Node("y", MaxPool(2)),), axes=1)
    assert graph_value(network, {}, np.ones((1, 4), np.float32))["y"].dtype == np.float32


def test_integers_do_not_overflow():
    network = Network({"x": 1}, (Node("y", Add(), ("x", "x", "x")),), axes=1)
    assert graph_value(network, {}, np.array([[2**62]]))["y"].tolist() == [[3 * 2**62]]


def test_a_vector_is_an_image_of_one_position():
    network = Network([Input("x", 2), Input("t", 2, single=True)], (Node("y", Add(broadcast="positions"), ("x", "t")),))
    y = graph_value(network, {}, np.zeros((2, 2, 3), int), np.array([5, 7]))["y"]
    assert y.tolist() == [[[5] * 3] * 2, [[7] * 3] * 2]


def test_a_convolution_that_is_not_learned_has_its_kernel_among_the_parameters():
    network = Network({"x": 2}, (Node("blur", Conv(3, groups=2, learned=False)),), axes=1)
    kernel = np.array([[[1, 2, 1]], [[0, 0, 1]]])
    x = np.arange(8).reshape(2, 4)
    assert graph_value(network, {"blur": {"kernel": kernel}}, x)["blur"].tolist() == [[4, 8], [6, 7]]


CONV = Network({"x": 1}, (Node("conv", Conv(3)), Node("pooled", MaxPool(2))), axes=1)
KERNEL, BIAS, X = np.ones((1, 1, 3), int), np.ones(1, int), np.ones((1, 8), int)
GIVEN = {"conv": {"kernel": KERNEL, "bias": BIAS}}

MESSAGES = {
    "not a network": (
        lambda: graph_value("unet2", {}, X),
        """\
network can't be used.
  network: it is a str, and must be a Network.
  fix: graph_of(network, in_channels, out_channels)""",
    ),
    "parameters": (
        lambda: graph_value(CONV, {"conv": {"kernel": KERNEL[0]}}, X),
        """\
parameters of the network from x to pooled does not fit.
  conv.kernel, conv.bias: parameters of conv: it is int64[1,3], and must be an array of shape (1, 1, 3); it is \
missing, and must be an array of shape (1,).
  fix: parameters["conv"]["kernel"] of shape (1, 1, 3)""",
    ),
    "no parameters": (
        lambda: graph_value(CONV, None, X),
        """\
parameters can't be used.
  type: it is a NoneType, and must map the name of each layer to its arrays.
  fix: parameters={"conv": {"kernel": kernel, "bias": bias}}""",
    ),
    "numbers": (
        lambda: graph_value(CONV, {"conv": {"kernel": KERNEL.astype(complex), "bias": BIAS}}, X),
        """\
conv.kernel = complex128[1,1,3], given to the network from x to pooled, does not fit.
  scalar: it holds complex128, and must hold real numbers.
  fix: conv.kernel.astype(float), or exact numbers as objects""",
    ),
    "size": (
        lambda: graph_value(CONV, GIVEN, X[:, :3]),
        """\
input (1, 3) of the network from x to pooled does not fit.
  pooled: length: pooled is 0, and must be at least 1.
    x 3 → conv 1 → pooled 0
  fix: length 4 (pad 1); all lengths that fit: n ≥ 4
  fix: jnp.pad(x, ((0, 0), (0, 1)))""",
    ),
    "channels": (
        lambda: graph_value(CONV, GIVEN, np.ones((2, 8))),
        """\
x = float64[2,8], given to the network from x to pooled, does not fit.
  channels: axis C of x: it is 2, and must be 1.
  fix: x of shape (1, L)""",
    ),
    "images": (
        lambda: graph_value(CONV, GIVEN, X, X),
        """\
the images of the network from x to pooled can't be used.
  inputs: it got two, and takes one: x.
  fix: graph_value(network, parameters, x)""",
    ),
    "too large": (
        lambda: graph_value(Network({"x": 1}, (Node("y", Pad(2**30)),), axes=1), {}, X),
        """\
the network from x to y does not fit.
  elements: an array is too large to compute with: y of shape 1×2147483656 has 2147483656 elements, and may have \
at most 2147483647.
  fix: smaller images, or a smaller padding or factor""",
    ),
}


@pytest.mark.parametrize(("call", "message"), MESSAGES.values(), ids=MESSAGES)
def test_the_message_whole(call, message):
    with pytest.raises(WellshapedError) as error:
        call()
    assert str(error.value) == message


@pytest.mark.parametrize("operation", [TransposedWindow(3, 2), Window(3)])
def test_an_operation_without_a_value_is_named(operation):
    with pytest.raises(WellshapedError, match="which has only sizes") as error:
        graph_value(Network({"x": 1}, (Node("up", operation),), axes=1), {}, X)
    assert error.value.report.failures[0].says.startswith("up is ")
