"""What a network does with sizes: the size of every node by name, and every requirement judged (SPEC section 8)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..naturals import natural
from ..report import refuse
from ..written import Written, written_value
from .network import Input, Network
from .operation import changes_size
from .requirement import AT_LEAST, Need, Requirement

Sizes = int | Mapping[str, int]
"""One size for every input, or the size of each input by name."""


@dataclass(frozen=True, slots=True, repr=False)
class Run(Written):
    """What a network does with sizes along one axis: the size of every input and node, and the requirements on them.

    >>> from wellshaped.spec.graph import MaxPool, Network, Node
    >>> of_1 = run(Network({"x": 1}, (Node("pooled", MaxPool(2)),)), 1)
    >>> of_1.ok, of_1.failures[0].node, of_1.failures[0].rule, of_1.sizes["pooled"]
    (False, 'pooled', 'positive', 0)
    """

    sizes: Mapping[str, int]
    requirements: tuple[Requirement, ...]

    @property
    def ok(self) -> bool:
        """Whether every requirement is met."""
        return all(requirement.holds for requirement in self.requirements)

    @property
    def failures(self) -> tuple[Requirement, ...]:
        """The requirements that are not met, in the order of the nodes."""
        return tuple(requirement for requirement in self.requirements if not requirement.holds)


def run(network: Network, size: Sizes, axis: int = 0) -> Run:
    """What becomes of an input of this ``size`` along ``axis``. A requirement that fails stops nothing.

    The size is that of every input but those of a single position, or one for each by name. Every size on the way must
    be at least 1. Raises :class:`ShapeError` for a size that is not natural, an input without a size, and an axis that
    the network does not have.

    >>> from wellshaped.spec.graph import Concat, ConvTranspose, MaxPool, Network, Node
    >>> halve = Network({"x": 1}, (
    ...     Node("pooled", MaxPool(2)),
    ...     Node("up", ConvTranspose(2, 2)),
    ...     Node("joined", Concat(), ("x", "up")),
    ... ))
    >>> of_303 = run(halve, 303)
    >>> dict(of_303.sizes), [str(failure) for failure in of_303.failures]
    ({'x': 303, 'pooled': 151, 'up': 302, 'joined': 303}, ['joined: x is 303, and must be 302 (up)'])
    """
    axis = axis_of(network, axis)
    sizes: dict[str, int] = {}
    requirements: list[Requirement] = []
    for given in network.inputs:
        sizes[given.name] = n = _given(size, given)
        requirements.append(Requirement(given.name, "positive", n, AT_LEAST, 1, given.name))
    for node in network.nodes:
        of = [sizes[name] for name in node.inputs]
        sizes[node.name] = n = node.operation.size(of, axis)
        requirements += (_named(need, node.name, node.inputs) for need in node.operation.needs(of, axis))
        if changes_size(node.operation):
            requirements.append(Requirement(node.name, "positive", n, AT_LEAST, 1, node.name))
    return Run(sizes, tuple(requirements))


@dataclass(frozen=True, slots=True, repr=False)
class ImageRun(Written):
    """What a network does with an image: a :class:`Run` for each axis, and what is required over all axes together.

    >>> from wellshaped.spec.graph import MaxPool, Network, Node
    >>> run_image(Network({"x": 1}, (Node("pooled", MaxPool(2)),)), (304, 384)).shape("pooled")
    (152, 192)
    """

    axes: tuple[Run, ...]
    together: tuple[Requirement, ...]

    @property
    def ok(self) -> bool:
        """Whether every requirement is met, on each axis and over all together."""
        return all(of_it.ok for of_it in self.axes) and all(requirement.holds for requirement in self.together)

    def shape(self, name: str) -> tuple[int, ...]:
        """The sizes of a node or an input along all axes."""
        return tuple(of_it.sizes[name] for of_it in self.axes)


def run_image(network: Network, sizes: Sequence[Sizes]) -> ImageRun:
    """What becomes of an image with these ``sizes``, one for each axis.

    Raises :class:`ShapeError` as :func:`run` does, and for another number of sizes than axes.

    >>> from wellshaped.spec.graph import MaxPool, Network, Node, Norm
    >>> network = Network({"x": 4}, (Node("pooled", MaxPool(2)), Node("y", Norm("instance"))))
    >>> run_image(network, (2, 3)).ok, run_image(network, (4, 3)).ok
    (False, True)
    """
    if isinstance(sizes, str | Mapping) or not isinstance(sizes, Sequence) or len(sizes) != network.axes:
        says = f"they are {written_value(sizes)}, and must be one for each of {network.axes} axes"
        fix = f"({', '.join(['64'] * network.axes)}{',' if network.axes == 1 else ''})"
        raise refuse("the sizes", "axes", "another number of axes", says, fix)
    runs = tuple(run(network, size, axis) for axis, size in enumerate(sizes))
    return ImageRun(runs, tuple(_together(network, runs)))


def _together(network: Network, runs: tuple[Run, ...]) -> Iterator[Requirement]:
    for node in network.nodes:
        shapes = [tuple(of_it.sizes[name] for of_it in runs) for name in node.inputs]
        needs = node.operation.needs_together(shapes, [network.channels[name] for name in node.inputs])
        yield from (_named(need, node.name, node.inputs) for need in needs)


def _named(need: Need, node: str, inputs: tuple[str, ...]) -> Requirement:
    of = [inputs[whose] if isinstance(whose, int) else whose for whose in (need.left_of, need.right_of)]
    return Requirement(node, need.rule, need.left, need.relation, need.right, *of)


def axis_of(network: Network, axis: int) -> int:
    """The number of an axis, counted from 0. Raises :class:`ShapeError` for one that ``network`` does not have."""
    axis = natural(axis, "axis")
    if axis >= network.axes:
        says = f"the network has {network.axes} axes, counted from 0"
        raise refuse(f"axis={axis}", "axis", "no such axis", says, f"axis={network.axes - 1}")
    return axis


def _given(size: Sizes, given: Input) -> int:
    if given.single:
        return 1
    if not isinstance(size, Mapping):
        return natural(size, "size")
    if given.name not in size:
        says = f"the input {given.name} has no size; there are those of {', '.join(map(str, size)) or 'none'}"
        raise refuse("the sizes", "unknown_size", "an input has no size", says, f'"{given.name}": 64')
    return natural(size[given.name], given.name)
