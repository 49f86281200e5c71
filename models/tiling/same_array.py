"""Whether two arrays are one: in memory, in one file, or in one store. Then a result would replace its own image."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.array_utils import byte_bounds


def is_same_array(first: Any, second: Any) -> bool:
    """Whether writing to one array can change the other, as far as it can be recognised.

    It can be for one object, arrays of NumPy that share memory, memory maps of the same part of a file, arrays of Zarr
    with one place in one store, and one dataset of h5py. It can't be for a view of another class.

    >>> image = np.zeros((3, 4))
    >>> is_same_array(image, image[:, 2:]), is_same_array(image[:, :2], image.copy())
    (True, False)
    """
    if first is second:
        return True
    if isinstance(first, np.ndarray) and isinstance(second, np.ndarray):
        return bool(np.may_share_memory(first, second)) or _in_one_file(first, second)
    return _in_one_store(first, second) or _one_dataset(first, second)


def _in_one_file(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two arrays are memory maps of one file, whose bytes can overlap."""
    one, two = _mapped(first), _mapped(second)
    if one is None or two is None or not (one.path.exists() and two.path.exists()):
        return False
    return one.path.samefile(two.path) and one.start < two.stop and two.start < one.stop


class _Mapped(NamedTuple):
    """A file, and the range of its bytes that an array has."""

    path: Path
    start: int
    stop: int


def _mapped(array: np.ndarray) -> _Mapped | None:
    """The part of a file that an array is a map of; ``None`` if it is not a map of a file with a name."""
    root: Any = array
    while isinstance(root.base, np.ndarray):
        root = root.base
    if not isinstance(root, np.memmap) or root.filename is None:
        return None
    low, high = byte_bounds(array)
    start = root.offset - byte_bounds(root)[0]
    return _Mapped(Path(root.filename), start + low, start + high)


def _in_one_store(first: Any, second: Any) -> bool:
    """Whether two arrays of Zarr have one path in one store."""
    stores = getattr(first, "store", None), getattr(second, "store", None)
    if stores[0] is None or type(stores[0]) is not type(stores[1]):
        return False
    paths = [str(getattr(array, "path", "")) for array in (first, second)]
    folders = [getattr(store, "root", None) for store in stores]
    if None not in folders:
        where = [Path(str(folder), path).resolve() for folder, path in zip(folders, paths, strict=True)]
        return where[0] == where[1]
    held = [getattr(store, "_store_dict", store) for store in stores]  # a store in memory is opened again to read
    one = held[0] is held[1] if isinstance(held[0], dict) else bool(held[0] == held[1])
    return one and paths[0] == paths[1]


def _one_dataset(first: Any, second: Any) -> bool:
    """Whether two arrays are one dataset of h5py: by its identity, which links share, or its name in its file."""
    files = [getattr(getattr(array, "file", None), "filename", None) for array in (first, second)]
    if None in files or type(first) is not type(second):
        return False
    paths = [Path(str(file)) for file in files]
    one_file = paths[0].samefile(paths[1]) if all(path.exists() for path in paths) else paths[0] == paths[1]
    return bool(first == second) or (one_file and first.name == second.name)
