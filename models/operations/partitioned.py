"""Operations that JAX computes on several devices, whatever the arrays' sharding (SPEC section 12)."""

from collections.abc import Sequence
from functools import wraps
from typing import Any

import jax
from jaxtyping import Array

from ..cpu.backend import has_explicit_axes
from .signature import Parameters, Value


def partitioned(compute: Value) -> Value:
    """An operation of slices and reshapes, which JAX partitions by itself where axes of the mesh are explicit.

    With explicit axes, JAX asks for the sharding of every slice and reshape. That of the result is that of the first
    image, so what lies between the two is left to XLA's partitioner, as with automatic axes.
    """

    @wraps(compute)
    def on_every_mesh(operation: Any, images: Sequence[Array], parameters: Parameters, precision: Any) -> Array:
        if not has_explicit_axes():
            return compute(operation, images, parameters, precision)
        split = jax.typeof(images[0]).sharding.spec
        of_images = jax.sharding.auto_axes(
            lambda *images: compute(operation, images, parameters, precision), out_sharding=split
        )
        made: Array = of_images(*images)
        return made

    return on_every_mesh
