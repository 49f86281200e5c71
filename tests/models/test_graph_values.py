"""Whole graphs, as typed networks: each node has the value of the exact reference, and PyTorch's value and gradient."""

import jax
import numpy as np
import pytest
from effort import examples, sparse
from graph_functions import (
    as_torch_resizes,
    drawn_images,
    drawn_parameters,
    in_jax,
    is_in_torch,
    small_sizes,
    with_values,
)
from hypothesis import HealthCheck, assume, given, settings
from random_networks import random_networks

from wellshaped.proofs_of_shape.strategies import unet_configs
from wellshaped.spec import Norm, compatible_shapes, graph_of, reference
from wellshaped.spec.network import Network, Node, run_image

from ..field.architectures import ARCHITECTURES, graph

SMALL = ("dncnn", "cbdnet", "demucs_v2")
"""Published networks that JAX compiles in a second."""

LARGEST = ("smp_unet_densenet121", "u2net")
"""They take half a minute each, and their operations are those of others. PyTorch is compared with them, too."""


def some(number):
    return settings(examples(number), suppress_health_check=list(HealthCheck))


def assert_close(found, expected, name):
    found, expected = np.asarray(found), np.asarray(expected, float)
    assert found.shape == expected.shape, name
    assert found.dtype == np.float64, name
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11 * max(1.0, np.abs(expected).max()), err_msg=name)


def published(name):
    """A published network, and small sizes that it takes. A norm of two values would enlarge every rounding."""
    network = graph(ARCHITECTURES[name])
    sizes = compatible_shapes(network).above((12,) * network.axes)
    while not all(of.holds and of.left >= 8 for of in run_image(network, sizes).together):
        sizes = compatible_shapes(network).above(tuple(n + 1 for n in sizes))
    return network, sizes


# Beside the exact reference.


def assert_values(network, sizes):
    parameters, images = drawn_parameters(network), drawn_images(network, sizes)
    expected = reference.graph_value(network, parameters, *images)
    with jax.enable_x64(True):
        found = jax.jit(in_jax(network, tuple(expected)))(parameters, images)
    for name in expected:
        assert_close(found[name], expected[name], name)


def assert_random_values(network):
    assume(sizes := small_sizes(network))
    assert_values(network, sizes)


@some(8)
@given(random_networks(with_values))
def test_each_node_of_a_random_graph_has_the_value_of_the_reference(network):
    assert_random_values(network)


@pytest.mark.exhaustive
@some(30)
@given(random_networks(with_values, max_nodes=14))
def test_each_node_of_many_random_graphs_has_the_value_of_the_reference(network):
    assert_random_values(network)


NORMS = [
    *(Norm(kind, affine=affine) for kind in ("batch", "instance", "layer") for affine in (True, False)),
    Norm("group", groups=2, epsilon=0.1),
]


def test_every_kind_of_norm_has_the_value_of_the_reference():
    for axes in (1, 2, 3):
        nodes = [Node(f"norm {i}", norm, "x") for i, norm in enumerate(NORMS)]
        assert_values(Network({"x": 4}, nodes, [node.name for node in nodes], axes), (3, 2, 4)[:axes])


@pytest.mark.parametrize(
    "name", sparse([name for name in ARCHITECTURES if name not in LARGEST], lambda name: name in SMALL)
)
def test_each_node_of_a_published_network_has_the_value_of_the_reference(name):
    assert_values(*published(name))


# Beside PyTorch.


def gradients_in_torch(network, parameters, images):
    """The value of each node, and the gradients of the mean square of the outputs, for parameters and images."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from torch_networks import TorchNetwork, parameters_of

    model = TorchNetwork(network).double().train()
    model.load(parameters)
    model.requires_grad_()
    given = [torch.tensor(image[None], requires_grad=True) for image in images]
    values = model.values(*given)
    sum((values[name] ** 2).mean() for name in network.outputs).backward()
    of_parameters = jax.tree.map(lambda tensor: gradient(torch, tensor), parameters_of(model, parameters))
    results = {name: value[0].detach().numpy() for name, value in values.items()}
    return results, of_parameters, [gradient(torch, image)[0] for image in given]


def gradient(torch, tensor):
    return (torch.zeros_like(tensor) if tensor.grad is None else tensor.grad).numpy()


def assert_gradients(network, sizes):
    parameters, images = drawn_parameters(network), drawn_images(network, sizes)
    values, *expected = gradients_in_torch(network, parameters, images)
    results = in_jax(network, tuple(values))

    def loss(parameters, images):
        found = results(parameters, images)
        return sum((found[name] ** 2).mean() for name in network.outputs), found

    with jax.enable_x64(True):
        gradients, found = jax.jit(jax.grad(loss, (0, 1), has_aux=True))(parameters, images)
    for name in values:
        assert_close(found[name], values[name], name)
    jax.tree.map_with_path(lambda path, a, b: assert_close(a, b, jax.tree_util.keystr(path)), list(gradients), expected)


def assert_random_gradients(network):
    network = as_torch_resizes(network)
    assume((sizes := small_sizes(network)) and is_in_torch(network, sizes))
    assert_gradients(network, sizes)


@pytest.mark.filterwarnings("default")  # PyTorch's own
@some(8)
@given(random_networks(with_values))
def test_a_random_graph_has_the_values_and_gradients_of_pytorch(network):
    assert_random_gradients(network)


@pytest.mark.exhaustive
@pytest.mark.filterwarnings("default")
@some(60)
@given(random_networks(with_values, max_nodes=14))
def test_many_random_graphs_have_the_values_and_gradients_of_pytorch(network):
    assert_random_gradients(network)


@pytest.mark.filterwarnings("default")
@some(6)
@given(unet_configs(by_level=True, max_levels=2, max_channels=2))
def test_a_config_whose_levels_differ_has_the_values_and_gradients_of_pytorch(cfg):
    network = as_torch_resizes(graph_of(cfg, 2, 2 if cfg.head else cfg.channels[0]))
    sizes = compatible_shapes(network).above((6,) * network.axes)
    assume(np.prod(sizes) < 3000)
    while not all(of.holds and of.left >= 8 for of in run_image(network, sizes).together):
        sizes = compatible_shapes(network).above(tuple(n + 1 for n in sizes))
    assert_gradients(network, sizes)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", sparse(ARCHITECTURES, lambda name: name in SMALL))
def test_a_published_network_has_the_values_and_gradients_of_pytorch(name):
    assert_gradients(*published(name))
