"""The values that the fields of a U-Net may have: choices and natural numbers."""

from typing import Any

from ..arithmetic.naturals import as_integer, natural
from ..messages.choices import near_choices, nearest_choice
from ..messages.report import UsageError
from ..messages.written import kind_of, written_argument, written_value
from ..network.fields import shortest
from ..network.values import Activation
from .by_level import OF_NETWORK, PER_AXIS

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


def one(value: object, name: str) -> object:
    """Return ``value``. Raise :class:`UsageError` if it is a tuple or a list, because the field has one value.

    The fix is what the first entry is meant to be.

    >>> one(("pad", "crop"), "join")
    Traceback (most recent call last):
    ...
    wellshaped.spec.messages.report.UsageError: join=('pad', 'crop') can't be used.
      join: join=('pad', 'crop') is a tuple, and join has one value for all levels.
      fix: join='pad'
    """
    if not isinstance(value, tuple | list):
        return value
    given = written_argument(name, value)
    for_all = "" if name in OF_NETWORK else " for all levels"
    says = f"{given} is {kind_of(value)}, and {name} has one value{for_all}"
    raise UsageError.of(given, name, "", says, f"{name}={written_value(meant(value[0] if value else (), name))}")


def choice(value: object, name: str, field: str, choices: tuple[object, ...], given: object) -> object:
    """Return ``value``. Raise :class:`UsageError` unless it is one of the ``choices`` of its ``field``.

    If the field was ``given`` as a tuple, the fix is a tuple of choices.
    """
    if _is_one(value, choices):
        return value
    says = f"{written_argument(name, value)} must be one of {', '.join(map(repr, choices))}"
    near: tuple[object, ...] = near_choices(value, choices)
    if isinstance(given, tuple | list):
        near = (tuple(v if _is_one(v, choices) else nearest_choice(v, choices) for v in given),)
    fix = " or ".join(f"{field}={written_value(one)}" for one in near)
    raise UsageError.of(written_argument(name, value), field, "no such choice", says, fix)


def _is_one(value: object, choices: tuple[object, ...]) -> bool:
    return any(type(value) is type(one) and value == one for one in choices)


def entry(
    value: object, shown: str, name: str, *, given: object = None, by_axis: bool = True, axes: object = None
) -> Any:
    """Return the value of a field at one level. A list becomes a tuple, and equal numbers for all axes become one.

    ``shown`` is how a message writes the field, ``given`` the whole value if it has one entry for each level, and
    ``by_axis`` says whether the value may be a tuple with a number for each axis. ``axes`` is the number of axes, if it
    is known: a tuple for another number stays, and :func:`check` reports it. Raises :class:`UsageError` for a number
    that is not natural, for a tuple without numbers, and for a value that is not one of the choices.

    >>> entry([1, 2], "stride", "stride"), entry([2, 2], "stride", "stride"), entry("add", "skip", "skip")
    ((1, 2), 2, 'add')
    """
    if name in CHOICES:
        return choice(value, shown, name, CHOICES[name], given)
    if by_axis and name in PER_AXIS and isinstance(value, tuple | list):
        if not value:
            says = f"{shown}=() must be a number, or have one for each axis"
            raise UsageError.of(f"{shown}=()", name, "", says, f"{shown}={USUAL[name]}")
        numbers = tuple(natural(n, f"{shown}[{axis}]", USUAL[name]) for axis, n in enumerate(value))
        return shortest(numbers) if axes in (None, len(numbers)) else numbers
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
