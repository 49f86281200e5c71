"""Whether the layers of a model are those of its network: a layer that you put in their place can read anything."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import jax.numpy as jnp
from flax import nnx

from ...spec.network import Operation
from ..networks.typed_network import TypedNetwork
from ..networks.unet2 import UNet2
from ..operations.node_layers import layer_of
from .program import is_of_this_library

_FREE = (
    "dtype",
    "param_dtype",
    "precision",
    "axis_name",
    "axis_index_groups",
    "momentum",
    "use_running_average",
    "use_fast_variance",
)
"""Attributes that can differ: they do not change which positions a layer reads, or another check judges them."""


def computes_its_network(model: Any) -> bool:
    """Whether a model is one of this library, with the layers of its network."""
    return is_of_this_library(model) and not replaced_layer(model)


def replaced_layer(model: TypedNetwork | UNet2) -> str:
    """The path of a layer that is not the one that the network has there; ``""`` if there is none.

    A layer is the network's if it has the same class, the same shapes, and the same attributes. A method that an
    attribute of the model hides counts too.

    >>> from ...spec.network import Conv, Network, Node, Norm
    >>> graph = Network({"x": 1}, (Node("conv", Conv(3, channels=2)), Node("norm", Norm("batch"))))
    >>> model = TypedNetwork(graph, rngs=nnx.Rngs(0))
    >>> replaced_layer(model)
    ''
    >>> model.layers["norm"] = nnx.InstanceNorm(2, rngs=nnx.Rngs(0))
    >>> replaced_layer(model)
    'norm'
    """
    hidden = (name for name in vars(model) if callable(getattr(type(model), name, None)))
    replaced = (name for name, layer, built in _layers(model) if _described(layer) != _described(built))
    return next(hidden, "") or next(replaced, "")


def _layers(model: TypedNetwork | UNet2) -> Iterator[tuple[str, Any, Any]]:
    """The path of each layer, the layer, and the one that the network has there."""
    if isinstance(model, UNet2):
        made = nnx.eval_shape(lambda: UNet2(model.cfg, model.in_channels, model.out_channels, rngs=nnx.Rngs(0)))
        for name, built in vars(made).items():
            if isinstance(built, nnx.Module):
                yield name, getattr(model, name), built
        return
    graph = model.network
    for node in graph.nodes:
        layer = model.layer(node.path)
        if layer is not None:
            yield node.path, layer, _built(node.operation, tuple(graph.channels[of] for of in node.inputs), graph.axes)


@lru_cache(maxsize=256)
def _built(operation: Operation, channels: tuple[int, ...], axes: int) -> Any:
    """The layer of an operation, without values."""

    def make() -> nnx.Module | None:
        types = {"dtype": None, "param_dtype": jnp.float32, "rngs": nnx.Rngs(0)}
        return layer_of(operation, channels, axes, axis_name=None, types=types)

    return nnx.eval_shape(make)


def _described(layer: Any) -> tuple[type, dict[str, Any]]:
    """The class of a layer, and its attributes: shapes in place of arrays, classes in place of modules."""
    attributes = {name: of for name, of in vars(layer).items() if not name.startswith("_") and name not in _FREE}
    return type(layer), {name: _attribute(of) for name, of in attributes.items()}


def _attribute(of: Any) -> Any:
    if isinstance(of, nnx.Module):
        return type(of)
    shape = getattr(of, "shape", None)
    return of if shape is None else tuple(shape)
