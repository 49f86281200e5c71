"""Convolutions and poolings over one, two or three axes, with PyTorch's arithmetic (SPEC sections 6, 8 and 10).

A two-axis convolution with one kernel size, one stride and one padding for all sides is computed by
:func:`~..cpu.convolution.contract`, whose rules for a CPU were measured on it. Everything else is JAX's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import inf
from operator import add, mul
from typing import Any

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from ...spec.network.arithmetic import same_padding, transposed_padding
from ...spec.network.fields import on_axis, sides_on
from ...spec.network.windows import AvgPool, Conv, ConvTranspose, MaxPool, Window
from ..cpu.backend import over_devices
from ..cpu.blocks import side_by_side
from ..cpu.joining import at_once
from ..cpu.layout import channels_last
from ..cpu.pooling import max_of_windows
from ..functional.functional import conv2d, conv_transpose2d
from ..symbolic import any_symbolic
from ..typed import unchecked
from .joins import joined
from .partitioned import partitioned
from .signature import Parameters

Sides = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class _Numbers:
    """The numbers of a window on each axis of an image with these ``given`` sizes; ``made`` are the output's sizes."""

    given: tuple[int, ...]
    made: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]

    @property
    def spans(self) -> tuple[int, ...]:
        """How many positions each window covers, from its first to its last."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True))

    @property
    def is_square(self) -> bool:
        """Whether it has two axes with the same numbers, no dilation, and one padding for all sides."""
        alike = len(set(self.kernel)) == len(set(self.stride)) == len({n for both in self.padding for n in both}) == 1
        return len(self.kernel) == 2 and alike and set(self.dilation) == {1}


def _numbers(operation: Conv | ConvTranspose | MaxPool | AvgPool, x: Array) -> _Numbers:
    sizes = tuple(x.shape[1:])
    return (_numbers_of if any_symbolic(sizes) else _known)(operation, sizes)


def _numbers_of(operation: Conv | ConvTranspose | MaxPool | AvgPool, given: tuple[int, ...]) -> _Numbers:
    axes = range(len(given))
    kernel = tuple(on_axis(operation.kernel, axis) for axis in axes)
    stride = kernel if operation.stride is None else tuple(on_axis(operation.stride, axis) for axis in axes)
    dilation = tuple(on_axis(getattr(operation, "dilation", 1), axis) for axis in axes)
    made = tuple(operation.size([n], axis) for axis, n in enumerate(given))
    numbers = _Numbers(given, made, kernel, stride, dilation, ())
    padding = operation.padding
    sides = [sides_on(padding, axis) for axis in axes] if not isinstance(padding, str) else [(0, 0)] * len(given)
    if padding == "SAME" and not isinstance(operation, ConvTranspose):
        sides = list(map(same_padding, given, numbers.spans, stride))
    return _Numbers(given, made, kernel, stride, dilation, tuple(sides))


_known = lru_cache(maxsize=1024)(_numbers_of)


def _bias(parameters: Parameters, channels: int) -> Array:
    """The bias, or zeros in its place."""
    return parameters["bias"] if "bias" in parameters else jnp.zeros(channels, parameters["kernel"].dtype)


def _with_bias(y: Array, parameters: Parameters) -> Array:
    """Add the bias of each channel, in 32 bits or more: its gradient is a sum over all positions."""
    bias = parameters.get("bias")
    if bias is None:
        return y
    wide = jnp.promote_types(y.dtype, jnp.float32)
    each = lax.expand_dims(bias.astype(wide), range(y.ndim - 1))
    return channels_last(lambda image: (image + each).astype(y.dtype), y.astype(wide))


def _convolved(x: Array, kernel: Array, precision: Any, **window: Any) -> Array:
    """``lax.conv_general_dilated`` of one image, with the channels last. The kernel is (out, in, positions)."""
    axes = "DHW"[4 - x.ndim :]
    layout = (f"N{axes}C", f"OI{axes}", f"N{axes}C")

    def convolve(image: Array) -> Array:
        batch = image[None]
        return lax.conv_general_dilated(batch, kernel, dimension_numbers=layout, precision=precision, **window)[0]

    return channels_last(convolve, x)


def conv(operation: Conv, images: Sequence[Array], parameters: Parameters, precision: Any) -> Array:
    """The convolution of an image, or of images joined along their channels.

    ``kernel`` is (out, in / groups, positions), as in PyTorch.
    """
    kernel = parameters["kernel"]
    numbers = _numbers(operation, images[0])
    if numbers.is_square and operation.groups == 1:
        bias = _bias(parameters, kernel.shape[0])
        window = {"stride": numbers.stride[0], "padding": numbers.padding[0][0], "precision": precision}
        if len(images) == 2 and not at_once(*images):
            of_first, of_second = jnp.split(kernel, [len(images[0])], 1)
            first = unchecked(conv2d)(images[0], of_first, bias, **window)
            return channels_last(add, first, unchecked(conv2d)(images[1], of_second, jnp.zeros_like(bias), **window))
        return unchecked(conv2d)(joined(images), kernel, bias, **window)
    x = joined(images)
    y = _convolved(
        x,
        kernel,
        precision,
        window_strides=numbers.stride,
        padding=numbers.padding,
        rhs_dilation=numbers.dilation,
        feature_group_count=operation.groups,
    )
    return _with_bias(y, parameters)


def conv_transpose(operation: ConvTranspose, images: Sequence[Array], parameters: Parameters, precision: Any) -> Array:
    """The transposed convolution of one image: ``kernel`` is (in, out / groups, positions), as in PyTorch.

    It is a convolution with the mirrored kernel, after ``stride - 1`` zeros are put between the positions of the image.
    """
    (x,), kernel, groups = images, parameters["kernel"], operation.groups
    numbers = _numbers(operation, x)
    if numbers.is_square and groups == 1 and not isinstance(operation.padding, str) and operation.output_padding == 0:
        bias = _bias(parameters, kernel.shape[1])
        window = {"stride": numbers.stride[0], "padding": numbers.padding[0][0], "precision": precision}
        return unchecked(conv_transpose2d)(x, kernel, bias, **window)
    if over_devices() and groups == 1 and _makes_blocks(numbers):
        blocks = channels_last(lambda image: side_by_side(kernel, image[None], precision)[0], x)
        return _with_bias(blocks, parameters)
    mirrored = jnp.flip(kernel, range(2, kernel.ndim)).reshape(groups, -1, *kernel.shape[1:]).swapaxes(1, 2)
    y = _convolved(
        x,
        mirrored.reshape(-1, *mirrored.shape[2:]),
        precision,
        window_strides=(1,) * len(numbers.kernel),
        padding=_transposed_padding(operation, numbers),
        lhs_dilation=numbers.stride,
        rhs_dilation=numbers.dilation,
        feature_group_count=groups,
    )
    return _with_bias(y, parameters)


def _makes_blocks(numbers: _Numbers) -> bool:
    """Whether a transposed convolution makes a block of each position, beside those of the others."""
    alike = numbers.kernel == numbers.stride == numbers.spans
    return (
        alike and not any(map(any, numbers.padding)) and numbers.made == tuple(map(mul, numbers.given, numbers.stride))
    )


def _transposed_padding(operation: ConvTranspose, numbers: _Numbers) -> Sides:
    """The padding of the equivalent convolution. For SAME and VALID it is JAX's."""
    if isinstance(operation.padding, str):
        of_each = zip(numbers.spans, numbers.stride, strict=True)
        before = [transposed_padding(span, s, operation.padding)[0] for span, s in of_each]
    else:
        before = [span - 1 - p for span, (p, _) in zip(numbers.spans, numbers.padding, strict=True)]
    # The output's size decides what is after: padding, and output padding.
    between = [(n - 1) * s + 1 for n, s in zip(numbers.given, numbers.stride, strict=True)]
    return [
        (p, m - 1 + span - n - p) for p, m, span, n in zip(before, numbers.made, numbers.spans, between, strict=True)
    ]


@partitioned
def max_pool(operation: MaxPool, images: Sequence[Array], parameters: Parameters, precision: Any) -> Array:
    """The maximum of each window. Padding never wins. The gradient goes to the first maximum, in row-major order."""
    (x,) = images
    numbers = _numbers(operation, x)
    if numbers.is_square and numbers.padding == ((0, 0), (0, 0)) and not operation.ceil_mode:
        return max_of_windows(x, numbers.kernel[0], numbers.stride[0])
    if set(numbers.dilation) != {1}:
        return _largest_of_slices(x, numbers)
    return _reduced(x, numbers, lax.max, -inf)


@partitioned
def avg_pool(operation: AvgPool, images: Sequence[Array], parameters: Parameters, precision: Any) -> Array:
    """The mean of each window. Padded zeros count if the operation says so; positions beyond the padding do not.

    Numbers of 16 bits are added up in 32.
    """
    (x,) = images
    dtype, x = x.dtype, x.astype(jnp.promote_types(x.dtype, jnp.float32))
    numbers = _numbers(operation, x)
    total = _reduced(x, numbers, lax.add, 0.0)
    count: Array | int = 1
    for axis, (m, n) in enumerate(zip(numbers.made, numbers.given, strict=True)):
        (before, after), k, s = numbers.padding[axis], numbers.kernel[axis], numbers.stride[axis]
        counted = operation.count_include_pad or (before, after) == (0, 0)
        if counted and _stay_inside(m, s, k, n, (before, after)):
            count = count * k
            continue
        start, (first, end) = jnp.arange(m) * s, (0, n + before + after) if counted else (before, before + n)
        along = jnp.minimum(start + k, end) - jnp.maximum(start, first)
        count = count * along.reshape(-1, *(1,) * (len(numbers.made) - 1 - axis))
    return (total / jnp.asarray(count, x.dtype)).astype(dtype)


def _reached(numbers: _Numbers) -> Sides:
    """The padding that the windows reach. In ceil mode, the last window may reach further than the operation says."""
    parts = zip(numbers.made, numbers.stride, numbers.spans, numbers.given, numbers.padding, strict=True)
    return [_reached_on_axis(*of_axis) for of_axis in parts]


def _reached_on_axis(made: int, stride: int, span: int, given: int, sides: tuple[int, int]) -> tuple[int, int]:
    before, _ = sides
    if _stay_inside(made, stride, span, given, sides):
        return sides
    return before, max((made - 1) * stride + span - given - before, 0)


def _stay_inside(made: int, stride: int, span: int, given: int, sides: tuple[int, int]) -> bool:
    """Whether the windows of a symbolic size stay inside the padded image, as they do if sizes are rounded down.

    JAX could not tell: it can't compare a size with twice its half.
    """
    return any_symbolic((given,)) and made == (given + sum(sides) - span + stride) // stride


def _reduced(x: Array, numbers: _Numbers, reducer: Any, start: float) -> Array:
    """Reduce each window of one image, with the channels last. The windows have no dilation."""
    window, strides, sides = (*numbers.kernel, 1), (*numbers.stride, 1), (*_reached(numbers), (0, 0))

    def reduce(image: Array) -> Array:
        # The start must be a number: JAX differentiates the reductions that it recognises.
        result: Array = lax.reduce_window(image, start, reducer, window, strides, sides)
        return result

    return channels_last(reduce, x)


def _largest_of_slices(x: Array, numbers: _Numbers) -> Array:
    """The maximum of each dilated window: JAX has no gradient for its own reduction of one."""

    def largest(image: Array) -> Array:
        padded = lax.pad(image, jnp.array(-inf, x.dtype), [(*sides, 0) for sides in (*_reached(numbers), (0, 0))])
        y = None
        for at in product(*map(range, numbers.kernel)):
            start = [k * d for k, d in zip(at, numbers.dilation, strict=True)]
            end = [of + (m - 1) * s + 1 for of, m, s in zip(start, numbers.made, numbers.stride, strict=True)]
            met = lax.slice(padded, (*start, 0), (*end, len(x)), (*numbers.stride, 1))
            # A strictly greater value replaces an earlier one, and so does a NaN.
            y = met if y is None else jnp.where((met > y) | jnp.isnan(met), met, y)
        assert y is not None  # a network rejects a kernel of 0
        return y

    return channels_last(largest, x)


def window(operation: Window, images: Sequence[Array], parameters: Parameters, precision: Any) -> Array:
    """Every ``stride``-th position: the value of a window of a single position."""
    (x,) = images
    return x[(slice(None), *(slice(None, None, on_axis(operation.stride, axis)) for axis in range(x.ndim - 1)))]
