"""The arrays in a model's result: which they are, and how to put others in their place."""

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import fields, is_dataclass, replace
from functools import partial
from numbers import Number
from typing import Any

from ...spec.messages.report import UsageError
from ...spec.messages.written import kind_of

Whole = Callable[[list[Any]], Any]
"""Puts values in the places of those in a result."""


def outputs_of(result: Any, library: str) -> tuple[list[Any], Whole]:
    """The outputs in a model's ``result``: its arrays, in order; and a function that puts others in their place.

    Raises :class:`UsageError` for an object that may hide arrays.
    """
    if library == "torch":
        leaves, whole = _flat(result)
    else:
        import jax

        leaves, form = jax.tree.flatten(result)
        whole = partial(jax.tree.unflatten, form)
    for leaf in leaves:
        if not (hasattr(leaf, "shape") or leaf is None or isinstance(leaf, Number | str)):
            says = f"it has {kind_of(leaf)}, and must be arrays in tuples, lists and dicts"
            raise UsageError.of("the model's result", "output", "", says, "a function that returns only images")
    places = [place for place, leaf in enumerate(leaves) if hasattr(leaf, "shape")]

    def put(outputs: list[Any]) -> Any:
        for place, output in zip(places, outputs, strict=True):
            leaves[place] = output
        return whole(leaves)

    return [leaves[place] for place in places], put


def _flat(value: Any) -> tuple[list[Any], Whole]:
    """What is in lists, tuples, mappings and dataclasses, in the order of ``read_torch``; and how to join it again."""
    joined: Whole
    if isinstance(value, Mapping):
        parts, joined = list(value.values()), partial(_with_values, value)
    elif isinstance(value, list | tuple):
        parts, joined = list(value), partial(_sequence, type(value))
    elif is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in fields(value)]
        parts = [getattr(value, name) for name in names]
        joined = lambda new: replace(value, **dict(zip(names, new, strict=True)))  # noqa: E731 it has a value's names
    else:
        return [value], lambda new: new[0]
    flat = [_flat(part) for part in parts]

    def whole(new: list[Any]) -> Any:
        rest = iter(new)
        return joined([build([next(rest) for _ in leaves]) for leaves, build in flat])

    return [leaf for leaves, _ in flat for leaf in leaves], whole


def _sequence(kind: Any, values: list[Any]) -> Any:
    return kind(*values) if hasattr(kind, "_fields") else kind(values)  # a named tuple takes them one by one


def _with_values(mapping: Any, values: list[Any]) -> Any:
    changed = copy(mapping)
    for key, value in zip(mapping, values, strict=True):
        changed[key] = value
    return changed
