"""Fields of a config that may differ from level to level: one value for all, or a tuple with one for each."""

from collections.abc import Callable
from typing import Any

BLOCKS = ("convs_per_block", "conv_kernel", "norm", "groups", "activation", "order", "residual")
"""The fields that say how a block is built: one value for each level, and one for the bottom."""

STEPS = ("decoder_convs", "stride", "downsampling", "upsampling", "upsampling_kernel", "skip")
"""The fields that say how a level is left and entered: one value for each level."""

BY_LEVEL = (*BLOCKS, *STEPS)
"""The fields that may differ from level to level."""

PER_AXIS = ("conv_kernel", "stride", "upsampling_kernel")
"""The fields whose value at a level may be a tuple with one number for each axis."""

CHANNELS = ("base_channels", "multipliers")
"""The fields that say how many channels each level has."""

OF_NETWORK = ("levels", "axes")
"""The fields that say nothing of a level."""

Sizes = int | tuple[int, ...]
"""One number for all axes, or a tuple with one for each."""


def entries(field: str, levels: int) -> int:
    """Return how many entries the tuple of a field has.

    >>> entries("stride", 4), entries("conv_kernel", 4)
    (4, 5)
    """
    return levels + (field in BLOCKS)


def read(value: object, name: str, entry: Callable[[object, str], Any]) -> Any:
    """Return a field as a config stores it: each value as ``entry`` reads it, and a single value without its tuple.

    A tuple of one tuple stays: its numbers are those of the axes, at all levels.

    >>> read([3, 5], "conv_kernel", lambda value, name: value), read((3,), "conv_kernel", lambda value, name: value)
    ((3, 5), 3)
    """
    if not isinstance(value, tuple | list):
        return entry(value, name)
    found = tuple(entry(v, f"{name}[{i}]") for i, v in enumerate(value))
    return found[0] if len(found) == 1 and not isinstance(found[0], tuple) else found


def values(value: Any) -> tuple[Any, ...]:
    """Return the values at the levels: the entries of a tuple, or the single one.

    >>> values(3), values((3, (1, 3)))
    ((3,), (3, (1, 3)))
    """
    return value if isinstance(value, tuple) else (value,)


def numbers(value: Any) -> tuple[int, ...]:
    """Return all numbers of a field.

    >>> numbers(3), numbers((3, (1, 5)))
    ((3,), (3, 1, 5))
    """
    return tuple(n for of_level in values(value) for n in values(of_level))


def at(value: Any, level: int) -> Any:
    """Return the value at a level.

    >>> at(3, 2), at((3, 3, 5), 2), at(((1, 3),), 2)
    (3, 5, (1, 3))
    """
    return value if not isinstance(value, tuple) else value[0] if len(value) == 1 else value[level]


def fitted(value: tuple[Any, ...], count: int) -> Any:
    """Return a tuple cut to ``count`` entries, or continued by its last one, in its shortest form.

    >>> fitted((3, 5, 5), 5), fitted((3, 3, 5), 2), fitted(((1, 3), 3), 1)
    ((3, 5, 5, 5, 5), 3, ((1, 3),))
    """
    return short((*value, *value[-1:] * count)[:count])


def mapped(value: Any, of: Callable[[int], int]) -> Any:
    """Return a field with each number ``n`` replaced by ``of(n)``.

    >>> mapped((3, (1, 4)), lambda n: n | 1)
    (3, (1, 5))
    """
    return tuple(mapped(v, of) for v in value) if isinstance(value, tuple) else of(value)


def short(of_levels: tuple[Any, ...]) -> Any:
    """Return the shortest form of the values of all levels.

    >>> short((3, 3, 3)), short(((1, 3), (1, 3))), short((3, 5))
    (3, ((1, 3),), (3, 5))
    """
    if any(v != of_levels[0] for v in of_levels):
        return of_levels
    return of_levels[:1] if isinstance(of_levels[0], tuple) else of_levels[0]
