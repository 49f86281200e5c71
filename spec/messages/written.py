"""How values are written for people: a number, a value of any kind, and a dataclass as the call that makes it.

Python raises ``ValueError`` when an ``int`` of more than 4 300 digits becomes text. Every number that stands in a
message or a repr goes through :func:`written_number`, which shortens it long before.
"""

from dataclasses import fields
from math import log10
from typing import Any

MOST_DIGITS = 300
"""Longer numbers are shortened. A product of two that are not is below 640 digits, Python's least limit for text."""

_SHORT = 10**MOST_DIGITS


def written_number(number: object) -> str:
    """The digits of ``number``; of one with more than :data:`MOST_DIGITS` digits its ends, and how many there are.

    Symbols, which stand for numbers in proofs, are written as they write themselves.

    >>> written_number(304), written_number(10**5000 + 7)
    ('304', '1000…007 (5001 digits)')
    """
    if not isinstance(number, int) or -_SHORT < number < _SHORT:
        return str(number)
    size = abs(number)
    digits = int((size.bit_length() - 1) * log10(2))  # at most two too few
    power = 10**digits
    while power <= size:
        digits, power = digits + 1, power * 10
    return f"{'-' if number < 0 else ''}{size * 10_000 // power}…{size % 1000:03d} ({digits} digits)"


def written_value(value: object) -> str:
    """The repr of ``value``, with its numbers as :func:`written_number` has them.

    >>> written_value(("skip", 3, 10**5000)), written_value([10**5000])
    ("('skip', 3, 1000…000 (5001 digits))", '<list>')
    """
    if type(value) is int:
        return written_number(value)
    if type(value) is tuple:
        return f"({', '.join(map(written_value, value))}{',' if len(value) == 1 else ''})"
    try:
        return repr(value)
    except (ValueError, RecursionError):  # a long number inside, or many levels
        return f"<{type(value).__name__}>"


def clipped(text: str, most: int = 60) -> str:
    """The ``text`` in one line of at most ``most`` characters.

    >>> clipped("a b" * 10, 12)
    'a ba ba b...'
    """
    line = " ".join(text.split())  # an array's text has lines
    return line if len(line) <= most else f"{line[: most - 3]}..."


def written_argument(name: str, value: object) -> str:
    """An argument as a call has it, clipped.

    >>> written_argument("stride", -1)
    'stride=-1'
    """
    return f"{name}={clipped(written_value(value))}"


def written(value: Any) -> str:
    """The call that makes this dataclass: the fields without a default, and those that differ from theirs.

    A field with ``repr=False`` follows from the others, and is left out.

    >>> from wellshaped.spec import UNet2Config
    >>> written(UNet2Config(pool_stride=3))
    'UNet2Config(pool_stride=3)'
    """
    given = ((f, getattr(value, f.name)) for f in fields(value) if f.repr)
    # By type first: what a symbol equals is not asked.
    shown = (f"{f.name}={written_value(v)}" for f, v in given if type(v) is not type(f.default) or v != f.default)
    return f"{type(value).__name__}({', '.join(shown)})"


def kind_of(value: object) -> str:
    """The type of ``value``, with its article.

    >>> kind_of(3), kind_of({})
    ('an int', 'a dict')
    """
    name = type(value).__name__
    spoken_with_a_vowel = name[0] in "aeioAEIO" or name == "ndarray"
    return f"{'an' if spoken_with_a_vowel else 'a'} {name}"


class Written:
    """A dataclass with ``repr=False`` that is written as :func:`written` says."""

    __slots__ = ()

    def __repr__(self) -> str:
        """What to write to get this value back: what has no default, and what differs from it."""
        return written(self)
