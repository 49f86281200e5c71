"""Resizes, depth to space and space to depth, with PyTorch's arithmetic (SPEC sections 8 and 10).

PyTorch's nearest resize takes position ``floor(i·n / m)``, and its exact one ``floor((i + 1/2)·n / m)``. Its linear one
does not smooth an image that it makes smaller. ``jax.image.resize`` differs, so positions and weights are computed
here. :class:`Resize` scales by its factor, as PyTorch does with ``scale_factor``. :class:`ResizeTo` scales by the ratio
of the two sizes, and so does ``recompute_scale_factor``.
"""

from collections.abc import Sequence
from functools import partial
from math import gcd
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from ...spec.network.fields import on_axis
from ...spec.network.resampling import DepthToSpace, Resize, ResizeTo, SpaceToDepth
from ..cpu.backend import over_devices
from ..cpu.eager import compiled_if_eager
from ..cpu.layout import channels_last
from ..dtypes import in_32_bits
from ..symbolic import any_symbolic
from .partitioned import partitioned
from .signature import Parameters


class _Scale(NamedTuple):
    """Position ``i`` of the ``made`` outputs reads ``i·numerator / denominator`` of the ``given`` positions."""

    given: int
    made: int
    numerator: int
    denominator: int

    @property
    def is_whole(self) -> bool:
        """Whether each position becomes ``denominator`` positions."""
        return self.numerator == 1 and self.made == self.given * self.denominator


@partitioned
def resize(operation: Resize, images: Sequence[Array], parameters: Parameters, precision: Any) -> Array:
    """The image with ``factor / over`` times as many positions, less ``less``."""
    (x,) = images
    return _resized(x, scales=_scales(operation, x), operation=operation)


def _scales(operation: Resize, x: Array) -> tuple[_Scale, ...]:
    if operation.recompute_scale_factor:
        return tuple(_to_size(n, operation.size([n], axis)) for axis, n in enumerate(x.shape[1:]))
    return tuple(
        _Scale(n, operation.size([n], axis), on_axis(operation.over, axis), on_axis(operation.factor, axis))
        for axis, n in enumerate(x.shape[1:])
    )


@partitioned
def resize_alone(operation: Resize, images: Sequence[Array], parameters: Parameters, precision: Any) -> Array:
    """As :func:`resize`. It keeps the channels first: with no convolution beside it, a transpose would only cost."""
    (x,) = images
    scales = _scales(operation, x)
    factors = _factors(operation, scales)
    if factors:
        return in_32_bits(lambda image: linear_resize(image, (1, *factors)), x)
    return _resized(x, scales=scales, operation=operation)


@partitioned
def resize_to(operation: ResizeTo, images: Sequence[Array], parameters: Parameters, precision: Any) -> Array:
    """The first image at the size of the second."""
    x, other = images
    scales = tuple(_to_size(n, m) for n, m in zip(x.shape[1:], other.shape[1:], strict=True))
    return _resized(x, scales=scales, operation=operation)


def _to_size(n: Any, m: Any) -> _Scale:
    common = 1 if any_symbolic((n, m)) else gcd(n, m)
    return _Scale(n, m, n // common, m // common)


def _factors(operation: Resize | ResizeTo, scales: tuple[_Scale, ...]) -> tuple[int, ...]:
    """The whole numbers by which a linear resize makes every axis larger; none for another resize."""
    is_linear = operation.mode == "linear" and not operation.align_corners and all(of.is_whole for of in scales)
    return tuple(of.denominator for of in scales) if is_linear else ()


@compiled_if_eager("scales", "operation")
def _resized(x: Array, *, scales: tuple[_Scale, ...], operation: Resize | ResizeTo) -> Array:
    factors = _factors(operation, scales)

    def along_each_axis(image: Array) -> Array:
        if factors:
            resized: Array = linear_resize(image, factors)
            return resized
        for axis, scale in enumerate(scales):
            if operation.mode != "linear":
                image = _nearest(image, axis, scale, exact=operation.mode == "nearest-exact")
            elif scale.is_whole and not operation.align_corners:
                image = _between_neighbours(image, axis, scale.denominator)
            elif operation.align_corners and scale.is_whole and over_devices():
                image = _between_aligned_neighbours(image, axis, scale)
            elif operation.align_corners:
                image = _between(image, axis, scale, *_aligned(scale))
            else:
                image = _between(image, axis, scale, *_centred(scale))
        return image

    over_axes = partial(channels_last, along_each_axis)
    return in_32_bits(over_axes, x) if operation.mode == "linear" else over_axes(x)


def _nearest(image: Array, axis: int, scale: _Scale, exact: bool) -> Array:
    if scale.is_whole:  # the exact one is the same
        before, after = image.shape[: axis + 1], image.shape[axis + 1 :]
        repeated = jnp.broadcast_to(jnp.expand_dims(image, axis + 1), (*before, scale.denominator, *after))
        return repeated.reshape(*image.shape[:axis], scale.made, *after)
    i = jnp.arange(scale.made)
    if exact:
        at, _ = _divided(2 * i + 1, 2 * scale.made + 1, scale.numerator, 2 * scale.denominator)
    else:
        at, _ = _divided(i, scale.made, scale.numerator, scale.denominator)
    return jnp.take(image, jnp.minimum(at, scale.given - 1), axis)


@partial(jax.jit, static_argnames="factors")
def linear_resize(image: Array, factors: tuple[int, ...]) -> Array:
    """The image with axes made larger by these factors. A trace has it as a call of this name, for ``interop``."""
    for axis, factor in enumerate(factors):
        image = image if factor == 1 else _between_neighbours(image, axis, factor)
    return image


def _between_neighbours(image: Array, axis: int, factor: int) -> Array:
    """A linear resize by a whole number with half-pixel centres. Slices are faster than looking positions up."""
    before = _shifted(image, axis, -1)
    after = _shifted(image, axis, 1)
    parts = []
    for k in range(factor):
        numerator = 2 * k + 1 - factor  # the position is numerator / (2·factor) from the given one
        weight = (numerator % (2 * factor)) / (2 * factor)
        low, high = (before, image) if numerator < 0 else (image, after)
        parts.append(low * (1 - weight) + high * weight if weight else image)
    shape = list(image.shape)
    shape[axis] *= factor
    return jnp.stack(parts, axis + 1).reshape(shape)


def _between_aligned_neighbours(image: Array, axis: int, scale: _Scale) -> Array:
    """A linear resize by a whole number with aligned corners.

    Each position is between a given one and a neighbour. Looking positions up is faster on one device; on several, each
    would need the whole image.
    """
    n, factor = scale.given, scale.denominator
    after_the_axis = (1,) * (image.ndim - 1 - axis)
    given, part = jnp.arange(n)[:, None], jnp.arange(factor)
    denominator = max(scale.made - 1, 1)
    low, rest = _divided(given * factor + part, scale.made, n - 1, denominator)
    weight = (rest.astype(image.dtype) / denominator).reshape(n, factor, *after_the_axis)
    is_before = (low < given).reshape(weight.shape)
    before, image, after = (
        jnp.expand_dims(of, axis + 1) for of in (_shifted(image, axis, -1), image, _shifted(image, axis, 1))
    )
    made = jnp.where(is_before, before, image) * (1 - weight) + jnp.where(is_before, image, after) * weight
    return made.reshape(*made.shape[:axis], scale.made, *made.shape[axis + 2 :])


def _shifted(image: Array, axis: int, by: int) -> Array:
    """The next position (``by=1``) or the one before (``by=-1``); beyond an edge it is the edge's.

    A pad, not a join of two slices: then devices exchange one position, and not their parts.
    """
    n = image.shape[axis]
    moved = lax.pad(
        image, jnp.zeros((), image.dtype), [(-by, by, 0) if i == axis else (0, 0, 0) for i in range(image.ndim)]
    )
    at = lax.broadcasted_iota(jnp.int32, image.shape, axis)
    return jnp.where(at == (n - 1 if by > 0 else 0), image, moved)


def _centred(scale: _Scale) -> tuple[Array, Array, int]:
    """Half-pixel centres: ``(i + 1/2)·scale - 1/2``, at least 0, as a position, a rest and its denominator."""
    half, whole = scale.denominator, 2 * scale.denominator
    low, rest = _divided(2 * jnp.arange(scale.made) + 1, 2 * scale.made + 1, scale.numerator, whole)
    is_before = rest < half  # half a position is taken off
    low, rest = jnp.where(is_before, low - 1, low), jnp.where(is_before, rest + half, rest - half)
    return jnp.maximum(low, 0), jnp.where(low < 0, 0, rest), whole


def _aligned(scale: _Scale) -> tuple[Array, Array, int]:
    """Aligned corners: ``i·(n - 1) / (m - 1)`` as a position, a rest and its denominator."""
    denominator = max(scale.made - 1, 1)
    return *_divided(jnp.arange(scale.made), scale.made, scale.given - 1, denominator), denominator


def _between(image: Array, axis: int, scale: _Scale, low: Array, rest: Array, denominator: int) -> Array:
    """Interpolate between the positions ``low`` and the next. The rests are whole numbers, so the weights are exact."""
    low = jnp.minimum(low, scale.given - 1)
    high = jnp.minimum(low + 1, scale.given - 1)
    weight = (rest.astype(image.dtype) / denominator).reshape(-1, *(1,) * (image.ndim - 1 - axis))
    return jnp.take(image, low, axis) * (1 - weight) + jnp.take(image, high, axis) * weight


_BITS = 31
"""Sizes and positions have at most so many bits."""


def _divided(i: Array, above: Any, numerator: Any, denominator: Any) -> tuple[Array, Array]:
    """The quotient of ``i · numerator`` and ``denominator``, and the rest. ``i`` is below ``above``.

    The product can have twice as many bits as a size, and JAX's integers have 32. If it may be too large, or a size is
    symbolic, it is not computed: the division takes one bit of ``i`` after the other.
    """
    if not any_symbolic((above, numerator, denominator)) and above * numerator < 2**_BITS:
        product = i * numerator
        low = product // denominator
        return low, product - low * denominator
    whole, part = divmod(numerator, denominator)
    given, divisor = (jnp.asarray(of).astype(jnp.uint32) for of in (part, denominator))

    def with_next_bit(k: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        low, rest = (
            2 * state[0],
            2 * state[1] + (i.astype(jnp.uint32) >> (_BITS - 1 - k).astype(jnp.uint32) & 1) * given,
        )
        for _ in range(2):  # the rest is below three times the divisor
            is_over = rest >= divisor
            low, rest = low + is_over, jnp.where(is_over, rest - divisor, rest)
        return low, rest

    low, rest = lax.fori_loop(0, _BITS, with_next_bit, (jnp.zeros(i.shape, jnp.uint32),) * 2)
    return i * whole + low.astype(i.dtype), rest.astype(i.dtype)


@partitioned
def depth_to_space(operation: DepthToSpace, images: Sequence[Array], parameters: Parameters, precision: Any) -> Array:
    """Channel ``c·b + k`` becomes position ``k`` of a block of ``b`` positions of channel ``c`` (pixel shuffle)."""
    (x,) = images
    axes = x.ndim - 1
    block = [on_axis(operation.block, axis) for axis in range(axes)]
    parts = x.reshape(-1, *block, *x.shape[1:])
    order = [0, *(of for axis in range(axes) for of in (1 + axes + axis, 1 + axis))]
    return parts.transpose(order).reshape(-1, *(n * b for n, b in zip(x.shape[1:], block, strict=True)))


@partitioned
def space_to_depth(operation: SpaceToDepth, images: Sequence[Array], parameters: Parameters, precision: Any) -> Array:
    """The reverse of :func:`depth_to_space` (pixel unshuffle)."""
    (x,) = images
    axes = x.ndim - 1
    block = [on_axis(operation.block, axis) for axis in range(axes)]
    sizes = [n // b for n, b in zip(x.shape[1:], block, strict=True)]
    parts = x.reshape(-1, *(of for both in zip(sizes, block, strict=True) for of in both))
    order = [0, *range(2, 2 + 2 * axes, 2), *range(1, 1 + 2 * axes, 2)]
    return parts.transpose(order).reshape(-1, *sizes)
