"""A network whose statistics over the image are given, and in which order they can be computed (SPEC section 9).

An instance norm, a group norm and a mean over all positions read the whole image, so no tile has their values. Once
their statistics are known, they read one position: a norm is a batch norm in evaluation, and a mean is an input. So the
tiles of one pass give the statistics, and those of a later pass use them.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from .network import Input, Network, Node
from .operation import Operation
from .scale import slopes_of
from .values import Mean, Norm


def is_statistic(operation: Operation) -> bool:
    """Whether the operation reads the whole image only for statistics of each channel.

    >>> is_statistic(Norm("instance")), is_statistic(Norm("batch"))
    (True, False)
    """
    return isinstance(operation, Mean) or (isinstance(operation, Norm) and operation.kind in ("instance", "group"))


@lru_cache(maxsize=64)
def with_statistics_given(network: Network, outputs: tuple[str, ...] = ()) -> Network:
    """The network up to ``outputs``, by default its first, whose statistics are given.

    An instance or group norm is a batch norm, with a layer of its own; a mean is an input of one position.

    >>> of_mean = Network({"x": 2}, (Node("m", Mean()), Node("norm", Norm("instance"), "x")), ("norm", "m"))
    >>> with_statistics_given(of_mean).nodes[0].operation.kind
    'batch'
    >>> [given.name for given in with_statistics_given(of_mean, ("m",)).inputs]
    ['x', 'm']
    """
    outputs = outputs or network.outputs[:1]
    needed, nodes = set(outputs), []
    for node in reversed(network.nodes):
        if node.name in needed and not isinstance(node.operation, Mean):
            needed.update(node.inputs)
            nodes.append(_given(node))
    means = [node.name for node in network.nodes if isinstance(node.operation, Mean) and node.name in needed]
    inputs = [of for of in network.inputs if of.name in needed or of == network.image]
    inputs += [Input(name, network.channels[name], single=True) for name in means]
    return Network(inputs, tuple(reversed(nodes)), outputs, network.axes, name=network.name)


def _given(node: Node) -> Node:
    """The node, as a batch norm if it is a norm over the image."""
    if not is_statistic(node.operation):
        return node
    assert isinstance(node.operation, Norm)  # means are inputs
    norm = Norm("batch", epsilon=node.operation.epsilon, affine=node.operation.affine)
    return replace(node, operation=norm, layer=layer_of_statistics(node))


def layer_of_statistics(node: Node) -> str:
    """The layer of a norm whose statistics are given: nodes that share parameters do not share statistics."""
    return f"{node.name}, statistics given"


def statistics_in_order(network: Network) -> list[tuple[Node, ...]]:
    """The nodes whose statistics the first output needs. Those of one group need only statistics of earlier groups.

    >>> nodes = (Node("a", Norm("instance"), "x"), Node("b", Mean(), "x"), Node("c", Norm("instance"), "a"))
    >>> network = Network({"x": 1}, nodes, ("c", "b"))
    >>> [[node.name for node in group] for group in statistics_in_order(network)]
    [['a'], ['c']]
    """
    needed = set(network.outputs[:1])
    for node in reversed(network.nodes):
        if node.name in needed:
            needed.update(node.inputs)
    after = {given.name: 0 for given in network.inputs}
    groups: dict[int, list[Node]] = {}
    for node in network.nodes:
        before = max((after[name] for name in node.inputs), default=0)
        after[node.name] = before + is_statistic(node.operation)
        if node.name in needed and is_statistic(node.operation):
            groups.setdefault(before, []).append(node)
    return [tuple(groups[before]) for before in sorted(groups)]


def sources(group: Sequence[Node]) -> tuple[str, ...]:
    """The names of what the nodes average, each once."""
    return tuple(dict.fromkeys(node.inputs[0] for node in group))


def of_one_size(network: Network) -> list[str]:
    """The first output and what is averaged, if their sizes do not follow the image's: tiles have no part of them.

    >>> of_one_size(Network({"x": 1}, (Node("m", Mean()),)))
    ['m']
    """
    averaged = (name for group in statistics_in_order(network) for name in sources(group))
    names = dict.fromkeys((*averaged, *network.outputs[:1]))
    return [name for name in names if not all(slopes_of(network, axis)[name] for axis in range(network.axes))]
