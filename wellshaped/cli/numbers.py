"""Numbers in flags. They are passed on as typed, natural or not, and the specification judges them."""

import re
from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import Parameter, Token

from ..spec.files.networks import MAX_DIGITS

_SIZE = rf"\s*(\d{{1,{MAX_DIGITS}}})\s*"
_SIZES = re.compile(rf"{_SIZE}(?:[x×,]{_SIZE})*")


def as_given(text: str) -> Any:
    """Return the number in ``text``, natural or not; else the text.

    >>> as_given("303"), as_given("-1.5"), as_given("two")
    (303, -1.5, 'two')
    """
    if text.strip().isdecimal() and len(text) > MAX_DIGITS:
        return 10**MAX_DIGITS  # `int` raises above 4300 digits; the report is only about the length
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def numbers_in(text: str) -> list[int]:
    """Return the natural numbers of a text like ``1x304x384``. Any other text has none.

    >>> numbers_in("1x304×384"), numbers_in("1x304x"), numbers_in("a picture")
    ([1, 304, 384], [], [])
    """
    return [int(size) for size in re.split("[x×,]", text)] if _SIZES.fullmatch(text) else []


def convert(_: Any, tokens: Sequence[Token]) -> Any:
    """Convert the value of a flag with one number."""
    return as_given(tokens[0].value)


def convert_list(_: Any, tokens: Sequence[Token]) -> Any:
    """Convert the value of a flag with numbers between commas. ``none`` stays a word."""
    text = tokens[0].value
    return text if text.strip().lower() == "none" else tuple(as_given(part) for part in text.split(","))


Natural = Annotated[int, Parameter(converter=convert)]
