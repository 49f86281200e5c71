"""How a dataclass is written: only what must be said to get it back."""

from dataclasses import fields
from typing import Any


def written(value: Any) -> str:
    """The call that makes this dataclass: the fields without a default, and those that differ from theirs.

    >>> from wellshaped.spec import UNet2Config
    >>> written(UNet2Config(pool_stride=3))
    'UNet2Config(pool_stride=3)'
    """
    given = ((f, getattr(value, f.name)) for f in fields(value))
    # By type first: what a symbol equals is not asked.
    shown = (f"{f.name}={v!r}" for f, v in given if type(v) is not type(f.default) or v != f.default)
    return f"{type(value).__name__}({', '.join(shown)})"


def kind_of(value: object) -> str:
    """The type of ``value``, with its article.

    >>> kind_of(3), kind_of({})
    ('an int', 'a dict')
    """
    name = type(value).__name__
    spoken_with_a_vowel = name[0] in "aeioAEIO" or name == "ndarray"
    return f"{'an' if spoken_with_a_vowel else 'a'} {name}"
