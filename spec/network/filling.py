"""Find a number for each open number in a network's operations, so that sizes fit.

Axes never mix, so each axis is searched by itself. The open numbers are chosen one after the other, in the order of the
nodes. Once all numbers of a node are chosen, the nodes up to the next open number are computed. If one fails, this
choice is dropped. So the output paddings of a decoder are found level by level, not by trying all combinations.

The search extends the choice with the smallest sum first; equal sums go in lexicographic order. So the first complete
choice is the best, because

1. a sum never falls when a number is added, and
2. at any time, every choice that is not dropped has a prefix in the queue, which is never later in this order.

Every open number has a largest value, so the search ends. Its work is limited too; beyond the limit it raises an error.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from heapq import heappop, heappush
from typing import Any

from ..arithmetic.naturals import at_least_one, monus
from ..messages.report import ConfigError, UsageError, WellshapedError
from ..messages.written import written_number
from .arithmetic import rounded_up
from .fields import PerAxis, on_axis, shortest, side_on
from .network import Network, Node
from .open_number import Open, is_open
from .operation import Operation, changes_size, zero_faults
from .running import AxisSizes, input_sizes, needs_along, positive, require_sizes, requirement_of, run_image
from .searching import NOT_SOLVED
from .solving import sizes_that_fit
from .windows import ConvTranspose

MAX_WORK = 200_000
"""How many sizes of nodes are computed before the search gives up: some seconds."""

_WORK_TO_SOLVE_A_NODE = 10  # solving one node takes about as long as computing this many sizes


def fill_open_numbers(network: Network, sizes: AxisSizes | None = None) -> Network:
    """The graph with a number for each open number, and the same errors as :func:`.finding.fill`.

    >>> from wellshaped.spec.network import OPEN, Conv, Require
    >>> nodes = Node("conv", Conv(3, padding=OPEN)), Node("y", Require(equal=True), ("conv", "x"))
    >>> fill_open_numbers(Network({"x": 1}, nodes)).node("conv").operation
    Conv(kernel=3, padding=1)
    """
    given = None if sizes is None else require_sizes(network, sizes)
    of_axes = [
        _Search(network, axis, None if given is None else given[axis]).nodes_found() for axis in range(network.axes)
    ]
    nodes = [
        replace(node, operation=_merged(node.operation, [nodes[i].operation for nodes in of_axes]))
        for i, node in enumerate(network.nodes)
    ]
    full = Network(network.inputs, nodes, network.outputs, network.axes)
    broken = [it for it in run_image(full, given).together if not (it.holds or it.warns)] if given else []
    if broken:
        says = f"with the smallest numbers for each axis, {broken[0]}"
        fix = "Open(least, most) with a larger least, or larger sizes"
        raise WellshapedError.of("filling in the network", "together", "the axes do not fit together", says, fix)
    return full


def transposed_for(factor: PerAxis, *, kernel: PerAxis, dilation: PerAxis = 1) -> ConvTranspose:
    """The transposed convolution of this kernel that multiplies every size by ``factor``, with the least padding.

    Its size ``(n - 1)·stride + span + output_padding - 2·padding`` is ``n·stride`` if ``2·padding - output_padding`` is
    ``span - stride``. Raises :class:`WellshapedError` if the output padding would have to be larger than PyTorch
    allows. Raises :class:`UsageError` for a number that is not at least 1, and the errors of :class:`ConvTranspose`.

    >>> transposed_for(15, kernel=30)
    ConvTranspose(kernel=30, stride=15, padding=8, output_padding=1)
    >>> transposed_for((1, 2), kernel=(3, 4))
    ConvTranspose(kernel=(3, 4), stride=(1, 2), padding=1)
    """
    up = ConvTranspose(kernel, factor, dilation=dilation)
    numbers = [[on_axis(value, axis) for value in (up.kernel, up.stride, up.dilation)] for axis in range(_axes(up))]
    padding, output_padding = zip(*(_paddings_for(*of_axis) for of_axis in numbers), strict=True)
    return replace(up, padding=shortest(padding), output_padding=shortest(output_padding))


def _axes(operation: Operation) -> int:
    counts = operation.axes()
    if len(set(counts.values())) > 1:
        says = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise ConfigError.of(
            repr(operation), "axes_differ", "numbers for different numbers of axes", says, "one number for each axis"
        )
    return max(counts.values(), default=1)


def _paddings_for(kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    for name, number in (("kernel", kernel), ("factor", stride), ("dilation", dilation)):
        at_least_one(number, name, "transposed_for")
    span = (kernel - 1) * dilation + 1
    padding = rounded_up(monus(span, stride), 2)
    more = stride + 2 * padding - span
    if more >= max(stride, dilation):
        says = f"no padding makes kernel={written_number(kernel)} multiply every size by {written_number(stride)}"
        fix = f"kernel={written_number(kernel + 1)}"
        raise WellshapedError.of("this transposed convolution", "factor", "", says, fix)
    return padding, more


@dataclass(frozen=True, slots=True)
class _Place:
    """An open number along an axis, with the index of its node and its field."""

    node: int
    field: str
    number: Open


@dataclass(frozen=True, slots=True)
class _Reached:
    """The nodes computed so far for one choice of numbers, and the sizes of inputs and nodes."""

    nodes: tuple[Node, ...]
    sizes: Mapping[str, int]


class _Search:
    """The search for the numbers of one axis: ``size`` must fit, or infinitely many sizes if it is ``None``."""

    def __init__(self, network: Network, axis: int, size: int | None) -> None:
        self.network, self.axis, self.size = network, axis, size
        self.places = list(_places(network, axis))
        self.work = 0
        self.furthest, self.why = -1, ""

    def nodes_found(self) -> tuple[Node, ...]:
        """The nodes, with numbers for this axis."""
        start = self.start()
        if start and not self.places:
            return start.nodes
        waiting: list[tuple[int, tuple[int, ...], int]] = []
        reached: list[_Reached] = []  # not in the heap, which would compare them

        def wait(total: int, numbers: tuple[int, ...], before: _Reached) -> None:
            least = self.places[len(numbers)].number.least
            reached.append(before)
            heappush(waiting, (total + least, (*numbers, least), len(reached) - 1))

        if start:
            wait(0, (), start)
        while waiting:
            total, numbers, before = heappop(waiting)
            at = len(numbers) - 1
            if numbers[at] < self.places[at].number.most:
                heappush(waiting, (total + 1, (*numbers[:at], numbers[at] + 1), before))
            if at + 1 < len(self.places) and self.places[at + 1].node == self.places[at].node:
                wait(total, numbers, reached[before])
                continue
            further = self.advanced(reached[before], numbers)
            if further and at + 1 == len(self.places):
                return further.nodes
            if further:
                wait(total, numbers, further)
        along = self.network.axis_names[self.axis]
        if not self.places:
            says = f"the network has no open number, and the sizes do not fit: {self.why}"
            raise UsageError.of("the network", "fill", "", says, "OPEN in place of a number")
        raise _no_numbers(f"along the {along}, {self.why}" if self.network.axes > 1 else self.why)

    def start(self) -> _Reached | None:
        """The nodes before the first open number, or ``None`` if one fails."""
        sizes = {} if self.size is None else input_sizes(self.network, self.size)
        for name, n in sizes.items():
            if n == 0:
                self.fails(0, str(positive(name, n)))
                return None
        return self.advanced(_Reached((), sizes), ())

    def advanced(self, before: _Reached, numbers: Sequence[int]) -> _Reached | None:
        """The nodes up to the next open number, or ``None`` if one fails."""
        first = len(before.nodes)
        last = self.places[len(numbers)].node if len(numbers) < len(self.places) else len(self.network.nodes)
        nodes = list(self.network.nodes[first:last])
        if numbers:
            nodes[0] = replace(nodes[0], operation=self.with_numbers(first, numbers))
        sizes = dict(before.sizes)
        holds = (
            self.has_unbounded_sizes((*before.nodes, *nodes)) if self.size is None else self.fits(nodes, first, sizes)
        )
        if self.work > MAX_WORK:
            says = f"no numbers were found within {MAX_WORK} steps"
            fix = "fewer open numbers, or Open(least, most) with closer bounds"
            raise WellshapedError.of("filling in the network", NOT_SOLVED, "too hard to solve", says, fix)
        return _Reached((*before.nodes, *nodes), sizes) if holds else None

    def with_numbers(self, node: int, numbers: Sequence[int]) -> Operation:
        """The operation of a node with its numbers for this axis."""
        of_fields: dict[str, list[int]] = {}
        for place, number in zip(self.places, numbers, strict=False):
            if place.node == node:
                of_fields.setdefault(place.field, []).append(number)
        operation = self.network.nodes[node].operation
        return _replaced(operation, {name: self.side(operation, name, found) for name, found in of_fields.items()})

    def side(self, operation: Operation, name: str, found: list[int]) -> Any:
        """The value of a field for this axis, with the numbers found for it."""
        side = side_on(getattr(operation, name), self.axis)
        if not isinstance(side, tuple):
            return found[0]
        numbers = iter(found)
        return (tuple(next(numbers) if is_open(number) else number for number in side),)

    def fits(self, nodes: Sequence[Node], first: int, sizes: dict[str, int]) -> bool:
        """Whether the nodes meet their requirements; adds their sizes to ``sizes``."""
        for i, node in enumerate(nodes, first):
            of = [sizes[name] for name in node.inputs]
            along = needs_along(self.network, node, of, self.axis)
            needs = [requirement_of(need, self.network, node, self.axis) for need in along]
            sizes[node.name] = n = node.operation.size(of, self.axis)
            needs += [positive(node.name, n)] if changes_size(node.operation) else []
            self.work += 1
            for need in needs:
                if not need.holds:
                    return self.fails(i, str(need))
        return True

    def has_unbounded_sizes(self, nodes: tuple[Node, ...]) -> bool:
        """Whether infinitely many sizes fit the nodes so far."""
        self.work += _WORK_TO_SOLVE_A_NODE * len(nodes)
        zeros = [fault for node in nodes for fault in zero_faults(node.operation, node.operation.nonzero)]
        if zeros:
            return self.fails(len(nodes), zeros[0].says)
        fit = sizes_that_fit(Network(self.network.inputs, nodes, axes=self.network.axes), self.axis)
        if fit.is_finite:
            of = f" up to {nodes[-1].name}" if nodes else ""
            return self.fails(len(nodes), f"only the sizes {fit} fit{of}" if fit else f"no size fits{of}")
        return True

    def fails(self, at: int, why: str) -> bool:
        """Remember ``why``, if this choice of numbers got through more nodes than any before. Return ``False``."""
        if at > self.furthest:
            self.furthest, self.why = at, why
        return False


def _places(network: Network, axis: int) -> Iterator[_Place]:
    """Every open number in the order of the search: node by node, and the last fields of an operation first."""
    for i, node in enumerate(network.nodes):
        for name in reversed(_open_fields(node.operation)):
            side = side_on(getattr(node.operation, name), axis)
            of_it = side if isinstance(side, tuple) else (side,)
            yield from (_Place(i, name, number) for number in of_it if isinstance(number, Open))


def _open_fields(operation: Operation) -> list[str]:
    return [f.name for f in fields(operation) if is_open(getattr(operation, f.name))]  # type: ignore[arg-type]  # a dataclass


def _replaced(operation: Operation, values: Mapping[str, Any]) -> Operation:
    changed: Operation = replace(operation, **values)  # type: ignore[type-var]  # each operation is a dataclass
    return changed


def _merged(operation: Operation, of_axes: Sequence[Operation]) -> Operation:
    """The operation with the numbers of all axes; ``of_axes`` has one operation for each axis."""
    values: dict[str, Any] = {}
    for name in _open_fields(operation):
        sides = [side_on(getattr(of_axis, name), axis) for axis, of_axis in enumerate(of_axes)]
        values[name] = shortest(sides)
    return _replaced(operation, values)


def _no_numbers(why: str) -> WellshapedError:
    says = f"no numbers fit; the best attempt fails: {why}"
    fix = "change numbers that are not open, or use Open(least, most) with a larger most"
    return WellshapedError.of("filling in the network", "fill", "", says, fix)
