"""A network as plain data for files, and back: numbers, strings, lists and objects with string keys.

Fixes are written as Python code, ``padding="SAME"``; :mod:`..files.fixes` writes them as in a file.

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

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, fields
from difflib import get_close_matches
from functools import partial
from typing import Any

from ..arithmetic.naturals import natural
from ..messages.choices import nearest_choice
from ..messages.faults import FEW, Faults
from ..messages.report import ConfigError, WellshapedError
from ..messages.written import MAX_WRITTEN_DIGITS, clipped, kind_of, written_value
from .edges import Crop, CropTo, CropToSmallest, Pad, PadTo, PadToMultiple
from .fields import read_field
from .joins import Add, Concat, Multiply
from .network import MAX_AXES, MAX_LETTERS, Input, Network, Node, as_names
from .open_number import Open, open_number_error
from .operation import Operation
from .proposing import in_place_of, meant_by, quoted
from .requiring import Require
from .resampling import DepthToSpace, Resize, ResizeTo, SpaceToDepth
from .values import Activation, Dropout, Mean, Norm, Scale, Slice
from .windows import AvgPool, Conv, ConvTranspose, MaxPool, TransposedWindow, Window

OPERATIONS: dict[str, type[Operation]] = {
    kind.__name__: kind
    for kind in (
        *(Conv, ConvTranspose, MaxPool, AvgPool, Window, TransposedWindow),
        *(Resize, ResizeTo, SpaceToDepth, DepthToSpace),
        *(Crop, CropTo, CropToSmallest, Pad, PadTo, PadToMultiple),
        *(Concat, Add, Multiply),
        *(Norm, Activation, Dropout, Scale, Slice, Mean, Require),
    )
}
"""Every operation by its name in a file."""

_NODE = ("name", "op", "inputs", "layer", "rule")
_INPUT = ("channels", "single", "rule")
NETWORK_KEYS = ("axes", "inputs", "outputs", "nodes")
"""The keys of a network."""


class DataError(ConfigError):
    """Data are no network or config: a key, a name or the type of a value is wrong. No rule was judged yet."""


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


def network_from(data: object, digits: int = MAX_WRITTEN_DIGITS) -> Network:
    """The network that plain data describe. Its numbers may have at most ``digits`` digits.

    Raises :class:`DataError` with every fault: a missing or unknown key, an unknown operation, a wrong value, a number
    that is too long. If there are none, raises the errors of :class:`Network`.

    >>> network_from({"inputs": {"x": 1}, "nodes": [{"name": "pooled", "op": "MaxPool", "kernel": 2}]}).outputs
    ('pooled',)
    >>> network_from({"inputs": {"x": 1}, "nodes": [{"name": "pooled", "op": "MaxPol", "kernel": 2}]})
    Traceback (most recent call last):
    ...
    wellshaped.spec.network.data.DataError: the network is not well-formed.
      op: no such operation: node pooled: 'MaxPol' (did you mean MaxPool?).
      fix: node pooled: op="MaxPool"
    """
    faults = Faults()
    given = _object(data, "the network", faults)
    renamed = judge_keys(given, NETWORK_KEYS, "", faults)
    judge_digits(given.get("axes"), "axes", digits, "", faults, "axes=2")
    inputs = list(_inputs(given, digits, faults)) if "inputs" not in renamed else []
    nodes = list(_nodes(given, digits, faults))
    outputs = _tuples(given.get("outputs", ()))
    judge_value(partial(as_names, outputs, "Network(", "outputs"), "", faults)
    if faults:
        _judge_names(given, faults)
        raise DataError(faults.report("the network"))
    return Network(inputs, nodes, outputs, given.get("axes", 2))


def judge_keys(
    given: Mapping[str, Any], known: Collection[str], at: str, faults: Faults, missing: Sequence[str] = ()
) -> set[str]:
    """Add a fault for every key that is not in ``known``, and return the known keys that they most likely mean.

    The fix is the nearest known key. A single unknown key means the single ``missing`` one, unless another is close.

    >>> faults = Faults()
    >>> judge_keys({"levls": 3}, ["levels", "norm"], "", faults), faults.report("").fixes
    ({'levels'}, ('levels=3',))
    """
    meant: set[str] = set()
    unknown = sorted(map(str, set(given) - set(known)))
    single = len(unknown) == len(missing) == 1
    cutoff = 0.75 if single else 0.5
    for key in unknown:
        near = None
        if len(meant) < len(known) and len(faults) < _MOST:  # finding the nearest is slow
            near = next(iter(get_close_matches(key[:60].lower(), known, n=1, cutoff=cutoff)), None)
        if near is None and single:
            near = missing[0]
        free = near is not None and near not in given and near not in meant
        if near is not None:
            meant.add(near)
        faults.add("key", "there is no such key", partial(_unknown, key, given, near, free, known, at), most=FEW)
    return meant


_MOST = 100
"""The most faults after which the nearest known keys are still looked for."""


def _unknown(
    key: str, given: Mapping[str, Any], near: str | None, free: bool, known: Collection[str], at: str
) -> tuple[str, str]:
    says = f"{at}{key[:60]!r}" + (f" (did you mean {near}?)" if near else "")
    shown = key if key.isidentifier() and len(key) <= 60 else repr(key[:60])
    if near is None:
        few = f"; the keys are {', '.join(known)}" if len(known) <= _FEW_KEYS else ""
        fix = f"leave out {shown}{few}"
    elif not free:
        fix = f"leave out {shown}"
    elif not at and _is_short(given.get(key)):
        fix = f"{near}={given[key]!r}"
    else:
        fix = f"rename {shown} to {near}"
    return says, f"{at}{fix}"


def _is_short(value: object) -> bool:
    return (isinstance(value, str) and len(value) < 40) or (isinstance(value, int) and abs(value) < 10**9)


_FEW_KEYS = 20
"""The most known keys to list. A file of an unclear kind may have more."""


def judge_value(make: Callable[[], object], at: str, faults: Faults, number: str = "") -> None:
    """Call ``make``. If it raises, add its failures as faults. ``number`` is the fix for a number that is not natural.

    >>> faults = Faults()
    >>> judge_value(lambda: Conv(3, padding="same"), "node y: ", faults)
    >>> judge_value(lambda: Conv(-3), "node y: ", faults, "node y: kernel=3")
    >>> faults.report("").fixes
    ("node y: padding='SAME'", 'node y: kernel=3')
    """
    try:
        make()
    except WellshapedError as error:
        for verdict in error.report.failures:
            fix = number if number and verdict.name == "natural" else f"{at}{error.report.fixes[0]}"
            faults.add(verdict.name, verdict.about, (f"{at}{verdict.says}", fix))


def judge_digits(value: object, name: str, digits: int, at: str, faults: Faults, fix: str) -> None:
    """Add a fault for a number of more than ``digits`` digits; also look in a list, and in the pairs of a list."""
    if any(type(entry) is int and entry >= 10**digits for entry in _entries(value)):
        faults.add("digits", "the number is too long", (f"{at}{name} has more than {digits} digits", fix))


def number_fix(
    read: Callable[[object], object], name: str, value: object, usual: object, digits: int, most: int = MAX_AXES
) -> str:
    """Propose natural numbers for a field: those of ``value``, with the ``usual`` number in place of a wrong one.

    ``read`` raises if the field can't have a value; then the fix is ``usual``. A number may have ``digits`` digits, and
    a list ``most`` entries.

    >>> number_fix(Conv, "kernel", [3, -1], 2, 9), number_fix(Conv, "kernel", "3", 2, 9)
    ('kernel=(3, 2)', 'kernel=3')
    """
    near = _naturals(value, usual, digits, most)
    try:
        read(near)
    except WellshapedError:
        near = usual
    return f"{name}={written_value(near)}"


def _naturals(value: object, usual: object, digits: int, most: int, levels: int = 2) -> object:
    if isinstance(value, list) and value and levels:
        number = usual if type(usual) is int else 1
        return tuple(_naturals(entry, number, digits, most, levels - 1) for entry in value[:most])
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 20:
        return int(value)
    if type(value) is int and 0 <= value < 10**digits:
        return value
    return int(value) if isinstance(value, float) and 1 <= value < 1e9 and value.is_integer() else usual


def _entries(value: object, levels: int = 2) -> Iterator[object]:
    if levels and isinstance(value, list):
        for entry in value:
            yield from _entries(entry, levels - 1)
    else:
        yield value


def _inputs(given: Mapping[str, Any], digits: int, faults: Faults) -> Iterator[Input]:
    if "inputs" not in given:
        faults.add("key", "a key is missing", ("inputs", 'inputs={"x": 3}'))
        return
    written = _object(given["inputs"], "inputs", faults)
    if isinstance(given["inputs"], Mapping) and not written:
        faults.add("inputs", "no inputs", ("a network must have at least one input", 'inputs={"x": 3}'))
    for name, value in written.items():
        at = f"input {clipped(name)}: "
        says = value if isinstance(value, Mapping) else {"channels": value}
        judge_keys(says, _INPUT, at, faults)
        channels, single, rule = says.get("channels", 1), says.get("single", False), says.get("rule", "")
        fix = number_fix(partial(natural, name="channels"), "channels", channels, 3, digits)
        shown = name if name.isprintable() and len(name) <= MAX_LETTERS else "x"
        fix = f"{at}{fix}" if says is value else f"Input({quoted(shown)}, {fix})"
        judge_digits(channels, "channels", digits, at, faults, fix)
        before = len(faults)
        judge_value(partial(read_field, single, "single", bool), at, faults)
        judge_value(partial(Input, name, channels, rule=rule), at, faults, fix)
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


def _judge_names(given: Mapping[str, Any], faults: Faults) -> None:
    """Add a fault for every input of a node whose name is nowhere in the file. The order is judged by the network."""
    inputs, nodes = given.get("inputs"), given.get("nodes")
    if not isinstance(inputs, Mapping) or not isinstance(nodes, list):
        return
    nodes = [node for node in nodes if isinstance(node, Mapping) and isinstance(node.get("name"), str)]
    known = [*inputs, *(node["name"] for node in nodes)]
    names = set(known)
    for node in nodes:
        of_it = node.get("inputs")
        for name in of_it if isinstance(of_it, list) else [of_it]:
            if isinstance(name, str) and name not in names:
                faults.add("unknown_input", "", partial(_unknown_input, name, node, known))


def _unknown_input(name: str, node: Mapping[str, Any], known: Sequence[str]) -> tuple[str, str]:
    of, given = node["name"], node["inputs"]
    given = given if isinstance(given, list) else [given]
    others = [other for other in known if other not in (of, *given)] or known
    near = meant_by(name, others)
    fix = in_place_of(name, others)
    if near is not None:
        fix = f"inputs={clipped(str([near if other == name else other for other in given]))}"
    at = f"node {clipped(of)}: "
    return f"{at}no node or input is called {clipped(name)}", f"{at}{fix}"


_USUAL = {"kernel": 2, "factor": 2, "block": 2, "amounts": 1, "multiple": 16, "start": 0, "stop": 1, "name": ""}
"""Values to propose for the fields without a default. Each has an effect."""


def usual_value(kind: type[Operation], f: Field[Any]) -> object:
    """Return the value to propose for a field of an operation: its default, or a small number that has an effect.

    >>> [usual_value(kind, _fields(kind)[0]) for kind in (Conv, MaxPool, Resize)]
    [3, 2, 2]
    """
    if f.default is not MISSING:
        return f.default
    return 3 if kind in (Conv, Window) else _USUAL[f.name]


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
    missing = [key for key in ("name", *(f.name for f in named.values() if f.default is MISSING)) if key not in entry]
    meant = judge_keys(entry, (*named, *_NODE), at, faults, missing)
    for key in missing:
        if key not in meant:  # otherwise the fix is to rename a key
            usual = op.lower() if key == "name" else usual_value(kind, named[key])
            faults.add("key", "a key is missing", (f"{at}{key}", f"{at}{key}={usual!r}"))
    numbers = {key: _tuples(entry[key]) for key in named if key in entry}
    for key, value in numbers.items():
        usual = usual_value(kind, named[key])
        read = partial(read_field, name=key, kind=named[key].type, choices=kind.choices.get(key))
        fix = at + number_fix(read, key, entry[key], usual, digits)
        judge_digits(entry[key], key, digits, at, faults, fix)
        judge_value(partial(read, value), at, faults, fix)
    if len(faults) > before:
        return None
    more = {key: entry[key] for key in ("layer", "rule") if key in entry}

    def made() -> Node:
        return Node(entry["name"], kind(**numbers), _tuples(entry.get("inputs", ())), **more)

    judge_value(made, at, faults)
    return made() if len(faults) == before else None


def _unknown_operation(op: object, at: str) -> tuple[str, str]:
    if op is None:
        return f"{at}it has no op", f'{at}op="Conv"; the operations are {", ".join(OPERATIONS)}'
    near = nearest_choice(op, OPERATIONS)
    return f"{at}{clipped(written_value(op))} (did you mean {near}?)", f'{at}op="{near}"'


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
    fix = 'inputs={"x": 3}; nodes=[{"name": "y", "op": "Conv", "kernel": 3}]'
    faults.add("object", "not a network", (f"{what} is {kind_of(value)}, and must be {expected}", fix))
