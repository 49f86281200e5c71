"""Image files as arrays ``(C, *sizes)`` for a network: PNG, JPEG, TIFF and NumPy.

Only what is needed of a large file is read: a TIFF without compression and a NumPy file are mapped into memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..spec.messages.report import FileError, WellshapedError
from ..spec.messages.written import in_words

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".npy")
"""The files that are read."""

COLOURS = ("grey", "rgb")
"""What an image can be converted to: one channel, or three."""

_GREY = (0.299, 0.587, 0.114)
"""The weights of red, green and blue in grey: those of ITU-R BT.601, as in Pillow."""


class ImageError(FileError):
    """An image file can't be used."""

    says = FileError.says


@dataclass(frozen=True, slots=True)
class Preparation:
    """What is done to the values of an image before the network gets it.

    - ``colour``: ``"grey"`` or ``"rgb"``, to convert it; ``""`` leaves it as it is.
    - ``mean``, ``std``: numbers to subtract and to divide by, one for all channels or one for each.

    Integers are divided by the largest of their type first: 255 for a usual image.
    """

    colour: str = ""
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)


class PreparedImage:
    """An image ``(C, *sizes)`` in float32. A part is converted when it is read, so the image can be a file.

    ``channels`` says where the channels of ``array`` are: ``"first"``, ``"last"`` or ``"none"``.
    """

    def __init__(self, array: Any, channels: str, preparation: Preparation) -> None:
        self._array, self._channels, self._preparation = array, channels, preparation
        sizes = tuple(array.shape)
        has = {"none": 1, "first": sizes[0], "last": _without_transparency(sizes[-1])}[channels]
        sizes = {"none": sizes, "first": sizes[1:], "last": sizes[:-1]}[channels]
        self._has = has
        self.shape = ({"grey": 1, "rgb": 3}.get(preparation.colour, self._has), *sizes)
        self.dtype = np.dtype(np.float32)

    def __getitem__(self, where: tuple[slice, ...]) -> np.ndarray:
        """A part ``(C, *sizes)``. ``where`` has a slice for the channels, of all of them, and one for each axis."""
        _, *parts = where
        if self._channels == "none":
            found = np.asarray(self._array[tuple(parts)])[None]
        elif self._channels == "first":
            found = np.asarray(self._array[(slice(None), *parts)])
        else:
            found = np.moveaxis(np.asarray(self._array[(*parts, slice(0, self._has))]), -1, 0)
        values = _between_0_and_1(found)
        if self._preparation.colour == "grey" and len(values) == len(_GREY):
            values = np.tensordot(np.asarray(_GREY, np.float32), values, 1)[None]
        elif self._preparation.colour == "rgb" and len(values) == 1:
            values = np.repeat(values, 3, 0)
        centred = values - self._of_channels(self._preparation.mean)
        return np.asarray(centred / self._of_channels(self._preparation.std))

    def _of_channels(self, numbers: Sequence[float]) -> np.ndarray:
        return np.asarray(numbers, np.float32).reshape(-1, *(1,) * (len(self.shape) - 1))


def _between_0_and_1(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind in "iu":
        return (values / np.float32(np.iinfo(values.dtype).max)).astype(np.float32)
    return values.astype(np.float32)


def read_image(path: Path, axes: int, channels: int, preparation: Preparation) -> PreparedImage:
    """Return the image in a file, for a network over ``axes`` axes that takes ``channels`` channels.

    An image file has its channels last; transparency is left out. A NumPy file may also have them first. Raises
    :class:`ImageError` if the file can't be read, or does not hold such an image.
    """
    array = _array(path)
    if array.dtype.kind not in "iufb" or not array.size:
        says = f"it holds an array of {array.dtype} and shape {tuple(array.shape)}"
        raise ImageError.of(f"image {path}", "numbers", "", says, "an image of numbers, with pixels")
    wanted = {"grey": {1, 3}, "rgb": {1, 3}}.get(preparation.colour, {channels})
    place = _place(tuple(array.shape), axes, wanted, first=path.suffix == ".npy")
    image = PreparedImage(array, place, preparation) if place else None
    if image is None or image.shape[0] != channels:
        raise _another_shape(path, tuple(array.shape), axes, channels)
    for name, numbers in (("mean", preparation.mean), ("std", preparation.std)):
        if len(numbers) not in (1, channels):
            says = f"{name} has {len(numbers)} numbers, and the image {channels} channels"
            raise ImageError.of(f"image {path}", name, "", says, f"one number, or {channels}")
    return image


def _place(shape: tuple[int, ...], axes: int, wanted: set[int], first: bool) -> str:
    """Where the channels are, as for :class:`PreparedImage`; ``""`` if the array is no image for the network.

    With ``first``, channels that can be first or last are first.
    """
    if len(shape) == axes:
        return "none" if 1 in wanted else ""
    if len(shape) != axes + 1:
        return ""
    places = [
        place for place, has in (("first", shape[0]), ("last", _without_transparency(shape[-1]))) if has in wanted
    ]
    return "" if not places else places[0] if first else places[-1]


def _without_transparency(channels: int) -> int:
    """The channels of a picture without transparency, which is the second of two or the fourth of four."""
    return {2: 1, 4: 3}.get(channels, channels)


def _another_shape(path: Path, shape: tuple[int, ...], axes: int, channels: int) -> WellshapedError:
    names = {1: ["L"], 2: ["H", "W"], 3: ["D", "H", "W"]}[axes]
    says = f"it has the shape {shape}, and the model takes ({', '.join([str(channels), *names])})"
    grey = channels == 1 and len(shape) == axes + 1 and shape[-1] in (3, 4)
    rgb = channels == 3 and (len(shape) == axes or shape[-1] == 1)
    fix = "--colour grey" if grey else "--colour rgb" if rgb else "an image with these channels and axes"
    return ImageError.of(f"image {path}", "shape", "", says, fix)


def _array(path: Path) -> Any:
    """What a file holds, mapped into memory if that is possible."""
    if not path.is_file():
        raise ImageError.of(f"image {path}", "file", "", "there is no such file", "the path of an image")
    try:
        if path.suffix.lower() == ".npy":
            return np.load(path, mmap_mode="r", allow_pickle=False)
        if path.suffix.lower() in (".tif", ".tiff"):
            return _tiff(path)
        import imageio.v3

        return imageio.v3.imread(path)
    except (OSError, ValueError, SyntaxError, EOFError, TypeError, KeyError, IndexError, MemoryError) as error:
        says = str(error).split("\n")[0] or type(error).__name__
        raise ImageError.of(f"image {path}", "file", "", says, f"an image file: {in_words(SUFFIXES)}") from None


def _tiff(path: Path) -> Any:
    import tifffile

    try:
        return tifffile.memmap(path, mode="r")
    except ValueError:  # it is compressed, or its parts are not in order
        return tifffile.imread(path)
