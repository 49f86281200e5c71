"""Crops before joins, so that a network fits sizes without end."""

from collections.abc import Sequence
from dataclasses import replace

from .edges import CropToSmallest
from .network import Network, Node
from .operation import Operation
from .requirement import EQUAL
from .solving import compatible_sizes


def with_crops(network: Network) -> tuple[Network | None, tuple[str, ...]]:
    """The network with crops before as few of its joins as will do, and the names of these joins.

    Of each such join all inputs are cropped about their centres to the smallest. There is no network where even crops
    before all joins leave finitely many sizes.

    >>> from wellshaped.spec.network import ConvTranspose, MaxPool
    >>> network = Network({"x": 1}, (
    ...     Node("pooled", MaxPool(2)), Node("up", ConvTranspose(3, 2)), Node("joined", Concat(), ("x", "up"))
    ... ))
    >>> with_crops(network)[1]
    ('joined',)
    """
    chosen = [node.name for node in network.nodes if _is_join(node.operation)]
    if not _endless(_cropped(network, chosen)):
        return None, ()
    for name in tuple(chosen):
        fewer = [other for other in chosen if other != name]
        if _endless(_cropped(network, fewer)):
            chosen = fewer
    return _cropped(network, chosen), tuple(chosen)


def _endless(network: Network) -> bool:
    return not any(compatible_sizes(network, axis).is_finite for axis in range(network.axes))


def _is_join(operation: Operation) -> bool:
    """Whether it asks of unequal sizes that they are equal, and can be given cropped ones."""
    return not operation.hands_on and operation.inputs_taken[1] is None and _asks_equal(operation)


def _asks_equal(operation: Operation) -> bool:
    return any(need.relation is EQUAL and need.right_of == 1 for need in operation.needs([5, 3], 0))


def _cropped(network: Network, joins: Sequence[str]) -> Network:
    nodes: list[Node] = []
    for node in network.nodes:
        if node.name not in joins:
            nodes.append(node)
            continue
        names = tuple(f"{node.name} {given} cropped" for given in dict.fromkeys(node.inputs))
        crops = [
            Node(name, CropToSmallest(), (given, *(other for other in node.inputs if other != given)))
            for name, given in zip(names, dict.fromkeys(node.inputs), strict=True)
        ]
        nodes += [crop for crop in crops if len(crop.inputs) > 1]
        of = dict(zip(dict.fromkeys(node.inputs), names, strict=True))
        nodes.append(replace(node, inputs=tuple(of[given] for given in node.inputs)) if len(of) > 1 else node)
    return Network(network.inputs, nodes, network.outputs, network.axes)
