"""The arrays that a function of images has in its closure: those of the models that it calls, with their paths."""

import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from inspect import getclosurevars
from types import FunctionType, MethodType
from typing import Any

import jax

_DEPTH = 4
"""So many functions are looked into, one inside of the other."""

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
    for name, value in _reached(function, _DEPTH, set()):
        arrays = _arrays_of(value)
        if arrays:
            found.setdefault(id(value), (name, arrays))
    several = len(found) > 1
    return [(name if several else "", path, of) for name, arrays in found.values() for path, of in arrays]


def _reached(function: Any, depth: int, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """Everything that a function has at hand, by its name: also what is in the functions that it calls."""
    if id(function) in seen or depth == 0:
        return
    seen.add(id(function))
    for name, value in _at_hand(function).items():
        yield name, value
        if callable(value) and not isinstance(value, type):
            yield from _reached(value, depth - 1, seen)


def _at_hand(function: Any) -> Mapping[str, Any]:
    if isinstance(function, partial):
        numbered = {f"argument_{i}": value for i, value in enumerate(function.args)}
        return {"": function.func, **numbered, **function.keywords}
    if isinstance(function, MethodType):
        return {"": function.__self__, "function": function.__func__}
    if hasattr(function, "__wrapped__"):
        return {"": function.__wrapped__}
    if isinstance(function, FunctionType) and not function.__module__.startswith("jax."):
        found = getclosurevars(function)
        return {**found.globals, **found.nonlocals}
    return {}


def _arrays_of(value: Any) -> Arrays:
    """The arrays of a model: a module of Flax or Equinox, or a tree of arrays."""
    nnx = sys.modules.get("flax.nnx")
    if nnx is not None and isinstance(value, nnx.Module):
        value = nnx.split(value)[1]
    leaves = jax.tree_util.tree_flatten_with_path(value)[0]
    return [(path, leaf) for path, leaf in leaves if isinstance(leaf, jax.Array)]
