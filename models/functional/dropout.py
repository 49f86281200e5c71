"""Dropout, and its error under transformations in which its random numbers can't advance."""

from contextlib import AbstractContextManager
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from .statistics import state_kept


def dropped(dropout: Any, x: Array, *, channels: bool, given_to: str) -> Array:
    """Flax's ``dropout`` of one image ``(C, *sizes)``; with ``channels``, of whole channels.

    Raises :class:`WellshapedError` if the stream of its random numbers can't advance.

    >>> from flax import nnx
    >>> y = dropped(nnx.Dropout(0.5, rngs=nnx.Rngs(0)), jnp.ones((2, 9)), channels=True, given_to="my layer")
    >>> [len(set(of)) for of in y.tolist()]
    [1, 1]
    """
    with stream_kept(given_to):
        if not channels:
            y: Array = dropout(x)
            return y
        factors: Array = dropout(jnp.ones((x.shape[0], *(1,) * (x.ndim - 1)), x.dtype))
        return x * factors


def stream_kept(given_to: str) -> AbstractContextManager[None]:
    """Raise :class:`WellshapedError` if the block can't keep the state of a stream of random numbers.

    >>> from flax.errors import TraceContextError
    >>> try:
    ...     with stream_kept("my layer"):
    ...         raise TraceContextError("another trace level")
    ... except Exception as error:
    ...     print(error.report.failures[0].name)
    stream
    """
    return state_kept(given_to, "stream", _STOPPED, _FIXES)


_STOPPED = "inside JAX's vmap, jit or grad, the stream of its random numbers can't advance"
_FIXES = (
    "model.eval(), which switches dropout off",
    "nnx.jit, nnx.grad or nnx.vmap, with the model as an argument; for a batch also nnx.split_rngs",
)
