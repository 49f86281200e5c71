"""The shape of an image with open sizes, as text: ``"N 3 H W"`` or ``"3xHxW"``."""

import re
from collections.abc import Mapping

from ...spec.messages.report import UsageError
from ...spec.messages.written import clipped, written_value

OpenShape = tuple[int | str, ...]
"""The shape of an image: numbers, and the names of open sizes."""

_BETWEEN = re.compile(r"[\s,×()\[\]]+")
_X = re.compile(r"x(?!is_\d)")  # axis_0 is a name
_NAME = re.compile(r"[A-Za-z_]\w*")


def open_shape(text: str) -> OpenShape:
    """Return the shape that a text describes: a number is fixed, and a name stands for an open size.

    Numbers and names stand between spaces or commas; without these, each ``x`` stands between two of them. Two images
    with the same name have the same size. Raises :class:`UsageError` for another text.

    >>> open_shape("N 3 H W"), open_shape("3xHxW"), open_shape("height x width x 3")
    (('N', 3, 'H', 'W'), (3, 'H', 'W'), ('height', 'width', 3))
    """
    if isinstance(text, str):
        parts = [part for part in _BETWEEN.split(text) if part]
        parts = _X.split(parts[0]) if len(parts) == 1 else [part for part in parts if part != "x"]
        if "None" in parts:
            says = "None is no name of a size; a name such as H stands for any size"
            raise UsageError.of(f"the shape {clipped(text)}", "shape", "", says, '"N 3 H W" or "3xHxW"')
        if parts and all((part.isdecimal() and int(part) > 0) or _NAME.fullmatch(part) for part in parts):
            return tuple(int(part) if part.isdecimal() else part for part in parts)
        if parts and any(part.isdecimal() and int(part) == 0 for part in parts):
            says = f"it is {clipped(written_value(text))}, and a number must be at least 1"
            raise UsageError.of("the shape of an image", "shape", "", says, '"N 3 H W" or "3xHxW"')
    given = clipped(written_value(text))
    says = f"it is {given}, and must be a text of numbers and names of open sizes, one for each axis of the image"
    raise UsageError.of("the shape of an image", "shape", "", says, '"N 3 H W" or "3xHxW"')


def open_sizes(shapes: tuple[OpenShape, ...]) -> tuple[str, ...]:
    """The names of the open sizes, in the order in which they appear.

    >>> open_sizes((("N", 3, "H", "W"), ("N", 10)))
    ('N', 'H', 'W')
    """
    return tuple(dict.fromkeys(size for shape in shapes for size in shape if isinstance(size, str)))


def equalities(sizes: Mapping[str, int]) -> str:
    """Sizes by name, as in a sentence.

    >>> equalities({"H": 64, "W": 96})
    'H = 64, W = 96'
    """
    return ", ".join(f"{name} = {size}" for name, size in sizes.items())
