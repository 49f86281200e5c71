"""The shape of an image with open sizes, as text: ``"N 3 H W"`` or ``"3xHxW"``."""

import re

from ...spec.messages.report import UsageError
from ...spec.messages.written import clipped, written_value

OpenShape = tuple[int | str, ...]
"""The shape of an image: numbers, and the names of open sizes."""

_SEPARATORS = re.compile(r"[\s,×()\[\]]+|(?<=[0-9A-Z])x(?=[0-9A-Z])|(?<=[0-9A-Z])x(?=[0-9a-z_]+$)")
_NAME = re.compile(r"[A-Za-z_]\w*")


def open_shape(text: str) -> OpenShape:
    """Return the shape that a text describes: a number is fixed, and a name stands for an open size.

    Two images with the same name have the same size. Raises :class:`UsageError` for another text.

    >>> open_shape("N 3 H W"), open_shape("3xHxW")
    (('N', 3, 'H', 'W'), (3, 'H', 'W'))
    """
    if isinstance(text, str):
        parts = [part for part in _SEPARATORS.split(text.strip()) if part]
        if parts and all((part.isdecimal() and int(part) > 0) or _NAME.fullmatch(part) for part in parts):
            return tuple(int(part) if part.isdecimal() else part for part in parts)
        if parts and any(part.isdecimal() and int(part) == 0 for part in parts):
            says = f"it is {clipped(written_value(text))}, and a number must be at least 1"
            raise UsageError.of("the shape of an image", "shape", "", says, '"N 3 H W" or "3xHxW"')
    given = clipped(written_value(text))
    says = f"it is {given}, and must be numbers and names of open sizes, one for each axis of the image"
    raise UsageError.of("the shape of an image", "shape", "", says, '"N 3 H W" or "3xHxW"')


def open_sizes(shapes: tuple[OpenShape, ...]) -> tuple[str, ...]:
    """The names of the open sizes, in the order in which they appear.

    >>> open_sizes((("N", 3, "H", "W"), ("N", 10)))
    ('N', 'H', 'W')
    """
    return tuple(dict.fromkeys(size for shape in shapes for size in shape if isinstance(size, str)))
