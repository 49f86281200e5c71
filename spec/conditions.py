"""Conditions on a config, as data: they are judged, printed and used for fixes. Also a check of a config's class."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .messages.report import UsageError
from .messages.written import kind_of


@dataclass(frozen=True, slots=True)
class Condition:
    """A named rule for a config: its sentence ``says``, its ``field``, and when it ``holds``.

    The sentence starts with the field, whose value is written after it. ``numbered`` returns the rest of the sentence
    for a config that breaks the rule, with its numbers. ``value`` returns a value of the field that meets the rule;
    without it, the default does.
    """

    name: str
    field: str
    says: str
    holds: Callable[[Any], bool] = dataclasses.field(repr=False)
    numbered: Callable[[Any], str] | None = dataclasses.field(default=None, repr=False)
    value: Callable[[Any], object] | None = dataclasses.field(default=None, repr=False)


ASK = {"Network": "check(network, shape)", "str": "check(network, shape)"}
"""The call that judges a graph, or a preset by its name: a graph is well-formed once it is made."""


def require_kind(value: object, kind: type, others: Mapping[str, str] | None = None) -> None:
    """Raise :class:`UsageError` unless ``value`` is of this ``kind``.

    ``others`` has the call for each other kind of network, by the name of its class. The error proposes it.
    """
    if not isinstance(value, kind):
        says = f"it is {kind_of(value)}, and must be a {kind.__name__}"
        fix = (others or {}).get(type(value).__name__, f"{kind.__name__}()")
        raise UsageError.of("the config", "config", "", says, fix)
