"""Computes operations between convolutions with the channels last.

Convolutions on a CPU are fastest with the channels last, but images are ``(C, H, W)``. So every operation transposes
its input, computes with the channels last, and transposes back. XLA cancels each transpose back with the next
operation's first one. An operation that stayed in ``(C, H, W)`` would cost two copies.
"""

from collections.abc import Callable

from jax import lax
from jaxtyping import Array


def channels_last(operate: Callable[..., Array], *images: Array) -> Array:
    """Apply ``operate`` to ``(C, *sizes)`` images as ``(*sizes, C)``, and return its result as ``(C, *sizes)``.

    >>> import jax.numpy as jnp
    >>> channels_last(lambda x: x + jnp.arange(2.0), jnp.zeros((2, 3, 4)))[:, 0, 0].tolist()
    [0.0, 1.0]
    """
    result = operate(*[lax.transpose(image, (*range(1, image.ndim), 0)) for image in images])
    return lax.transpose(result, (result.ndim - 1, *range(result.ndim - 1)))
