"""Whether a function computes the network that it is said to compute: overlapping tiles have the same values."""

from collections.abc import Iterator
from math import sqrt
from typing import Any

import numpy as np

from ...spec.answers.compatibility import solved_axis
from ...spec.answers.tilings import Tiling
from ...spec.messages.report import ShapeError, UsageError
from ...spec.network.network import Network
from ...spec.network.reaching import total_stride
from ...spec.network.running import sizes_along
from ...spec.network.scale import slopes_of
from ...spec.network.tiling import NotTiledError, valid_part
from .program import Program

_FLIPPED = 0.02
"""The share of whole numbers, such as labels, that may differ: rounding decides between two that are nearly equal."""


def require_agreement(
    program: Program, graph: Network, sizes: tuple[int, ...], tiling: Tiling, dtype: np.dtype[Any]
) -> None:
    """Compute a random tile and, for each axis, one that starts later, and compare what both have.

    ``sizes`` are those of the image. Raises :class:`UsageError` if they differ: then the function reads more than the
    network does, or depends on the position; and :class:`ShapeError` if the result has other sizes.
    """
    output, channels = graph.outputs[0], graph.image.channels
    for axis, n in enumerate(sizes):
        size, start, (low, high) = _overlapping(graph, axis, n, tiling.size[axis])
        if low >= high:
            continue
        along = [size if a == axis else m for a, m in enumerate(tiling.size)]
        drawn = _drawn((channels, *(m + start * (a == axis) for a, m in enumerate(along))), axis + 1, start, dtype)
        shift = int(start * slopes_of(graph, axis)[output])
        first, second = (
            program(np.ascontiguousarray(drawn.take(range(begin, begin + size), axis + 1))) for begin in (0, start)
        )
        require_result(first, tuple(sizes_along(graph, m, a)[output] for a, m in enumerate(along)))
        _require_alike(
            first.take(range(low, high), axis + 1),
            second.take(range(low - shift, high - shift), axis + 1),
            graph,
            axis,
        )


def _overlapping(graph: Network, axis: int, n: int, size: int) -> tuple[int, int, tuple[int, int]]:
    """The size of two tiles, where the second starts, and the positions of the output that both have.

    The smallest tiles may have none in common. Larger ones then do. There are none if the image is one tile.
    """
    output, stride = graph.outputs[0], total_stride(graph, axis)
    for larger in (m for m in range(size, n - stride + 1, stride) if m in solved_axis(graph, axis)):
        for start in _starts(larger, stride, n - larger):
            try:
                first, second = (valid_part(graph, axis, n, begin, begin + larger)[output] for begin in (0, start))
            except NotTiledError:  # a tile of this size reads other positions
                continue
            if max(first[0], second[0]) < min(first[1], second[1]):
                return larger, start, (max(first[0], second[0]), min(first[1], second[1]))
    return size, 0, (0, 0)


def _starts(size: int, stride: int, latest: int) -> Iterator[int]:
    """Where the second tile can start. Later is better: more of each tile is then its own."""
    most = min(size // 4, latest) // stride * stride
    while most > stride:
        yield most
        most = most // 2 // stride * stride
    yield stride


def require_result(values: np.ndarray, sizes: tuple[int, ...]) -> None:
    """Raise :class:`ShapeError` unless the result for a tile has these sizes, those of the network."""
    if values.shape[1:] != sizes:
        says = f"it has the shape {values.shape}, and must be (C, {', '.join(map(str, sizes))})"
        raise ShapeError.of("the result for a tile", "shape", "", says, "the network that the function computes")


def _drawn(shape: tuple[int, ...], axis: int, start: int, dtype: np.dtype[Any]) -> np.ndarray:
    """Random numbers for two tiles along an axis, the second from ``start`` on: their statistics differ.

    The mean and the spread grow along every axis. What only the first tile has is larger than all other numbers; what
    only the second has is smaller. So the tiles differ in their extremes, and in most percentiles.
    """
    drawn: np.ndarray = np.random.default_rng(0).normal(size=shape)
    for along, n in enumerate(shape[1:], 1):
        growth = np.linspace(1, 3, n).reshape(-1, *(1,) * (len(shape) - along - 1))
        drawn = drawn * growth + growth
    least, most = drawn.min(), drawn.max()
    if dtype.kind == "b":
        drawn, high, low = drawn > np.median(drawn), 1, 0
    elif dtype.kind in "iu":  # numbers that every dtype has
        drawn, high, low = 20 + 40 * (drawn - least) / max(most - least, 1e-30), 120, 0
    else:
        high, low = most + (most - least), least - (most - least) / 2
    drawn[_along(axis, slice(None, start))] = high
    drawn[_along(axis, slice(shape[axis] - start, None))] = low
    return drawn.astype(dtype)


def _along(axis: int, part: slice) -> tuple[slice, ...]:
    return (*(slice(None) for _ in range(axis)), part)


def _require_alike(first: np.ndarray, second: np.ndarray, graph: Network, axis: int) -> None:
    of_labels = not np.issubdtype(first.dtype, np.inexact) and first.dtype.kind != "V"
    a, b = (array.astype(np.float64) for array in (first, second))
    scale = max(float(np.abs(a).max(initial=0)), 1e-30)
    precision = 0.0 if of_labels else 4 * sqrt(float(np.finfo(np.float32).eps if first.itemsize >= 4 else 1e-3))
    differs = np.abs(a - b) > precision * scale
    if differs.mean() > (_FLIPPED if of_labels else 0):
        by = f"by up to {np.abs(a - b).max():.2g} of {scale:.2g}"
        says = f"two overlapping tiles differ along {graph.axis_names[axis]}, {by}; by the network they are equal there"
        about = "the function reads more than its network, or depends on the position"
        fix = "the network that the function computes; a model in evaluation mode"
        raise UsageError.of("network", "network", about, says, fix)
