"""Running a network on sizes: the size of every node by name, and every requirement judged (SPEC section 8)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import SupportsIndex

from ..arithmetic.naturals import as_integer, natural
from ..messages.choices import near_name
from ..messages.report import ShapeError, UsageError
from ..messages.written import Written, clipped, count_word, in_words, kind_of, written_argument, written_value
from .network import FEW_CHANNELS, Input, Network, Node
from .operation import Operation, changes_size, requires_together
from .requirement import AT_LEAST, Need, Requirement

Sizes = int | Mapping[str, int]
"""One size for all inputs, or the size of each input by name."""

AxisSizes = int | Sequence[int]
"""The sizes of an image, one for each axis, or just a number for a network with one axis."""


@dataclass(frozen=True, slots=True, repr=False)
class Run(Written):
    """A network run along one axis: the size of every input and node, and every requirement.

    >>> from wellshaped.spec.network import MaxPool, Network, Node
    >>> of_1 = run(Network({"x": 1}, (Node("pooled", MaxPool(2)),)), 1)
    >>> of_1.ok, of_1.failures[0].node, of_1.failures[0].rule, of_1.sizes["pooled"]
    (False, 'pooled', 'positive', 0)
    """

    sizes: Mapping[str, int]
    requirements: tuple[Requirement, ...]

    @property
    def ok(self) -> bool:
        """Whether every requirement holds."""
        return all(requirement.holds for requirement in self.requirements)

    @property
    def failures(self) -> tuple[Requirement, ...]:
        """The requirements that do not hold, in the order of the nodes."""
        return tuple(requirement for requirement in self.requirements if not requirement.holds)


def run(network: Network, size: Sizes, axis: int | str = 0) -> Run:
    """Run the network on inputs of this ``size`` along ``axis``. It computes all sizes, even if a requirement fails.

    ``size`` is one size for all inputs, or a mapping with the size of each by name; an input without axes, such as a
    time embedding, needs none. A size of 0 at an input or node is listed as a failure. Raises :class:`UsageError` if a
    size is not natural or missing, or the network has no such axis.

    >>> from wellshaped.spec.network import Concat, ConvTranspose, MaxPool, Network, Node
    >>> halve = Network({"x": 1}, (
    ...     Node("pooled", MaxPool(2)),
    ...     Node("up", ConvTranspose(2, 2)),
    ...     Node("joined", Concat(), ("x", "up")),
    ... ))
    >>> of_303 = run(halve, 303)
    >>> dict(of_303.sizes), [str(failure) for failure in of_303.failures]
    ({'x': 303, 'pooled': 151, 'up': 302, 'joined': 303}, ['joined: x is 303, up is 302, and they must be equal'])
    """
    axis = axis_of(network, axis)
    sizes = input_sizes(network, size)
    requirements = [positive(given.name, sizes[given.name], label_of(given, network, axis)) for given in network.inputs]
    for node in network.nodes:
        of = [sizes[name] for name in node.inputs]
        sizes[node.name] = n = node.operation.size(of, axis)
        requirements += (requirement_of(need, network, node, axis) for need in needs_along(network, node, of, axis))
        if changes_size(node.operation):
            requirements.append(positive(node.name, n))
    return Run(sizes, tuple(requirements))


def needs_along(network: Network, node: Node, sizes: Sequence[int], axis: int) -> tuple[Need, ...]:
    """The requirements of a node along ``axis``, for these sizes of its inputs.

    If the network has one axis, those over all axes together are among them, except those that only warn.

    >>> from wellshaped.spec.network import Network, Node, Norm
    >>> network = Network({"x": 4}, (Node("y", Norm("instance")),), axes=1)
    >>> [(need.left, need.relation.says, need.right) for need in needs_along(network, network.nodes[0], [1], 0)]
    [(1, 'must be at least', 2)]
    """
    needs = node.operation.needs(sizes, axis)
    if network.axes > 1 or not requires_together(node.operation):
        return needs
    of_one = _needs_of_one_position(node.operation, tuple(network.channels[name] for name in node.inputs))
    return (*needs, *(replace(need, left=sizes[0] if need.left == 1 else sizes[0] * need.left) for need in of_one))


@lru_cache(maxsize=1024)
def _needs_of_one_position(operation: Operation, channels: tuple[int, ...]) -> tuple[Need, ...]:
    """The requirements over all axes together that an image of a single position fails."""
    needs = operation.needs_together([(1,)] * len(channels), channels)
    return tuple(need for need in needs if not (need.warns or need.relation.holds(need.left, need.right)))


def positive(name: str, size: int, label: str = "") -> Requirement:
    """The requirement that a size is at least 1."""
    return Requirement(name, "positive", size, AT_LEAST, 1, name, label=label)


def label_of(named: Input | Node, network: Network, axis: int) -> str:
    """The source's name for the requirement of a node or an input along an axis."""
    return named.rule.replace("{}", network.axis_names[axis][0].upper())


def requirement_of(need: Need, network: Network, node: Node, axis: int | None) -> Requirement:
    """The ``need`` of an operation as a requirement of its node, along an ``axis`` or over all axes (``None``)."""
    left_of, right_of = (
        node.inputs[whose] if isinstance(whose, int) else whose for whose in (need.left_of, need.right_of)
    )
    at = node.inputs[0] if node.operation.only_checks else node.name
    label = "" if axis is None else label_of(node, network, axis)
    numbers = need.left, need.relation, need.right
    return Requirement(at, need.rule, *numbers, left_of, right_of, label, need.about, need.warns, need.fix)


@dataclass(frozen=True, slots=True, repr=False)
class ImageRun(Written):
    """A network run on an image: a :class:`Run` for each axis, and the requirements over all axes together.

    A requirement over all axes together that only ``warns`` does not make the image unfit. If there is only one axis,
    its run has the other ones.

    >>> from wellshaped.spec.network import MaxPool, Network, Node
    >>> run_image(Network({"x": 1}, (Node("pooled", MaxPool(2)),)), (304, 384)).shape("pooled")
    (152, 192)
    """

    axes: tuple[Run, ...]
    together: tuple[Requirement, ...]

    @property
    def ok(self) -> bool:
        """Whether every requirement holds, on each axis and over all axes together."""
        return all(of_it.ok for of_it in self.axes) and all(it.warns or it.holds for it in self.together)

    def shape(self, name: str) -> tuple[int, ...]:
        """The sizes of a node or an input along all axes."""
        return tuple(of_it.sizes[name] for of_it in self.axes)


def run_image(network: Network, sizes: Sequence[Sizes]) -> ImageRun:
    """Run the network on an image with these ``sizes``, one for each axis.

    Raises :class:`ShapeError` if the number of sizes is not the number of axes, and the errors of :func:`run`.

    >>> from wellshaped.spec.network import MaxPool, Network, Node, Norm
    >>> network = Network({"x": 4}, (Node("pooled", MaxPool(2)), Node("y", Norm("instance"))))
    >>> run_image(network, (2, 3)).ok, run_image(network, (4, 3)).ok
    (False, True)
    """
    if isinstance(sizes, str | bytes | Mapping) or not isinstance(sizes, Sequence) or len(sizes) != network.axes:
        raise _other_axes(network, sizes, "the image")
    runs = tuple(run(network, size, axis) for axis, size in enumerate(sizes))
    return ImageRun(runs, tuple(_together(network, [of_it.sizes for of_it in runs])))


def require_sizes(
    network: Network,
    sizes: AxisSizes,
    shape: Sequence[int] | None = None,
    channels: int | None = None,
    of: str = "the image",
) -> tuple[int, ...]:
    """The ``sizes`` as a tuple of natural numbers, one for each axis; a single number is the size of the only axis.

    ``shape`` is the whole shape, channels first, if the caller takes one: errors then show it, and propose another one
    with the ``channels`` that the network takes (``None`` for any number). ``of`` says in an error what was given.

    Raises :class:`ShapeError` if the number of sizes is not the number of axes, and :class:`UsageError` if a size is
    not natural.

    >>> from wellshaped.spec.network import MaxPool, Network, Node
    >>> pool = Network({"x": 3}, (Node("pooled", MaxPool(2)),))
    >>> require_sizes(pool, (3, 500, 700))
    Traceback (most recent call last):
    ...
    wellshaped.spec.messages.report.ShapeError: the image does not fit.
      axes: (3, 500, 700) has three sizes, and needs two: height and width; leave out the channels.
      fix: (500, 700)
    """
    given: Sequence[int] = sizes if isinstance(sizes, Sequence) else (sizes,)
    if isinstance(given, str | bytes | bytearray) or len(given) != network.axes:
        raise _other_axes(network, sizes, of) if shape is None else _other_shape(network, shape, channels)
    return tuple(natural(n, name) for n, name in zip(given, network.axis_names, strict=True))


def _other_axes(network: Network, sizes: object, of: str) -> ShapeError:
    given = clipped(written_value(sizes))
    needs = f"{count_word(network.axes)}: {in_words(network.axis_names)}"
    if isinstance(sizes, str | bytes | bytearray | Mapping):
        says = f"{given} is {kind_of(sizes)}; {of} needs {needs}"
    else:
        count = len(sizes) if isinstance(sizes, Sequence) else 1
        says = f"{given} has {count_word(count)} size{'s' * (count != 1)}, and needs {needs}"
        says += "; leave out the channels" if count == network.axes + 1 else ""
    return ShapeError.of(of, "axes", "", says, written_value(_spatial(network, _numbers(sizes))))


def _other_shape(network: Network, shape: Sequence[int], needed: int | None) -> ShapeError:
    given, count = clipped(written_value(tuple(shape))), len(shape)
    needs = f"{count_word(network.axes + 1)}: {in_words(('channels', *network.axis_names))}"
    says = f"{given} has {count_word(count)} number{'s' * (count != 1)}, and needs {needs}"
    says += "; leave out the batch" if count == network.axes + 2 else ""
    numbers = _numbers(shape)
    before = numbers[: -network.axes]  # the batch and the channels, if there are enough numbers
    if not before and numbers and numbers[0] <= FEW_CHANNELS:
        before, numbers = numbers[:1], numbers[1:]
    channels = needed if needed is not None else before[-1] if before else 1
    return ShapeError.of("the image", "axes", "", says, written_value((channels, *_spatial(network, numbers))))


def _numbers(sizes: object) -> list[int]:
    """The positive integers among ``sizes``."""
    given = sizes if isinstance(sizes, Sequence) else (sizes,)
    return [n for n in map(as_integer, given) if n is not None and n > 0]


def _spatial(network: Network, numbers: list[int]) -> tuple[int, ...]:
    """The sizes that the numbers most likely mean: the last ones, or the first ones if channels are last."""
    if len(numbers) == network.axes + 1 and seem_last(numbers):
        numbers = numbers[:-1]
    sizes = tuple(numbers[-network.axes :])
    return sizes + (sizes[-1] if sizes else 64,) * (network.axes - len(sizes))


def seem_last(shape: Sequence[int]) -> bool:
    """Whether only the last number of a shape is as small as the channels of an image.

    >>> seem_last((388, 390, 2)), seem_last((3, 388, 390)), seem_last((388, 390, 64))
    (True, False, False)
    """
    *others, last = shape
    return last <= FEW_CHANNELS < min(others)


def fits_together(network: Network, sizes: Sequence[int]) -> bool:
    """Whether the requirements over all axes together hold for an image with these ``sizes``."""
    if network.axes == 1 or not any(requires_together(node.operation) for node in network.nodes):
        return True
    along = [sizes_along(network, n, axis) for axis, n in enumerate(require_sizes(network, sizes))]
    return all(requirement.warns or requirement.holds for requirement in _together(network, along))


@lru_cache(maxsize=1024)
def sizes_along(network: Network, size: int, axis: int) -> Mapping[str, int]:
    """The size of each input and node along ``axis``: what :func:`run` computes, without the requirements.

    >>> from wellshaped.spec.network import MaxPool, Network, Node
    >>> sizes_along(Network({"x": 1}, (Node("pooled", MaxPool(2)),)), 303, 0)
    {'x': 303, 'pooled': 151}
    """
    sizes = input_sizes(network, size)
    for node in network.nodes:
        sizes[node.name] = node.operation.size([sizes[name] for name in node.inputs], axis)
    return sizes


def _together(network: Network, sizes: Sequence[Mapping[str, int]]) -> Iterator[Requirement]:
    for node in network.nodes:
        if not requires_together(node.operation):
            continue
        shapes = [tuple(along[name] for along in sizes) for name in node.inputs]
        needs = node.operation.needs_together(shapes, [network.channels[name] for name in node.inputs])
        yield from (requirement_of(need, network, node, None) for need in needs if network.axes > 1 or need.warns)


def axis_of(network: Network, axis: SupportsIndex | str) -> int:
    """Return the number of an axis, counted from 0. It may be given by its name, such as ``"height"``.

    Raises :class:`UsageError` if ``network`` has no such axis.

    >>> from wellshaped.spec import PRESETS
    >>> axis_of(PRESETS["milesial"], "width")
    1
    """
    names = network.axis_names
    if isinstance(axis, str) and not axis.isdecimal():
        if axis in names:
            return names.index(axis)
        says = f"the {'axis is' if len(names) == 1 else 'axes are'} {in_words(names)}"
        fix = f'axis="{near_name(axis, names) or names[0]}"'
        raise UsageError.of(written_argument("axis", axis), "axis", "no such axis", says, fix)
    axis = natural(axis, "axis")
    if axis >= network.axes:
        says = f"the network has {network.axes} axes, counted from 0"
        raise UsageError.of(f"axis={axis}", "axis", "no such axis", says, f"axis={network.axes - 1}")
    return axis


def input_sizes(network: Network, size: Sizes) -> dict[str, int]:
    """The size of each input, by its name. It is 1 for an input with a single position.

    Raises :class:`UsageError` if a size is not natural or missing.
    """
    return {given.name: _given(size, given) for given in network.inputs}


def _given(size: Sizes, given: Input) -> int:
    if given.single:
        return 1
    if not isinstance(size, Mapping):
        return natural(size, "size")
    if given.name not in size:
        says = f"it has no size; there are sizes for {', '.join(map(str, size)) or 'no input'}"
        raise UsageError.of(f"the input {given.name}", "unknown_size", "", says, f'"{given.name}": 64')
    return natural(size[given.name], given.name)
