"""Random graphs as PyTorch modules: read, they have the same sizes; run, they raise at every small size that fails."""

from dataclasses import replace
from itertools import product
from math import prod
from random import Random

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from effort import examples, sparse
from flax import nnx
from flax_networks import abstract_flax
from hypothesis import HealthCheck, assume, given, settings
from lax_networks import as_jax_has_it, used_part
from random_networks import random_networks
from rows_of_operations import ROWS
from same_graphs import differences, has_graph, members

from wellshaped.interop import Budget
from wellshaped.spec import WellshapedError
from wellshaped.spec.network import (
    Activation,
    AvgPool,
    Conv,
    ConvTranspose,
    DepthToSpace,
    MaxPool,
    Network,
    Node,
    Norm,
    Pad,
    PadTo,
    PadToMultiple,
    Require,
    Resize,
    ResizeTo,
    SpaceToDepth,
    TransposedWindow,
    Window,
    parameter_shapes,
    sizes_that_fit,
)
from wellshaped.spec.network.fields import sides_on
from wellshaped.spec.network.running import run_image

torch = pytest.importorskip("torch", reason="PyTorch is not a dependency")

from torch_networks import TorchNetwork, meta_torch  # noqa: E402

from wellshaped.interop import graph_of_torch, read_torch  # noqa: E402

pytestmark = pytest.mark.filterwarnings("default")  # PyTorch's own

AXES = {1: "L", 2: "HW", 3: "DHW"}


def along_each_axis(network):
    """The network with requirements along each axis alone. Along one axis, a number of positions is a size."""
    alone, nodes = network.axes == 1, []
    for node in network.nodes:
        of, inputs = node.operation, node.inputs
        if isinstance(of, Norm) and of.kind == "instance":
            if alone:
                nodes.append(Node(f"{node.name}_positions", Require(at_least=2), inputs))
                inputs = nodes[-1].name
            else:
                of = Norm("group", groups=network.channels[node.name])
        if isinstance(of, Require) and of.positions is not None:
            of = replace(of, positions=None, at_least=max(of.at_least or 1, of.positions if alone else 1))
        nodes.append(replace(node, operation=of, inputs=inputs))
    return Network(network.inputs, nodes, network.outputs, network.axes)


def torch_networks(**options):
    return random_networks(used_part, **options).map(along_each_axis)


def sets_of(network):
    """The sizes that fit along each axis; an example with none is not counted."""
    try:
        sets = [sizes_that_fit(network, axis) for axis in range(network.axes)]
    except WellshapedError:  # not solved
        sets = [()]
    assume(all(sets))
    return sets


def shapes_of(network):
    images = " ".join(("2 4", *AXES[network.axes]))
    return ["2 4" if given.single else images for given in network.inputs]


def made(model, network, sizes):
    """The sizes of the output, or ``None`` if PyTorch raises."""
    shapes = [(2, 4) if given.single else (2, 4, *sizes) for given in network.inputs]
    try:
        with torch.no_grad():
            return tuple(model(*(torch.empty(shape, device="meta") for shape in shapes)).shape[2:])
    except (RuntimeError, ValueError, TypeError):  # a TypeError is PyTorch's own slip, for the mean of an empty image
        return None


def runs_by_chance(failures):
    """Whether PyTorch runs a size that does not fit: its first failure is an empty image, or a 1 that is repeated."""
    first = failures[0]
    return first.rule == "positive" or (first.rule == "equal" and 1 in (first.left, first.right))


def assert_runs(network, model, sizes):
    expected = run_image(network, sizes)
    shape = made(model, network, sizes)
    if all(of_axis.ok for of_axis in expected.axes):
        assert shape == expected.shape(network.outputs[0]), sizes
    elif shape is not None:
        assert all(runs_by_chance(of_axis.failures) for of_axis in expected.axes if not of_axis.ok), sizes


def assert_tried(network, most=60):
    """Run every small size: up to three periods along one axis, and some of the combinations along several."""
    model, sets = meta_torch(network), sets_of(network)
    up_to = min(most, max(3 * (fits.period or 1) + 6 for fits in sets))
    of_all = [range(1, up_to + 1)] * network.axes
    draw = Random(0)
    tried = product(*of_all) if network.axes == 1 else [[draw.choice(of) for of in of_all] for _ in range(most)]
    tried = [*tried, *zip(*(members(fits, 9) for fits in sets), strict=False)]
    for sizes in tried:
        assert_runs(network, model, list(sizes))


def assert_sizes(network):
    expected, model = sets_of(network), meta_torch(network)
    answer = read_torch(model, *shapes_of(network), budget=Budget(seconds=5))
    for axis, fits in zip(AXES[network.axes], expected, strict=True):
        of = answer.axes[axis]
        if of.held_fits:
            assert of.sizes == fits & of.found.undecided.complement(), axis


@settings(examples(30), suppress_health_check=list(HealthCheck))
@given(torch_networks())
def test_a_random_torch_network_runs_on_the_sizes_of_its_graph(network):
    assert_tried(network)


@settings(examples(6), suppress_health_check=list(HealthCheck))
@given(torch_networks())
def test_a_random_torch_network_is_read_with_the_sizes_of_its_graph(network):
    assert_sizes(network)


@pytest.mark.exhaustive
@settings(examples(300), suppress_health_check=list(HealthCheck))
@given(torch_networks(max_nodes=10))
def test_a_larger_torch_network_runs_on_the_sizes_of_its_graph(network):
    assert_tried(network)


@pytest.mark.exhaustive
@settings(examples(80), suppress_health_check=list(HealthCheck))
@given(torch_networks(max_nodes=10))
def test_a_larger_torch_network_is_read_with_the_sizes_of_its_graph(network):
    assert_sizes(network)


def is_read_back(network):
    """Whether there is a graph. It must then be the network."""
    sets_of(network)
    return has_graph(
        network, lambda: graph_of_torch(meta_torch(network), *shapes_of(network), budget=Budget(seconds=5))
    )


@settings(examples(4), suppress_health_check=list(HealthCheck))
@given(torch_networks())
def test_a_random_torch_network_is_read_back_as_its_graph_or_there_is_an_error(network):
    is_read_back(network)


def with_layers_of_torch(network):
    """The network with operations that PyTorch has as one layer, so that they are read as one node.

    It pads both sides alike, and not by the size. A window is a pooling. A requirement in the middle of a network is
    Python, which leaves no operation.
    """
    nodes = []
    for node in network.nodes:
        of, inputs = node.operation, node.inputs
        match of:
            case Conv() | ConvTranspose() | MaxPool() | AvgPool():
                given = 0 if isinstance(of.padding, str) else of.padding
                of = replace(of, padding=tuple(min(sides_on(given, axis)) for axis in range(network.axes)))
            case Window():
                of = MaxPool(of.kernel, of.stride)
            case TransposedWindow():
                of = ConvTranspose(of.kernel, of.stride, channels=network.channels[node.name])
            case Require():
                of, inputs = Activation("tanh"), inputs[:1]
        nodes.append(replace(node, operation=of, inputs=inputs))
    return Network(network.inputs, nodes, network.outputs, network.axes)


@settings(examples(8), suppress_health_check=list(HealthCheck))
@given(torch_networks(max_nodes=6).map(with_layers_of_torch))
def test_a_random_network_of_torchs_layers_is_read_back_as_its_graph(network):
    assert is_read_back(network)


@pytest.mark.parametrize("row", sparse(ROWS, lambda row: row == "some"))
def test_operations_on_values_are_read_as_they_are_written_whatever_is_before_them(row):
    network = ROWS[row]
    assert not differences(network, graph_of_torch(meta_torch(network), *shapes_of(network)))


# Values and gradients: the same arrays in the modules of both frameworks.


def random_parameters(network, draw):
    """Arrays for every parameter; scales and slopes are around 1."""
    return {
        layer: {
            name: (name in ("scale", "slope")) + 0.3 * draw.standard_normal(shape) for name, shape in shapes.items()
        }
        for layer, shapes in parameter_shapes(network).items()
    }


def in_torch(network, parameters, images, grad_output):
    model = TorchNetwork(network).double().eval()  # as the Flax network, whose batch norms have running statistics
    model.load(parameters)
    given = [torch.tensor(x, requires_grad=True) for x in images]
    y = model(*given)
    grads = torch.autograd.grad((y * torch.tensor(grad_output)).sum(), given, materialize_grads=True)
    return [of.detach().numpy() for of in (y, *grads)]


def in_flax(network, parameters, images, grad_output):
    model = abstract_flax(network)
    model.load(parameters)

    graph, state = nnx.split(model)

    def inner_product(images, grad_output):
        own = nnx.merge(graph, jax.tree.map(lambda x: x, state))  # a norm changes its statistics
        y = jnp.moveaxis(own(*(jnp.moveaxis(x, 1, -1) for x in images)), -1, 1)
        return (y * grad_output).sum(), y

    with jax.enable_x64(True):
        (_, y), grads = jax.jit(jax.value_and_grad(inner_product, has_aux=True))(images, grad_output)
        return [np.asarray(of) for of in (y, *grads)]


def alike_in_both(network):
    """The network with operations that have the same values in both frameworks.

    These differ: nearest resizing by a fraction, linear resizing to fewer positions, the order of channels in space to
    depth, and mirroring an image that is smaller than its padding.
    """
    nodes = []
    for node in network.nodes:
        of, channels = node.operation, network.channels[node.name]
        match of:
            case Resize(over=1, less=0) if of.mode != "linear":
                pass
            case Resize():
                of = Resize(of.factor, mode="linear")
            case ResizeTo():
                of = PadTo()
            case Window():
                of = replace(of, padding=0)  # a window on padding alone is -inf
            case SpaceToDepth():
                of = Conv(of.block, of.block, channels=channels)
            case DepthToSpace():
                of = ConvTranspose(of.block, of.block, channels=channels)
            case Pad() | PadTo() | PadToMultiple() if "mirrored" in of.mode:
                of = replace(of, mode="mirrored")
        nodes.append(replace(node, operation=of, inputs=node.inputs))
    return Network(network.inputs, nodes, network.outputs, network.axes)


def assert_values(network):
    sizes = [fits.above(7) or fits.maximum for fits in sets_of(network)]
    assume(prod(sizes) <= 2_000)
    draw = np.random.default_rng(0)
    images = [draw.standard_normal((2, 4) if of.single else (2, 4, *sizes)) for of in network.inputs]
    output = network.outputs[0]
    grad_output = draw.standard_normal((2, network.channels[output], *run_image(network, sizes).shape(output)))
    arrays = (network, random_parameters(network, draw), images, grad_output)
    for ours, theirs in zip(in_flax(*arrays), in_torch(*arrays), strict=True):
        assert ours.shape == theirs.shape
        assert np.abs(ours - theirs).max() <= 1e-7 * max(1, np.abs(theirs).max())


@settings(examples(3), suppress_health_check=list(HealthCheck))
@given(random_networks(as_jax_has_it).map(alike_in_both))
def test_a_random_network_has_the_same_values_and_gradients_in_both_frameworks(network):
    assert_values(network)


@pytest.mark.exhaustive
@settings(examples(60), suppress_health_check=list(HealthCheck))
@given(random_networks(as_jax_has_it, max_nodes=10).map(alike_in_both))
def test_a_larger_network_has_the_same_values_and_gradients_in_both_frameworks(network):
    assert_values(network)
