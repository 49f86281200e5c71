"""The arrays that a function of images has in its closure: those of the models that it calls, with their paths."""

import sys
from collections.abc import Callable
from typing import Any

import jax

from .closures import reached

Arrays = list[tuple[tuple[Any, ...], Any]]
"""Arrays, each after its path in its model: the keys of JAX."""


def arrays_in(function: Callable[..., Any]) -> list[tuple[str, tuple[Any, ...], Any]]:
    """The arrays of the models in the closure of a function, each after the name of its model and its path there.

    The name is empty if there is only one model.

    >>> scale = {"scale": jax.numpy.ones(3)}
    >>> [(name, path) for name, path, _ in arrays_in(lambda x: x * scale["scale"])]
    [('', (DictKey(key='scale'),))]
    """
    found: dict[int, tuple[str, Arrays]] = {}
    for name, value in reached(function):
        arrays = _arrays_of(value)
        if arrays:
            found.setdefault(id(value), (name, arrays))
    several = len(found) > 1
    return [(name if several else "", path, of) for name, arrays in found.values() for path, of in arrays]


def _arrays_of(value: Any) -> Arrays:
    """The arrays of a model: a module of Flax or Equinox, or a tree of arrays."""
    nnx = sys.modules.get("flax.nnx")
    if nnx is not None and isinstance(value, nnx.Module):
        value = nnx.split(value)[1]
    leaves = jax.tree_util.tree_flatten_with_path(value)[0]
    return [(path, leaf) for path, leaf in leaves if isinstance(leaf, jax.Array)]
