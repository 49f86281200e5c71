"""Concatenation, addition and multiplication of images (SPEC section 8)."""

from collections.abc import Sequence
from functools import partial, reduce
from operator import add as plus
from operator import mul as times
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from ...spec.network.joins import Add, Concat, Multiply
from ..cpu.eager import compiled_if_eager
from ..cpu.layout import channels_last
from ..dtypes import in_32_bits
from .signature import Parameters


def joined(images: Sequence[Array]) -> Array:
    """The images, joined along their channels.

    >>> joined([jnp.ones((2, 5)), jnp.ones((3, 5))]).shape
    (5, 5)
    """
    if len(images) == 1:
        return images[0]
    return _concatenated(*images)


@compiled_if_eager()
def _concatenated(*images: Array) -> Array:
    return channels_last(lambda *parts: jnp.concatenate(parts, -1), *images)


@compiled_if_eager()
def _sum(*images: Array) -> Array:
    return channels_last(lambda *parts: reduce(plus, parts), *images)


def concat(operation: Concat, images: Sequence[Array], parameters: Parameters, precision: Any) -> Array:
    """The channels of all images, in order."""
    return joined(images)


def add(operation: Add, images: Sequence[Array], parameters: Parameters, precision: Any) -> Array:
    """The sum of all images."""
    return _sum(*images) if operation.broadcast == "never" else in_32_bits(_sum, *images)


def multiply(operation: Multiply, images: Sequence[Array], parameters: Parameters, precision: Any) -> Array:
    """The product of all images."""
    product = partial(channels_last, lambda *parts: reduce(times, parts))
    return product(*images) if operation.broadcast == "never" else in_32_bits(product, *images)
