"""Natural numbers and their arithmetic, as Lean has them (SPEC section 1).

The size functions are written over ``+``, ``*`` and the two operations here, and over nothing else. An ``int`` is the
usual reading of them. Another one, such as the symbols of ``proofs_of_shape``, is a :class:`Reading`, told to
:func:`read_as`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import index
from typing import Any

from ..messages.report import UsageError, Verdict
from ..messages.written import kind_of, written_argument, written_number

LARGEST = 2**31 - 1
"""Of a window's numbers, and of the elements of one array (8 GiB of float32): more is a slip."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How objects of type ``kind`` stand for natural numbers: they have ``+`` and ``*``, and these two operations."""

    kind: type
    monus: Callable[[Any, Any], Any]
    quotient: Callable[[Any, Any], Any]


_readings: dict[type, Reading] = {}


def read_as(reading: Reading) -> None:
    """Let objects of ``reading.kind`` enter wherever a natural number does."""
    _readings[reading.kind] = reading


def natural(value: object, name: str) -> int:
    """The natural number ``value`` as an ``int``; what is not one is refused under its ``name``.

    Integers of other libraries (``numpy.int64(3)``) are natural numbers; a bool, a float or a string never is.

    Raises :class:`ShapeError` for anything but an integer ≥ 0.

    >>> natural(3, "stride")
    3
    >>> natural(-1, "stride")
    Traceback (most recent call last):
    ...
    wellshaped.spec.messages.report.UsageError: stride=-1 can't be used.
      natural: not a natural number: stride=-1 is negative, and must be an integer ≥ 0.
      fix: stride=0 or more
    """
    if type(value) is int and value >= 0:
        return value
    if type(value) in _readings:
        return value  # type: ignore[return-value]  # a symbol reads as a number from here on
    number = as_integer(value)
    if number is not None and number >= 0:
        return number
    fault = "negative" if number is not None else kind_of(value)
    given = written_argument(name, value)
    says = f"{given} is {fault}, and must be an integer ≥ 0"
    raise UsageError.of(given, "natural", "not a natural number", says, _nearest(name, value))


def at_least_one(value: object, name: str, of: str) -> int:
    """The natural number ``value`` that is not 0; what is none is refused under its ``name``, as an argument ``of``.

    >>> at_least_one(0, "stride", "MaxPool2d")
    Traceback (most recent call last):
    ...
    wellshaped.spec.messages.report.UsageError: MaxPool2d(stride=0) can't be used.
      stride_pos: nothing to compute: stride=0 must be at least 1.
      fix: stride=1
    """
    number = natural(value, name)
    if number == 0:
        says = f"{name}=0 must be at least 1"
        raise UsageError.of(f"{of}({name}=0)", f"{name}_pos", "nothing to compute", says, f"{name}=1")
    return number


def judge_at_least_one(numbers: Mapping[str, int], rules: Mapping[str, str] | None = None) -> tuple[Verdict, ...]:
    """Whether each of the ``numbers`` is at least 1, under the name that ``rules`` has for it, or its own.

    >>> [verdict.name for verdict in judge_at_least_one({"stride": 0, "kernel": 3}) if not verdict.holds]
    ['stride_pos']
    """
    rules = {name: f"{name}_pos" for name in numbers} if rules is None else rules
    return tuple(
        Verdict(rules[name], number >= 1, f"{name}={written_number(number)} must be at least 1", "nothing to compute")
        for name, number in numbers.items()
    )


def divisor_below(n: int, bound: int) -> int:
    """The largest divisor of ``n`` that is at most ``bound``, both at least 1.

    >>> divisor_below(12, 8)
    6
    """
    return next(d for d in range(min(n, bound), 0, -1) if n % d == 0)


def as_integer(value: object) -> int | None:
    """The integer that ``value`` is, whichever library it comes from; ``None`` for a bool and all that is none."""
    if type(value).__name__ in ("bool", "bool_"):  # by name: older NumPy's bool still has an index, and warns of it
        return None
    try:
        return index(value)  # type: ignore[arg-type]  # that is the question
    except TypeError:
        return None


def _nearest(name: str, value: object) -> str:
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 20:
        return f"{name}={int(value)}"
    if isinstance(value, float) and value >= 1 and value.is_integer():
        return f"{name}={int(value)}"
    return f"{name}=0 or more" if isinstance(value, int) and not isinstance(value, bool) else f"{name}=1, say"


def monus(a: int, b: int) -> int:
    """Truncated subtraction ``a ∸ b``: ``max(a - b, 0)``.

    >>> monus(5, 2), monus(2, 5)
    (3, 0)
    """
    reading = _reading(a, b)
    result: int = reading.monus(a, b) if reading else max(a - b, 0)
    return result


def quotient(a: int, b: int) -> int:
    """Floor division, with ``a / 0 = 0``.

    >>> quotient(7, 2), quotient(7, 0)
    (3, 0)
    """
    reading = _reading(a, b)
    result: int = reading.quotient(a, b) if reading else a // b if b else 0
    return result


def _reading(a: int, b: int) -> Reading | None:
    """The reading to calculate in, or ``None`` for two integers."""
    return _readings.get(type(a)) or _readings.get(type(b)) if _readings else None


def positive(a: int) -> int:
    """1 if ``a ≥ 1``, else 0: ``1 ∸ (1 ∸ a)``. A product with it is a guard.

    >>> positive(0), positive(1), positive(7)
    (0, 1, 1)
    """
    return monus(1, monus(1, a))
