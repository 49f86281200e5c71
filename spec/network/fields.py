"""Reading and checking the fields of an operation: numbers for each axis, paddings, choices (SPEC section 8)."""

from collections.abc import Callable, Sequence
from math import inf, isfinite
from numbers import Real
from typing import Any

from ..arithmetic.naturals import natural
from ..messages.choices import near_choices, nearest_choice
from ..messages.report import ConfigError
from ..messages.written import kind_of, written_argument
from .open_number import Open, open_number_error

Number = int | Open
"""A natural number, or an open one (:class:`Open`)."""

PerAxis = Number | tuple[Number, ...]
"""One natural number for all axes, or a tuple with one for each axis."""

Sides = Number | tuple[Number, ...] | tuple[tuple[Number, Number], ...]
"""Amounts before and after: one number for all axes and sides, one for each axis, or a pair (before, after) for each.

A single pair ``((before, after),)`` holds for all axes, as in ``numpy.pad``.
"""

Padding = Sides | str
""":data:`Sides`, or JAX's and Keras's ``"SAME"`` or ``"VALID"``."""

WORDS = ("SAME", "VALID")


def on_axis(value: PerAxis, axis: int) -> int:
    """The number of one axis. Raises :class:`ConfigError` if it is open.

    >>> on_axis(3, 1), on_axis((3, 5), 1)
    (3, 5)
    """
    number = value[axis] if isinstance(value, tuple) else value
    if isinstance(number, Open):
        raise open_number_error(number)
    return number


def sides_on(value: Sides, axis: int) -> tuple[int, int]:
    """The amounts before and after on one axis. Raises :class:`ConfigError` if one is open.

    >>> sides_on(1, 0), sides_on((1, 2), 1), sides_on(((0, 1),), 1), sides_on(((0, 1), (2, 3)), 1)
    ((1, 1), (2, 2), (0, 1), (2, 3))
    """
    side = side_on(value, axis)
    before, after = side if isinstance(side, tuple) else (side, side)
    if isinstance(before, Open):
        raise open_number_error(before)
    if isinstance(after, Open):
        raise open_number_error(after)
    return before, after


def side_on(value: Sides, axis: int) -> Number | tuple[Number, Number]:
    """The field's number or pair for one axis; open numbers stay open.

    >>> side_on(1, 0), side_on(((0, 1),), 1)
    (1, (0, 1))
    """
    if not isinstance(value, tuple):
        return value
    return value[0] if len(value) == 1 and isinstance(value[0], tuple) else value[axis]


def shortest(of_axes: Sequence[Any]) -> Any:
    """The shortest way to write a field with these numbers or pairs, one for each axis.

    >>> shortest([3, 3]), shortest([3, 5]), shortest([(0, 1), (0, 1)])
    (3, (3, 5), ((0, 1),))
    """
    if any(isinstance(side, tuple) for side in of_axes):
        of_axes = [side if isinstance(side, tuple) else (side, side) for side in of_axes]
    if any(side != of_axes[0] for side in of_axes):
        return tuple(of_axes)
    return (of_axes[0],) if isinstance(of_axes[0], tuple) else of_axes[0]


def axes_of(value: object) -> int | None:
    """The number of axes that a field has numbers for; ``None`` if it holds for any."""
    for_any = not isinstance(value, tuple) or (len(value) == 1 and isinstance(value[0], tuple))
    return None if for_any else len(value)  # type: ignore[arg-type]  # a tuple


def _number(value: object, name: str) -> int:
    return natural(value, name)


def _number_or_open(value: object, name: str) -> Number:
    return value if isinstance(value, Open) else natural(value, name)


def _per_axis(value: object, name: str) -> PerAxis:
    if isinstance(value, tuple | list):
        return tuple(_number_or_open(v, f"{name}[{i}]") for i, v in enumerate(_some(value, name)))
    return _number_or_open(value, name)


def _sides(value: object, name: str) -> Sides:
    if not isinstance(value, tuple | list):
        return _number_or_open(value, name)
    pairs = [v for v in _some(value, name) if isinstance(v, tuple | list)]
    if pairs and (len(pairs) < len(value) or any(len(pair) != 2 for pair in pairs)):
        raise _error_of(value, name, "must have a pair (before, after) for each axis", "((0, 1),)")
    if not pairs:
        return _per_axis(value, name)
    return tuple(
        (_number_or_open(before, f"{name}[{i}] before"), _number_or_open(after, f"{name}[{i}] after"))
        for i, (before, after) in enumerate(pairs)
    )


def _padding(value: object, name: str) -> Padding:
    if not isinstance(value, str):
        return _sides(value, name)
    return _choice(value, name, WORDS)


def _choice(value: object, name: str, choices: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in choices:
        says = f"must be one of {', '.join(map(repr, choices))}"
        raise _error_of(value, name, says, repr(nearest_choice(value, choices)), "no such choice")
    return value


def _flag(value: object, name: str) -> bool:
    if not isinstance(value, bool):
        fix = f" or {name}=".join(map(str, near_choices(value, (True, False))))
        raise _error_of(value, name, f"is {kind_of(value)}, and must be True or False", fix)
    return value


def _real(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise _error_of(value, name, f"is {kind_of(value)}, and must be a number", "0.01")
    try:
        number = float(value)
    except OverflowError:
        number = inf
    if not isfinite(number):
        raise _error_of(value, name, "must be a finite number", "0.01")
    return number


def _some(value: tuple[Any, ...] | list[Any], name: str) -> tuple[Any, ...] | list[Any]:
    if not value:
        raise _error_of(value, name, "must have a number for each axis", "1")
    return value


def _error_of(value: object, name: str, says: str, fix: str, about: str = "wrong value") -> ConfigError:
    given = written_argument(name, value)
    return ConfigError.of(given, name, about, f"{given} {says}", f"{name}={fix}")


_READERS: dict[object, Callable[[object, str], object]] = {
    int: _number,
    bool: _flag,
    float: _real,
    PerAxis: _per_axis,
    Sides: _sides,
    Padding: _padding,
}


def read_field(value: object, name: str, kind: object, choices: tuple[str, ...] | None = None) -> object:
    """The ``value`` of a field whose annotation is ``kind``, as an operation stores it: lists become tuples.

    A field annotated ``... | None`` may also be ``None``. Any other value raises an error with the field's name:
    :class:`UsageError` for a number that is not natural, otherwise :class:`ConfigError`.

    >>> read_field([1, 2], "kernel", PerAxis)
    (1, 2)
    """
    if choices is not None:
        return _choice(value, name, choices)
    if kind in _READERS:
        return _READERS[kind](value, name)
    if value is None:
        return None
    of_it = next(reader for of, reader in _READERS.items() if of | None == kind)  # type: ignore[operator]  # types
    return of_it(value, name)
