"""Convolutions and poolings over any number of axes, as their defining sums and maxima (SPEC sections 6, 8 and 10).

``o`` is a position of the output, ``i`` one of the input, ``k`` one of the kernel; ``s`` is the stride, ``d`` the
dilation, ``p`` the padding before. Each stands for one number on each axis.

A function here takes an operation, its images, and its parameters by name.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from math import inf
from typing import Any

import numpy as np

from ..network.fields import on_axis, sides_on
from ..network.operation import Operation
from ..network.windows import AvgPool, Conv, ConvTranspose, MaxPool, Window
from .numbers import alike, divided, over_positions
from .operations import Array, Slices

Parameters = Mapping[str, Array]
Sizes = tuple[int, ...]
Pairs = list[tuple[int, int]]


def sizes_after(operation: Operation, images: Sequence[Array]) -> Sizes:
    """Return the output sizes of an operation, one for each axis.

    >>> sizes_after(MaxPool(2), [np.ones((3, 8, 9))])
    (4, 4)
    """
    return tuple(operation.size([x.shape[axis + 1] for x in images], axis) for axis in range(images[0].ndim - 1))


def conv(operation: Conv, images: Sequence[Array], parameters: Parameters) -> Array:
    """Return ``bias + Σ kernel[k] · x[o·s + k·d - p]``, a sum over ``k`` and the input channels of the group.

    >>> kernel = {"kernel": np.array([[[1, 10]]])}
    >>> conv(Conv(2, dilation=2, bias=False), [np.array([[1, 2, 3, 4]])], kernel).tolist()
    [[31, 42]]
    """
    x, kernel, *bias = alike(*images, *parameters.values())
    window = _Numbers(operation, x)
    padded = filled(x, _padding(operation, x.shape[1:], window), 0)
    meetings = list(window.meetings(sizes_after(operation, images)))

    def of_group(x: Array, kernel: Array) -> Array:
        return _sum(np.tensordot(_at(kernel, k), x[met], axes=1) for k, met in meetings)

    return _with(bias, _of_groups(of_group, operation.groups, padded, kernel))


def conv_transpose(operation: ConvTranspose, images: Sequence[Array], parameters: Parameters) -> Array:
    """Return ``bias + Σ kernel[k] · x[i]``, a sum over ``o + p = i·s + k·d`` and the input channels of the group.

    With SAME or VALID, ``p`` is the one of ``jax.lax.conv_transpose``. The kernel is not flipped.

    >>> kernel = {"kernel": np.array([[[1, 10, 100]]])}
    >>> conv_transpose(ConvTranspose(3, 2, bias=False), [np.array([[1, 2]])], kernel).tolist()
    [[1, 10, 102, 20, 200]]
    >>> conv_transpose(ConvTranspose(3, 2, bias=False, padding="SAME"), [np.array([[1, 2]])], kernel).tolist()
    [[1, 10, 102, 20]]
    """
    x, kernel, *bias = alike(*images, *parameters.values())
    window, sizes = _Numbers(operation, x), sizes_after(operation, images)
    before = _cropped_before(operation, window)
    reached = [(n - 1) * s + span for n, s, span in zip(x.shape[1:], window.stride, window.span, strict=True)]
    whole = [max(n, p + m) for n, p, m in zip(reached, before, sizes, strict=True)]
    kept = tuple(slice(p, p + m) for p, m in zip(before, sizes, strict=True))

    def of_group(x: Array, kernel: Array) -> Array:
        y = np.full((kernel.shape[1], *whole), 0, x.dtype)
        for k, met in window.meetings(x.shape[1:]):
            y[met] += np.tensordot(_at(kernel, k), x, axes=(0, 0))
        return y[:, *kept]

    return _with(bias, _of_groups(of_group, operation.groups, x, kernel))


def max_pool(operation: MaxPool, images: Sequence[Array], parameters: Parameters) -> Array:
    """Return the maximum of ``x[o·s + k·d - p]`` over the ``k`` that meet the image; without any, minus infinity.

    >>> max_pool(MaxPool(3, 2, padding=1), [np.array([[-5, -2, -7, -9]], object)], {}).tolist()
    [[-2, -2]]
    """
    (x,) = images
    y = None
    for _, met in _meetings_of_pool(operation, x, -inf):
        y = met if y is None else np.where(met > y, met, y)
    assert y is not None  # a kernel has a position
    return y


def avg_pool(operation: AvgPool, images: Sequence[Array], parameters: Parameters) -> Array:
    """Return the mean of ``x[o·s + k - p]`` over the ``k`` in the image or its padding, which is zeros.

    In ceil mode the last window can reach beyond the padding: positions there do not count. With
    ``count_include_pad=False``, those in the padding do not count either.

    >>> avg_pool(AvgPool(3, 2, padding=1, ceil_mode=True), [np.array([[3, 6, 9, 12]], object)], {}).tolist()
    [[Fraction(3, 1), Fraction(9, 1), Fraction(6, 1)]]
    """
    (x,) = images
    window = _Numbers(operation, x)
    total = _sum(met for _, met in _meetings_of_pool(operation, x, 0))
    counts = np.ones((1,) * x.ndim, int)
    edges = _padding(operation, x.shape[1:], window)
    for axis, (before, after) in enumerate(edges):
        first, end = 0, before + x.shape[axis + 1] + after
        if not operation.count_include_pad:
            first, end = before, end - after
        starts = np.arange(total.shape[axis + 1]) * window.stride[axis]
        of_axis = np.minimum(starts + window.kernel[axis], end) - np.maximum(starts, first)
        counts = counts * np.expand_dims(of_axis, [other for other in range(x.ndim) if other != axis + 1])
    return divided(total, counts)


def window(operation: Window, images: Sequence[Array], parameters: Parameters) -> Array:
    """Return every ``s``-th position: a window of one position.

    >>> window(Window(1, 2), [np.array([[1, 2, 3]])], {}).tolist()
    [[1, 3]]
    """
    (x,) = images
    return x[:, *(slice(None, None, on_axis(operation.stride, axis)) for axis in range(x.ndim - 1))]


class _Numbers:
    """The numbers of a window on each axis."""

    def __init__(self, operation: Any, x: Array) -> None:
        def on_all(value: Any) -> Sizes:
            return tuple(on_axis(value, axis) for axis in range(x.ndim - 1))

        self.kernel = on_all(operation.kernel)
        self.stride = self.kernel if operation.stride is None else on_all(operation.stride)
        self.dilation = on_all(getattr(operation, "dilation", 1))
        self.span = tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True))

    def meetings(self, sizes: Sequence[int]) -> Iterator[tuple[Sizes, Slices]]:
        """Yield each ``k`` with the positions ``j·s + k·d``, for ``j`` in these ``sizes``."""
        for k in np.ndindex(*self.kernel):
            numbers = zip(k, self.dilation, self.stride, sizes, strict=True)
            yield k, (slice(None), *(slice(a * d, a * d + (n - 1) * s + 1, s) for a, d, s, n in numbers))


def filled(x: Array, sides: Pairs, value: float) -> Array:
    """Return ``x`` with this ``value`` before and after, along each axis.

    >>> filled(np.array([[1, 2]]), [(1, 2)], 0).tolist()
    [[0, 1, 2, 0, 0]]
    """
    sizes = zip(x.shape[1:], sides, strict=True)
    y = np.full((len(x), *(before + n + after for n, (before, after) in sizes)), value, x.dtype)
    y[:, *(slice(before, before + n) for n, (before, _) in zip(x.shape[1:], sides, strict=True))] = x
    return y


def _padding(operation: Conv | MaxPool | AvgPool, sizes: Sequence[int], window: _Numbers) -> Pairs:
    """The padding before and after; for SAME as little as ``ceil(n / s)`` windows need, an odd position after."""
    if operation.padding == "VALID":
        return [(0, 0)] * len(sizes)
    if not isinstance(operation.padding, str):
        return [sides_on(operation.padding, axis) for axis in range(len(sizes))]
    totals = [
        max((-(-n // s) - 1) * s + span - n, 0) for n, s, span in zip(sizes, window.stride, window.span, strict=True)
    ]
    return [(total // 2, total - total // 2) for total in totals]


def _meetings_of_pool(operation: MaxPool | AvgPool, x: Array, value: float) -> Iterator[tuple[Sizes, Array]]:
    """Yield each ``k`` with ``x[o·s + k·d - p]`` for all ``o``; outside of the image it is ``value``."""
    window, sizes = _Numbers(operation, x), sizes_after(operation, [x])
    sides = []
    for n, m, s, span, (before, _) in zip(
        x.shape[1:], sizes, window.stride, window.span, _padding(operation, x.shape[1:], window), strict=True
    ):
        sides.append((before, max((m - 1) * s + span - n - before, 0)))
    padded = filled(x, sides, value)
    yield from ((k, padded[met]) for k, met in window.meetings(sizes))


def _cropped_before(operation: ConvTranspose, window: _Numbers) -> list[int]:
    """``p`` on each axis. JAX pads the spread image by ``span - 1 - p`` before the window (its ``padding_a``)."""
    if not isinstance(operation.padding, str):
        return [sides_on(operation.padding, axis)[0] for axis in range(len(window.span))]
    if operation.padding == "VALID":
        return [0] * len(window.span)
    return [
        0 if s > span - 1 else span - 1 - -(-(span + s - 2) // 2)
        for s, span in zip(window.stride, window.span, strict=True)
    ]


def _at(kernel: Array, k: Sizes) -> Array:
    """The matrix of a kernel at one of its positions."""
    matrix: Array = np.moveaxis(kernel, (0, 1), (-2, -1))[k]
    return matrix


def _sum(arrays: Iterable[Array]) -> Array:
    return reduce(np.add, arrays)


def _of_groups(of_group: Callable[[Array, Array], Array], groups: int, x: Array, kernel: Array) -> Array:
    return np.concatenate([*map(of_group, np.split(x, groups), np.split(kernel, groups))])


def _with(bias: Sequence[Array], y: Array) -> Array:
    return y + over_positions(bias[0], y) if bias else y
