"""Compiled where it is called eagerly, and itself where it is traced.

A ``jax.jit`` inside a trace is traced, differentiated and inlined by itself, which costs more than what it holds.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import jax

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled_if_eager(*static: str) -> Callable[[Function], Function]:
    """Make ``jax.jit`` of a function whose arguments ``static`` are no arrays, but only for calls outside of a trace.

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
            traced = any(isinstance(value, jax.core.Tracer) for value in (*args, *kwargs.values()))
            return (function if traced else compiled)(*args, **kwargs)

        return cast(Function, call)

    return decorate
