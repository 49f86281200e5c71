"""Random graphs as Flax NNX modules: read back, they have the same sizes, and the same graph."""

from dataclasses import replace

import jax
import pytest
from effort import examples, sparse
from flax import nnx
from flax_networks import abstract_flax
from hypothesis import HealthCheck, assume, given, settings
from lax_networks import as_jax_has_it
from random_networks import random_networks
from rows_of_operations import ROWS, in_a_row
from same_graphs import differences, has_graph, members

from wellshaped.interop import Budget, graph_of_jax, read_jax
from wellshaped.spec import WellshapedError
from wellshaped.spec.network import (
    Activation,
    Add,
    AvgPool,
    Concat,
    Conv,
    ConvTranspose,
    CropTo,
    Mean,
    Multiply,
    Network,
    Node,
    Norm,
    PadToMultiple,
    Resize,
    Scale,
    Slice,
    sizes_that_fit,
)
from wellshaped.spec.network.fields import sides_on
from wellshaped.spec.network.running import run_image

AXES = {1: "L", 2: "HW", 3: "DHW"}


def within_its_window(network):
    """The network with the padding of a transposed convolution inside its kernel; beyond it is a crop."""
    nodes = []
    for node in as_jax_has_it(network).nodes:
        of = node.operation
        if isinstance(of, ConvTranspose) and not isinstance(of.padding, str):
            of = replace(of, padding=(tuple(min(n, of.kernel - 1) for n in sides_on(of.padding, 0)),))
        nodes.append(replace(node, operation=of, inputs=node.inputs))
    return Network(network.inputs, nodes, network.outputs, network.axes)


def shapes_of(network):
    images = " ".join(("N", *AXES[network.axes], "4"))
    return ["N 4" if given.single else images for given in network.inputs]


def shape_of_output(model, network, sizes):
    shapes = [(2, 4) if given.single else (2, *sizes, 4) for given in network.inputs]
    graph, state = nnx.split(model)
    images = [jax.ShapeDtypeStruct(shape, "float32") for shape in shapes]
    return jax.eval_shape(lambda state, *x: nnx.merge(graph, state)(*x), state, *images).shape


def sets_of(network):
    """The sizes that fit along each axis; an example with none is not counted."""
    try:
        sets = [sizes_that_fit(network, axis) for axis in range(network.axes)]
    except WellshapedError:  # not solved
        sets = [()]
    assume(all(sets))
    return sets


def assert_sizes(network):
    expected, model = sets_of(network), abstract_flax(network)
    answer = read_jax(model, *shapes_of(network), budget=Budget(seconds=5))
    for axis, fits in zip(AXES[network.axes], expected, strict=True):
        of = answer.axes[axis]
        if of.held_fits:
            decided = of.found.undecided.complement()
            assert of.sizes == fits & decided, axis
    for turn in range(3):
        sizes = [members(fits)[turn % len(members(fits))] for fits in expected]
        made = shape_of_output(model, network, sizes)
        assert made == (2, *run_image(network, sizes).shape(network.outputs[0]), network.channels[network.outputs[0]])


def is_read_back(network):
    """Whether there is a graph. It must then be the network."""
    sets_of(network)
    return has_graph(
        network, lambda: graph_of_jax(abstract_flax(network), *shapes_of(network), budget=Budget(seconds=5))
    )


@settings(examples(4), suppress_health_check=list(HealthCheck))
@given(random_networks(as_jax_has_it))
def test_a_random_flax_network_has_the_sizes_of_its_graph(network):
    assert_sizes(network)


def test_a_random_flax_network_is_read_back_as_its_graph():
    found = []

    @settings(examples(4), suppress_health_check=list(HealthCheck))
    @given(random_networks(within_its_window))
    def read(network):
        found.append(is_read_back(network))

    read()
    assert any(found)


@pytest.mark.exhaustive
@settings(examples(20), suppress_health_check=list(HealthCheck))
@given(random_networks(as_jax_has_it, max_nodes=10))
def test_a_larger_flax_network_has_the_sizes_of_its_graph(network):
    assert_sizes(network)


@pytest.mark.exhaustive
@settings(examples(20), suppress_health_check=list(HealthCheck))
@given(random_networks(within_its_window, max_nodes=10))
def test_a_larger_flax_network_is_read_back_as_its_graph(network):
    is_read_back(network)


# What random networks found: operations in a row, or on an image and what was computed from it.


FOUND = {
    "activations": in_a_row(
        *map(Activation, ("sigmoid", "tanh", "prelu", "prelu", "glu")), Conv(1, channels=4), Activation("snake")
    ),
    "norms and scales": in_a_row(
        *(Activation("tanh"), Norm("group", groups=2), Scale(), Scale(), Norm("layer"), Activation("snake")),
        *(Norm("batch"), Activation("prelu"), AvgPool(2), Activation("tanh")),
    ),
    "channels of a resized image": in_a_row(Resize(2), Slice(0, 2), Conv(1, channels=4)),
    "a slope after a mean": in_a_row(AvgPool(2), Activation("prelu"), Resize(2)),
    "single positions": in_a_row(
        *(Activation("tanh"), Mean(), Conv(1), Norm("batch"), Activation(), Conv(1), Norm("group", groups=2))
    ),
    "one axis of two": in_a_row(
        PadToMultiple((4, 1)), Resize((2, 1), mode="nearest-exact", less=(1, 0)), Conv(3, padding=1), axes=2
    ),
    "branches in another order": Network(
        {"x": 4},
        (
            Node("conv", Conv(3, padding=1)),
            Node("small", Conv(3, stride=3)),
            Node("large", Resize(3), ("small",)),
            Node("cropped", CropTo(offset=2), ("conv", "large")),
            Node("joined", Concat(), ("cropped", "large")),
        ),
        axes=1,
    ),
    **{
        f"an image and its {kind}": Network(
            {"x": 4},
            (Node("of", Activation(kind)), Node("sum", Add(), ("x", "of")), Node("more", Add(), ("sum", "of"))),
            axes=1,
        )
        for kind in ("gelu", "gelu_tanh", "silu", "tanh", "softplus")
    },
    "gates": Network(
        {"x": 4},
        (
            Node("mean", Mean()),
            Node("gate", Multiply(broadcast="positions"), ("x", "mean")),
            Node("another", Mean()),
            Node("shifted", Add(broadcast="positions"), ("gate", "another")),
            Node("tanh", Activation("tanh")),
            Node("sum", Add(), ("shifted", "tanh")),
            Node("product", Multiply(), ("sum", "x")),
        ),
        axes=1,
    ),
}


@pytest.mark.parametrize("row", sparse(ROWS, lambda row: row == "some"))
def test_operations_on_values_are_read_as_they_are_written_whatever_is_before_them(row):
    assert not differences(ROWS[row], graph_of_jax(abstract_flax(ROWS[row]), *shapes_of(ROWS[row])))


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", FOUND)
def test_each_of_several_operations_on_values_is_a_node(name):
    network = FOUND[name]
    assert not differences(network, graph_of_jax(abstract_flax(network), *shapes_of(network)))
