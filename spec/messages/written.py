"""How values become text for people: numbers, any other values, and dataclasses as the call that makes them.

Python raises ``ValueError`` when an ``int`` of more than 4 300 digits becomes text. Every number in a message or a repr
goes through :func:`written_number`, which shortens it long before that.
"""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from math import log10
from typing import Any

MAX_WRITTEN_DIGITS = 300
"""Longer numbers are shortened. The product of two shorter ones stays below 640 digits, Python's lowest limit."""

_SHORT = 10**MAX_WRITTEN_DIGITS


def written_number(number: object) -> str:
    """Return the digits of ``number``. More than :data:`MAX_WRITTEN_DIGITS` digits are shortened to their ends.

    A symbol, which stands for a number in a proof, is written by its own ``str``.

    >>> written_number(304), written_number(10**5000 + 7)
    ('304', '1000…007 (5001 digits)')
    """
    if not isinstance(number, int) or -_SHORT < number < _SHORT:
        return str(number)
    size = abs(number)
    digits = int((size.bit_length() - 1) * log10(2))  # at most 2 below the true count
    power = 10**digits
    while power <= size:
        digits, power = digits + 1, power * 10
    return f"{'-' if number < 0 else ''}{size * 10_000 // power}…{size % 1000:03d} ({digits} digits)"


def written_value(value: object) -> str:
    """Return the repr of ``value``, with its numbers written by :func:`written_number`.

    >>> written_value(("skip", 3, 10**5000)), written_value([10**5000])
    ("('skip', 3, 1000…000 (5001 digits))", '<list>')
    """
    if type(value) is int:
        return written_number(value)
    if type(value) is tuple:
        return f"({', '.join(map(written_value, value))}{',' if len(value) == 1 else ''})"
    try:
        return repr(value)
    except (ValueError, RecursionError):  # a long number inside, or nested too deeply
        return f"<{type(value).__name__}>"


def in_words(names: Sequence[str], last: str = "and") -> str:
    """Join names as in a sentence, with the word ``last`` before the last one.

    >>> in_words(("depth", "height", "width")), in_words((".pt", ".bin"), "or")
    ('depth, height and width', '.pt or .bin')
    """
    return f" {last} ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def written_sizes(sizes: Iterable[int]) -> str:
    """Return sizes with a multiplication sign between them.

    >>> written_sizes((304, 384))
    '304×384'
    """
    return "×".join(map(written_number, sizes))


def count_word(count: int) -> str:
    """Return a small ``count`` as a word, a larger one in digits.

    >>> count_word(0), count_word(3), count_word(12)
    ('no', 'three', '12')
    """
    return _COUNTS[count] if count < len(_COUNTS) else str(count)


_COUNTS = ("no", "one", "two", "three", "four", "five", "six")


def clipped(text: str, most: int = 60) -> str:
    """Return the ``text`` as one line of at most ``most`` characters.

    >>> clipped("a b" * 10, 12)
    'a ba ba b...'
    """
    line = " ".join(text.split())  # the text of an array has several lines
    return line if len(line) <= most else f"{line[: most - 3]}..."


def written_argument(name: str, value: object) -> str:
    """Return an argument as a call writes it, clipped.

    >>> written_argument("stride", -1)
    'stride=-1'
    """
    return f"{name}={clipped(written_value(value))}"


def written(value: Any) -> str:
    """Return the call that makes this dataclass: fields without a default, and fields that differ from it.

    Fields with ``repr=False`` are left out: they follow from the others.

    >>> from wellshaped.spec import UNet2Config
    >>> written(UNet2Config(pool_stride=3))
    'UNet2Config(pool_stride=3)'
    """
    given = ((f, getattr(value, f.name)) for f in fields(value) if f.repr)
    # Compare types first: `==` on a symbol has no answer.
    shown = (f"{f.name}={written_value(v)}" for f, v in given if type(v) is not type(f.default) or v != f.default)
    return f"{type(value).__name__}({', '.join(shown)})"


def kind_of(value: object) -> str:
    """Return the type of ``value``, with its article. A class is said by its name.

    >>> kind_of(3), kind_of({}), kind_of(dict)
    ('an int', 'a dict', 'the class dict')
    """
    if isinstance(value, type):
        return f"the class {value.__name__}"
    name = type(value).__name__
    spoken_with_a_vowel = name[0] in "aeioAEIO" or name == "ndarray"
    return f"{'an' if spoken_with_a_vowel else 'a'} {name}"


class Written:
    """Gives a dataclass with ``repr=False`` the repr of :func:`written`."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return the call that makes this value: fields without a default, and fields that differ from it."""
        return written(self)
