"""What to change in a network so that sizes without end fit: padding of windows, and crops before joins.

Two kinds of change are tried, each in one place:

- A window of stride 1 whose size is required to be that of its input gets the padding that keeps it. Nothing else meets
  such a requirement, so this is what was meant.
- The inputs of a join that must be equal are cropped about their centres to the smallest. A crop needs not know which
  input is larger, invents no values, and does nothing at the sizes at which the inputs are equal. It is only tried
  where the inputs grow alike: inputs of different scale do not show the same part of an image, whatever is cropped.

Neither changes anything for a size at which the requirement already holds. So every further change leaves all sizes
that fitted, and it suffices to look for few changes within all of them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, islice

from ..arithmetic.naturals import monus
from ..messages.report import WellshapedError
from .edges import CropToSmallest
from .fields import on_axis, shortest
from .network import Network, Node
from .operation import Operation, changes_size
from .requirement import EQUAL
from .requiring import Require
from .running import run
from .solving import NOT_SOLVED, compatible_sizes
from .windows import AvgPool, Conv, MaxPool, Window

_TRIES = 100
"""How many sets of changes are tried before one is taken in which there may be more than the fewest."""

_FAR = 2**200  # at a size this large, inputs that grow alike differ by little, and no others do


@dataclass(frozen=True, slots=True)
class _Change:
    """A change at one node: what it does, in words, and the nodes in its place, given names that are taken."""

    node: str
    does: str
    nodes: tuple[Node, ...]


def repaired(network: Network) -> tuple[Network | None, str]:
    """The network with as few changes as will do for sizes without end, and the changes in words.

    There is no network where all changes together leave finitely many sizes along an axis. Where there are many ways to
    choose few changes, there may be more than the fewest, but none that could be left out. Raises :class:`ShapeError`
    with the rule ``not_solved`` where the network is too hard to solve.

    >>> from wellshaped.spec.network import Concat, ConvTranspose
    >>> network = Network({"x": 1}, (
    ...     Node("pooled", MaxPool(2)), Node("up", ConvTranspose(4, 2)), Node("joined", Concat(), ("x", "up"))
    ... ))
    >>> repaired(network)[1]
    'crops before joined'
    """
    changes = [*_paddings(network), *_crops(network)]
    if not _endless(_changed(network, changes)):
        return None, ""
    chosen = _few(changes, lambda some: _known_endless(_changed(network, some)))
    words = (
        f"{does} {', '.join(change.node for change in chosen if change.does == does)}"
        for does in dict.fromkeys(change.does for change in chosen)
    )
    return _changed(network, chosen), " and ".join(words)


def _few(changes: Sequence[_Change], endless: Callable[[Sequence[_Change]], bool]) -> Sequence[_Change]:
    """The fewest changes that will do; beyond :data:`_TRIES` sets, some of which none can be left out."""

    def without(change: _Change, some: Sequence[_Change]) -> list[_Change]:
        return [other for other in some if other is not change]

    needed = [change for change in changes if not endless(without(change, changes))]
    others = [change for change in changes if change not in needed]
    sets = (some for count in range(len(others)) for some in combinations(others, count))
    for some in islice(sets, _TRIES):
        chosen = [change for change in changes if change in needed or change in some]
        if endless(chosen):
            return chosen
    chosen = list(changes)
    for change in others:
        fewer = without(change, chosen)
        chosen = fewer if endless(fewer) else chosen
    return chosen


def _endless(network: Network) -> bool:
    return not any(compatible_sizes(network, axis).is_finite for axis in range(network.axes))


def _known_endless(network: Network) -> bool:
    try:
        return _endless(network)
    except WellshapedError as error:
        if error.report.failures[0].name != NOT_SOLVED:
            raise
        return False


def _paddings(network: Network) -> Iterator[_Change]:
    """Windows of stride 1 that are required to keep the size, with the padding for it."""
    nodes = {node.name: node for node in network.nodes}

    def source(name: str) -> str:
        """The node that the size comes from: back over those that hand it on."""
        while name in nodes and not changes_size(nodes[name].operation):
            name = nodes[name].inputs[0]
        return name

    found: dict[str, _Change] = {}
    for node in network.nodes:
        if not (isinstance(node.operation, Require) and node.operation.equal):
            continue
        for name, other in (node.inputs, node.inputs[::-1]):
            window = nodes.get(source(name))
            if window is not None and source(window.inputs[0]) == source(other):
                for operation in _that_keeps(window.operation, network.axes):
                    found[window.name] = _Change(window.name, "padding in", (replace(window, operation=operation),))
    yield from found.values()


def _that_keeps(operation: Operation, axes: int) -> Iterator[Operation]:
    """The window with the padding that keeps a size, where it has stride 1."""
    if not isinstance(operation, Conv | Window | MaxPool | AvgPool):
        return
    dilation = 1 if isinstance(operation, AvgPool) else operation.dilation
    stride = operation.kernel if operation.stride is None else operation.stride
    if all(on_axis(stride, axis) == 1 for axis in range(axes)):
        more = [monus(on_axis(operation.kernel, axis), 1) * on_axis(dilation, axis) for axis in range(axes)]
        sides = [n // 2 if n % 2 == 0 else (n // 2, n - n // 2) for n in more]
        yield replace(operation, padding=shortest(sides))


def _crops(network: Network) -> Iterator[_Change]:
    """Joins whose inputs must be equal and grow alike, after crops."""
    taken = {given.name for given in network.inputs} | {node.name for node in network.nodes}
    of_axes = [run(network, _FAR, axis).sizes for axis in range(network.axes)]
    for node in network.nodes:
        equal = list(dict.fromkeys(node.inputs[i] for i in _that_must_be_equal(node)))
        sizes = [[of_axis[name] for name in equal] for of_axis in of_axes]
        if len(equal) < 2 or any((max(of) - min(of)) * 2**100 > max(of) for of in sizes):
            continue
        names = {}
        for given in equal:
            names[given] = name = _free(f"{given} cropped for {node.name}", taken)
            taken.add(name)
        crops = (
            Node(name, CropToSmallest(), (given, *(other for other in equal if other != given)))
            for given, name in names.items()
        )
        inputs = tuple(names[given] if i in _that_must_be_equal(node) else given for i, given in enumerate(node.inputs))
        yield _Change(node.name, "crops before", (*crops, replace(node, inputs=inputs)))


def _that_must_be_equal(node: Node) -> set[int]:
    """The inputs of a join that must have one size."""
    if node.operation.hands_on:
        return set()
    needs = node.operation.needs(range(5, 5 + len(node.inputs)), 0)
    pairs = [(need.left_of, need.right_of) for need in needs if need.relation is EQUAL]
    return {i for pair in pairs if all(isinstance(i, int) for i in pair) for i in pair if isinstance(i, int)}


def _free(name: str, taken: set[str]) -> str:
    return name if name not in taken else _free(f"{name}_2", taken)


def _changed(network: Network, changes: Sequence[_Change]) -> Network:
    of_nodes = {change.node: change.nodes for change in changes}
    nodes = (new for node in network.nodes for new in of_nodes.get(node.name, (node,)))
    return Network(network.inputs, nodes, network.outputs, network.axes)
