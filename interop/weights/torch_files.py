"""The values in a file of PyTorch, read without PyTorch: the archives that ``torch.save`` writes, and safetensors.

A file may come from anybody. The pickle in an archive is read without running it (:mod:`.torch_pickle`), and every
number is checked before it is used. Files of PyTorch before 1.6 are another format, which PyTorch itself has to read.
"""

from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile, is_zipfile

from ...spec.files.disk import reading
from ...spec.files.models import KEY
from ...spec.files.tensors import FLOATS, PICKLED, SUFFIX, open_tensor_file
from ...spec.messages.report import FileError
from ...spec.messages.written import clipped
from .arrays import read_array
from .torch_pickle import PickleError, Storage, StoredTensor, read_pickle

SUFFIXES = (*PICKLED, SUFFIX)
"""The suffixes of files with PyTorch's weights."""

MAX_PICKLE = 64 * 1024 * 1024
"""The most bytes of the pickle in an archive. That of a network of a thousand arrays has a thousandth."""

MOST_SHARED = 256 * 1024 * 1024
"""The most bytes of arrays beyond twice those of the archive, because tensors may share and repeat their numbers."""

_SAFE_DTYPES = {
    **{name: dtype for dtype, name in FLOATS.items()},
    **{
        f"{kind}{8 * size}": f"{of_it}{8 * size}"
        for kind, of_it in (("I", "int"), ("U", "uint"))
        for size in (1, 2, 4, 8)
    },
    "BOOL": "bool",
}


def values_of_file(path: Path, subject: str) -> Any:
    """Return what a file of PyTorch holds, with NumPy arrays for tensors.

    Raises :class:`FileError` about the ``subject`` for a missing file, another suffix, a file that is damaged, and one
    that holds more than tensors, texts and numbers.
    """
    with reading(path, subject, SUFFIXES):
        if path.suffix == SUFFIX:
            return _of_safetensors(path, subject)
        if is_zipfile(path):
            return _of_archive(path, subject)
        return _of_old_file(path, subject)


def _of_safetensors(path: Path, subject: str) -> dict[str, Any]:
    import jax.numpy as jnp

    made = {}
    with open_tensor_file(path, subject) as (header, file):
        if KEY in header.texts:
            says = "it is a model of wellshaped already, and holds no weights of PyTorch"
            raise FileError.of(subject, "source", "", says, "wellshaped.interop.load, which reads it as it is")
        for name, of_it in header.arrays.items():
            if of_it.dtype not in _SAFE_DTYPES:
                says = clipped(f"{name} has the dtype {of_it.dtype}", 200)
                raise FileError.of(subject, "dtype", "", says, "arrays of float32")
            made[name] = read_array(file, of_it, jnp.dtype(_SAFE_DTYPES[of_it.dtype]))
    return made


def _of_archive(path: Path, subject: str) -> Any:
    try:
        with ZipFile(path) as archive:
            names = archive.namelist()
            pickles = [name for name in names if name == "data.pkl" or name.endswith("/data.pkl")]
            root = pickles[0].removesuffix("data.pkl") if len(pickles) == 1 else None
            if root is None:
                says = f"it is a zip archive with {len(pickles)} entries data.pkl, and must have one"
                raise _broken(subject, says, _SAVE)
            if f"{root}constants.pkl" in names:
                says = "it is a program of TorchScript, which holds code beside the weights"
                fix = f'torch.save(torch.jit.load("{path.name}").state_dict(), "weights.pt"), in Python with PyTorch'
                raise _broken(subject, says, fix)
            entries = _Entries(archive, root, subject)
            return _with_arrays(read_pickle(entries.read("data.pkl", MAX_PICKLE)), entries)
    except PickleError as error:
        raise _broken(subject, f"its pickle is not read, because {error}", _SAVE) from None
    except (BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        if isinstance(error, FileError):
            raise
        raise _broken(
            subject, f"it is damaged: {clipped(str(error), 200)}", "a file that was copied completely"
        ) from None


class _Entries:
    """The entries of an archive, read as bytes, and as the numbers of tensors. Each is read once."""

    def __init__(self, archive: ZipFile, root: str, subject: str) -> None:
        self.archive, self.root, self.subject = archive, root, subject
        self.known = {info.filename: info for info in archive.infolist()}
        self.numbers: dict[Storage, Any] = {}
        self.arrays: dict[StoredTensor, Any] = {}
        self.room = 2 * sum(info.file_size for info in self.known.values()) + MOST_SHARED
        little = "byteorder" not in self or self.read("byteorder", 16).strip() == b"little"
        self.order = "<" if little else ">"

    def __contains__(self, name: str) -> bool:
        return self.root + name in self.known

    def read(self, name: str, most: int) -> bytes:
        info = self.known.get(self.root + name)
        if info is None:
            raise _broken(
                self.subject, f"its archive lacks the entry {clipped(name)}", "a file that was copied completely"
            )
        if info.file_size > most:
            says = f"the entry {clipped(name)} has {info.file_size} bytes, and at most {most} are read"
            raise _broken(self.subject, says, _SAVE)
        if info.compress_type != ZIP_STORED:  # PyTorch compresses nothing, and what is compressed may be huge
            raise _broken(self.subject, f"the entry {clipped(name)} is compressed", _SAVE)
        return self.archive.read(info)

    def array(self, tensor: StoredTensor) -> Any:
        """The array of a tensor. Equal tensors are one array."""
        if tensor not in self.arrays:
            self.arrays[tensor] = self._array(tensor)
        return self.arrays[tensor]

    def _array(self, tensor: StoredTensor) -> Any:
        """The array of a tensor, whose strides and offset are those in the storage. A stride of 0 repeats a number."""
        import numpy as np

        numbers = self._numbers(tensor.storage)
        count = prod(tensor.shape)
        last = tensor.offset + sum(
            (size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides, strict=True)
        )
        if count and last >= len(numbers):
            says = f"a tensor of shape {tensor.shape} is larger than its {len(numbers)} numbers"
            raise _broken(self.subject, clipped(says, 200), _SAVE)
        self.room -= count * numbers.itemsize
        if self.room < 0:
            says = f"with a tensor of shape {tensor.shape}, its tensors are much larger than the file"
            raise _broken(self.subject, clipped(says, 200), _SAVE)
        if not count:
            return np.empty(tensor.shape, numbers.dtype)
        strides = [stride * numbers.itemsize for stride in tensor.strides]
        view = np.lib.stride_tricks.as_strided(numbers[tensor.offset :], tensor.shape, strides, writeable=False)
        return view.copy()

    def _numbers(self, storage: Storage) -> Any:
        import jax.numpy as jnp
        import numpy as np

        if storage not in self.numbers:
            dtype = jnp.dtype(storage.dtype)
            size = storage.count * dtype.itemsize
            data = self.read(f"data/{storage.key}", size)
            if len(data) != size:
                says = f"the entry data/{clipped(storage.key)} has {len(data)} bytes, and needs {size}"
                raise _broken(self.subject, says, "a file that was copied completely")
            numbers = np.frombuffer(data, dtype)
            self.numbers[storage] = numbers if self.order == "<" else numbers.byteswap()
        return self.numbers[storage]


_DEEPEST = 4
"""Tensors in dicts that are nested more deeply belong to no network."""


def _with_arrays(value: Any, entries: _Entries, depth: int = 0) -> Any:
    """A value with arrays for the tensors in it, which are read now."""
    if isinstance(value, StoredTensor):
        return entries.array(value)
    if isinstance(value, dict) and depth < _DEEPEST:
        return {key: _with_arrays(of_it, entries, depth + 1) for key, of_it in value.items()}
    return value


def _of_old_file(path: Path, subject: str) -> Any:
    with path.open("rb") as file:
        start = file.read(len(_OLD))
    if start != _OLD:
        raise _broken(subject, "torch.save did not write it", _SAVE)
    if find_spec("torch") is None:
        says = "it is in the format of PyTorch before 1.6, which only PyTorch reads"
        fix = f'torch.save(torch.load("{path.name}", weights_only=True), "weights.pt"), in Python with PyTorch'
        raise _broken(subject, says, fix)
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever PyTorch raises for a file that it does not read
        says = f"PyTorch does not read it: {clipped(str(error).partition(chr(10))[0], 200)}"
        raise _broken(subject, says, _SAVE) from None


_OLD = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""How a file of PyTorch before 1.6 begins: with the pickle of a number."""

_SAVE = 'torch.save(model.state_dict(), "weights.pt"), in Python with PyTorch'


def _broken(subject: str, says: str, fix: str) -> FileError:
    return FileError.of(subject, "torch", "", says, fix)
