"""Arrays that need no record: drawn by name on both sides. And what is recorded of large ones: a few numbers of each.

Needs NumPy alone.
"""

from math import prod
from zlib import crc32

import numpy as np

SAMPLES = 64
"""How many values of an image are recorded."""


def _generator(name: str) -> np.random.RandomState:
    """A generator of this name. NumPy keeps the numbers of this class the same in every version."""
    return np.random.RandomState(crc32(name.encode()))


def noise(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Normal numbers."""
    return _generator(name).standard_normal(shape)


def drawn(name: str, part: str, shape: tuple[int, ...]) -> np.ndarray:
    """An array of a layer. Its kernel keeps the size of the values, and a norm changes them."""
    if part in ("scale", "var"):
        return _generator(name).uniform(0.5, 1.5, shape)
    if part == "slope":
        return _generator(name).uniform(0.1, 0.4, shape)
    return noise(name, shape) * ((2 / max(prod(shape[1:]), 4)) ** 0.5 if part == "kernel" else 0.2)


def summary(name: str, array: np.ndarray, samples: int = 0) -> np.ndarray:
    """The norm of an array, its product with noise of unit variance, and some of its values."""
    array = np.asarray(array, np.float64)
    chosen = array.reshape(-1)[_generator(f"{name}, samples").randint(0, max(array.size, 1), samples)]
    return np.array([np.linalg.norm(array), (array * noise(f"{name}, projection", array.shape)).sum(), *chosen])
