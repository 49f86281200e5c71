"""Root causes: the requirements that still fail after all earlier failures are fixed (SPEC section 8).

If a size does not fit, many requirements fail, most of them because of an earlier failure. So the nodes are computed in
order, and each failure is recorded and then fixed. If two sizes must be equal, the later node gets the size of the
earlier. A size that is too small, odd or not a multiple becomes the next larger size that meets the requirement. A
later requirement that still fails has a cause of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .network import Network, Node
from .operation import changes_size
from .requirement import Need, Requirement
from .running import Sizes, axis_of, input_sizes, label_of, needs_along, positive, requirement_of, run

SizePath = tuple[tuple[str, int], ...]
"""How a size was computed: the input and each node that changed the size, with the size after it."""


_FIXED = 2  # the most nodes to name for the earlier causes that are fixed


@dataclass(frozen=True, slots=True, repr=False)
class Cause(Requirement):
    """A requirement that fails along ``axis``. ``paths`` say how the compared sizes were computed.

    ``supposed`` are the nodes whose size the fix of an earlier cause changed, and ``fixed`` the nodes of those causes.
    """

    axis: str = ""
    paths: tuple[tuple[str, SizePath], ...] = ()
    supposed: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()

    @property
    def says(self) -> str:
        """The two numbers, and the relation that they must meet."""
        left, right = ("would be" if name in self.supposed else "is" for name in (self.left_of, self.right_of))
        more = f" and {len(self.fixed) - _FIXED} more" if len(self.fixed) > _FIXED else ""
        lead = f"with {', '.join(self.fixed[:_FIXED])}{more} fixed, " if self.supposed else ""
        return f"{lead}{self.said(left, right)}"


def requirements_and_causes(
    network: Network, size: Sizes, axis: int | str = 0, *, one: bool = False
) -> tuple[Requirement, ...]:
    """Every requirement along ``axis``, judged after all earlier failures are fixed; failures are :class:`Cause` s.

    ``one`` stops at the first cause. Where sizes are symbols, each comparison divides them into two classes, so that
    all causes of a deep network would be hundreds of classes.

    Raises the errors of :func:`.running.run`.

    >>> from wellshaped.spec.network import Concat, ConvTranspose, MaxPool, Network, Node
    >>> halve = Network({"x": 1}, (
    ...     Node("pooled", MaxPool(2)),
    ...     Node("up", ConvTranspose(2, 2)),
    ...     Node("joined", Concat(), ("x", "up")),
    ...     Node("again", Concat(), ("x", "up")),
    ... ))
    >>> [cause] = [it for it in requirements_and_causes(halve, 303) if not it.holds]
    >>> cause.node, cause.axis, dict(cause.paths)["up"]
    ('joined', 'height', (('x', 303), ('pooled', 151), ('up', 302)))
    """
    requirements = _Repairing(network, axis_of(network, axis)).run(size)
    return tuple(_to_the_first_cause(requirements) if one else requirements)


def _to_the_first_cause(requirements: Iterator[Requirement]) -> Iterator[Requirement]:
    for requirement in requirements:
        yield requirement
        if not requirement.holds:
            return


class _Repairing:
    """A run that fixes each failure at once."""

    def __init__(self, network: Network, axis: int) -> None:
        self.network, self.axis = network, axis
        self.sizes: dict[str, int] = {}
        self.steps: dict[str, _Step] = {}
        self.plain: Mapping[str, int] = {}
        self.fixed: dict[str, dict[str, None]] = {}  # for each node, the causes whose fixes its size depends on

    def run(self, size: Sizes) -> Iterator[Requirement]:
        self.plain = run(self.network, size, self.axis).sizes
        sizes = input_sizes(self.network, size)
        for given in self.network.inputs:
            yield self.at_least_one(given.name, sizes[given.name], None, label_of(given, self.network, self.axis))
        names = (*self.sizes, *(node.name for node in self.network.nodes))
        self.order = {name: i for i, name in enumerate(names)}
        for node in self.network.nodes:
            yield from self.required(node)
            self.fixed[node.name] = {at: None for name in node.inputs for at in self.fixed.get(name, ())}
            n = node.operation.size(self.of(node), self.axis)
            before = self.steps[_source(node, n, self.sizes)]
            if changes_size(node.operation):
                yield self.at_least_one(node.name, n, before)
            else:
                self.set(node.name, n, before)

    def of(self, node: Node) -> list[int]:
        return [self.sizes[name] for name in node.inputs]

    def set(self, name: str, n: int, before: "_Step | None") -> None:
        """Set the size of a node; if it has the same size as the step ``before``, the node shares that step."""
        self.sizes[name] = n
        self.steps[name] = before if before is not None and before.size == n else _Step(name, n, before)

    def change(self, name: str, n: int, at: str) -> None:
        """Change the size of a node, as the fix of a cause ``at`` a node; sizes already computed from it stay."""
        if self.sizes[name] != n:
            self.fixed.setdefault(name, {})[at] = None
        step = self.steps[name]
        self.set(name, n, step.before if step.name == name else step)

    def at_least_one(self, name: str, n: int, before: "_Step | None", label: str = "") -> Requirement:
        self.set(name, n, before)
        requirement = positive(name, n, label)
        if requirement.holds:
            return requirement
        cause = self.cause(requirement)
        self.change(name, 1, name)
        return cause

    def required(self, node: Node) -> Iterator[Requirement]:
        """The node's requirements in order; each is judged after the ones before it are fixed."""
        for i in range(len(needs_along(self.network, node, self.of(node), self.axis))):
            needs = needs_along(self.network, node, self.of(node), self.axis)
            requirement = requirement_of(needs[i], self.network, node, self.axis)
            if requirement.holds:
                yield requirement
            else:
                yield self.cause(requirement)
                self.fix(needs[i], needs, node, requirement.node)

    def fix(self, need: Need, needs: Sequence[Need], node: Node, at: str) -> None:
        """Change the size of an input so that a need holds. Equal sizes take that of the earliest node."""
        if not isinstance(need.left_of, int):
            return  # it compares two numbers of the operation, so no size helps
        name = node.inputs[need.left_of]
        if not need.relation.mutual or not isinstance(need.right_of, int):
            self.change(name, need.relation.fixed(need.left, need.right), at)
            return
        pairs = ((it.left_of, it.right_of) for it in needs if it.relation.mutual)
        # The size 1 of a vector is compared with no other node.
        equal = {node.inputs[i] for a, b in pairs if isinstance(a, int) and isinstance(b, int) for i in (a, b)}
        earliest = min(equal, key=self.order.__getitem__)
        for changed in (name, node.inputs[need.right_of]):
            self.change(changed, self.sizes[earliest], at)

    def cause(self, requirement: Requirement) -> Cause:
        of = dict.fromkeys(name for name in (requirement.left_of, requirement.right_of) if name in self.sizes)
        supposed = tuple(name for name in of if self.sizes[name] != self.plain[name])
        return Cause(
            **{name: getattr(requirement, name) for name in Requirement.__slots__},
            axis=self.network.axis_names[self.axis],
            paths=tuple((name, self.steps[name].path()) for name in of),
            supposed=supposed,
            fixed=tuple(dict.fromkeys(at for name in supposed for at in self.fixed.get(name, ()))),
        )


@dataclass(frozen=True, slots=True)
class _Step:
    """The node that changed the size, and the step before it."""

    name: str
    size: int
    before: "_Step | None"

    def path(self) -> SizePath:
        path: list[tuple[str, int]] = []
        step: _Step | None = self
        while step is not None:
            path.append((step.name, step.size))
            step = step.before
        return tuple(reversed(path))


def _source(node: Node, n: int, sizes: Mapping[str, int]) -> str:
    """The input that the size ``n`` of a node comes from: the first input of this size, else the first input."""
    same = (name for name in node.inputs if sizes[name] == n)
    return next(same, node.inputs[0])
