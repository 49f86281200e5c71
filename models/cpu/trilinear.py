"""The three faces of a convolution's trilinear form, computed by JAX's own convolution (SPEC section 6).

:mod:`.convolution` defines the form and the primitives of its faces.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args

import jax
from jax import lax
from jaxtyping import Array

from ...spec.arithmetic.sizes import sliding_window_size

Slot = Literal["x", "k", "y"]

SLOTS: tuple[Slot, ...] = get_args(Slot)
"""The image, the kernel and the output of a convolution. Each face computes one of them from the other two."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """The numbers of one convolution: the image's height and width, and the square window's numbers."""

    size: tuple[int, ...]
    kernel: int
    stride: int
    padding: int

    @property
    def out(self) -> tuple[int, ...]:
        """Height and width of the output."""
        window = {"kernel": self.kernel, "stride": self.stride, "padding": self.padding}
        return tuple(sliding_window_size(n, **window) for n in self.size)


def stock(missing: Slot, a: Array, b: Array, geometry: Geometry, precision: Any) -> Array:
    """The face that computes ``missing``, by JAX's own convolution with the channels first, as in JAX's own gradients.

    The arrays are those of :func:`.convolution.contract`.
    """
    g = geometry
    if a.ndim == 5:
        each: Array = jax.vmap(partial(stock, missing, geometry=g, precision=precision))(a, b)
        return each
    step = (g.stride,) * 2
    if missing == "y":
        y = lax.conv_general_dilated(_first(a), b, step, ((g.padding,) * 2,) * 2, precision=precision)
        return lax.transpose(y, (0, 2, 3, 1))
    # The number of rows and columns that the last window does not reach, at the end of the padded image.
    left = [n + 2 * g.padding - g.kernel - (m - 1) * g.stride for n, m in zip(g.size, g.out, strict=True)]
    if missing == "x":
        around = g.kernel - 1 - g.padding
        edges = [(around, around + rest) for rest in left]
        orders = ("NCHW", "IOHW", "NCHW")
        turned = lax.rev(a, (2, 3))
        x = lax.conv_general_dilated(_first(b), turned, (1, 1), edges, step, None, orders, precision=precision)
        return lax.transpose(x, (0, 2, 3, 1))
    edges = [(g.padding, g.padding - rest) for rest in left]
    orders = ("CNHW", "IOHW", "CNHW")
    return lax.conv_general_dilated(_first(a), _first(b), (1, 1), edges, None, step, orders, precision=precision)


def _first(image: Array) -> Array:
    return lax.transpose(image, (0, 3, 1, 2))
