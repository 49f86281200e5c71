"""Compiled where it is called eagerly, under an eager ``vmap`` or ``grad`` too, and itself where it is staged.

A ``jax.jit`` inside a trace is traced, differentiated and inlined by itself, which costs more than what it holds.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import jax
from jax.interpreters.partial_eval import DynamicJaxprTracer

_INSIDE = ("primal", "val")  # what the tracers of jvp and linearize, and of vmap, go around

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled_if_eager(*static: str) -> Callable[[Function], Function]:
    """Make ``jax.jit`` of a function whose arguments ``static`` are no arrays, but not where it is being staged.

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
    """Whether the value is being staged, under whatever transformations."""
    while isinstance(value, jax.core.Tracer) and not isinstance(value, DynamicJaxprTracer):
        value = next((getattr(value, name) for name in _INSIDE if hasattr(value, name)), None)
    return isinstance(value, DynamicJaxprTracer)
