"""Types that are checked: jaxtyping annotations, enforced by beartype, with a refusal that a person can read.

The annotation decides whether a call is accepted. Only when it refuses does :mod:`.explain` read the same annotation to
say why. All of this happens while a function is traced: compiled code carries no check. What an annotation reads of a
call is shapes, dtypes and numbers, so a call like one that was accepted before is accepted by looking it up.
"""

from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from functools import lru_cache, wraps
from inspect import signature
from types import FunctionType, NoneType
from typing import Any, TypeVar, cast

import jax
import jax.numpy as jnp
import numpy as np
from beartype import beartype
from flax import nnx
from jaxtyping import TypeCheckError, jaxtyped

from ..spec.config import UNet2Config
from ..spec.unet import UNetConfig
from .explain import why_refused

Function = TypeVar("Function", bound=Callable[..., Any])

MOST_ACCEPTED = 4096
"""Calls that one function remembers."""


def checked(function: Function) -> Function:
    """Check every argument and the result of ``function`` against its annotations, each time it is called or traced.

    NumPy arrays are taken as JAX takes them. Raises :class:`ShapeError` for an argument that does not fit. A result
    that does not fit is a fault of ours, and keeps jaxtyping's own error.

    >>> from jaxtyping import Array, Float
    >>> @checked
    ... def first_channel(x: Float[Array, "C H W"]) -> Float[Array, "H W"]:
    ...     return x[0]
    >>> first_channel(np.ones((3, 4, 5), np.float32)).shape
    (4, 5)
    """
    typed = jaxtyped(function, typechecker=beartype)
    accepted: dict[Any, Any] = {}

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        given = _read_call(args, kwargs)
        if given is None:
            args = tuple([_as_jax(a) for a in args])
            kwargs = {name: _as_jax(a) for name, a in kwargs.items()}
            given = _read_call(args, kwargs)
        result_like = accepted.get(given)
        if result_like is not None:
            result = function(*args, **kwargs)
            if _read(result) == result_like:
                return result
        try:
            result = typed(*args, **kwargs)
        except TypeCheckError as error:
            bound = signature(function).bind(*args, **kwargs)
            bound.apply_defaults()
            raise why_refused(function, bound.arguments) or error from None
        if given is not None:
            with suppress(_UnreadError):
                accepted[given] = _read(result)
                if len(accepted) > MOST_ACCEPTED:
                    accepted.clear()
        return result

    return cast(Function, call)


class _UnreadError(Exception):
    """A value of which more than shapes, dtypes and numbers may matter."""


def _read_call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What annotations can tell two calls apart by, as something to look up; ``None`` where that is not known."""
    try:
        return tuple(map(_read, args)), tuple(kwargs), tuple(map(_read, kwargs.values()))
    except _UnreadError:
        return None


def _read(value: Any) -> Any:
    reading = _reading(type(value))  # type: ignore[arg-type]  # a class of any values can be hashed
    if reading is not None:
        return reading(value)
    if isinstance(value, jax.Array):  # a tracer, whose type does not say so
        return _of_array(value)
    raise _UnreadError


@lru_cache(256)
def _reading(kind: type) -> Callable[[Any], Any] | None:
    """How the values of a type are read, found once: to find it takes longer than to read."""
    if kind in _PLAIN:
        return lambda value: (kind, value)
    return next((reading for base, reading in _READINGS if issubclass(kind, base)), None)


def _of_array(value: jax.Array) -> Any:
    if value.shape == ():  # it may stand for a number, of which more than its dtype matters
        raise _UnreadError
    return value.shape, value.dtype


def _of_module(value: nnx.Module) -> Any:
    # Its annotations name its numbers and its config, and functions of them.
    return type(value), tuple([n for n in vars(value).values() if type(n) in _NUMBERS])


_NUMBERS = frozenset({int, UNet2Config, UNetConfig})
_PLAIN = _NUMBERS | {str, bool, float, NoneType, FunctionType}
_READINGS: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (jax.Array, _of_array),
    (nnx.Module, _of_module),
    (Enum, lambda value: (type(value), value)),
    (tuple, lambda value: (type(value), tuple(map(_read, value)))),
)


def _as_jax(value: Any) -> Any:
    """A NumPy array of numbers as JAX's; anything else as it is, for the type to judge."""
    is_numbers = isinstance(value, np.ndarray) and jnp.issubdtype(value.dtype, jnp.number)
    return jnp.asarray(value) if is_numbers else value
