"""Crops and pads over one, two or three axes (SPEC sections 8 and 10)."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from ...spec.network.edges import Crop, CropTo, CropToSmallest, Pad, PadTo, PadToMultiple
from ...spec.network.fields import sides_on
from .partitioned import partitioned
from .signature import Parameters

Sides = Sequence[tuple[int, int]]

_MODES = {"zeros": "constant", "mirrored": "reflect", "replicated": "edge", "mirrored, extended": "reflect"}
"""The modes of padding: the specification's name for each, and JAX's."""


@partitioned
def crop(operation: Crop, images: Sequence[Array], parameters: Parameters, precision: Any) -> Array:
    """The image without fixed numbers of positions at its edges."""
    (x,) = images
    return _cropped(x, [sides_on(operation.amounts, axis) for axis in range(x.ndim - 1)])


@partitioned
def crop_to(operation: CropTo, images: Sequence[Array], parameters: Parameters, precision: Any) -> Array:
    """The first image, cropped to the size of the second."""
    x, other = images
    sizes = zip(x.shape[1:], other.shape[1:], strict=True)
    return _cropped(x, [operation.parts(n, to, axis) for axis, (n, to) in enumerate(sizes)])


@partitioned
def crop_to_smallest(
    operation: CropToSmallest, images: Sequence[Array], parameters: Parameters, precision: Any
) -> Array:
    """The first image, cropped to the smallest size of all."""
    x, crop = images[0], CropTo(odd=operation.odd)
    of_axes = zip(*(image.shape[1:] for image in images), strict=True)
    return _cropped(x, [crop.parts(of[0], operation.size(of, axis), axis) for axis, of in enumerate(of_axes)])


def _cropped(x: Array, sides: Sides) -> Array:
    return x[(slice(None), *(slice(before, n - after) for n, (before, after) in zip(x.shape[1:], sides, strict=True)))]


@partitioned
def pad(operation: Pad, images: Sequence[Array], parameters: Parameters, precision: Any) -> Array:
    """The image with fixed numbers of positions added at its edges."""
    (x,) = images
    return _padded(x, [sides_on(operation.amounts, axis) for axis in range(x.ndim - 1)], operation.mode)


@partitioned
def pad_to_multiple(operation: PadToMultiple, images: Sequence[Array], parameters: Parameters, precision: Any) -> Array:
    """The image, padded up to a multiple."""
    (x,) = images
    to = [operation.size([n], axis) for axis, n in enumerate(x.shape[1:])]
    return _padded(x, _lacking(x, to, operation.where), operation.mode)


@partitioned
def pad_to(operation: PadTo, images: Sequence[Array], parameters: Parameters, precision: Any) -> Array:
    """The first image, padded to the size of the second."""
    x, other = images
    return _padded(x, _lacking(x, other.shape[1:], operation.where), operation.mode)


def _lacking(x: Array, to: Sequence[int], where: str) -> Sides:
    lacking = [m - n for n, m in zip(x.shape[1:], to, strict=True)]
    return [(n // 2, n - n // 2) if where == "both" else (0, n) for n in lacking]


def _padded(x: Array, sides: Sides, mode: str) -> Array:
    extended = [0] * (x.ndim - 1)
    if mode == "mirrored, extended":  # as in EnCodec: zeros after an image that is too small to be mirrored
        extended = [max(max(both) + 1 - n, 0) for n, both in zip(x.shape[1:], sides, strict=True)]
        x = jnp.pad(x, ((0, 0), *((0, n) for n in extended)))
    padded = jnp.pad(x, ((0, 0), *sides), _MODES[mode])
    return _cropped(padded, [(0, n) for n in extended])
