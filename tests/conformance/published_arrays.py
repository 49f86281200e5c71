"""Arrays that need no record: drawn by name on both sides. And what is recorded of large ones: a few numbers of each.

Needs NumPy alone.
"""

from math import prod
from zlib import crc32

import numpy as np

Record = dict[str, np.ndarray]
"""The numbers of arrays, by name."""

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


def numbers_of(name: str) -> int:
    """How many numbers are recorded of an array: more of an output, and of the gradient of an input."""
    return 2 + SAMPLES * name.startswith(("output ", "d input "))


def summary(name: str, array: np.ndarray) -> np.ndarray:
    """The norm of an array, its product with noise of unit variance, and some of its values if it is an image."""
    array = np.asarray(array, np.float64)
    chosen = _generator(f"{name}, samples").randint(0, array.size, numbers_of(name) - 2)
    projected = (array * noise(f"{name}, projection", array.shape)).sum()
    return np.array([np.linalg.norm(array), projected, *array.reshape(-1)[chosen]])


def _scales(expected: Record) -> dict[str, float]:
    """The scale of each array: for a parameter the largest norm among a convolution's and those of what follows it.

    A norm takes away what shifts its input, so the gradient of the bias before it is 0, and both have only rounding
    there. The gradient of a slope is one number, which may be small by chance.
    """
    block = ""
    largest: dict[str, list[tuple[str, float]]] = {}
    for name, numbers in expected.items():
        block = name if name.endswith(".kernel") or numbers_of(name) > 2 else block
        largest.setdefault(block, []).append((name, numbers[0]))
    return {name: max(norm for _, norm in of_block) for of_block in largest.values() for name, _ in of_block}


def distances(ours: Record, expected: Record) -> dict[str, float]:
    """Of each array the largest difference of its numbers, relative to the scale of the array."""
    assert ours.keys() == expected.keys()
    norms = _scales(expected)
    found = {}
    for name, numbers in expected.items():
        scale = np.array([norms[name]] * 2 + [np.abs(numbers[2:]).max(initial=0)] * (len(numbers) - 2))
        found[name] = (np.abs(ours[name] - numbers) / np.where(scale, scale, 1)).max()
    return found
