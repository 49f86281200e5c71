"""Conditions on a config, as data: they are judged, printed and used for fixes. Also a check of a config's class."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .messages.report import UsageError
from .messages.written import kind_of


@dataclass(frozen=True, slots=True)
class Condition:
    """A named rule for a config: its sentence ``says``, its ``field``, and when it ``holds``."""

    name: str
    field: str
    says: str
    holds: Callable[[Any], bool] = dataclasses.field(repr=False)


def require_kind(value: object, kind: type) -> None:
    """Raise :class:`UsageError` unless ``value`` is of this ``kind``."""
    if not isinstance(value, kind):
        says = f"it is {kind_of(value)}, and must be a {kind.__name__}"
        raise UsageError.of("the config", "config", "", says, f"{kind.__name__}()")
