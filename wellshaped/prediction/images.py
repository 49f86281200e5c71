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

_FORMATS = {
    ".png": "PNG file",
    **dict.fromkeys((".jpg", ".jpeg"), "JPEG file"),
    **dict.fromkeys((".tif", ".tiff"), "TIFF file"),
    ".npy": "NumPy file of numbers",
}

SUFFIXES = tuple(_FORMATS)
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

    Unsigned integers are divided by the largest of their type first: 255 for a usual image. Other numbers stay.
    """

    colour: str = ""
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)


class PreparedImage:
    """An image ``(C, *sizes)`` in float32. A part is converted when it is read, so the image can be a file.

    ``channels`` says where the channels of ``array`` are: ``"first"``, ``"last"`` or ``"none"``. The first ``has`` of
    them are read.
    """

    def __init__(self, array: Any, channels: str, has: int, preparation: Preparation) -> None:
        self._array, self._channels, self._preparation = array, channels, preparation
        sizes = tuple(array.shape)
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
    if values.dtype.kind == "u":
        return (values / np.float32(np.iinfo(values.dtype).max)).astype(np.float32)
    with np.errstate(over="ignore"):  # an infinity is reported with the result
        return values.astype(np.float32)


def read_image(path: Path, axes: int, channels: int, preparation: Preparation) -> PreparedImage:
    """Return the image in a file, for a network over ``axes`` axes that takes ``channels`` channels.

    The transparency of a picture is left out, unless the network takes as many channels. A NumPy file may have its
    channels first or last. Raises :class:`ImageError` if the file can't be read, or does not hold one such image.
    """
    stored = _stored(path)
    array, shape = stored.array, tuple(stored.array.shape)
    if array.dtype.kind not in "iufb" or not array.size:
        says = f"it holds an array of {array.dtype} and shape {shape}"
        raise ImageError.of(f"image {path}", "numbers", "", says, "an image of numbers, with pixels")
    wanted = {1, 3} if preparation.colour else {channels}
    places = ((place, has) for place in stored.places for has in _counts(shape, place, axes, stored.is_picture))
    found = next(((place, has) for place, has in places if has in wanted), None)
    image = PreparedImage(array, *found, preparation) if found else None
    if image is None or image.shape[0] != channels:
        raise _another_shape(path, stored, axes, channels)
    for name, numbers in (("mean", preparation.mean), ("std", preparation.std)):
        if len(numbers) not in (1, channels):
            says = f"--{name} has {len(numbers)} numbers, and the image {channels} channels"
            raise ImageError.of(f"image {path}", name, "", says, f"one number, or {channels}")
    return image


def _counts(shape: tuple[int, ...], place: str, axes: int, is_picture: bool) -> tuple[int, ...]:
    """How many channels an array can have if they are at this place: also without the transparency of a picture."""
    if len(shape) != axes + (place != "none"):
        return ()
    has = {"none": 1, "first": shape[0], "last": shape[-1]}[place]
    opaque = {2: 1, 4: 3}.get(has, has) if is_picture else has
    return tuple(dict.fromkeys((has, opaque)))


def _another_shape(path: Path, stored: "_Stored", axes: int, channels: int) -> WellshapedError:
    names, shape = {1: ["L"], 2: ["H", "W"], 3: ["D", "H", "W"]}[axes], tuple(stored.array.shape)
    says = f"it has the shape {shape}, and the model takes ({', '.join([str(channels), *names])})"
    if stored.places == ("none",) and len(shape) == axes + 1:
        says, fix = f"it has {shape[0]} pages, and the model takes one image", "a file for each page"
    elif channels == 1 and len(shape) == axes + 1 and shape[0 if stored.places == ("first",) else -1] in (3, 4):
        fix = "--colour grey"
    elif channels == 3 and (len(shape) == axes or shape[-1] == 1):
        fix = "--colour rgb"
    else:
        fix = "an image with these channels and axes"
    return ImageError.of(f"image {path}", "shape", "", says, fix)


@dataclass(frozen=True, slots=True)
class _Stored:
    """What a file holds, where its channels can be, and whether it is a picture, which can have transparency."""

    array: Any
    places: tuple[str, ...]
    is_picture: bool


def _stored(path: Path) -> _Stored:
    """What a file holds, mapped into memory if that is possible."""
    if not path.is_file():
        raise ImageError.of(
            f"image {path}", "file", "", "there is no such file", "the path of an image, or of a folder of images"
        )
    suffix = path.suffix.lower()
    if suffix not in _FORMATS:
        says = f"its suffix is {path.suffix!r}, and must be one of {in_words(SUFFIXES)}"
        raise ImageError.of(f"image {path}", "file", "", says, "the path of an image")
    try:
        path.open("rb").close()  # readers have their own words for a file that may not be read
        if suffix == ".npy":
            return _Stored(np.load(path, mmap_mode="r", allow_pickle=False), ("none", "first", "last"), False)
        return _tiff(path) if suffix in (".tif", ".tiff") else _picture(path)
    except (ImageError, ImportError):
        raise
    except MemoryError:
        says = "it is too large to be read as a whole"
        raise ImageError.of(
            f"image {path}", "memory", "", says, "a TIFF without compression, or a NumPy file"
        ) from None
    except PermissionError:
        raise ImageError.of(f"image {path}", "file", "", "you may not read it", "a file that you may read") from None
    except Exception:  # readers have errors of their own: TIFF's, those of each compression
        says = f"it is damaged, or not a {_FORMATS[suffix]}"
        raise ImageError.of(f"image {path}", "file", "", says, "a file that was copied completely") from None


def _picture(path: Path) -> _Stored:
    """A PNG or JPEG picture as people see it: upright, with its colours as red, green and blue."""
    import imageio.v3

    every: Any = ...  # all frames, for the plugin
    frames = imageio.v3.improps(path, index=every, plugin="pillow").n_images
    if frames and frames > 1:
        says = f"it has {frames} frames, and a prediction is of one"
        raise ImageError.of(f"image {path}", "frames", "", says, "a file for each frame")
    colours = imageio.v3.immeta(path, plugin="pillow", exclude_applied=False).get("mode")
    mode = "RGB" if colours in ("CMYK", "YCbCr", "LAB", "HSV") else None
    array = imageio.v3.imread(path, index=0, plugin="pillow", mode=mode, rotate=True)
    return _Stored(array, ("none",) if array.ndim == 2 else ("last",), True)


def _tiff(path: Path) -> _Stored:
    """A TIFF file, whose axes say where its channels are: ``S`` and ``C`` are channels, all others are not."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        axes = file.series[0].axes
        tag = file.pages.first.tags.get("Orientation")
    try:
        array: Any = tifffile.memmap(path, mode="r")
    except ValueError:  # it is compressed, or its parts are not in order
        array = tifffile.imread(path)
    place = "last" if axes[-1] in "SC" else "first" if axes[0] in "SC" else "none"
    if tag is not None and "Y" in axes and "X" in axes:
        array = _upright(array, int(tag.value), axes.index("Y"), axes.index("X"))
    return _Stored(array, (place,), place == "last")


def _upright(array: Any, orientation: int, rows: int, columns: int) -> Any:
    """A view of a TIFF's array as its orientation says that it is shown (TIFF 6.0, "Orientation")."""
    if orientation >= 5:
        array = np.swapaxes(array, rows, columns)
    if orientation in (3, 4, 7, 8):
        array = np.flip(array, rows)
    if orientation in (2, 3, 6, 7):
        array = np.flip(array, columns)
    return array
