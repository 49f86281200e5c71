"""The graph of a network of steps (:mod:`wellshaped.spec.steps`): how the first step language enters."""

from collections.abc import Iterator

from ..network import AxisNetwork
from ..steps import Join, Keep, Resize, Save, SpaceToDepth, Step, Transposed, Window
from .edges import CropTo, PadTo
from .joins import Add
from .network import Network, Node
from .operation import Operation
from .requiring import Require
from .resampling import Resize as ResizeNode
from .resampling import ResizeTo
from .windows import TransposedWindow
from .windows import Window as WindowNode

_TO_THE_OTHER: dict[str, tuple[Operation, bool]] = {
    "crop": (CropTo(), True),
    "even crop": (CropTo(odd="never"), True),
    "pad": (PadTo(), False),
    "resize": (ResizeTo(), False),
}
"""How a join makes sizes equal, and whether it changes the skip or the size at hand."""


def graph_of(network: AxisNetwork) -> Network:
    """The graph of a network of steps. The node of step ``i`` is named ``i``; the input, before all steps, is ``x``.

    Steps that only look at a size hand on the node before them, so :func:`names_of` says which node each step leaves.

    >>> from wellshaped.spec import AxisNetwork, Join, Save, Transposed, Window
    >>> steps = AxisNetwork((Save("skip"), Window(2, 2), Transposed(2, 2), Join("skip", "crop")))
    >>> [node.name for node in graph_of(steps).nodes]
    ['1', '2', '3 to size', '3']
    """
    return Network({"x": 1}, tuple(_nodes(network)), names_of(network)[-1], axes=1)


def names_of(network: AxisNetwork) -> tuple[str, ...]:
    """The node at hand before the first step and after each, in the order of ``AxisNetwork.run(n).sizes``.

    >>> from wellshaped.spec import AxisNetwork, Save, Window
    >>> names_of(AxisNetwork((Save("skip"), Window(2, 2))))
    ('x', 'x', '1')
    """
    names = ["x"]
    for i, step in enumerate(network.steps):
        names.append(names[-1] if isinstance(step, Save) else f"{i}")
    if network.returns_its_size:
        names[-1] = "returns_its_size"
    return tuple(names)


def _nodes(network: AxisNetwork) -> Iterator[Node]:
    now = before = "x"
    saved: dict[str, str] = {}
    for i, step in enumerate(network.steps):
        name = f"{i}"
        if isinstance(step, Save):
            saved[step.name] = now
            continue
        if isinstance(step, Join):
            yield from _join(step, name, saved[step.name], now)
        elif isinstance(step, Keep):
            yield Node(name, Require(equal=True), (now, before))
        else:
            if isinstance(step, SpaceToDepth):  # as a window, since steps do not know of channels
                yield Node(f"{name} whole", Require(multiple=step.block), now)
            yield Node(name, _operation(step), now)
        before, now = now, name
    if network.returns_its_size:
        yield Node("returns_its_size", Require(equal=True), (now, "x"))


def _operation(step: Step) -> Operation:
    match step:
        case Window():
            sides = ((step.before, step.after),)
            return WindowNode(step.kernel, step.stride, padding=sides, dilation=step.dilation, rounding=step.rounding)
        case Transposed():
            sides, more = ((step.before, step.after),), step.output_padding
            return TransposedWindow(
                step.kernel, step.stride, padding=sides, dilation=step.dilation, output_padding=more
            )
        case Resize():
            return ResizeNode(step.factor)
        case SpaceToDepth():
            return WindowNode(step.block, step.block)
    raise TypeError(step)


def _join(step: Join, name: str, skip: str, now: str) -> Iterator[Node]:
    if step.how == "exact":
        yield Node(name, Add(), (now, skip))
        return
    operation, changes_skip = _TO_THE_OTHER[step.how]
    yield Node(f"{name} to size", operation, (skip, now) if changes_skip else (now, skip))
    yield Node(name, Add(), (f"{name} to size", now if changes_skip else skip))
