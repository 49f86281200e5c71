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
