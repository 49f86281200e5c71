"""A network as plain data, for files: numbers, strings, lists and objects with string keys; and back.

```toml
axes = 2                                   # may be left out
outputs = ["y"]                            # may be left out: the last node

[inputs]
x = 3                                      # its channels; or { channels = 128, single = true } for a vector

[[nodes]]
name = "encoder"
op = "Conv"                                # an operation of wellshaped.spec, with its fields
kernel = [3, 5]
padding = [1, 2]
channels = 16
inputs = ["x"]                             # may be left out: the node before
```
"""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from typing import Any

from ..choices import nearest_choice
from ..report import Report, ShapeError, Verdict
from ..written import clipped, kind_of, written_value
from .edges import Crop, CropTo, CropToSmallest, Pad, PadTo, PadToMultiple
from .joins import Add, Concat, Multiply
from .network import Input, Network, Node
from .open_number import Open, refused_open
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
"""Every operation by the name that it has in a file."""

_NODE = ("name", "op", "inputs", "layer", "rule")
_NETWORK = ("inputs", "nodes", "outputs", "axes")


def data_of(network: Network) -> dict[str, Any]:
    """The network as plain data: what differs from the defaults, and the inputs of every node.

    Raises :class:`ShapeError` where a number is open.

    >>> data_of(Network({"x": 1}, (Node("pooled", MaxPool(2)),)))["nodes"]
    [{'name': 'pooled', 'op': 'MaxPool', 'kernel': 2, 'inputs': ['x']}]
    """
    inputs = {i.name: {"channels": i.channels, "single": True} if i.single else i.channels for i in network.inputs}
    nodes = [_data_of_node(node) for node in network.nodes]
    return {"axes": network.axes, "inputs": inputs, "outputs": list(network.outputs), "nodes": nodes}


def _data_of_node(node: Node) -> dict[str, Any]:
    given = ((f, getattr(node.operation, f.name)) for f in fields(node.operation))  # type: ignore[arg-type]  # a dataclass
    numbers = {f.name: _plain(value) for f, value in given if value != f.default}
    more = {name: value for name, value in (("layer", node.layer), ("rule", node.rule)) if value}
    return {"name": node.name, "op": type(node.operation).__name__, **numbers, "inputs": list(node.inputs), **more}


def _plain(value: Any) -> Any:
    if isinstance(value, Open):
        raise refused_open(value)
    return [_plain(entry) for entry in value] if isinstance(value, tuple) else value


def network_from(data: object) -> Network:
    """The network in plain data.

    Raises :class:`ShapeError` with every fault: a key that is missing or unknown, an operation that there is not, a
    number that is not natural, and what :class:`Network` rejects.

    >>> network_from({"inputs": {"x": 1}, "nodes": [{"name": "pooled", "op": "MaxPool", "kernel": 2}]}).outputs
    ('pooled',)
    """
    faults: list[Verdict] = []
    given = _object(data, "the network", faults)
    _known(given, "the network", _NETWORK, faults)
    inputs = list(_inputs(given, faults))
    nodes = list(_nodes(given, faults))
    if faults:
        raise ShapeError(Report("the network", tuple(faults), ("as docs/reference.md has it",)))
    return Network(inputs, nodes, given.get("outputs", ()), given.get("axes", 2))


def _inputs(given: Mapping[str, Any], faults: list[Verdict]) -> Iterator[Input]:
    for name, written in _object(given.get("inputs", {}), "inputs", faults).items():
        says = _object(written, f"the input {name}", faults) if isinstance(written, Mapping) else {"channels": written}
        _known(says, f"the input {name}", ("channels", "single"), faults)
        try:
            yield Input(name, says.get("channels", 1), says.get("single", False) is True)
        except ShapeError as error:
            faults += error.report.failures


def _nodes(given: Mapping[str, Any], faults: list[Verdict]) -> Iterator[Node]:
    written = given.get("nodes", [])
    if not isinstance(written, list):
        faults.append(Verdict("nodes", False, f"nodes is {kind_of(written)}, and must be a list", "not a network"))
        return
    for i, entry in enumerate(written):
        node = _node(entry, f"node {i}", faults)
        if node is not None:
            yield node


def _node(entry: object, what: str, faults: list[Verdict]) -> Node | None:
    given = _object(entry, what, faults)
    name = given.get("name")
    what = f"the node {clipped(name)}" if isinstance(name, str) else what
    op = given.get("op")
    if not isinstance(op, str) or op not in OPERATIONS:
        says = f"{what} has op={clipped(written_value(op))}; the nearest is {nearest_choice(op, OPERATIONS)}"
        faults.append(Verdict("op", False, says, "no such operation"))
        return None
    kind = OPERATIONS[op]
    names = [f.name for f in fields(kind)]  # type: ignore[arg-type]  # a dataclass
    _known(given, what, (*_NODE, *names), faults)
    needed = [f.name for f in fields(kind) if f.default is MISSING]  # type: ignore[arg-type]  # a dataclass
    missing = [key for key in ("name", *needed) if key not in given]
    if missing:
        says = f"{what} has no {', '.join(missing)}"
        faults.append(Verdict("key", False, says, "a key is missing"))
        return None
    try:
        operation = kind(**{key: _tuples(given[key]) for key in names if key in given})
        more = {key: given[key] for key in ("layer", "rule") if key in given}
        return Node(given["name"], operation, _tuples(given.get("inputs", ())), **more)
    except ShapeError as error:
        faults += (Verdict(v.name, False, f"{what}: {v.says}", v.about) for v in error.report.failures)
        return None


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _object(value: object, what: str, faults: list[Verdict]) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    faults.append(Verdict("object", False, f"{what} is {kind_of(value)}, and must be an object", "not a network"))
    return {}


def _known(given: Mapping[str, Any], what: str, known: tuple[str, ...], faults: list[Verdict]) -> None:
    for key in given:
        if key not in known:
            says = f"{what} has {clipped(repr(key))}; the nearest is {nearest_choice(key, known)}"
            faults.append(Verdict("key", False, says, "a key is unknown"))
