"""Compiles a function for eager calls, also under an eager ``vmap`` or ``grad``, but not while JAX stages it.

While JAX stages a function, as under ``jax.jit``, it traces, differentiates and inlines every ``jax.jit`` inside
separately. For a small function this costs more than the function itself.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import jax
from jax.interpreters.partial_eval import DynamicJaxprTracer

_INSIDE = ("primal", "val")  # the attribute with the inner value, in tracers of jvp and linearize, and of vmap

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled_if_eager(*static: str) -> Callable[[Function], Function]:
    """Decorate a function: compile it by ``jax.jit``, except while JAX stages it. ``static`` arguments are not arrays.

    >>> import jax.numpy as jnp
    >>> @compiled_if_eager("times")
    ... def scaled(x, times):
    ...     return times * x
    >>> scaled(jnp.ones(2), times=3).tolist()
    [3.0, 3.0]
    """

    def decorate(function: Function) -> Function:
        compiled = jax.jit(function, static_argnames=static, inline=True)

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            return (function if any(map(_is_staged, (*args, *kwargs.values()))) else compiled)(*args, **kwargs)

        return cast(Function, call)

    return decorate


def _is_staged(value: Any) -> bool:
    """Whether JAX is staging the value, as under ``jax.jit``, possibly below other transformations."""
    while isinstance(value, jax.core.Tracer) and not isinstance(value, DynamicJaxprTracer):
        value = next((getattr(value, name) for name in _INSIDE if hasattr(value, name)), None)
    return isinstance(value, DynamicJaxprTracer)
