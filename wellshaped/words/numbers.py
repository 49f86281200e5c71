"""Numbers in flags and shapes. A flag keeps its text, so that an error shows what was typed."""

import re

from ..spec.files.networks import MAX_DIGITS
from ..spec.messages.report import UsageError
from ..spec.messages.written import clipped

_SIZE = rf"\d{{1,{MAX_DIGITS}}}"
_SIZES = re.compile(rf"{_SIZE}(?:(?: ?[xX×*,;] ?| ){_SIZE})*")
_LARGE = 10**15  # no size that someone means
_ENDS = {"(": ")", "[": "]"}


def natural_in(text: str, flag: str, usual: int | str, whole: str | None = None) -> int:
    """Return the natural number in ``text``, the value of a ``flag``; without a flag, or with ``--near``, a size.

    Raises :class:`UsageError` for any other text. It shows the ``whole`` value, by default the text, and proposes the
    ``usual`` one, or a number close to the text: 2 for ``2.5``, and for a size 303 for ``-303``.

    >>> natural_in("303", "--near", 64)
    303
    >>> natural_in("-1", "--levels", 4)
    Traceback (most recent call last):
    ...
    wellshaped.spec.messages.report.UsageError: --levels -1 can't be used.
      natural: it is negative, and must be a whole number ≥ 0.
      fix: --levels 4
    """
    rule, fault, meant = "natural", "is not a number, and must be a whole number ≥ 0", usual
    is_size = flag in ("", "--near")
    digits = text.strip().lstrip("+-")
    if digits.isdecimal() and len(digits) > MAX_DIGITS:  # `int` raises above 4300 digits
        number: float | None = -1 if "-" in text else None
        rule, fault = "digits", f"has more than {MAX_DIGITS} digits"
    else:
        number = _number_in(text)
    if isinstance(number, int) and number >= 0:
        return number
    if isinstance(number, int):
        meant = -number if is_size and rule == "natural" and number > -_LARGE else usual
        rule, fault = "natural", "is negative, and must be a whole number ≥ 0"
    elif number is not None:
        fault = "is not a whole number, and must be one"
        near = abs(number) if is_size else number
        meant = int(near) if 1 <= near < _LARGE else usual
    shown = clipped(text if whole is None else whole) or "''"
    subject = "it" if whole is None else clipped(repr(text))
    given, fix = f"{flag or 'the size'} {shown}", f"{flag} {meant}".strip()
    raise UsageError.of(given, rule, "", f"{subject} {fault}", fix)


def _number_in(text: str) -> int | float | None:
    """Return the number in a text, or ``None``."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return None


def numbers_in(text: str) -> list[int]:
    """Return the natural numbers of a text like ``1x304x384`` or ``(1, 304, 384)``. Any other text has none.

    >>> numbers_in("1X304×384"), numbers_in("(1, 304, 384)"), numbers_in("1x304x"), numbers_in("a picture")
    ([1, 304, 384], [1, 304, 384], [], [])
    """
    text = " ".join(text.split())
    if _ENDS.get(text[:1]) == text[-1:]:
        text = text[1:-1].strip()
    return [int(size) for size in re.findall(r"\d+", text)] if _SIZES.fullmatch(text) else []


def numbers_inside(text: str) -> list[int]:
    """Return the numbers of a text that has a separator or a bracket too many. Any other text has none.

    >>> numbers_inside("388x"), numbers_inside("(1, 304, 384"), numbers_inside("3.5x")
    ([388], [1, 304, 384], [])
    """
    return numbers_in(text.strip("xX×*,;()[] "))


def tile_in(text: str, axes: int) -> int | tuple[int, ...]:
    """The size in ``512``, or the sizes in ``512x256``, one for each axis.

    >>> tile_in("512", 2), tile_in("512x256", 2)
    (512, (512, 256))
    """
    numbers = numbers_in(text)
    if len(numbers) == 1:
        return numbers[0]
    if len(numbers) != axes:
        says = f"it is {text[:60]!r}, and needs a natural number, or one for each of {axes} axes"
        raise UsageError.of(
            "--tile", "tile", "", says, "--tile 512" if axes == 1 else f"--tile {'x'.join(['512'] * axes)}"
        )
    return tuple(numbers)
