"""The compatible sizes of a network along one axis, and why they are exact (SPEC sections 5.3 and 8).

The input's size starts as one unknown number ``n ≥ 1``. The nodes are computed in order, by the same functions that
compute integers; here the sizes are affine functions of numbers in a box (:mod:`.affine`). If the box does not decide a
size or a requirement, it is cut into parts, or one of its numbers is written as blocks ``v = start + step·v' + r``.
Each part then continues on its own from that node. At any time

1. the parts are disjoint and contain every ``n`` that no requirement has rejected yet: cuts cover the whole box, and
   only points that fail a requirement are dropped (a whole part, or the points off a line);
2. within a part, every size computed so far equals its affine function, at every point of the box;
3. different points of a part's box are different ``n``. It holds at the start. A cut keeps it: ``(v', r)`` and ``v``
   determine each other, and a line has different points of the box.

So a part that reaches the last node contains exactly its sizes that fit, and the union of these parts is the answer.

The search ends, because a cut makes boxes smaller, and the unbounded number is written as blocks at most once for each
division. It is fast, because a number ``r`` stays whole until a size depends on it. For example, a pooling by 2 writes
``n = 2q + r`` and continues with ``q``. A join of ``n`` with ``2q`` then leaves ``r = 0``, and a crop leaves ``r`` as
it is. So a network of any depth stays one part; trying the remainders one by one would take exponentially many. Where
branches of different slope must be equal, the unbounded number gets a bound; if that comes too late, :mod:`.bounds`
computes a bound first. The problem is hard in general, because joins of coprime strides encode simultaneous
congruences. So the work is limited, and beyond the limit the search raises an error.
"""

from collections.abc import Callable, Iterator, Sequence
from heapq import heappop, heappush
from typing import Any

from ..arithmetic.size_set import SizeSet
from ..messages.report import WellshapedError
from .bounds import UnboundedError, enclosed, largest, unknown
from .network import Network, Node
from .operation import changes_size, requires_size, requires_together
from .requirement import Need
from .running import axis_of, needs_along
from .searching import Step, not_solved, search

MAX_WORK = 50_000
"""The search stops after computing this many sizes of nodes, which takes some seconds."""

_FEW = 1_000
"""The work before the slower search for an upper bound on the sizes."""


def sizes_that_fit(network: Network, axis: int | str = 0) -> SizeSet:
    """The exact set of sizes ``n ≥ 1`` along ``axis`` that meet every requirement.

    All inputs have the size ``n``, except those of a single position. If there are several axes, the requirements over
    all of them together are not included (see :func:`.running.run_image`). Raises :class:`WellshapedError` (rule
    ``not_solved``) if solving takes too long (:data:`MAX_WORK`), and :class:`UsageError` if the network has no such
    axis.

    >>> from wellshaped.spec.network import Concat, ConvTranspose, MaxPool, Network, Node
    >>> sizes_that_fit(Network({"x": 1}, (
    ...     Node("pooled", MaxPool(2)),
    ...     Node("up", ConvTranspose(2, 2)),
    ...     Node("joined", Concat(), ("x", "up")),
    ... )))
    <SizeSet n ≡ 0 (mod 2), n ≥ 2>
    """
    axis = axis_of(network, axis)
    # The sizes begin with n, of the images, and 1, of inputs of a single position.
    at = {given.name: int(given.single) for given in network.inputs}
    plan: list[tuple[Node, list[int]]] = []
    for node in _early_requirements(network):
        sources = [at[name] for name in node.inputs]
        if changes_size(node.operation) or _requires(network, node):
            at[node.name] = len(plan) + 2
            plan.append((node, sources))
        else:
            at[node.name] = sources[0]
    steps = _steps(network, plan, axis)
    found = search(steps, (1, None), _FEW + 4 * len(plan))
    if found is None:
        end = _largest(network, plan, axis)
        found = search(steps, (1, end), MAX_WORK) if end is None or end >= 1 else []
    if found is None:
        raise not_solved(f"the search stopped after {MAX_WORK} steps")
    try:
        return SizeSet(found)
    except WellshapedError as error:  # the common multiple of the steps is too large
        raise not_solved(error.report.failures[0].says) from None


def _early_requirements(network: Network) -> Iterator[Node]:
    """Yield the nodes, requirements as early as possible: they leave fewer sizes."""
    users: dict[str, list[int]] = {}
    missing = [len(set(node.inputs)) for node in network.nodes]
    for i, node in enumerate(network.nodes):
        for name in set(node.inputs):
            users.setdefault(name, []).append(i)
    ready: list[tuple[bool, int]] = []

    def computed(name: str) -> None:
        for i in users.get(name, ()):
            missing[i] -= 1
            if missing[i] == 0:
                node = network.nodes[i]
                heappush(ready, (changes_size(node.operation) or not _requires(network, node), i))

    for given in network.inputs:
        computed(given.name)
    while ready:
        _, i = heappop(ready)
        yield network.nodes[i]
        computed(network.nodes[i].name)


def _requires(network: Network, node: Node) -> bool:
    """Whether a node may have requirements along an axis."""
    return requires_size(node.operation) or (network.axes == 1 and requires_together(node.operation))


_Plan = Sequence[tuple[Node, list[int]]]


def _steps(network: Network, plan: _Plan, axis: int) -> list[Step]:
    """The nodes of the plan as steps of the search."""

    def step(node: Node) -> Callable[[list[Any]], Any]:
        def size_if_it_fits(sizes: list[Any]) -> Any:
            size = node.operation.size(sizes, axis)
            if changes_size(node.operation) and not size >= 1:
                return None
            needs = needs_along(network, node, sizes, axis)
            return size if all(need.relation.holds(need.left, need.right) for need in needs) else None

        return size_if_it_fits

    return [(step(node), sources) for node, sources in plan]


def _largest(network: Network, plan: _Plan, axis: int) -> int | None:
    """An upper bound on the sizes that fit, or ``None``: see :mod:`.bounds`."""
    sizes: list[Any] = [unknown(), 1]
    needs: list[Need] = []
    try:
        for node, sources in plan:
            of = [sizes[i] for i in sources]
            needs += needs_along(network, node, of, axis)
            size = node.operation.size(of, axis)
            sizes.append(enclosed(size).at_least(1) if changes_size(node.operation) else size)
    except UnboundedError:
        return None
    return largest(needs)
