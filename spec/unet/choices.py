"""The values that the fields of a U-Net may have: choices and natural numbers."""

from typing import Any

from ..arithmetic.naturals import as_integer, natural
from ..messages.choices import nearest_choice
from ..network.values import Activation
from .by_level import PER_AXIS, choice

CHOICES: dict[str, tuple[object, ...]] = {
    "padding": ("same", "none"),
    "norm": ("none", "batch", "group", "instance"),
    "activation": tuple(kind for kind in Activation.choices["kind"] if kind not in ("softmax", "glu")),
    "order": ("norm first", "activation first"),
    "residual": (False, True),
    "downsampling": ("max", "average", "stride"),
    "upsampling": ("transposed", "nearest", "bilinear", "nearest alone", "bilinear alone", "depth to space"),
    "skip": ("concat", "add", "none"),
    "join": (None, "exact", "crop", "even crop", "pad"),
    "concat": ("skip first", "upsampled first"),
    "bias": (True, False),
    "head": (True, False),
}
"""The choices for each field that is not a number."""

USUAL = {
    "levels": 4,
    "axes": 2,
    "channels": 64,
    "base_channels": 64,
    "convs_per_block": 2,
    "decoder_convs": 2,
    "conv_kernel": 3,
    "groups": 8,
    "stride": 2,
    "upsampling_kernel": 2,
}
"""The usual number of each field that holds numbers."""


def entry(value: object, shown: str, name: str, *, given: object = None, by_axis: bool = True) -> Any:
    """Return the value of a field at one level, as it is stored: a tuple for a list.

    ``shown`` is how a message writes the field, ``given`` the whole value if it has one entry for each level, and
    ``by_axis`` says whether the value may be a tuple with a number for each axis. Raises :class:`UsageError` for a
    number that is not natural, and for a value that is not one of the choices.

    >>> entry([1, 2], "stride", "stride"), entry("max", "downsampling", "downsampling")
    ((1, 2), 'max')
    """
    if name in CHOICES:
        return choice(value, shown, name, CHOICES[name], given)
    if by_axis and name in PER_AXIS and isinstance(value, tuple | list):
        return tuple(natural(n, f"{shown}[{axis}]", USUAL[name]) for axis, n in enumerate(value))
    return natural(value, shown, USUAL[name])


def meant(first: object, name: str) -> object:
    """Return the value of a field that is nearest to ``first``.

    >>> meant("instnce", "norm"), meant(0, "levels")
    ('instance', 4)
    """
    if name in CHOICES:
        return nearest_choice(first, CHOICES[name])
    number = as_integer(first)
    return USUAL[name] if number is None or number < 1 else number
