"""Find changes to a network after which infinitely many sizes fit: padding in windows, and crops before joins.

There are two kinds of change:

- A window of stride 1 that must keep its input's size gets the padding that does so. No other padding meets this
  requirement, so it is what was meant.
- Inputs of a join that must be equal are cropped, centred, to the smallest. A crop works whichever input is larger,
  invents no values, and does nothing if the inputs are already equal. It is only tried if the inputs grow alike:
  inputs of different scale do not show the same part of an image, however they are cropped.

A change does nothing at a size for which the requirement already holds. So a further change never makes a fitting size
fail, and the search can start from all changes and leave some out.
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
from .proposing import free_name, names_in
from .requirement import EQUAL
from .requiring import Require
from .running import run
from .searching import NOT_SOLVED
from .solving import sizes_that_fit
from .windows import AvgPool, Conv, MaxPool, Window

_TRIES = 100
"""How many sets of changes are tried before the search accepts a set that may not be the smallest."""

_FAR = 2**200  # at a size this large, two inputs differ by little if and only if they grow alike


@dataclass(frozen=True, slots=True)
class _Change:
    """A change at one node: what it does, in words, and the nodes that replace it."""

    node: str
    does: str
    nodes: tuple[Node, ...]


def repaired(network: Network) -> tuple[Network | None, str]:
    """The network with the fewest changes after which infinitely many sizes fit, and the changes in words.

    The network is ``None`` if finitely many sizes fit along an axis even with all changes. If there are many possible
    changes, the set may not be the smallest, but none of its changes can be left out. Raises :class:`WellshapedError`
    (rule ``not_solved``) if the network is too hard to solve.

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
    """The fewest changes that suffice; after :data:`_TRIES` sets, a set from which no change can be left out."""

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
    return not any(sizes_that_fit(network, axis).is_finite for axis in range(network.axes))


def _known_endless(network: Network) -> bool:
    try:
        return _endless(network)
    except WellshapedError as error:
        if error.report.failures[0].name != NOT_SOLVED:
            raise
        return False


def _paddings(network: Network) -> Iterator[_Change]:
    """For each window of stride 1 that must keep the size, the change to the padding that does so."""
    nodes = {node.name: node for node in network.nodes}

    def source(name: str) -> str:
        """The node that the size comes from, found by going back over nodes that do not change it."""
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
    """The window with the padding that keeps a size, if its stride is 1."""
    if not isinstance(operation, Conv | Window | MaxPool | AvgPool):
        return
    dilation = 1 if isinstance(operation, AvgPool) else operation.dilation
    stride = operation.kernel if operation.stride is None else operation.stride
    if all(on_axis(stride, axis) == 1 for axis in range(axes)):
        more = [monus(on_axis(operation.kernel, axis), 1) * on_axis(dilation, axis) for axis in range(axes)]
        sides = [n // 2 if n % 2 == 0 else (n // 2, n - n // 2) for n in more]
        yield replace(operation, padding=shortest(sides))


def _crops(network: Network) -> Iterator[_Change]:
    """For each join whose inputs must be equal and grow alike, the change that crops them."""
    taken = names_in(network)
    of_axes = [run(network, _FAR, axis).sizes for axis in range(network.axes)]
    for node in network.nodes:
        equal = list(dict.fromkeys(node.inputs[i] for i in _that_must_be_equal(node)))
        sizes = [[of_axis[name] for name in equal] for of_axis in of_axes]
        if len(equal) < 2 or any((max(of) - min(of)) * 2**100 > max(of) for of in sizes):
            continue
        names = {}
        for given in equal:
            names[given] = name = free_name(f"{given} cropped for {node.name}", taken)
            taken.add(name)
        crops = (
            Node(name, CropToSmallest(), (given, *(other for other in equal if other != given)))
            for given, name in names.items()
        )
        inputs = tuple(names[given] if i in _that_must_be_equal(node) else given for i, given in enumerate(node.inputs))
        yield _Change(node.name, "crops before", (*crops, replace(node, inputs=inputs)))


def _that_must_be_equal(node: Node) -> set[int]:
    """The indices of the inputs of a join that must have equal sizes."""
    if node.operation.only_checks:
        return set()
    needs = node.operation.needs(range(5, 5 + len(node.inputs)), 0)
    pairs = [(need.left_of, need.right_of) for need in needs if need.relation is EQUAL]
    return {i for pair in pairs if all(isinstance(i, int) for i in pair) for i in pair if isinstance(i, int)}


def _changed(network: Network, changes: Sequence[_Change]) -> Network:
    of_nodes = {change.node: change.nodes for change in changes}
    nodes = (new for node in network.nodes for new in of_nodes.get(node.name, (node,)))
    return Network(network.inputs, nodes, network.outputs, network.axes)
