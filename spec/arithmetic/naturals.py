"""Natural numbers and their arithmetic, as Lean has them (SPEC section 1).

The size functions use ``+``, ``*``, :func:`monus` and :func:`quotient`, and nothing else. So they run on any type that
has these four: usually ``int``, but also the symbols of ``proofs_of_shape``. Another type is registered by passing a
:class:`Reading` to :func:`read_as`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import eq, index
from typing import Any

from ..messages.report import UsageError, Verdict, WellshapedError
from ..messages.written import kind_of, written_argument, written_number

LARGEST = 2**31 - 1
"""The largest number of a window, and of elements in one array (8 GiB of float32). A larger number is a mistake."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How objects of type ``kind`` stand for natural numbers: two operations, beside their own ``+`` and ``*``.

    ``equal`` is for a kind whose own ``==`` may be false for two that are equal.
    """

    kind: type
    monus: Callable[[Any, Any], Any]
    quotient: Callable[[Any, Any], Any]
    equal: Callable[[Any, Any], Any] = eq


_readings: dict[type, Reading] = {}


def read_as(reading: Reading) -> None:
    """Accept objects of type ``reading.kind`` wherever a natural number is accepted."""
    _readings[reading.kind] = reading


def natural(value: object, name: str, usual: int = 1) -> int:
    """Return ``value`` as an ``int``. Raise :class:`UsageError`, with the argument's ``name``, unless it is natural.

    Integers of other libraries (``numpy.int64(3)``) are natural numbers. A bool, a float or a string never is. The
    error proposes the ``usual`` value, unless a number like ``2.0`` or ``"2"`` is meant.

    >>> natural(3, "stride")
    3
    >>> natural(-1, "stride")
    Traceback (most recent call last):
    ...
    wellshaped.spec.messages.report.UsageError: stride=-1 can't be used.
      natural: not a natural number: stride=-1 is negative, and must be an integer ≥ 0.
      fix: stride=1
    """
    if type(value) is int and value >= 0:
        return value
    if type(value) in _readings:
        return value  # type: ignore[return-value]  # a symbol stands for a number from here on
    number = as_integer(value)
    if number is not None and number >= 0:
        return number
    fault = "negative" if number is not None else kind_of(value)
    given = written_argument(name, value)
    says = f"{given} is {fault}, and must be an integer ≥ 0"
    raise UsageError.of(given, "natural", "not a natural number", says, f"{name}={_meant(value, usual)}")


def at_least_one(value: object, name: str, of: str, error: type[WellshapedError] = UsageError) -> int:
    """Return ``value`` as an ``int``. Raise ``error``, naming the argument, if it is 0.

    ``of`` is the name of the function or class that has the argument. Raises :class:`UsageError` if ``value`` is not a
    natural number.

    >>> at_least_one(0, "kernel", "transposed_for")
    Traceback (most recent call last):
    ...
    wellshaped.spec.messages.report.UsageError: transposed_for(kernel=0) can't be used.
      kernel_pos: kernel=0 must be at least 1.
      fix: kernel=1
    """
    number = natural(value, name)
    if number == 0:
        says = f"{name}=0 must be at least 1"
        raise error.of(f"{of}({name}=0)", f"{name}_pos", "", says, f"{name}=1")
    return number


def judge_at_least_one(numbers: Mapping[str, int], rules: Mapping[str, str] | None = None) -> tuple[Verdict, ...]:
    """A verdict on each of the ``numbers``, which must be at least 1. ``rules`` has the rule of each, by name.

    >>> [verdict.name for verdict in judge_at_least_one({"stride": 0, "kernel": 3}) if not verdict.holds]
    ['stride_pos']
    """
    rules = {name: f"{name}_pos" for name in numbers} if rules is None else rules
    return tuple(
        Verdict(rules[name], number >= 1, f"{name}={written_number(number)} must be at least 1", "")
        for name, number in numbers.items()
    )


def divisor_below(n: int, bound: int) -> int:
    """The largest divisor of ``n`` that is at most ``bound``. Both are at least 1.

    >>> divisor_below(12, 8)
    6
    """
    return next(d for d in range(min(n, bound), 0, -1) if n % d == 0)


def as_integer(value: object) -> int | None:
    """Return an integer of any library as an ``int``, and ``None`` for a bool or any other value."""
    if type(value).__name__ in ("bool", "bool_"):  # by name: index() accepts older NumPy's bool, with a warning
        return None
    try:
        return index(value)  # type: ignore[arg-type]  # any other type raises TypeError
    except TypeError:
        return None


def _meant(value: object, usual: int) -> int:
    """Return the number that ``value`` means, if it is clear, else ``usual``."""
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 20:
        return int(value)
    if isinstance(value, float) and 1 <= value < 1e15:
        return round(value)
    return usual


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


def equal(a: int, b: int) -> bool:
    """Whether two sizes are equal. A comparison of symbols may raise the error of their kind.

    >>> equal(3, 3), equal(3, 4)
    (True, False)
    """
    reading = _reading(a, b)
    result: bool = reading.equal(a, b) if reading else a == b
    return result


def is_symbol(value: object) -> bool:
    """Whether ``value`` is not an ``int``, but has a :class:`Reading` as a natural number.

    >>> is_symbol(3)
    False
    """
    return type(value) in _readings


def _reading(a: int, b: int) -> Reading | None:
    """The reading of the first of the two that has one, or ``None`` for two integers."""
    return _readings.get(type(a)) or _readings.get(type(b)) if _readings else None


def positive(a: int) -> int:
    """1 if ``a ≥ 1``, else 0: ``1 ∸ (1 ∸ a)``. Multiply by it to guard a formula: the product is 0 if ``a`` is 0.

    >>> positive(0), positive(1), positive(7)
    (0, 1, 1)
    """
    return monus(1, monus(1, a))
