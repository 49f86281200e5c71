"""An image that does not fit, padded or cropped tile by tile; and what of the result belongs to it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...spec.answers.cutting import along_of
from ...spec.answers.planning import MODES
from ...spec.messages.report import Report, ShapeError, UsageError, Verdict
from ...spec.messages.written import written_argument, written_number
from ...spec.network.network import Network
from ...spec.network.scale import slopes_of


class FittedImage:
    """An image of other sizes: cropped or padded at the end of each axis. Only what a slice needs is read and padded.

    >>> image = FittedImage(np.array([[1, 2, 3]]), (5,), "reflect")
    >>> image.shape, image[:, 2:5].tolist()
    ((1, 5), [[3, 2, 1]])
    """

    def __init__(self, image: Any, sizes: Sequence[int], mode: str) -> None:
        self._image, self._mode = image, mode
        self.shape, self.dtype = (int(image.shape[0]), *sizes), image.dtype

    def __getitem__(self, where: tuple[slice, ...]) -> np.ndarray:
        channels, *of_axes = where
        given = self._image.shape[1:]
        reads = [_read(of, n, self._mode) for of, n in zip(of_axes, given, strict=True)]
        found = np.asarray(self._image[channels, *(slice(low, high) for low, high, _ in reads)])
        if self._mode == "zeros":
            more = [(0, (of.stop - of.start) - (high - low)) for of, (low, high, _) in zip(of_axes, reads, strict=True)]
            return np.pad(found, [(0, 0), *more])
        for axis, (low, _, positions) in enumerate(reads, 1):
            if not np.array_equal(positions - low, np.arange(found.shape[axis])):
                found = found.take(positions - low, axis)
        return found


def _read(of: slice, n: int, mode: str) -> tuple[int, int, np.ndarray]:
    """The interval of the image, of size ``n``, that a slice reads, and the position for each of the slice."""
    positions = np.arange(of.start, of.stop)
    if mode == "zeros":
        return min(of.start, n), min(of.stop, n), positions
    beyond = 2 * (n - 1) - positions if mode == "reflect" else np.full_like(positions, n - 1)
    positions = np.where(positions < n, positions, beyond)
    return int(positions.min()), int(positions.max()) + 1, positions


def kept_sizes(network: Network, given: Sequence[int], fitting: Sequence[int]) -> tuple[int, ...]:
    """The sizes of the part of the first output that belongs to an image of size ``given``, padded to ``fitting``.

    Raises :class:`ShapeError` if none does, and :class:`UsageError` if the output does not follow an axis.
    """
    kept = []
    for axis, (name, n, m) in enumerate(zip(network.axis_names, given, fitting, strict=True)):
        along = along_of(network, network.outputs[0], axis, m, place=axis + 1, name=name)
        if n < m and slopes_of(network, axis)[network.outputs[0]] <= 0:
            says = f"{network.outputs[0]} has no axis that follows {name}, so padding changes all of it"
            raise UsageError.of('policy="pad"', "output", "", says, 'policy="crop"')
        kept.append(along.size if n >= m else along.kept(n))
        if kept[-1] < 1:
            sizes = f"{name} is {written_number(n)}, padded to {written_number(m)}"
            says = f"{sizes}; the output has {written_number(along.size)}, and each of its positions reads the padding"
            raise ShapeError.of("the image", "output", "", says, f"{name} of at least {written_number(m)}")
    return tuple(kept)


def require_mode(mode: object, names: Sequence[str], given: Sequence[int], fitting: Sequence[int]) -> None:
    """Raise :class:`UsageError` for an unknown mode, and :class:`ShapeError` for an axis too small to reflect."""
    if mode not in MODES:
        says = f"it must be one of {', '.join(MODES)}"
        raise UsageError.of(written_argument("mode", mode), "mode", "", says, 'mode="reflect"')
    short = tuple(
        Verdict("reflect", False, f"{name} is {n} and needs {m - n} more; reflecting can add at most {n - 1}", "")
        for name, n, m in zip(names, given, fitting, strict=True)
        if mode == "reflect" and m - n > n - 1
    )
    if short:
        raise ShapeError(Report("the image", short, ('mode="edge" or mode="zeros"',)))
