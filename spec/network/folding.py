"""What need not be computed: nodes that nothing reads, and pads that are a convolution's (SPEC sections 8 and 12)."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

from .edges import Pad
from .fields import Sides, shortest, sides_on
from .network import Network, Node
from .operation import Operation
from .windows import Conv


def needed_for(graph: Network, names: Iterable[str]) -> set[str]:
    """Return the names of the inputs and nodes that these nodes depend on, and their own.

    >>> from wellshaped.spec.network import MaxPool
    >>> graph = Network({"x": 4}, (Node("a", Conv(3), "x"), Node("b", MaxPool(2), "x"), Node("c", Conv(3), "a")))
    >>> sorted(needed_for(graph, ["c"]))
    ['a', 'c', 'x']
    """
    needed = set(names)
    for node in reversed(graph.nodes):
        if node.name in needed:
            needed.update(node.inputs)
    return needed


def as_computed(graph: Network) -> Network:
    """Return the network without nodes that need not be computed for its outputs.

    >>> nodes = (Node("unread", Conv(5), "x"), Node("padded", Pad(1), "x"), Node("y", Conv(3)))
    >>> as_computed(Network({"x": 4}, nodes)).nodes
    (Node(name='y', operation=Conv(kernel=3, padding=((1, 1),)), inputs=('x',)),)
    """
    needed = needed_for(graph, graph.outputs)
    nodes = [node for node in graph.nodes if node.name in needed]
    return with_pads_in_convolutions(Network(graph.inputs, nodes, graph.outputs, graph.axes, name=graph.name))


def with_pads_in_convolutions(graph: Network, kept: Collection[str] = ()) -> Network:
    """Return the network in which convolutions do the work of the pads before them.

    That is possible for a :class:`Pad` of zeros that only convolutions read, or other pads of zeros. Its zeros become a
    part of their ``padding``, and its node is gone. Outputs and the nodes named in ``kept`` stay. Values and sizes are
    the same.

    >>> padded = Network({"x": 4}, (Node("padded", Pad(((0, 1),))), Node("y", Conv(3, 2, padding=1))))
    >>> with_pads_in_convolutions(padded).nodes
    (Node(name='y', operation=Conv(kernel=3, stride=2, padding=((1, 2),)), inputs=('x',)),)
    """
    seen = {*graph.outputs, *kept}
    seen.update(name for node in graph.nodes if _zeros_of(node.operation) is None for name in node.inputs)
    gone: dict[str, Node] = {}
    nodes = []
    for node in graph.nodes:
        if node.inputs[0] in gone:
            node = _in_one(gone[node.inputs[0]], node, graph.axes)
        if isinstance(node.operation, Pad) and node.name not in seen and _zeros_of(node.operation) is not None:
            gone[node.name] = node
        else:
            nodes.append(node)
    return Network(graph.inputs, nodes, graph.outputs, graph.axes, name=graph.name) if gone else graph


def _zeros_of(operation: Operation) -> Sides | None:
    """The zeros that an operation adds on each side; ``None`` if it can't add any number of them."""
    if isinstance(operation, Conv) and operation.padding != "SAME":
        return 0 if isinstance(operation.padding, str) else operation.padding
    return operation.amounts if isinstance(operation, Pad) and operation.mode == "zeros" else None


def _in_one(pad: Node, node: Node, axes: int) -> Node:
    """A node that also does what the pad before it does."""
    both = [of for of in (_zeros_of(pad.operation), _zeros_of(node.operation)) if of is not None]
    sides = [[sum(side) for side in zip(*(sides_on(of, axis) for of in both), strict=True)] for axis in range(axes)]
    field = "padding" if isinstance(node.operation, Conv) else "amounts"
    operation: Any = node.operation
    return replace(
        node, operation=replace(operation, **{field: shortest([tuple(of) for of in sides])}), inputs=pad.inputs
    )
