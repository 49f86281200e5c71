"""What a function has at hand: the values of its closure, of its module's names, and of the functions that it calls."""

from collections.abc import Iterator, Mapping
from functools import partial
from inspect import getclosurevars
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

_DEPTH = 4
"""So many functions are looked into, one inside of the other."""


def reached(function: Any, depth: int = _DEPTH, seen: set[int] | None = None) -> Iterator[tuple[str, Any]]:
    """Everything that a function has at hand, by its name: also what is in the functions that it calls.

    >>> factor = 2.0
    >>> [name for name, _ in reached(lambda x: x * factor)]
    ['factor']
    """
    seen = set() if seen is None else seen
    if id(function) in seen or depth == 0:
        return
    seen.add(id(function))
    for name, value in _at_hand(function).items():
        yield name, value
        if callable(value) and not isinstance(value, type):
            yield from reached(value, depth - 1, seen)


def _at_hand(function: Any) -> Mapping[str, Any]:
    if isinstance(function, partial):
        numbered = {f"argument_{i}": value for i, value in enumerate(function.args)}
        return {"": function.func, **numbered, **function.keywords}
    if isinstance(function, MethodType):
        return {"": function.__self__, "function": function.__func__}
    if hasattr(function, "__wrapped__"):
        return {"": function.__wrapped__}
    if isinstance(function, FunctionType) and package_of(function) not in ("jax", "torch"):
        found = getclosurevars(function)
        return {**_of_inner_functions(function), **found.globals, **found.nonlocals}
    return {}


def _of_inner_functions(function: FunctionType) -> Mapping[str, Any]:
    """What the functions written inside of a function find among the names of its module."""
    left, names = [function.__code__], set[str]()
    while left:
        inner = [of for of in left.pop().co_consts if isinstance(of, CodeType)]
        names.update(name for of in inner for name in of.co_names)
        left += inner
    return {name: function.__globals__[name] for name in sorted(names) if name in function.__globals__}


def packages_at_hand(model: Any) -> set[str]:
    """The packages that a model comes from, or that its function uses.

    >>> import jax.numpy as jnp
    >>> "jax" in packages_at_hand(lambda x: jnp.tanh(x)), "torch" in packages_at_hand(lambda x: jnp.tanh(x))
    (True, False)
    """
    values = [model, *(value for _, value in reached(model))]
    if not isinstance(model, FunctionType | MethodType | partial | type):  # an object with a __call__ of its own
        values += [*getattr(model, "__dict__", {}).values()]
        values += [value for _, value in reached(type(model).__call__)] if callable(model) else []
    return {package for value in values for package in (package_of(value), *_bases(value))}


def package_of(value: Any) -> str:
    """The package that a module, a function or a class is from; of another value, that of its class."""
    name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
    return str(name or type(value).__module__).partition(".")[0]


def _bases(value: Any) -> Iterator[str]:
    """The packages of a class and its bases, or of those of a value: a user's network is a module of its framework."""
    yield from (package_of(kind) for kind in (value if isinstance(value, type) else type(value)).__mro__)
