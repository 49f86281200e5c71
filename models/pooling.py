"""Max-pooling whose gradient goes to the first maximum of each window, in row-major order (SPEC section 6).

XLA's own gradient of a window's maximum does so too, one window after the other. Where the windows tile the image, the
same choice is a few comparisons of whole arrays, which run an order of magnitude faster.
"""

from functools import partial
from itertools import product

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from .eager import compiled_if_eager
from .layout import channels_last
from .ways import over_devices

WIDEST_TILE = 4
"""The comparisons are written out, one for each position of the window."""


@compiled_if_eager("kernel", "stride")
def max_of_windows(x: Array, kernel: int, stride: int) -> Array:
    """The maximum of each ``kernel × kernel`` window of a ``(C, H, W)`` image, ``stride`` apart, without padding."""
    if kernel == stride <= WIDEST_TILE and not over_devices():
        height, width = (n // kernel * kernel for n in x.shape[1:])
        tiled = lax.slice(x, (0, 0, 0), (x.shape[0], height, width))
        return channels_last(lambda x: _max_of_tiles(x, kernel), tiled)
    window, strides = (1, kernel, kernel), (1, stride, stride)
    y: Array = lax.reduce_window(x, -jnp.inf, lax.max, window, strides, "VALID")
    return y


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def _max_of_tiles(x: Array, kernel: int) -> Array:
    return lax.reduce_max(_tiles(x, kernel), (1, 3))


@_max_of_tiles.defjvp
def _(kernel: int, primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (x,), (dx,) = primals, tangents
    y = _max_of_tiles(x, kernel)
    chosen, steps = first_maxima(_tiles(x, kernel), y), _tiles(dx, kernel)
    return y, lax.reduce_sum(lax.select(chosen, steps, lax.full_like(steps, 0)), (1, 3))


def first_maxima(tiles: Array, y: Array) -> Array:
    """Where each of the ``(h, kernel, w, kernel, C)`` tiles has its maximum ``y`` for the first time, row by row."""
    height, kernel, width, _, c = tiles.shape
    first = lax.full(y.shape, kernel**2, jnp.int32)
    for n, (i, j) in reversed([*enumerate(product(range(kernel), repeat=2))]):
        at = lax.slice(tiles, (0, i, 0, j, 0), (height, i + 1, width, j + 1, c)).reshape(y.shape)
        first = lax.select(lax.eq(at, y), lax.full_like(first, n), first)
    rows, columns = (lax.broadcasted_iota(jnp.int32, tiles.shape, axis) for axis in (1, 3))
    return lax.eq(lax.broadcast_in_dim(first, tiles.shape, (0, 2, 4)), rows * kernel + columns)


def _tiles(x: Array, kernel: int) -> Array:
    height, width, c = x.shape
    return x.reshape(height // kernel, kernel, width // kernel, kernel, c)
