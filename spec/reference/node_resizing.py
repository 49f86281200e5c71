"""Resizes, space to depth and depth to space (SPEC section 8): PyTorch's positions, in exact arithmetic."""

from collections.abc import Sequence
from fractions import Fraction
from math import floor, prod

import numpy as np

from ..network.fields import on_axis
from ..network.resampling import DepthToSpace, Resize, ResizeTo, SpaceToDepth
from .node_windows import Parameters, Sizes, sizes_after
from .numbers import times
from .operations import Array


def resize(operation: Resize, images: Sequence[Array], parameters: Parameters) -> Array:
    """Return the image, resized by a factor.

    Nearest reads position ``o`` of the result at ``o / factor``, or exactly at ``(o + ½) / factor``. Linear reads it at
    ``(o + ½) / factor - ½``, or corner on corner.

    >>> resize(Resize(2), [np.array([[1, 2]])], {}).tolist()
    [[1, 1, 2, 2]]
    >>> resize(Resize(2, mode="linear"), [np.array([[0, 4]], object)], {}).astype(int).tolist()
    [[0, 1, 3, 4]]
    """
    sizes = sizes_after(operation, images)
    if operation.recompute_scale_factor:
        ratios = _ratios(images[0], sizes)
    else:
        axes = range(len(sizes))
        ratios = [Fraction(on_axis(operation.over, axis), on_axis(operation.factor, axis)) for axis in axes]
    return _resized(operation, images[0], sizes, ratios)


def _ratios(x: Array, sizes: Sizes) -> list[Fraction]:
    return [Fraction(n, max(m, 1)) for n, m in zip(x.shape[1:], sizes, strict=True)]


def resize_to(operation: ResizeTo, images: Sequence[Array], parameters: Parameters) -> Array:
    """Return the first image, resized from its size ``n`` to ``m``, the size of the second.

    The positions are those of :func:`resize` by a factor of ``m / n``.

    >>> resize_to(ResizeTo(), [np.array([[1, 2]]), np.zeros((1, 3))], {}).tolist()
    [[1, 1, 2]]
    """
    sizes = sizes_after(operation, images)
    return _resized(operation, images[0], sizes, _ratios(images[0], sizes))


def _resized(operation: Resize | ResizeTo, x: Array, sizes: Sizes, ratios: Sequence[Fraction]) -> Array:
    for axis, (m, ratio) in enumerate(zip(sizes, ratios, strict=True), 1):
        n = x.shape[axis]
        if operation.mode != "linear":
            of_each = Fraction(1, 2) if operation.mode == "nearest-exact" else 0
            x = x.take([min(floor((o + of_each) * ratio), n - 1) for o in range(m)], axis)
            continue
        places = [min(max(place, Fraction(0)), Fraction(n - 1)) for place in _places(operation, n, m, ratio)]
        left = [floor(place) for place in places]
        right = [min(i + 1, n - 1) for i in left]
        shape = (m, *(1,) * (x.ndim - axis - 1))
        of_right = [place - i for place, i in zip(places, left, strict=True)]
        of_left = [1 - weight for weight in of_right]
        x = times(x.take(left, axis), of_left, shape) + times(x.take(right, axis), of_right, shape)
    return x


def _places(operation: Resize | ResizeTo, n: int, m: int, ratio: Fraction) -> list[Fraction]:
    """Where each position of the result is in the image: corner on corner, or the centres of half pixels."""
    if operation.align_corners:
        return [Fraction(o * (n - 1), max(m - 1, 1)) for o in range(m)]
    half = Fraction(1, 2)
    return [(o + half) * ratio - half for o in range(m)]


def space_to_depth(operation: SpaceToDepth, images: Sequence[Array], parameters: Parameters) -> Array:
    """Return the image with blocks as channels: those of one channel stand together, in row-major order.

    >>> space_to_depth(SpaceToDepth(2), [np.array([[1, 2, 3, 4]])], {}).tolist()
    [[1, 3], [2, 4]]
    """
    (x,) = images
    block = _block(operation, x)
    y = np.empty((len(x) * prod(block), *sizes_after(operation, images)), x.dtype)
    for number, places in enumerate(_in_block(block)):
        y[number :: prod(block)] = x[:, *places]
    return y


def depth_to_space(operation: DepthToSpace, images: Sequence[Array], parameters: Parameters) -> Array:
    """Return the image with channels as blocks, in PyTorch's order (``PixelShuffle``): undoes :func:`space_to_depth`.

    >>> depth_to_space(DepthToSpace(2), [np.array([[1, 3], [2, 4]])], {}).tolist()
    [[1, 2, 3, 4]]
    """
    (x,) = images
    block = _block(operation, x)
    y = np.empty((len(x) // prod(block), *sizes_after(operation, images)), x.dtype)
    for number, places in enumerate(_in_block(block)):
        y[:, *places] = x[number :: prod(block)]
    return y


def _block(operation: SpaceToDepth | DepthToSpace, x: Array) -> Sizes:
    return tuple(on_axis(operation.block, axis) for axis in range(x.ndim - 1))


def _in_block(block: Sizes) -> list[tuple[slice, ...]]:
    """For each place in a block, in row-major order, the positions that are at that place."""
    return [tuple(slice(i, None, b) for i, b in zip(place, block, strict=True)) for place in np.ndindex(*block)]
