"""Transposed convolutions that make a block of each position, on several devices (SPEC section 12)."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec as P
from jaxtyping import Array

from .backend import has_explicit_axes


def side_by_side(kernel: Array, image: Array, precision: Any) -> Array:
    """The transposed convolution of ``(N, *sizes, C)`` whose stride is the size of its ``(C, out, *positions)`` kernel.

    No device needs anything of another. With JAX's own convolution, XLA copies whole images to find the gradient.

    >>> side_by_side(jnp.ones((1, 1, 2)), jnp.array([[[3.0], [4.0]]]), None)[0, :, 0].tolist()
    [3.0, 3.0, 4.0, 4.0]
    """
    made = jnp.tensordot(image, kernel, ((-1,), (0,)), precision=precision)  # (N, *sizes, out, *positions)
    axes = image.ndim - 2
    order = (0, *(at for axis in range(axes) for at in (1 + axis, 2 + axes + axis)), 1 + axes)
    sizes = (n * k for n, k in zip(image.shape[1:-1], kernel.shape[2:], strict=True))
    shape = (len(image), *sizes, kernel.shape[1])

    def together(blocks: Array) -> Array:
        return blocks.transpose(order).reshape(shape)

    if has_explicit_axes():
        split = jax.typeof(image).sharding.spec
        together = jax.sharding.auto_axes(together, out_sharding=P(*split[:-1], None))
    return together(made)
