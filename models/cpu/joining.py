"""When to convolve two joined images at once, and when to sum the convolutions of both."""

from jaxtyping import Array

from . import algorithms
from .backend import forced_backend


def at_once(skip: Array, up: Array) -> bool:
    """Whether to convolve the joined image at once. Both images have the dtype to compute in.

    >>> import jax.numpy as jnp
    >>> at_once(jnp.ones((64, 8, 8)), jnp.ones((3, 8, 8)))
    True
    """
    narrow = min(len(skip), len(up)) < algorithms.LANES
    return narrow or skip.dtype.itemsize < 4 or forced_backend() == "stock"
