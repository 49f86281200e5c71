"""A network and its sizes as plain data for a certificate file, and back: within limits, and in one form only.

A certificate may come from anybody. So whatever is read is bounded before it is worked with, and a set of sizes counts
only in the form in which it is written here: its parts in order, none of them overlapping another.
"""

from dataclasses import asdict, fields
from typing import Any

from ..spec.network import AxisNetwork
from ..spec.progression import Progression
from ..spec.report import ShapeError, refuse
from ..spec.size_set import SizeSet
from ..spec.steps import Step
from ..spec.written import MOST_DIGITS, clipped, written_number, written_value

MAX_STEPS = 1000
"""Steps of a network that can be certified, at the most: a U-Net of five levels has fewer than a hundred."""

MAX_PROGRESSIONS = 200
"""Progressions that make up the sizes of a certificate, at the most: from 400 on, Z3 overruns its own time limit."""

_STEPS = {kind.__name__: kind for kind in Step.__args__}
_NETWORK, _SIZES = {"steps": list, "returns_its_size": bool}, {"says": str, "progressions": list}


def data_of(network: AxisNetwork, sizes: SizeSet) -> dict[str, Any]:
    """The network and the sizes as plain data.

    >>> from wellshaped.spec import Keep, Window
    >>> data_of(AxisNetwork((Window(1), Keep())), SizeSet([Progression(1, 1, None)]))["sizes"]
    {'says': 'n ≥ 1', 'progressions': [[1, 1, None]]}
    """
    steps = [{"step": type(step).__name__, **asdict(step)} for step in network.steps]
    parts = [[p.first, p.step, p.count] for p in (*sizes.head, *sizes.tail)]
    return {
        "network": {"steps": steps, "returns_its_size": network.returns_its_size},
        "sizes": {"says": str(sizes), "progressions": parts},
    }


def require_limits(network: AxisNetwork, sizes: SizeSet) -> None:
    """Do nothing for a network and sizes that a certificate can hold.

    Raises :class:`ShapeError` for more than :data:`MAX_STEPS` steps, more than :data:`MAX_PROGRESSIONS` progressions,
    and a number of more than 300 digits.
    """
    _few(network.steps, "steps", MAX_STEPS)
    parts = (*sizes.head, *sizes.tail)
    _few(parts, "progressions", MAX_PROGRESSIONS)
    for value in (*network.steps, *parts):
        for f in fields(value):
            number = getattr(value, f.name)
            if isinstance(number, int) and number >= 10**MOST_DIGITS:
                says = f"{f.name}={written_number(number)}, and a number may have at most {MOST_DIGITS} digits"
                raise refuse("the certificate", "digits", "a number is too long", says, "smaller numbers")


def network_from(data: object) -> AxisNetwork:
    """The network in plain data.

    Raises :class:`ShapeError` for what is not one: a key that is missing, more than :data:`MAX_STEPS` steps, a step
    that is unknown or whose numbers are not natural.
    """
    given = require_object(data, "the network", _NETWORK)
    _few(given["steps"], "steps", MAX_STEPS)
    steps = tuple(_step(i, step) for i, step in enumerate(given["steps"]))
    return AxisNetwork(steps, given["returns_its_size"])


def _step(i: int, data: object) -> Any:
    name = require_object(data, f"step {i}", {"step": str})["step"]
    if name not in _STEPS:
        raise not_a_certificate(f"step {i} is {clipped(repr(name))}, and must be one of {', '.join(_STEPS)}")
    kind = _STEPS[name]
    given = require_object(data, f"step {i}", {f.name: f.type for f in fields(kind)})
    return _made(f"step {i}", kind, [given[f.name] for f in fields(kind)])


def sizes_from(data: object) -> SizeSet:
    """The sizes in plain data.

    Raises :class:`ShapeError` for what is not such a set: more than :data:`MAX_PROGRESSIONS` progressions, a number
    that is not natural, progressions without end that differ in their steps.
    """
    given = require_object(data, "the sizes", _SIZES)["progressions"]
    _few(given, "progressions", MAX_PROGRESSIONS)
    parts = []
    for i, numbers in enumerate(given):
        if not isinstance(numbers, list) or len(numbers) != 3:
            says = clipped(written_value(numbers))
            raise not_a_certificate(f"progression {i} is {says}, and must be a list of first, step and count")
        parts.append(_made(f"progression {i}", Progression, numbers))
    if len({part.step for part in parts if part.count is None}) > 1:
        raise not_a_certificate("it has progressions without end that differ in their steps")
    return SizeSet(parts)


def _made(what: str, kind: Any, arguments: list[object]) -> Any:
    """The value of this ``kind``; where there is none, ``what`` is named."""
    try:
        return kind(*arguments)
    except ShapeError as error:
        raise not_a_certificate(f"{what}: {error.report.failures[0].says}") from None


def require_object(data: object, what: str, keys: dict[str, Any]) -> dict[str, Any]:
    """The JSON object ``data``, which must have these ``keys``, each with a value of its type.

    A number need not be one: whether it is natural is for the step to say.
    """
    names = ", ".join(keys)
    if not isinstance(data, dict):
        raise not_a_certificate(f"{what} is {_kind(data)}, and must be an object with the keys {names}")
    missing = [key for key in keys if key not in data]
    if missing:
        raise not_a_certificate(f"{what} has no {', '.join(missing)}; its keys must be {names}")
    for key, kind in keys.items():
        if kind is not int and not isinstance(data[key], kind):
            raise not_a_certificate(f"{key} of {what} is {_kind(data[key])}, and must be {_JSON[kind]}")
    return data


_JSON = {dict: "an object", list: "a list", str: "a string", bool: "true or false", int: "a number", float: "a number"}


def _kind(value: object) -> str:
    return _JSON.get(type(value), "null")


def _few(values: Any, what: str, most: int) -> None:
    if len(values) > most:
        says = f"it has {len(values)} {what}, and may have at most {most}"
        raise refuse("the certificate", what, "too large to prove", says, "a smaller network")


def not_a_certificate(says: str) -> ShapeError:
    """The error for data that is no certificate, to ``raise``."""
    return refuse("the certificate", "syntax", "it is not a certificate", says, "wellshaped certify")
