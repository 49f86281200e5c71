"""Resizes, depth to space and space to depth, with PyTorch's arithmetic (SPEC sections 8 and 10).

PyTorch's nearest resize takes position ``floor(i·n / m)``, and its linear one does not smooth an image that it makes
smaller. ``jax.image.resize`` differs in both, so positions and weights are computed here. The scale is the factor of
:class:`Resize`, as in PyTorch with ``scale_factor``, and the ratio of the two sizes in :class:`ResizeTo`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from ...spec.network.fields import on_axis
from ...spec.network.resampling import DepthToSpace, Resize, ResizeTo, SpaceToDepth
from ..cpu.eager import compiled_if_eager
from ..cpu.layout import channels_last

Parameters = Mapping[str, Array]


class _Scale(NamedTuple):
    """Position ``i`` of the ``made`` outputs reads ``i·numerator / denominator`` of the ``given`` positions."""

    given: int
    made: int
    numerator: int
    denominator: int


def resize(operation: Resize, images: Sequence[Array], parameters: Parameters, precision: Any) -> Array:
    """The image with ``factor / over`` times as many positions, less ``less``."""
    (x,) = images
    scales = []
    for axis, n in enumerate(x.shape[1:]):
        made = operation.size([n], axis)
        scales.append(_Scale(n, made, on_axis(operation.over, axis), on_axis(operation.factor, axis)))
    return _resized(x, scales=tuple(scales), operation=operation)


def resize_to(operation: ResizeTo, images: Sequence[Array], parameters: Parameters, precision: Any) -> Array:
    """The first image at the size of the second."""
    x, other = images
    scales = [_Scale(n, m, n, m) for n, m in zip(x.shape[1:], other.shape[1:], strict=True)]
    return _resized(x, scales=tuple(scales), operation=operation)


@compiled_if_eager("scales", "operation")
def _resized(x: Array, *, scales: tuple[_Scale, ...], operation: Resize | ResizeTo) -> Array:
    doubles = all(
        of.numerator == 1 and of.denominator in (1, 2) and of.made == of.given * of.denominator for of in scales
    )

    def along_each_axis(image: Array) -> Array:
        if operation.mode == "linear" and doubles and not operation.align_corners:
            # JAX's is two products with a matrix, and its weights are exact for a factor of 2.
            shape = (*(scale.made for scale in scales), image.shape[-1])
            resized: Array = jax.image.resize(image, shape, "linear")
            return resized
        for axis, scale in enumerate(scales):
            if operation.mode == "nearest":
                image = _nearest(image, axis, scale)
            elif operation.align_corners:
                image = _between(image, axis, scale, *_aligned(scale))
            else:
                image = _between(image, axis, scale, *_centred(scale))
        return image

    return channels_last(along_each_axis, x)


def _nearest(image: Array, axis: int, scale: _Scale) -> Array:
    if scale.numerator == 1 and scale.made == scale.given * scale.denominator:
        before, after = image.shape[: axis + 1], image.shape[axis + 1 :]
        repeated = jnp.broadcast_to(jnp.expand_dims(image, axis + 1), (*before, scale.denominator, *after))
        return repeated.reshape(*image.shape[:axis], scale.made, *after)
    at = jnp.arange(scale.made) * scale.numerator // scale.denominator
    return jnp.take(image, jnp.minimum(at, scale.given - 1), axis)


def _centred(scale: _Scale) -> tuple[Array, int]:
    """Half-pixel centres: ``(i + 1/2)·scale - 1/2`` as a numerator and a denominator, at least 0."""
    i = jnp.arange(scale.made)
    return jnp.maximum((2 * i + 1) * scale.numerator - scale.denominator, 0), 2 * scale.denominator


def _aligned(scale: _Scale) -> tuple[Array, int]:
    """Aligned corners: ``i·(n - 1) / (m - 1)`` as a numerator and a denominator."""
    return jnp.arange(scale.made) * (scale.given - 1), max(scale.made - 1, 1)


def _between(image: Array, axis: int, scale: _Scale, numerator: Array, denominator: int) -> Array:
    """Interpolate between two positions. The division is exact: positions are whole numbers, and weights follow."""
    low = jnp.minimum(numerator // denominator, scale.given - 1)
    high = jnp.minimum(low + 1, scale.given - 1)
    weight = (numerator - low * denominator).astype(image.dtype) / denominator
    weight = weight.reshape(-1, *(1,) * (image.ndim - 1 - axis))
    return jnp.take(image, low, axis) * (1 - weight) + jnp.take(image, high, axis) * weight


def depth_to_space(operation: DepthToSpace, images: Sequence[Array], parameters: Parameters, precision: Any) -> Array:
    """Channel ``c·b + k`` becomes position ``k`` of a block of ``b`` positions of channel ``c`` (pixel shuffle)."""
    (x,) = images
    axes = x.ndim - 1
    block = [on_axis(operation.block, axis) for axis in range(axes)]
    parts = x.reshape(-1, *block, *x.shape[1:])
    order = [0, *(of for axis in range(axes) for of in (1 + axes + axis, 1 + axis))]
    return parts.transpose(order).reshape(-1, *(n * b for n, b in zip(x.shape[1:], block, strict=True)))


def space_to_depth(operation: SpaceToDepth, images: Sequence[Array], parameters: Parameters, precision: Any) -> Array:
    """The reverse of :func:`depth_to_space` (pixel unshuffle)."""
    (x,) = images
    axes = x.ndim - 1
    block = [on_axis(operation.block, axis) for axis in range(axes)]
    sizes = [n // b for n, b in zip(x.shape[1:], block, strict=True)]
    parts = x.reshape(-1, *(of for both in zip(sizes, block, strict=True) for of in both))
    order = [0, *range(2, 2 + 2 * axes, 2), *range(1, 1 + 2 * axes, 2)]
    return parts.transpose(order).reshape(-1, *sizes)
