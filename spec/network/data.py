"""A network as plain data for files, and back: numbers, strings, lists and objects with string keys.

```toml
axes = 2                                   # optional
inputs = { x = 3 }                         # the channels; or x = { channels = 128, single = true } for a vector
outputs = ["y"]                            # optional: the last node by default
nodes = [
    # An operation of wellshaped.spec with its fields. inputs is optional: the node before by default.
    { name = "encoder", op = "Conv", kernel = [3, 5], padding = [1, 2], channels = 16, inputs = ["x"] },
    { name = "y", op = "Activation" },
]
```
"""

import re
from ast import literal_eval
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import MISSING, Field, fields
from difflib import get_close_matches
from functools import partial
from json import dumps
from typing import Any

from ..messages.choices import nearest_choice
from ..messages.faults import FEW, Faults
from ..messages.report import ConfigError, WellshapedError
from ..messages.written import MOST_DIGITS, clipped, kind_of, written_value
from .edges import Crop, CropTo, CropToSmallest, Pad, PadTo, PadToMultiple
from .fields import read_field
from .joins import Add, Concat, Multiply
from .network import Input, Network, Node
from .open_number import Open, open_number_error
from .operation import Operation
from .requiring import Require
from .resampling import DepthToSpace, Resize, ResizeTo, SpaceToDepth
from .values import Activation, Mean, Norm, Scale, Slice
from .windows import AvgPool, Conv, ConvTranspose, MaxPool, TransposedWindow, Window

OPERATIONS: dict[str, type[Operation]] = {
    kind.__name__: kind
    for kind in (
        *(Conv, ConvTranspose, MaxPool, AvgPool, Window, TransposedWindow),
        *(Resize, ResizeTo, SpaceToDepth, DepthToSpace),
        *(Crop, CropTo, CropToSmallest, Pad, PadTo, PadToMultiple),
        *(Concat, Add, Multiply),
        *(Norm, Activation, Scale, Slice, Mean, Require),
    )
}
"""Every operation by its name in a file."""

_NODE = ("name", "op", "inputs", "layer", "rule")
_INPUT = ("channels", "single", "rule")
NETWORK_KEYS = ("axes", "inputs", "outputs", "nodes")
"""The keys of a network."""


def data_of(network: Network) -> dict[str, Any]:
    """The network as plain data, without fields that have their default value.

    Raises :class:`ConfigError` if an operation is not one of :data:`OPERATIONS`, or a number is open.

    >>> data_of(Network({"x": 1}, (Node("pooled", MaxPool(2)),)))["nodes"]
    [{'name': 'pooled', 'op': 'MaxPool', 'kernel': 2, 'inputs': ['x']}]
    """
    inputs = {given.name: _data_of_input(given) for given in network.inputs}
    nodes = [_data_of_node(node) for node in network.nodes]
    return {"axes": network.axes, "inputs": inputs, "outputs": list(network.outputs), "nodes": nodes}


def _data_of_input(given: Input) -> int | dict[str, Any]:
    more = {name: value for name, value in (("single", given.single), ("rule", given.rule)) if value}
    return {"channels": given.channels, **more} if more else given.channels


def _data_of_node(node: Node) -> dict[str, Any]:
    op = type(node.operation).__name__
    if OPERATIONS.get(op) is not type(node.operation):
        says = f"node {node.name}: {op} is an operation of your own, and a file cannot hold it"
        raise ConfigError.of("the network", "op", "", says, "an operation of wellshaped.spec")
    given = ((f, getattr(node.operation, f.name)) for f in _fields(type(node.operation)))
    numbers = {f.name: _plain(value) for f, value in given if value != f.default}
    more = {name: value for name, value in (("layer", node.layer), ("rule", node.rule)) if value}
    return {"name": node.name, "op": op, **numbers, "inputs": list(node.inputs), **more}


def _fields(kind: type[Operation]) -> tuple[Field[Any], ...]:
    return fields(kind)  # type: ignore[arg-type]  # every operation is a dataclass


def _plain(value: Any) -> Any:
    if isinstance(value, Open):
        raise open_number_error(value)
    return [_plain(entry) for entry in value] if isinstance(value, tuple) else value


def network_from(data: object, digits: int = MOST_DIGITS) -> Network:
    """The network that plain data describe. Its numbers may have at most ``digits`` digits.

    Raises :class:`ConfigError` with every fault: a missing or unknown key, an unknown operation, a wrong value, a
    number that is too long. If there are none, raises :class:`ConfigError` as :class:`Network` does.

    >>> network_from({"inputs": {"x": 1}, "nodes": [{"name": "pooled", "op": "MaxPool", "kernel": 2}]}).outputs
    ('pooled',)
    >>> network_from({"inputs": {"x": 1}, "nodes": [{"name": "pooled", "op": "MaxPol", "kernel": 2}]})
    Traceback (most recent call last):
    ...
    wellshaped.spec.messages.report.ConfigError: the network is not well-formed.
      op: no such operation: node pooled: 'MaxPol' (did you mean MaxPool?).
      fix: node pooled: op = "MaxPool"
    """
    faults = Faults()
    given = _object(data, "the network", faults)
    judge_keys(given, NETWORK_KEYS, "", faults)
    judge_digits(given.get("axes"), "axes", digits, "", faults)
    inputs = list(_inputs(given, digits, faults))
    nodes = list(_nodes(given, digits, faults))
    if faults:
        raise ConfigError(faults.report("the network"))
    return Network(inputs, nodes, _tuples(given.get("outputs", ())), given.get("axes", 2))


def judge_keys(given: Collection[str], known: Collection[str], at: str, faults: Faults) -> None:
    """Add a fault for every key that is not in ``known``, with the nearest known key."""
    for key in sorted(map(str, set(given) - set(known))):
        faults.add("key", "it has unknown keys", partial(_unknown, key, known, at), most=FEW)


def _unknown(key: str, known: Collection[str], at: str) -> tuple[str, str]:
    near = get_close_matches(key[:60].lower(), known, n=1, cutoff=0.5)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return f"{at}{key[:60]!r}{hint}", f"{at}the keys are {', '.join(known)}"


def judge_value(make: Callable[[], object], at: str, faults: Faults) -> None:
    """Call ``make``. If it raises, add its failures as faults, with the fix written as in a file.

    >>> faults = Faults()
    >>> judge_value(lambda: Conv(3, padding="same"), "node y: ", faults)
    >>> faults.report("").fixes
    ('node y: padding = "SAME"',)
    """
    try:
        make()
    except WellshapedError as error:
        for verdict in error.report.failures:
            fix = _as_in_a_file(error.report.fixes[0])
            faults.add(verdict.name, verdict.about, (f"{at}{verdict.says}", f"{at}{fix}"))


def _as_in_a_file(fix: str) -> str:
    """A fix for a call, rewritten for a file: ``bias=True`` becomes ``bias = true``.

    >>> _as_in_a_file("Require(at_least=2)"), _as_in_a_file("padding='SAME'")
    ('at_least = 2', 'padding = "SAME"')
    """
    if call := re.fullmatch(r"\w+\((\w+=.*)\)", fix):
        fix = call[1]
    name, _, value = fix.partition("=")
    try:
        written = literal_eval(value)
    except (ValueError, SyntaxError):
        return fix  # a fix in words, not an argument
    return f"leave out {name}" if written is None else f"{name} = {dumps(written)}"


def judge_digits(value: object, name: str, digits: int, at: str, faults: Faults) -> None:
    """Add a fault for a number of more than ``digits`` digits; also look in a list, and in the pairs of a list."""
    if any(type(entry) is int and entry >= 10**digits for entry in _entries(value)):
        says = f"{at}{name} has more than {digits} digits"
        faults.add("digits", "the number is too long", (says, f"{at}{name} = 1, say"))


def _entries(value: object, levels: int = 2) -> Iterator[object]:
    if levels and isinstance(value, list):
        for entry in value:
            yield from _entries(entry, levels - 1)
    else:
        yield value


def _inputs(given: Mapping[str, Any], digits: int, faults: Faults) -> Iterator[Input]:
    for name, written in _object(given.get("inputs", {}), "inputs", faults).items():
        at = f"input {clipped(name)}: "
        says = written if isinstance(written, Mapping) else {"channels": written}
        judge_keys(says, _INPUT, at, faults)
        channels, single, rule = says.get("channels", 1), says.get("single", False), says.get("rule", "")
        judge_digits(channels, "channels", digits, at, faults)
        before = len(faults)
        judge_value(partial(read_field, single, "single", bool), at, faults)
        judge_value(partial(Input, name, channels, rule=rule), at, faults)
        if len(faults) == before:
            yield Input(name, channels, single, rule)


def _nodes(given: Mapping[str, Any], digits: int, faults: Faults) -> Iterator[Node]:
    written = given.get("nodes", [])
    if not isinstance(written, list):
        _not_a(written, "nodes", "a list", faults)
        return
    for i, entry in enumerate(written):
        node = _node(entry, f"node {i}", digits, faults)
        if node is not None:
            yield node


def _node(entry: object, what: str, digits: int, faults: Faults) -> Node | None:
    if not isinstance(entry, Mapping):
        _not_a(entry, what, "an object", faults)
        return None
    name, op = entry.get("name"), entry.get("op")
    at = f"node {clipped(name)}: " if isinstance(name, str) and name and name.isprintable() else f"{what}: "
    if not isinstance(op, str) or op not in OPERATIONS:
        faults.add("op", "no such operation", partial(_unknown_operation, op, at))
        return None
    kind = OPERATIONS[op]
    named = {f.name: f for f in _fields(kind)}
    before = len(faults)
    judge_keys(entry, (*named, *_NODE), at, faults)
    for key in ("name", *(f.name for f in named.values() if f.default is MISSING)):
        if key not in entry:
            example = f'name = "{op.lower()}"' if key == "name" else f"{key} = 1, say"
            faults.add("key", "a key is missing", (f"{at}{key}", f"{at}{example}"))
    numbers = {key: _tuples(entry[key]) for key in named if key in entry}
    for key, value in numbers.items():
        judge_digits(entry[key], key, digits, at, faults)
        judge_value(partial(read_field, value, key, named[key].type, kind.choices.get(key)), at, faults)
    if len(faults) > before:
        return None
    more = {key: entry[key] for key in ("layer", "rule") if key in entry}

    def made() -> Node:
        return Node(entry["name"], kind(**numbers), _tuples(entry.get("inputs", ())), **more)

    judge_value(made, at, faults)
    return made() if len(faults) == before else None


def _unknown_operation(op: object, at: str) -> tuple[str, str]:
    if op is None:
        return f"{at}it has no op", f'{at}op = "Conv", or another of {", ".join(OPERATIONS)}'
    near = nearest_choice(op, OPERATIONS)
    return f"{at}{clipped(written_value(op))} (did you mean {near}?)", f'{at}op = "{near}"'


def _tuples(value: Any, levels: int = 2) -> Any:
    """The value with a list, and the pairs in it, as tuples. Deeper lists stay lists, which every field rejects."""
    if not levels or not isinstance(value, list):
        return value
    return tuple(_tuples(entry, levels - 1) for entry in value)


def _object(value: object, what: str, faults: Faults) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    _not_a(value, what, "an object", faults)
    return {}


def _not_a(value: object, what: str, expected: str, faults: Faults) -> None:
    fix = 'inputs = { x = 3 }, nodes = [{ name = "y", op = "Conv", kernel = 3 }], say'
    faults.add("object", "not a network", (f"{what} is {kind_of(value)}, and must be {expected}", fix))
