"""Convolutions that pad themselves: the same sizes and values as with the pads before them."""

import numpy as np
import pytest
from effort import examples
from graph_functions import drawn_parameters, with_values
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from wellshaped.proofs_of_shape.strategies import graphs
from wellshaped.spec import Conv, MaxPool, Network, Node, Pad, WellshapedError, compatible_sizes, run_image
from wellshaped.spec.network.folding import with_pads_in_convolutions
from wellshaped.spec.network.running import sizes_along
from wellshaped.spec.reference.graphs import graph_value

SIDES = st.tuples(st.integers(0, 2), st.integers(0, 2))


@st.composite
def padded_graphs(draw):
    """A random graph with pads before some nodes: of zeros or not, one after the other, and read by others or not."""
    graph = draw(graphs(6).map(with_values))
    nodes = []
    for node in graph.nodes:
        given = node.inputs[0]
        for number in range(draw(st.integers(0, 2)) if len(node.inputs) == 1 else 0):
            mode = draw(st.sampled_from(["zeros", "zeros", "zeros", "replicated"]))
            nodes.append(Node(f"{node.name} pad {number}", Pad((draw(SIDES),), mode=mode), given))
            given = nodes[-1].name
        nodes.append(Node(node.name, node.operation, (given, *node.inputs[1:])))
    names = [node.name for node in nodes if isinstance(node.operation, Pad) and node.name not in graph.outputs]
    more = draw(st.lists(st.sampled_from(names), max_size=1)) if names else []
    return Network(graph.inputs, nodes, (*graph.outputs, *more), graph.axes)


@settings(examples(60), suppress_health_check=[HealthCheck.too_slow])
@given(padded_graphs())
def test_the_sizes_and_the_values_stay(graph):
    folded = with_pads_in_convolutions(graph)
    event(f"{len(graph.nodes) - len(folded.nodes)} pads folded")
    assert folded.outputs == graph.outputs
    try:
        fitting = compatible_sizes(graph, 0)
    except WellshapedError:  # too hard to solve
        assume(False)
    assert compatible_sizes(folded, 0) == fitting
    n = next((n for n in range(1, 60) if n in fitting and run_image(graph, (n,)).ok), None)
    assume(n is not None and max(sizes_along(graph, n, 0).values()) < 200)
    rng = np.random.default_rng(0)
    images = [rng.integers(-3, 4, (of.channels, *(() if of.single else (n,)))) for of in graph.inputs]
    parameters = drawn_parameters(graph)
    expected, found = (graph_value(each, parameters, *images) for each in (graph, folded))
    for name in found:
        np.testing.assert_allclose(found[name].astype(float), expected[name].astype(float), rtol=1e-9, atol=1e-9)


CONV = Conv(3, 2, channels=1)
STAYS = {
    "it is an output": ([Node("pad", Pad(1)), Node("y", CONV)], ("pad", "y")),
    "a pooling reads it": ([Node("pad", Pad(1)), Node("y", CONV), Node("z", MaxPool(2), "pad")], ("y", "z")),
    "it mirrors": ([Node("pad", Pad(1, mode="mirrored")), Node("y", CONV)], "y"),
    "the convolution pads as much as it needs": ([Node("pad", Pad(1)), Node("y", Conv(3, 2, padding="SAME"))], "y"),
}


@pytest.mark.parametrize(("nodes", "outputs"), STAYS.values(), ids=STAYS)
def test_a_pad_stays_where(nodes, outputs):
    graph = Network({"x": 1}, nodes, outputs)
    assert with_pads_in_convolutions(graph) is graph


def test_a_pad_that_is_kept_by_name_stays():
    graph = Network({"x": 1}, [Node("pad", Pad(1)), Node("y", CONV)])
    assert with_pads_in_convolutions(graph, kept=("pad",)) is graph
    assert [node.name for node in with_pads_in_convolutions(graph).nodes] == ["y"]


def test_pads_in_a_row_become_one():
    nodes = [Node("one", Pad(((0, 1),))), Node("two", Pad((2, 3))), Node("y", Conv(3, padding="VALID"))]
    (only,) = with_pads_in_convolutions(Network({"x": 1}, nodes)).nodes
    assert only == Node("y", Conv(3, padding=((2, 3), (3, 4))), "x")
