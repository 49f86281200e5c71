"""What a safetensors file says that it holds: names, shapes, dtypes and texts, read without the arrays.

The file may come from anybody. So everything that is read is checked before it is used: the length of the header, keys
that occur twice, names and shapes, and that the arrays fill the rest of the file without gaps and overlaps.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any

from ..messages.faults import Faults
from ..messages.report import FileError
from ..messages.written import clipped, written_value
from .disk import fault_of, reading
from .formats import strict_json

SUFFIX = ".safetensors"

PICKLED = (".pt", ".pth", ".ckpt", ".bin", ".tar")
"""The suffixes of files that PyTorch itself writes."""

MAX_HEADER = 16 * 1024 * 1024
"""The most bytes of a header. A network of a thousand arrays needs a hundredth."""

BYTES = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2"), 1),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 2),
    **dict.fromkeys(("U32", "I32", "F32"), 4),
    **dict.fromkeys(("U64", "I64", "F64"), 8),
}
"""The bytes of one element, by the format's names of dtypes."""

FLOATS = {"float16": "F16", "bfloat16": "BF16", "float32": "F32", "float64": "F64"}
"""The dtypes of a model, with the format's names."""

_ENTRY = {"dtype", "shape", "data_offsets"}


@dataclass(frozen=True, slots=True)
class StoredArray:
    """An array in a file: its dtype, by the format's name, its shape, and its bytes ``[start, stop)`` in the file."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class TensorFile:
    """The header of a safetensors file: its texts and its arrays, by name."""

    texts: Mapping[str, str]
    arrays: Mapping[str, StoredArray]


@contextmanager
def open_tensor_file(path: Path, subject: str) -> Iterator[tuple[TensorFile, IO[bytes]]]:
    """Open a ``.safetensors`` file, and yield its header and the file, from which its arrays can be read.

    The arrays belong to the header also if the file is replaced meanwhile. Raises :class:`FileError` about the
    ``subject`` for a missing file, another suffix, and a file that is truncated, longer than its arrays, or otherwise
    not in the format.
    """
    with reading(path, subject, (SUFFIX,)), path.open("rb") as file:
        yield _header(file, subject), file


def read_tensor_file(path: Path, subject: str) -> TensorFile:
    """Return the header of a ``.safetensors`` file. Raises as :func:`open_tensor_file`."""
    with open_tensor_file(path, subject) as (header, _):
        return header


def _header(file: IO[bytes], subject: str) -> TensorFile:
    size = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > min(size - 8, MAX_HEADER):
        says = f"the header would have {length} bytes, and the file has {size}"
        raise _broken(subject, says)
    header = file.read(length)
    try:
        data = strict_json(header.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise _broken(subject, f"the header is not JSON: {fault_of(error)}") from None
    if not isinstance(data, dict):
        raise _broken(subject, "the header is no JSON object")
    texts = data.pop("__metadata__", {})
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise _broken(subject, "__metadata__ must have texts as values")
    return TensorFile(texts, _arrays(data, 8 + length, size, subject))


def _arrays(data: Mapping[str, Any], begin: int, end: int, subject: str) -> dict[str, StoredArray]:
    faults = Faults()
    found: dict[str, StoredArray] = {}
    for name, entry in data.items():
        fault = _fault_of_entry(entry)
        if fault:
            faults.add("array", "an array is not described", (f"{clipped(written_value(name))} {fault}", _FIX))
            continue
        start, stop = entry["data_offsets"]
        found[name] = StoredArray(entry["dtype"], tuple(entry["shape"]), begin + start, begin + stop)
    if faults:
        raise FileError(faults.report(subject))
    place = begin
    for name, of_it in sorted(found.items(), key=lambda item: (item[1].start, item[1].stop)):
        if of_it.start != place:
            says = f"{clipped(written_value(name))} begins at byte {of_it.start}, and must begin at {place}"
            raise _broken(subject, says)
        place = of_it.stop
    if place != end:
        raise _broken(subject, f"the arrays end at byte {place}, and the file at {end}")
    return found


def _fault_of_entry(entry: Any) -> str:
    """What is wrong with the description of an array, or ``""``."""
    if not isinstance(entry, dict) or set(entry) != _ENTRY:
        return f"must have the keys {', '.join(sorted(_ENTRY))}"
    dtype, shape, offsets = (entry[key] for key in ("dtype", "shape", "data_offsets"))
    if not isinstance(dtype, str) or dtype not in BYTES:
        return f"has the dtype {clipped(written_value(dtype))}"
    if not _are_naturals(shape):
        return f"has the shape {clipped(written_value(shape))}"
    if not _are_naturals(offsets) or len(offsets) != 2:
        return f"has the bytes {clipped(written_value(offsets))}"
    needs = prod(shape) * BYTES[dtype]
    if offsets[1] - offsets[0] != needs:
        return f"has {offsets[1] - offsets[0]} bytes, and needs {needs}"
    return ""


def _are_naturals(numbers: Any) -> bool:
    return isinstance(numbers, list) and all(type(n) is int and 0 <= n < 2**63 for n in numbers) and len(numbers) <= 32


_FIX = "a model's file, copied completely; wellshaped.interop.save writes one"


def _broken(subject: str, says: str) -> FileError:
    return FileError.of(subject, "safetensors", "it is not a safetensors file", says, _FIX)
