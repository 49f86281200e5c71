"""Crops and pads: where each position of the result comes from, along one axis after the other (SPEC section 8)."""

from collections.abc import Callable, Sequence

import numpy as np

from ..network.edges import Crop, CropTo, CropToSmallest, Pad, PadTo, PadToMultiple
from ..network.fields import on_axis, sides_on
from .node_windows import Parameters, sizes_after
from .operations import Array


def crop(operation: Crop, images: Sequence[Array], parameters: Parameters) -> Array:
    """Return the image without its first and last positions.

    >>> crop(Crop(((1, 2),)), [np.array([[1, 2, 3, 4, 5]])], {}).tolist()
    [[2, 3]]
    """
    (x,) = images
    starts = [sides_on(operation.amounts, axis)[0] for axis in range(x.ndim - 1)]
    return _from(x, starts, sizes_after(operation, images))


def crop_to(operation: CropTo, images: Sequence[Array], parameters: Parameters) -> Array:
    """Return the first image, cropped to the sizes of the second about its centre, or from the offset.

    >>> x, other = np.array([[1, 2, 3, 4]]), np.zeros((1, 3))
    >>> crop_to(CropTo(), [x, other], {}).tolist(), crop_to(CropTo(odd="before"), [x, other], {}).tolist()
    ([[1, 2, 3]], [[2, 3, 4]])
    """
    sizes = sizes_after(operation, images)
    starts = _centred(operation, images[0], sizes)
    if operation.offset is not None:
        starts = [on_axis(operation.offset, axis) for axis in range(len(sizes))]
    return _from(images[0], starts, sizes)


def crop_to_smallest(operation: CropToSmallest, images: Sequence[Array], parameters: Parameters) -> Array:
    """Return the first image, cropped about its centre to the smallest sizes of all images.

    >>> crop_to_smallest(CropToSmallest(), [np.array([[1, 2, 3, 4]]), np.zeros((1, 2))], {}).tolist()
    [[2, 3]]
    """
    sizes = sizes_after(operation, images)
    return _from(images[0], _centred(operation, images[0], sizes), sizes)


def _centred(operation: CropTo | CropToSmallest, x: Array, sizes: Sequence[int]) -> list[int]:
    more = 1 if operation.odd == "before" else 0
    return [(n - m + more) // 2 for n, m in zip(x.shape[1:], sizes, strict=True)]


def _from(x: Array, starts: Sequence[int], sizes: Sequence[int]) -> Array:
    return x[:, *(slice(start, start + size) for start, size in zip(starts, sizes, strict=True))]


def pad(operation: Pad, images: Sequence[Array], parameters: Parameters) -> Array:
    """Return the image, padded in the operation's mode.

    >>> x = [np.array([[1, 2, 3]])]
    >>> pad(Pad(2, mode="mirrored"), x, {}).tolist(), pad(Pad(2, mode="replicated"), x, {}).tolist()
    ([[3, 2, 1, 2, 3, 2, 1]], [[1, 1, 1, 2, 3, 3, 3]])
    """
    (x,) = images
    return _padded(x, [sides_on(operation.amounts, axis) for axis in range(x.ndim - 1)], operation.mode)


def pad_to(operation: PadTo | PadToMultiple, images: Sequence[Array], parameters: Parameters) -> Array:
    """Return the first image, padded to the size that the operation says. An odd position goes after.

    >>> pad_to(PadTo(), [np.array([[1, 2]]), np.zeros((1, 5))], {}).tolist()
    [[0, 1, 2, 0, 0]]
    >>> pad_to(PadToMultiple(4, mode="mirrored, extended"), [np.array([[1]])], {}).tolist()
    [[1, 0, 0, 0]]
    """
    sides = []
    for n, m in zip(images[0].shape[1:], sizes_after(operation, images), strict=True):
        before = (m - n) // 2 if operation.where == "both" else 0
        sides.append((before, m - n - before))
    return _padded(images[0], sides, operation.mode)


def _padded(x: Array, sides: Sequence[tuple[int, int]], mode: str) -> Array:
    for axis, (before, after) in enumerate(sides, 1):
        n = x.shape[axis]
        froms = [_SOURCE[mode](i, n, before, after) for i in range(-before, n + after)]
        known = [to for to, start in enumerate(froms) if start is not None]
        y = np.full((len(froms), *np.delete(x.shape, axis)), 0, x.dtype)
        y[known] = np.moveaxis(x, axis, 0)[[start for start in froms if start is not None]]
        x = np.moveaxis(y, 0, axis)
    return x


def _inside(i: int, n: int, before: int, after: int) -> int | None:
    return i if 0 <= i < n else None


def _nearest(i: int, n: int, before: int, after: int) -> int | None:
    return min(max(i, 0), n - 1)


def _mirrored(i: int, n: int, before: int, after: int) -> int | None:
    return 2 * (n - 1) - i if i >= n else abs(i)


def _mirrored_in_zeros(i: int, n: int, before: int, after: int) -> int | None:
    """EnCodec's: an image that is too small for the mirror is first extended by zeros, which are cut off again."""
    return _inside(_mirrored(i, max(n, before + 1, after + 1), before, after) or 0, n, before, after)


_SOURCE: dict[str, Callable[[int, int, int, int], int | None]] = {
    "zeros": _inside,
    "mirrored": _mirrored,
    "replicated": _nearest,
    "mirrored, extended": _mirrored_in_zeros,
}
"""For each mode: which position of ``n`` a position ``i`` repeats, or ``None`` for zero."""
