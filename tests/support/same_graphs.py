"""Whether a graph that was read has the operations of the graph that was built, and its sizes at every node."""

from collections import Counter
from itertools import islice

from wellshaped.spec import WellshapedError
from wellshaped.spec.network import (
    Activation,
    Add,
    AvgPool,
    Concat,
    Conv,
    ConvTranspose,
    Crop,
    CropTo,
    CropToSmallest,
    DepthToSpace,
    Dropout,
    MaxPool,
    Mean,
    Multiply,
    Norm,
    Pad,
    PadTo,
    PadToMultiple,
    Require,
    Resize,
    ResizeTo,
    Scale,
    Slice,
    SpaceToDepth,
    TransposedWindow,
    Window,
    sizes_that_fit,
)
from wellshaped.spec.network.fields import on_axis
from wellshaped.spec.network.running import sizes_along

_KINDS = {
    **dict.fromkeys((Crop, CropTo, CropToSmallest), "crop"),
    **dict.fromkeys((Pad, PadTo, PadToMultiple), "pad"),
    **dict.fromkeys((Resize, ResizeTo), "resize"),
    **dict.fromkeys((MaxPool, Window), "max-pool"),
    **dict.fromkeys((ConvTranspose, TransposedWindow), "transposed conv"),
    **{
        of: of.__name__
        for of in (
            AvgPool,
            Conv,
            Concat,
            Add,
            Multiply,
            Mean,
            Slice,
            Scale,
            Dropout,
            SpaceToDepth,
            DepthToSpace,
            Norm,
            Activation,
        )
    },
}
"""Operations that run alike: a crop to another node's size, and one by a fixed amount."""


def members(sizes, count=3):
    """The smallest members of a set of sizes, some after 200, and the largest."""
    far = [sizes.above(n) for n in range(200, 200 + 7 * count, 7)]
    some = [*islice(sizes, count), *far, sizes.maximum]
    return list(dict.fromkeys(n for n in some if n is not None))


def differences(built, read):
    """Sentences on what differs between two networks: their sets of sizes, their operations, the sizes of the nodes."""
    if built.axes != read.axes:
        return [f"axes: {built.axes} and {read.axes}"]
    sets = [[sizes_that_fit(of, axis) for of in (built, read)] for axis in range(built.axes)]
    found = [f"axis {axis}: {own} and {other}" for axis, (own, other) in enumerate(sets) if own != other]
    at = [members(own) for own, _ in sets]
    # Branches that do not read each other stand in any order in a graph.
    rows, others = (Counter(map(repr, _rows(of, at))) for of in (built, read))
    found += [f"only in the graph that was built: {row}" for row in (rows - others).elements()]
    return found + [f"only in the graph that was read: {row}" for row in (others - rows).elements()]


def has_graph(network, read):
    """Whether ``read()`` returns a graph, which must then be the network. Where it has none, it may say why."""
    try:
        graph = read()
    except WellshapedError as error:
        assert error.report.failures[0].name in ("confirmed", "no_step", "same_path")  # noqa: PT017 the others are bugs
        return False
    found = differences(network, graph)
    assert not found, "\n".join(found)
    return True


def _rows(network, at):
    """The operation, the channels and the sizes of each node that changes something."""
    along = [[sizes_along(network, n, axis) for n in sizes] for axis, sizes in enumerate(at)]
    same = {}  # the node that a node returns unchanged
    needed = _needed(network, along)
    for node in network.nodes:
        if node.name not in needed:
            continue
        inputs = {same.get(name, name) for name in node.inputs}
        if isinstance(node.operation, Require) or (len(inputs) == 1 and isinstance(node.operation, Add | Multiply)):
            same[node.name] = same.get(node.inputs[0], node.inputs[0])
            continue
        channels = network.channels[node.name]
        sizes, given = ([[of[name] for of in of_axis] for of_axis in along] for name in (node.name, node.inputs[0]))
        if _KINDS[type(node.operation)] in ("crop", "pad", "resize") and sizes == given:
            same[node.name] = same.get(node.inputs[0], node.inputs[0])
            continue
        if (
            isinstance(node.operation, Norm)
            and node.operation.kind == "instance"
            and all(n == 1 for of_axis in given for n in of_axis)
        ):
            continue  # it has nothing to read
        if isinstance(node.operation, Slice) and channels == network.channels[node.inputs[0]]:
            continue
        several = isinstance(node.operation, Add | Multiply)
        single = [set(of_axis) == {1} for of_axis in given]
        for _ in range(_joins([same.get(name, name) for name in node.inputs]) if several else 1):
            yield *_written(node.operation, single, channels), channels, sizes


def _needed(network, along):
    """The nodes that the outputs depend on. What an image is cropped or padded to, without a change, is not needed."""
    needed = set(network.outputs)
    for node in reversed(network.nodes):
        if node.name in needed:
            sizes, given = ([[of[name] for of in of_axis] for of_axis in along] for name in (node.name, node.inputs[0]))
            changes_nothing = _KINDS.get(type(node.operation)) in ("crop", "pad", "resize") and sizes == given
            needed.update(node.inputs[:1] if changes_nothing else node.inputs)
    return needed


def _joins(names):
    """How many sums of two a sum of these is; a sum of an image and itself is a function of each value."""
    alike = next((i for i, name in enumerate(names) if name != names[0]), len(names))
    return len(names) - alike


def _written(of, single, channels):
    """What must be alike in both graphs; an axis of a ``single`` position has no stride."""
    kind = _KINDS[type(of)]
    match of:
        case Conv() | ConvTranspose():
            # With a stride of 1 both are the same operation in JAX.
            numbers = _numbers(of, single)
            return kind if any(stride > 1 for _, stride, _ in numbers) else "conv", numbers, of.groups, of.bias
        case MaxPool() | AvgPool() | Window():
            return kind, _numbers(of, single)
        case Norm(kind="group", groups=1) if all(single):
            return kind, "layer", 1, of.epsilon, of.affine
        case Norm(kind="group", groups=groups) if groups == channels:
            return kind, "instance", 1, of.epsilon, of.affine
        case Norm():
            return kind, of.kind, of.groups, of.epsilon, of.affine
        case Activation():
            return kind, of.kind
        case Resize(over=over, less=0) if of.mode != "linear" and not isinstance(over, tuple) and over == 1:
            return kind, "nearest"  # both repeat each position
        case Resize():
            return kind, of.mode
        case ResizeTo():
            return kind, "linear" if of.mode == "linear" else "nearest"
        case Add() | Multiply():
            return kind, of.broadcast
        case Slice():
            return kind, of.start, of.stop
    return (kind,)


def _numbers(of, single):
    """The kernel, stride and dilation along each axis."""
    stride = of.kernel if of.stride is None else of.stride
    values = (of.kernel, stride, getattr(of, "dilation", 1))
    along = [tuple(on_axis(value, axis) for value in values) for axis in range(len(single))]
    return [(kernel, 1, 1) if one else (kernel, *others) for one, (kernel, *others) in zip(single, along, strict=True)]
