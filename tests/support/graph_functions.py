"""Graphs with given arrays as their parameters: as functions in JAX, which draws and compiles nothing else."""

from dataclasses import replace
from math import prod

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from wellshaped.models import TypedNetwork
from wellshaped.spec import WellshapedError
from wellshaped.spec.network import (
    Conv,
    ConvTranspose,
    MaxPool,
    Network,
    Resize,
    TransposedWindow,
    Window,
    run_image,
    sizes_that_fit,
)
from wellshaped.spec.network.fields import on_axis


def with_values(network):
    """The graph with a layer of PyTorch's in place of each window that only has sizes."""
    nodes = [replace(node, operation=_layer(node.operation), inputs=node.inputs) for node in network.nodes]
    return Network(network.inputs, nodes, network.outputs, network.axes)


def _layer(of):
    match of:
        case Window():
            return MaxPool(of.kernel, of.stride, ceil_mode=of.rounding == "ceil")
        case TransposedWindow():
            return ConvTranspose(of.kernel, of.stride, padding=of.padding)
    return of


def as_torch_resizes(network):
    """The graph without resizes by a factor to another size, which PyTorch scales by the ratio of the sizes."""

    def to_its_size(of):
        by_factor = isinstance(of, Resize) and of.less and not of.align_corners
        return replace(of, recompute_scale_factor=True) if by_factor else of

    nodes = [replace(node, operation=to_its_size(node.operation), inputs=node.inputs) for node in network.nodes]
    return Network(network.inputs, nodes, network.outputs, network.axes)


def is_in_torch(network, sizes):
    """Whether PyTorch has each resize of a graph on images of these sizes.

    It has none by a factor to another size, unless the ratio of the sizes is the scale. On a CPU it copies an axis
    whose size does not change.
    """
    run = run_image(network, sizes)
    return all(
        _resizes_in_torch(node.operation, run.shape(node.inputs[0]), run.shape(node.name))
        for node in network.nodes
        if isinstance(node.operation, Resize)
    )


def _resizes_in_torch(of, given, made):
    if of.align_corners or of.recompute_scale_factor:
        return True
    numbers = [[on_axis(value, axis) for axis in range(len(given))] for value in (of.factor, of.over, of.less)]
    return not any(
        less or (factor != over and n == m) for factor, over, less, n, m in zip(*numbers, given, made, strict=True)
    )


def drawn_parameters(network, seed=0):
    """Arrays for every parameter of a graph, and for the kernels that are not learned. No slope is near 0."""
    rng = np.random.default_rng(seed)

    def drawn(part, shape):
        if part == "slope":
            return rng.uniform(0.5, 1.5, shape)
        return rng.normal(float(part == "scale"), max(np.prod(shape[1:]), 4) ** -0.5, shape)

    shapes = {layer: of for node in network.nodes for layer, of in _shapes_of(network, node)}
    return {layer: {part: drawn(part, shape) for part, shape in of.items()} for layer, of in shapes.items()}


def _shapes_of(network, node):
    of = node.operation
    if isinstance(of, Conv | ConvTranspose) and not of.learned:
        of = replace(of, learned=True, bias=False)
    shapes = of.parameters([network.channels[name] for name in node.inputs], network.axes)
    return [(node.path, shapes)] if shapes else []


def drawn_images(network, sizes, seed=1):
    """An array for each input of a graph."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(of.channels,) if of.single else (of.channels, *sizes)) for of in network.inputs]


def in_jax(network, names):
    """The function of parameters and images that returns the results of these nodes, by name."""
    graph, state = nnx.split(nnx.eval_shape(lambda: TypedNetwork(network, rngs=nnx.Rngs(0))))

    def results(parameters, images):
        def given(path, of):
            _, layer, part, *_ = (step.key if hasattr(step, "key") else step.name for step in path)
            arrays = parameters.get(layer, {})
            return jnp.asarray(arrays[part]) if part in arrays else jnp.zeros(of.shape)

        model = nnx.merge(graph, jax.tree.map_with_path(given, state))
        return model.results(*images, names=names)

    return results


def small_sizes(network):
    """The smallest sizes that fit, for which each statistic has more than one value; ``None`` if they are large."""
    try:
        sets = [sizes_that_fit(network, axis) for axis in range(network.axes)]
    except WellshapedError:  # not solved
        return None
    for least in range(1, 12):
        sizes = tuple(of.above(least) for of in sets)
        if None in sizes or prod(sizes) > 2000:
            return None
        if all(of.holds for of in run_image(network, sizes).together):
            return sizes
    return None
