"""Where the results of tiles go: an array, or a file that can be continued after a stop."""

import hashlib
import json
import os
import re
from pathlib import Path
from typing import IO, Any, Protocol

import jax
import numpy as np

from ...spec.files.disk import OutputError, replacing
from ...spec.messages.report import ShapeError, UsageError
from ...spec.messages.written import clipped, kind_of, written_argument, written_value
from .same_array import is_same_array


class Results(Protocol):
    """Where results go. ``finish`` returns the whole array."""

    def has(self, number: int, digest: str, where: tuple[slice, ...]) -> bool:
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

    def has(self, number: int, digest: str, where: tuple[slice, ...]) -> bool:
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


class InListedArray(InArray):
    """Results in an array, with a list of the finished tiles in a file of its own, so that a run can be continued.

    A line of the list has the number of a tile, the digest of its image, and that of its result. The first line is the
    ``key``, as for :class:`InFile`. A tile counts as finished if the array still has this result. The list is locked.
    """

    def __init__(self, array: Any, path: Path, key: str) -> None:
        super().__init__(array)
        self._path = path
        try:
            self._list = path.open("a+")
            if not _is_locked(self._list):
                self._list.close()
                raise _locked_error(f"the list {path}", path, "another file as done, or wait")
            self._done = _finished(path, key)
            self._list.truncate(0)
            self._list.write(
                "\n".join([_first_line(key), *(f"{n} {digests}" for n, digests in self._done.items()), ""])
            )
            self._list.flush()
        except OSError as error:
            raise _list_error(path, error.strerror or str(error)) from None

    def has(self, number: int, digest: str, where: tuple[slice, ...]) -> bool:
        """Whether an earlier run has finished this tile, and the array has its result."""
        of_image, _, of_result = self._done.get(number, "").partition(" ")
        return bool(of_image) and of_image == digest and of_result == digest_of(self._array[where])

    def put(self, number: int, digest: str, where: tuple[slice, ...], values: np.ndarray) -> None:
        """Write the values, then the line: with the digest of what the array has then, which can be rounded."""
        super().put(number, digest, where, values)
        if hasattr(self._array, "flush"):  # a memory map
            self._array.flush()
        _append(self._list, f"{number} {digest} {digest_of(self._array[where])}")

    def finish(self) -> Any:
        """The array; the list is removed."""
        self._path.unlink(missing_ok=True)
        return self._array

    def close(self) -> None:
        """Close the list, and let other runs write it."""
        self._list.close()


def digest_of(values: Any) -> str:
    """The digest of the values of an array.

    >>> digest_of(np.arange(3)) == digest_of(np.arange(6)[::2] // 2)
    True
    """
    return hashlib.blake2b(np.ascontiguousarray(values).tobytes(), digest_size=16).hexdigest()


_OURS = "tiles that wellshaped has finished: "
"""How the first line of a list begins: no other file is written to."""


def _first_line(key: str) -> str:
    return f"{_OURS}{json.dumps(key)}"


def _append(file: IO[str], line: str) -> None:
    """Write a line that is there after any stop."""
    file.write(f"{line}\n")
    file.flush()
    os.fsync(file.fileno())


def _finished(path: Path, key: str) -> dict[int, str]:
    """The finished tiles of a list, with their digests; none if it has another key."""
    first, *lines = path.read_text(errors="replace").split("\n")
    if not key or first != _first_line(key):
        return {}
    found = (re.fullmatch(r"(\d+) ([0-9a-f]{32}(?: [0-9a-f]{32})?)", line) for line in lines)
    return {int(line[1]): line[2] for line in found if line is not None}


def _locked_error(subject: str, path: Path, fix: str) -> OutputError:
    return OutputError.of(subject, "locked", "", f"another run writes {path}", fix)


def _list_error(path: Path, says: str) -> OutputError:
    return OutputError.of(f"the list {path}", "file", "", says, 'done="run.tiles", in a folder that exists')


class InFile:
    """Results in a ``.npy`` file. Until all are there, they are in ``NAME.partial``, and ``NAME.tiles`` lists them.

    A line of the list has the number of a tile and the digest of its image. The first line has the ``key``: the model
    and the tiling. A list with another key, with none, or of another array is begun anew. The partial file is locked.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], key: str) -> None:
        self._path = path
        self._partial, self._list = _beside(path)
        if dtype.kind == "V":
            says = f"a .npy file can't hold the result's dtype, {dtype}"
            raise OutputError.of(
                f"output {path}", "dtype", "", says, "an array as out, or a model with dtype=jnp.float32"
            )
        try:
            self._locked = self._partial.open("ab")
            if not _is_locked(self._locked):
                self._locked.close()
                raise _locked_error(f"output {path}", self._partial, "another file, or wait")
            self._done = self._read(shape, dtype, key)
            lines = [_first_line(key), *(f"{number} {digest}" for number, digest in self._done.items())]
            with replacing(self._list) as new:  # without a line that was cut off
                new.write_text("\n".join([*lines, ""]))
            if not self._done:  # the list is there first: it says that the partial file is ours
                np.lib.format.open_memmap(self._partial, "w+", dtype, shape).flush()
            self._array = np.lib.format.open_memmap(self._partial, "r+")
            self._lines = self._list.open("a")
        except OSError as error:
            raise OutputError.of(f"output {path}", "file", "", error.strerror or str(error), _FIX) from None

    def _read(self, shape: tuple[int, ...], dtype: np.dtype[Any], key: str) -> dict[int, str]:
        """The tiles that an earlier run has finished."""
        try:
            done = _finished(self._list, key)
            there = np.lib.format.open_memmap(self._partial, "r")
        except (OSError, ValueError):
            return {}
        return done if (there.shape, there.dtype) == (shape, dtype) else {}

    def has(self, number: int, digest: str, where: tuple[slice, ...]) -> bool:
        """Whether an earlier run has finished this tile."""
        return self._done.get(number) == digest

    def put(self, number: int, digest: str, where: tuple[slice, ...], values: np.ndarray) -> None:
        """Write the values, then the line that says so: a line is there only if its values are."""
        self._array[where] = values
        self._array.flush()
        _append(self._lines, f"{number} {digest}")

    def finish(self) -> Any:
        """The file under its own name, as a memory map."""
        try:
            os.replace(self._partial, self._path)
            self._list.unlink()
            return np.lib.format.open_memmap(self._path, "r")
        except OSError as error:
            raise OutputError.of(f"output {self._path}", "file", "", error.strerror or str(error), _FIX) from None

    def close(self) -> None:
        """Close the list, and let other runs write."""
        self._lines.close()
        self._locked.close()


def _beside(path: Path) -> tuple[Path, Path]:
    """The partial file of a result, and the list of its tiles."""
    return path.with_name(f"{path.name}.partial"), path.with_name(f"{path.name}.tiles")


_FIX = "the path of a .npy file, in a folder that exists"


def _is_locked(file: IO[Any]) -> bool:
    """Lock a file for this process, where the system can; ``False`` if another process has done so."""
    try:
        import fcntl
    except ImportError:  # not a POSIX system
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def require_out(out: Any, image: Any, shape: tuple[int, ...], done: str | Path | None) -> None:
    """Raise unless results of these sizes can go to ``out``, and a list to ``done``: before anything is computed."""
    if done is not None:
        _require_done(out, done)
    if out is None:
        return
    if isinstance(out, str | Path):
        path = Path(out)
        if path.suffix != ".npy":
            says = (
                f"{clipped(written_value(str(out)))} must end in .npy; for another format give an array of its library"
            )
            raise OutputError.of(f"output {clipped(str(out))}", "out", "", says, 'out="result.npy"')
        if path.is_dir() or not path.parent.is_dir():
            says = f"{path} is a folder" if path.is_dir() else f"there is no folder {path.parent}"
            raise OutputError.of(f"output {path}", "file", "", says, _FIX)
        _require_ours_beside(path)
        return
    has = tuple(getattr(out, "shape", ()))
    if has[1:] != shape:
        says = f"it has the shape {has}, and the result has (C, {', '.join(map(str, shape))})"
        raise ShapeError.of("out", "shape", "", says, "an array with the shape of the result")
    fix = f"np.empty({has}, np.{np.dtype(out.dtype).name})"
    constant = isinstance(out, jax.Array) or not hasattr(out, "__setitem__") or getattr(out, "read_only", False)
    of_read_file = getattr(getattr(out, "file", None), "mode", "r+") == "r"  # of h5py
    if constant or of_read_file or not getattr(getattr(out, "flags", None), "writeable", True):
        raise UsageError.of("out", "out", "", "it can't be written to", fix)
    if is_same_array(out, image):
        raise UsageError.of("out", "out", "", "it shares its values with the image, which later tiles read", fix)


def _require_done(out: Any, done: object) -> None:
    if out is None or isinstance(out, str | Path):
        says = "a file as out has a list of its own" if out is not None else "a new array is gone after a stop"
        raise UsageError.of("done", "done", "", says, "done with out, a Zarr array or a memory map")
    if not isinstance(done, str | Path) or not str(done):
        says = f"it is {kind_of(done)}, and must be the path of a file"
        raise UsageError.of(clipped(written_argument("done", done)), "done", "", says, 'done="run.tiles"')
    path = Path(done)
    if path.is_dir() or not path.parent.is_dir():
        raise _list_error(path, f"{path} is a folder" if path.is_dir() else f"there is no folder {path.parent}")
    if not _may_be_ours(path):
        raise _foreign_error(path, "another file as done")


def _require_ours_beside(path: Path) -> None:
    """Raise :class:`OutputError` if a file has the name of the partial file or the list, and is another."""
    partial, listed = _beside(path)
    if not _may_be_ours(listed):
        raise _foreign_error(listed, "another name for the result")
    if not _is_empty(partial) and _is_empty(listed):
        raise _foreign_error(partial, "another name for the result")


def _may_be_ours(path: Path) -> bool:
    """Whether a path has no file, an empty one, or a list of finished tiles."""
    return _is_empty(path) or _beginning(path) == _OURS.encode()


def _is_empty(path: Path) -> bool:
    """Whether a path has no file, or an empty one."""
    return not _beginning(path)


def _beginning(path: Path) -> bytes:
    """What a file begins with; nothing if there is none."""
    try:
        with path.open("rb") as file:
            return file.read(len(_OURS))
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise OutputError.of(f"output {path}", "file", "", error.strerror or str(error), _FIX) from None


def _foreign_error(path: Path, fix: str) -> OutputError:
    says = "this file is there, tiled did not write it, and tiled would replace it"
    return OutputError.of(f"output {path}", "file", "", says, f"{fix}, or move this one")


def results_in(
    out: Any, shape: tuple[int, ...], dtype: np.dtype[Any], key: str, done: str | Path | None = None
) -> Results:
    """The place for a result of this shape: a new array for ``None``, a file for a path, or the array that is given.

    The finished tiles of an array are listed in the file ``done``, if there is one.
    """
    if out is None:
        return InArray(np.empty(shape, dtype))
    if isinstance(out, str | Path):
        return InFile(Path(out), shape, dtype, key)
    if tuple(out.shape) != shape or not np.can_cast(dtype, out.dtype, "same_kind"):
        says = f"it is {np.dtype(out.dtype)}{list(out.shape)}, and the result is {dtype}{list(shape)}"
        raise ShapeError.of("out", "shape", "", says, f"np.empty({shape}, np.{dtype.name})")
    return InArray(out) if done is None else InListedArray(out, Path(done), key)
