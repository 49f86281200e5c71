"""Types that are checked: jaxtyping annotations, enforced by beartype, with a refusal that a person can read.

The annotation decides whether a call is accepted. Only when it refuses does :mod:`.explain` read the same annotation to
say why. All of this happens while a function is traced: compiled code carries no check.
"""

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any, TypeVar, cast

import jax.numpy as jnp
import numpy as np
from beartype import beartype
from jaxtyping import TypeCheckError, jaxtyped

from .explain import why_refused

Function = TypeVar("Function", bound=Callable[..., Any])


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

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        args = tuple(_as_jax(a) for a in args)
        kwargs = {name: _as_jax(a) for name, a in kwargs.items()}
        try:
            return typed(*args, **kwargs)
        except TypeCheckError as error:
            refusal = why_refused(function, signature(function).bind(*args, **kwargs).arguments)
            raise refusal or error from None

    return cast(Function, call)


def _as_jax(value: Any) -> Any:
    """A NumPy array of numbers as JAX's; anything else as it is, for the type to judge."""
    is_numbers = isinstance(value, np.ndarray) and jnp.issubdtype(value.dtype, jnp.number)
    return jnp.asarray(value) if is_numbers else value
