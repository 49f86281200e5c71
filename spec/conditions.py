"""A condition on a config, as data: what is judged, printed and proposed to be changed. And what a config must be."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .messages.report import UsageError
from .messages.written import kind_of


@dataclass(frozen=True, slots=True)
class Condition:
    """A named rule of a value: what it ``says``, the ``field`` that it is about, and when it ``holds``."""

    name: str
    field: str
    says: str
    holds: Callable[[Any], bool]


def require_kind(value: object, kind: type) -> None:
    """Do nothing for a value of this ``kind``; else raise :class:`ShapeError`."""
    if not isinstance(value, kind):
        says = f"it is {kind_of(value)}, and must be a {kind.__name__}"
        raise UsageError.of("the config", "config", "not such a config", says, f"{kind.__name__}()")
