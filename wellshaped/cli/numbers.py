"""Flags whose text is kept, so that an error shows what was typed."""

from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import Parameter, Token


def as_typed(_: Any, tokens: Sequence[Token]) -> Any:
    """Return the value of a flag as text. Its parser then accepts any text, as ``-1``."""
    return tokens[0].value


Natural = Annotated[int | str, Parameter(converter=as_typed)]
"""A number as typed. It is also a ``str``, so that Pydantic, if something imported it, does not check it first."""
