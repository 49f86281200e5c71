"""Fixes for a network that is not well-formed: arguments to paste, with the names and numbers of the network.

Each function writes one fix as Python code. It may search the whole network, so it is called only if the fix is shown.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import fields
from json import dumps
from typing import Protocol

from ..messages.choices import near_name
from ..messages.report import WellshapedError
from ..messages.written import clipped, written_number, written_value
from .fields import shortest, side_on
from .operation import Operation

_FEW = 4
"""The most names to write in a fix."""

_NODES = 300
"""The most nodes to compute sizes for."""

_LARGE = 2**12 * 3**4 * 5 * 7
"""A size that common strides divide, so that nodes at the same depth have about the same size."""


class Input(Protocol):
    """What a fix needs of an :class:`.network.Input`."""

    @property
    def name(self) -> str: ...  # noqa: D102 as in the class
    @property
    def single(self) -> bool: ...  # noqa: D102 as in the class


class Node(Protocol):
    """What a fix needs of a :class:`.network.Node`."""

    @property
    def name(self) -> str: ...  # noqa: D102 as in the class
    @property
    def operation(self) -> Operation: ...  # noqa: D102 as in the class
    @property
    def inputs(self) -> tuple[str, ...]: ...  # noqa: D102 as in the class


class Network(Protocol):
    """What a fix needs of a :class:`.network.Network`, which is still being checked."""

    @property
    def inputs(self) -> tuple[Input, ...]: ...  # noqa: D102 as in the class
    @property
    def nodes(self) -> tuple[Node, ...]: ...  # noqa: D102 as in the class
    @property
    def outputs(self) -> tuple[str, ...]: ...  # noqa: D102 as in the class
    @property
    def axes(self) -> int: ...  # noqa: D102 as in the class


def quoted(name: str) -> str:
    """Return the name as a string in Python, and in a file."""
    return dumps(name, ensure_ascii=False)


def written_names(field: str, names: tuple[str, ...]) -> str:
    """Return the argument ``field`` with these names.

    >>> written_names("inputs", ("encoder", "up")), written_names("inputs", ("up",))
    ('inputs=("encoder", "up")', 'inputs="up"')
    """
    if len(names) == 1:
        return f"{field}={quoted(names[0])}"
    return f"{field}=({', '.join(map(quoted, names))})"


def names_in(network: Network) -> set[str]:
    """Return the names of the inputs and nodes."""
    return {given.name for given in network.inputs} | {node.name for node in network.nodes}


def free_name(name: str, taken: Collection[str]) -> str:
    """Return ``name`` if it is not ``taken``, otherwise with a number.

    >>> free_name("up", {"up", "up_2"}), free_name("up", ())
    ('up_3', 'up')
    """
    return numbered(name, taken, 2) if name in taken else name


def numbered(name: str, taken: Collection[str], number: int) -> str:
    """Return the name with the first free number from ``number`` on."""
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"


def another_name(network: Network, name: str, node: Node | None) -> str:
    """Propose the name that is meant by an unknown ``name`` among the inputs of ``node``, or among the outputs.

    If no name is near, an output is the last node, and the inputs that a node may have are listed.
    """
    known = tuple(_before(network, node))
    if node is None:
        meant = near_name(name, known) or known[-1]
        return _replaced("outputs", network.outputs, network.outputs.index(name), meant)
    others = [other for other in known if other not in node.inputs] or known
    near = meant_by(name, others)
    if near is None:
        return f"{node.name}: {in_place_of(name, others)}"
    return f"{node.name}: {_replaced('inputs', node.inputs, node.inputs.index(name), near)}"


def meant_by(name: str, names: Sequence[str]) -> str | None:
    """Return the one of the names that is close to ``name``, or the only one, or ``None``.

    >>> meant_by("encodr", ("x", "encoder")), meant_by("skip", ("x", "encoder")), meant_by("skip", ("x",))
    ('encoder', None, 'x')
    """
    return names[0] if len(names) == 1 else near_name(name, names)


def in_place_of(name: str, names: Sequence[str]) -> str:
    """Return the words for a choice among names. Of many, the last are named.

    >>> in_place_of("skip", ("x", "encoder"))
    'one of x, encoder in place of skip'
    """
    shown = [*(["…"] if len(names) > _FEW else []), *names[-_FEW:]]
    return f"one of {', '.join(map(clipped, shown))} in place of {clipped(name)}"


def other_number_of_inputs(network: Network, node: Node) -> str:
    """Propose as many inputs as the operation takes. A new one is a node of about the same size as the first input."""
    least, most = node.operation.input_count
    inputs = node.inputs[:most]
    while len(inputs) < least:
        other = next(_alike(network, node, inputs), None)
        if other is None:
            return f"add a node before {node.name} for its other input"
        inputs = (*inputs, other)
    return f"{node.name}: {written_names('inputs', inputs)}"


def for_its_axes(network: Network, node: Node, name: str) -> str:
    """Propose numbers for the axes of the network in the field ``name``, or as many axes as the field has numbers."""
    value = getattr(node.operation, name)
    numbers = [side_on(value, min(axis, len(value) - 1)) for axis in range(network.axes)]
    axes = f" or axes={len(value)}" if 1 <= len(value) <= 3 else ""
    return f"{node.name}: {name}={written_value(shortest(numbers))}{axes}"


def given_channels(network: Network, node: Node, i: int, count: int) -> str:
    """Give the input ``i`` of a node ``count`` channels: by its own channels, or by a convolution after it."""
    name, number = node.inputs[i], written_number(count)
    given = next((other for other in network.nodes if other.name == name), None)
    of_given = fields(given.operation) if given is not None else ()  # type: ignore[arg-type]  # operations are dataclasses
    if any(f.name == "channels" for f in of_given):
        return f"{name}: channels={number}"
    new = numbered(name, names_in(network), count if count < 10**9 else 1)
    conv = f"Node({quoted(new)}, Conv(1, channels={number}), {quoted(name)})"
    return f"{conv}; {node.name}: {_replaced('inputs', node.inputs, i, new)}"


def _replaced(field: str, names: tuple[str, ...], i: int, name: str) -> str:
    if len(names) > _FEW:
        return f"{quoted(name)} in place of {quoted(names[i])}"
    return written_names(field, (*names[:i], name, *names[i + 1 :]))


def _before(network: Network, node: Node | None) -> list[str]:
    """The names of the inputs and the nodes before ``node``."""
    names = [given.name for given in network.inputs]
    for other in network.nodes:
        if other is node:
            break
        names.append(other.name)
    return names


def _alike(network: Network, node: Node, inputs: tuple[str, ...]) -> Iterator[str]:
    """The names before ``node`` that are not among the ``inputs``, the best first.

    The best have the size of the first input, but are not in a chain of that size that leads to it.
    """
    names = [name for name in reversed(_before(network, node)) if name not in inputs and name != node.name]
    sizes = _sizes(network) if len(network.nodes) <= _NODES else {}
    size = sizes.get(inputs[0])
    chain = set(inputs)
    for other in reversed(network.nodes):
        if other.name in chain and sizes.get(other.name) == size:
            chain |= {name for name in other.inputs if sizes.get(name) == size}

    def unlike(name: str) -> tuple[bool, float]:
        n = sizes.get(name)
        if n is None or size is None:
            return True, 2.0
        return name in chain, abs(n - size) / max(n, size, 1)

    yield from sorted(names, key=unlike)


def _sizes(network: Network) -> dict[str, int]:
    """The sizes along the first axis for a large input, for each node with a size."""
    sizes = {given.name: 1 if given.single else _LARGE for given in network.inputs}
    for node in network.nodes:
        least, most = node.operation.input_count
        of = [sizes[name] for name in node.inputs if name in sizes]
        if len(of) < len(node.inputs) or len(of) < least or (most is not None and len(of) > most):
            continue
        with suppress(WellshapedError):  # a number may be open
            sizes.setdefault(node.name, node.operation.size(of, 0))
    return sizes
