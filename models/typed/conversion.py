"""Converts NumPy arrays to JAX arrays if an annotation takes those, also inside a list, tuple or dict."""

from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import jax
import jax.numpy as jnp
import numpy as np

from .entries import behind, entries_of, is_array_hint

MAY_HOLD = (np.ndarray, list, tuple, dict)
"""NumPy arrays, and the containers in which they are converted."""


def takes_jax(hint: Any) -> bool:
    """Whether an annotation takes a JAX array, directly or inside a container."""
    hint = behind(hint)
    if is_array_hint(hint):
        return bool(hint.array_type is jax.Array)
    return any(map(takes_jax, get_args(hint)))


def as_jax(value: Any, hint: Any) -> Any:
    """The value with NumPy arrays as JAX arrays, if ``hint`` takes those and JAX has their dtype; else ``value``."""
    hint = behind(hint)
    if get_origin(hint) is Annotated:
        return as_jax(value, get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        members = get_args(hint)
        if any(is_array_hint(one) and one.array_type is np.ndarray for one in map(behind, members)):
            return value
        return next((taken for one in members if (taken := as_jax(value, one)) is not value), value)
    if isinstance(value, np.ndarray):
        return _array_as_jax(value) if is_array_hint(hint) and hint.array_type is jax.Array else value
    if type(value) not in (list, tuple, dict):
        return value
    entries = entries_of(value, hint) or []
    taken = [as_jax(entry.value, entry.hint) for entry in entries]
    if all(new is entry.value for new, entry in zip(taken, entries, strict=True)):
        return value
    if isinstance(value, dict):
        at = {entry.at: new for new, entry in zip(taken, entries, strict=True)}
        return {key: at.get(f"[{key!r}]", old) for key, old in value.items()}
    return type(value)(taken)


def _array_as_jax(value: Any) -> Any:
    if isinstance(value, np.ma.MaskedArray):
        return value
    try:
        return jnp.asarray(value)
    except TypeError:
        return value
