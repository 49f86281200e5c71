"""Where the results of tiles go: an array, or a file that can be continued after a stop."""

import json
import os
import re
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ...spec.files.disk import replacing
from ...spec.messages.report import FileError, ShapeError
from ...spec.messages.written import clipped, written_value


class Results(Protocol):
    """Where results go. ``finish`` returns the whole array."""

    def has(self, number: int, digest: str) -> bool:
        """Whether the result of a tile is there already, of an image with this digest."""

    def put(self, number: int, digest: str, where: tuple[slice, ...], values: np.ndarray) -> None:
        """Write the part of a tile's result that belongs to the whole."""

    def finish(self) -> Any:
        """The whole result, when every tile is there."""

    def close(self) -> None:
        """Leave what is there, for a run that continues."""


class InArray:
    """Results in an array that takes slices: of NumPy, a memory map, Zarr, or any other."""

    def __init__(self, array: Any) -> None:
        self._array = array

    def has(self, number: int, digest: str) -> bool:
        """Never: an array does not say what is in it."""
        return False

    def put(self, number: int, digest: str, where: tuple[slice, ...], values: np.ndarray) -> None:
        """Write into the array."""
        self._array[where] = values

    def finish(self) -> Any:
        """The array."""
        return self._array

    def close(self) -> None:
        """Nothing is open."""


class InFile:
    """Results in a ``.npy`` file. Until all are there, they are in ``NAME.partial``, and ``NAME.tiles`` lists them.

    A line of the list has the number of a tile and the digest of its image. The first line is the ``key``: the model
    and the tiling. A list with another key, or of another array, is begun anew.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], key: str) -> None:
        self._path = path
        self._partial, self._list = (path.with_name(path.name + end) for end in (".partial", ".tiles"))
        try:
            self._done = self._read(shape, dtype, key)
            lines = [json.dumps(key), *(f"{number} {digest}" for number, digest in self._done.items())]
            if not self._done:
                self._list.unlink(missing_ok=True)
                np.lib.format.open_memmap(self._partial, "w+", dtype, shape).flush()
            with replacing(self._list) as new:  # without a line that was cut off
                new.write_text("\n".join([*lines, ""]))
            self._array = np.lib.format.open_memmap(self._partial, "r+")
            self._lines = self._list.open("a")
        except OSError as error:
            says = f"{clipped(str(path))}: {error.strerror or error}"
            raise FileError.of(f"{clipped(str(path))} can't be written", "out", "", says, 'out="result.npy"') from error

    def _read(self, shape: tuple[int, ...], dtype: np.dtype[Any], key: str) -> dict[int, str]:
        """The tiles that an earlier run has finished."""
        try:
            first, *lines = self._list.read_text().split("\n")
            there = np.lib.format.open_memmap(self._partial, "r")
        except (OSError, ValueError):
            return {}
        if first != json.dumps(key) or (there.shape, there.dtype) != (shape, dtype):
            return {}
        found = (re.fullmatch(r"(\d+) ([0-9a-f]{32})", line) for line in lines)
        return {int(line[1]): line[2] for line in found if line is not None}

    def has(self, number: int, digest: str) -> bool:
        """Whether an earlier run has finished this tile."""
        return self._done.get(number) == digest

    def put(self, number: int, digest: str, where: tuple[slice, ...], values: np.ndarray) -> None:
        """Write the values, then the line that says so: a line is there only if its values are."""
        self._array[where] = values
        self._array.flush()
        self._lines.write(f"{number} {digest}\n")
        self._lines.flush()
        os.fsync(self._lines.fileno())

    def finish(self) -> Any:
        """The file under its own name, as a memory map."""
        self.close()
        os.replace(self._partial, self._path)
        self._list.unlink()
        return np.lib.format.open_memmap(self._path, "r")

    def close(self) -> None:
        """Close the list."""
        self._lines.close()


def results_in(out: Any, shape: tuple[int, ...], dtype: np.dtype[Any], key: str) -> Results:
    """The place for a result of this shape: a new array for ``None``, a file for a path, or the array that is given."""
    if out is None:
        return InArray(np.empty(shape, dtype))
    if isinstance(out, str | Path):
        path = Path(out)
        if path.suffix != ".npy":
            says = f"{clipped(written_value(str(out)))} must end in .npy; give an array of another library itself"
            fix = f"out={written_value(str(path.with_suffix('.npy')))}"
            raise FileError.of(f"{clipped(str(out))} can't be written", "out", "", says, fix)
        return InFile(path, shape, dtype, key)
    if tuple(getattr(out, "shape", ())) != shape:
        says = f"it has the shape {tuple(getattr(out, 'shape', ()))}, and the result has {shape}"
        raise ShapeError.of("out", "shape", "", says, f"np.empty({shape}, np.{np.dtype(dtype).name})")
    return InArray(out)
