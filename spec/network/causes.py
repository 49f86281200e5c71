"""Root causes: the requirements that fail along an axis although all that failed before them is fixed (SPEC section 8).

A network that is run at a size which does not fit breaks in many places, and most of them break because of an earlier
one. So the nodes are computed in order, and what fails is recorded and then fixed: of two sizes that must be equal the
later node gets that of the earlier, and what is too small, odd or no multiple becomes the least larger size that will
do. What then fails behind it fails for a reason of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .network import Network, Node
from .operation import changes_size
from .requirement import Need, Requirement
from .running import Sizes, axis_of, input_sizes, label_of, named, positive, run

Way = tuple[tuple[str, int], ...]
"""How a size came about: the input, and each node that changed it, with the size there."""


@dataclass(frozen=True, slots=True, repr=False)
class Cause(Requirement):
    """A requirement that fails, on the ``axis`` of this name; ``ways`` are those to the sizes that it is about.

    ``supposed`` are the nodes whose size here is not the one that the network computes, because an earlier cause is
    fixed.
    """

    axis: str = ""
    ways: tuple[tuple[str, Way], ...] = ()
    supposed: tuple[str, ...] = ()

    @property
    def says(self) -> str:
        """The two numbers, and how they must stand to each other."""
        left, right = ("would be" if name in self.supposed else "is" for name in (self.left_of, self.right_of))
        lead = "with that fixed, " if self.supposed else ""
        return f"{lead}{self.said(left, right)}"


def judged(network: Network, size: Sizes, axis: int = 0) -> tuple[Requirement, ...]:
    """Every requirement along ``axis``, after what failed before it is fixed: those that fail are :class:`Cause` s.

    Raises :class:`ShapeError` as :func:`.running.run` does.

    >>> from wellshaped.spec.network import Concat, ConvTranspose, MaxPool, Network, Node
    >>> halve = Network({"x": 1}, (
    ...     Node("pooled", MaxPool(2)),
    ...     Node("up", ConvTranspose(2, 2)),
    ...     Node("joined", Concat(), ("x", "up")),
    ...     Node("again", Concat(), ("x", "up")),
    ... ))
    >>> [cause] = [it for it in judged(halve, 303) if not it.holds]
    >>> cause.node, cause.axis, dict(cause.ways)["up"]
    ('joined', 'height', (('x', 303), ('pooled', 151), ('up', 302)))
    """
    return tuple(_Repairing(network, axis_of(network, axis)).run(size))


class _Repairing:
    """A run in which what fails is fixed at once."""

    def __init__(self, network: Network, axis: int) -> None:
        self.network, self.axis = network, axis
        self.sizes: dict[str, int] = {}
        self.nodes = {node.name: node for node in network.nodes}
        self.plain: Mapping[str, int] = {}

    def run(self, size: Sizes) -> Iterator[Requirement]:
        self.plain = run(self.network, size, self.axis).sizes
        sizes = input_sizes(self.network, size)
        for given in self.network.inputs:
            yield self.at_least_one(given.name, sizes[given.name], label_of(given, self.network, self.axis))
        self.order = {name: i for i, name in enumerate((*self.sizes, *self.nodes))}
        for node in self.network.nodes:
            yield from self.required(node)
            n = node.operation.size(self.of(node), self.axis)
            if changes_size(node.operation):
                yield self.at_least_one(node.name, n)
            else:
                self.sizes[node.name] = n

    def of(self, node: Node) -> list[int]:
        return [self.sizes[name] for name in node.inputs]

    def at_least_one(self, name: str, n: int, label: str = "") -> Requirement:
        self.sizes[name] = n
        requirement = positive(name, n, label)
        if requirement.holds:
            return requirement
        cause = self.cause(requirement)
        self.sizes[name] = 1
        return cause

    def required(self, node: Node) -> Iterator[Requirement]:
        """What the node needs, one rule after the other: a fix of one counts for the next."""
        for i in range(len(node.operation.needs(self.of(node), self.axis))):
            needs = node.operation.needs(self.of(node), self.axis)
            requirement = named(needs[i], self.network, node, self.axis)
            if requirement.holds:
                yield requirement
            else:
                yield self.cause(requirement)
                self.fix(needs[i], needs, node)

    def fix(self, need: Need, needs: Sequence[Need], node: Node) -> None:
        """Give a node of the requirement a size that meets it: of several that must be equal, that of the earliest."""
        if not isinstance(need.left_of, int):
            return  # two numbers of the operation: no size will do
        name = node.inputs[need.left_of]
        if not need.relation.mutual or not isinstance(need.right_of, int):
            self.sizes[name] = need.relation.mended(need.left, need.right)
            return
        pairs = ((it.left_of, it.right_of) for it in needs if it.relation.mutual)
        # A vector must be equal to 1, and to no other node.
        equal = {node.inputs[i] for a, b in pairs if isinstance(a, int) and isinstance(b, int) for i in (a, b)}
        earliest = min(equal, key=self.order.__getitem__)
        for changed in (name, node.inputs[need.right_of]):
            self.sizes[changed] = self.sizes[earliest]

    def cause(self, requirement: Requirement) -> Cause:
        of = dict.fromkeys(name for name in (requirement.left_of, requirement.right_of) if name in self.sizes)
        return Cause(
            **{name: getattr(requirement, name) for name in Requirement.__slots__},
            axis=self.network.axis_names[self.axis],
            ways=tuple((name, self.way(name)) for name in of),
            supposed=tuple(name for name in of if self.sizes[name] != self.plain[name]),
        )

    def way(self, name: str) -> Way:
        """Back from the node through those that its size comes from."""
        way: list[tuple[str, int]] = []
        while True:
            size = self.sizes[name]
            node = self.nodes.get(name)
            before = None if node is None else _source(node, self.sizes)
            if before is None or self.sizes[before] != size:
                way.append((name, size))
            if before is None:
                return tuple(reversed(way))
            name = before


def _source(node: Node, sizes: Mapping[str, int]) -> str:
    """The input that the size of a node comes from: of several the first that has it."""
    same = (name for name in node.inputs if sizes[name] == sizes[node.name])
    return next(same, node.inputs[0])
