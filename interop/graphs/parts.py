"""What stands in the axes of an array: positions along an axis of the image, channels, a batch, or repeats.

Reshapes, transposes and broadcasts compute nothing. They only move these parts. An axis of an array is a tuple of
parts, the slowest first, and an axis of size 1 has none.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import prod

CHANNEL = ("channel", "")
REPEAT = ("repeat", "")


@dataclass(frozen=True, slots=True)
class Part:
    """``size`` values of an index: ``stride`` times 0, 1, 2, …. ``role`` says of what.

    A role is ``("axis", k)``, :data:`CHANNEL`, ``("batch", name)`` or :data:`REPEAT`.
    """

    role: tuple[str, int | str]
    size: int
    stride: int = 1


Parts = tuple[Part, ...]
Dims = tuple[Parts, ...]
"""The parts in each axis of an array."""


def of_axis(k: int, size: int) -> Parts:
    """All positions along an axis of the image."""
    return (Part(("axis", k), size),) if size != 1 else ()


def of_channels(count: int) -> Parts:
    """All channels."""
    return (Part(CHANNEL, count),) if count != 1 else ()


def placed(dims: Dims, d: int, parts: Parts) -> Dims:
    """The axes of an array, with these parts in axis ``d``.

    >>> placed((of_channels(3), ()), 1, of_channels(2))[1] == of_channels(2)
    True
    """
    return (*dims[:d], parts, *dims[d + 1 :])


def size_of(parts: Iterable[Part]) -> int:
    """The size of an axis with these parts."""
    return prod(part.size for part in parts)


def merged(parts: Parts) -> Parts:
    """The parts, with neighbours that make up a larger part as one.

    >>> merged((Part(CHANNEL, 4, 2), Part(CHANNEL, 2)))
    (Part(role=('channel', ''), size=8, stride=1),)
    """
    found: list[Part] = []
    for part in parts:
        last = found[-1] if found else None
        if last and last.role == part.role and (part.role == REPEAT or last.stride == part.stride * part.size):
            found[-1] = replace(part, size=last.size * part.size)
        else:
            found.append(part)
    return tuple(found)


def reshaped(dims: Dims, shape: Sequence[int]) -> Dims | None:
    """The parts in each axis of the array in another ``shape``; ``None`` if a part is split unevenly.

    >>> print(reshaped((of_axis(0, 6),), (3, 2)))
    ((Part(role=('axis', 0), size=3, stride=2),), (Part(role=('axis', 0), size=2, stride=1),))
    """
    left = [part for parts in dims for part in merged(parts)][::-1]
    result = []
    for size in shape:
        taken: list[Part] = []
        while size_of(taken) != size:
            if not left:
                return None
            part, rest = left.pop(), size // size_of(taken)
            larger, smaller = max(part.size, rest), min(part.size, rest)
            if size % size_of(taken) or smaller == 0 or larger % smaller:
                return None
            if part.size > rest:
                inner = part.size // rest
                left.append(replace(part, size=inner))
                part = replace(part, size=rest, stride=part.stride * inner)
            taken.append(part)
        result.append(merged(tuple(taken)))
    return None if left else tuple(result)


def moving(parts: Parts) -> Parts:
    """The parts that are not mere repeats."""
    return tuple(part for part in parts if part.role != REPEAT)


def parts_of(dims: Dims, kind: str) -> list[Part]:
    """All parts of a kind: ``"axis"``, ``"channel"``, ``"batch"`` or ``"repeat"``."""
    return [part for parts in dims for part in parts if part.role[0] == kind]
