"""One layout inside: between two convolutions everything is computed with the channels last.

The convolutions of a CPU want the channels last, and images are ``(C, H, W)``. So every operation between them says
"channels last, operate, back again", and XLA cancels "back again" with the next "channels last". What an operation
leaves in ``(C, H, W)`` would be copied twice.
"""

from collections.abc import Callable

from jax import lax
from jaxtyping import Array


def channels_last(operate: Callable[..., Array], *images: Array) -> Array:
    """``operate`` on the ``(C, H, W)`` images as ``(H, W, C)``, and its result as ``(C, H, W)`` again.

    >>> import jax.numpy as jnp
    >>> channels_last(lambda x: x + jnp.arange(2.0), jnp.zeros((2, 3, 4)))[:, 0, 0].tolist()
    [0.0, 1.0]
    """
    result = operate(*[lax.transpose(image, (1, 2, 0)) for image in images])
    return lax.transpose(result, (2, 0, 1))
