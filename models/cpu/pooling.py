"""Max-pooling whose gradient goes to the first maximum of each window, in row-major order (SPEC section 6).

XLA's own gradient makes the same choice, one window after another. If the windows tile the image, a few comparisons of
whole arrays make it an order of magnitude faster.
"""

from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.core import ShapedArray
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array

from ...spec.arithmetic.sizes import sliding_window_size
from ..symbolic import any_symbolic
from .backend import over_devices
from .eager import compiled_if_eager
from .layout import channels_last
from .taylor import of_piecewise_linear, taylor_primitive

WIDEST_TILE = 4
"""Tiles up to this width use comparisons of whole arrays, one for each position of the window."""


@compiled_if_eager("kernel", "stride")
def max_of_windows(x: Array, kernel: int, stride: int) -> Array:
    """The maximum of each ``kernel × kernel`` window of a ``(C, H, W)`` image, ``stride`` apart, without padding."""
    y: Array = _by_windows(x, kernel, stride) if over_devices() else _maxima.bind(x, kernel=kernel, stride=stride)
    return y


def _by_windows(x: Array, kernel: int, stride: int) -> Array:
    window, strides = (1, kernel, kernel), (1, stride, stride)
    y: Array = lax.reduce_window(x, -jnp.inf, lax.max, window, strides, "VALID")
    return y


def _tiles_it(x: Array, kernel: int, stride: int) -> bool:
    """Whether to compare whole arrays: the windows are narrow tiles, and no size is symbolic."""
    return kernel == stride <= WIDEST_TILE and not any_symbolic(x.shape)


def _maximum(x: Array, *, kernel: int, stride: int) -> Array:
    if _tiles_it(x, kernel, stride):
        return channels_last(lambda x: lax.reduce_max(_tiles(x, kernel), (1, 3)), _tiled(x, kernel))
    return _by_windows(x, kernel, stride)


def _derivative(dx: Array, y: Array, x: Array, *, kernel: int, stride: int) -> Array:
    if _tiles_it(x, kernel, stride):
        return channels_last(partial(_at_first_maxima, kernel), *(_tiled(image, kernel) for image in (dx, x)), y)
    dy: Array = jax.jvp(lambda x: _by_windows(x, kernel, stride), (x,), (dx,))[1]
    return dy


def _tiled(image: Array, kernel: int) -> Array:
    """The part of a ``(C, H, W)`` image that whole tiles cover."""
    height, width = (n // kernel * kernel for n in image.shape[1:])
    return lax.slice(image, (0, 0, 0), (image.shape[0], height, width))


def _at_first_maxima(kernel: int, dx: Array, x: Array, y: Array) -> Array:
    chosen, steps = first_maxima(_tiles(x, kernel), y), _tiles(dx, kernel)
    return lax.reduce_sum(lax.select(chosen, steps, lax.full_like(steps, 0)), (1, 3))


def first_maxima(tiles: Array, y: Array) -> Array:
    """A mask of the first maximum ``y`` of each of the ``(h, kernel, w, kernel, C)`` tiles, row by row."""
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


def _on_each(function: Callable[..., Array]) -> Callable[..., Array]:
    """``function`` on ``(C, H, W)`` images, mapped over any axes in front of these."""

    def on_each(*images: Array, **params: Any) -> Array:
        call = partial(function, **params)
        for _ in images[0].shape[:-3]:
            call = jax.vmap(call)
        return call(*images)

    return on_each


def _shape(x: ShapedArray, *, kernel: int, stride: int) -> ShapedArray:
    sizes = (sliding_window_size(n, kernel=kernel, stride=stride) for n in x.shape[-2:])
    return ShapedArray((*x.shape[:-2], *sizes), x.dtype, weak_type=x.weak_type)


_maxima = taylor_primitive("max_of_windows", partial(of_piecewise_linear, _on_each(_derivative)))
_maxima.def_impl(_on_each(_maximum))
_maxima.def_abstract_eval(_shape)
ad.defjvp2(_maxima, _on_each(_derivative))
batching.defvectorized(_maxima)
mlir.register_lowering(_maxima, mlir.lower_fun(_on_each(_maximum), multiple_results=False))
