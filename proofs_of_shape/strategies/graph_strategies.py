"""Hypothesis strategies for networks as graphs, with branches, every operation and every join.

>>> from hypothesis import given
>>> @given(graphs())
... def these_have_channels(network):
...     assert all(count >= 1 for count in network.channels.values())
>>> these_have_channels()
"""

from dataclasses import dataclass, field
from fractions import Fraction

from hypothesis import strategies as st

from ...spec.arithmetic.naturals import natural
from ...spec.network import (
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
    Input,
    MaxPool,
    Mean,
    Multiply,
    Network,
    Node,
    Norm,
    Operation,
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
)

_CHANNELS = 4
_few, _strides = st.integers(0, 2), st.sampled_from([1, 2, 2, 3])
_sides = st.one_of(_few, st.tuples(st.tuples(_few, _few)))
_modes = st.sampled_from(["zeros", "mirrored", "replicated", "mirrored, extended"])
_kernels = st.integers(1, 4)
_odd = st.sampled_from(["after", "before", "never"])

_HALVINGS: list[tuple[Operation, Operation]] = [
    (MaxPool(2), ConvTranspose(2, 2)),
    (MaxPool(2, ceil_mode=True), Resize(2)),
    (MaxPool(3, 2, padding=1), Resize(2, mode="linear")),
    (Conv(3, 2, padding=1), ConvTranspose(3, 2, padding=1, output_padding=1)),
    (Conv(3, 2, padding="SAME"), ConvTranspose(3, 2, padding="SAME")),
    (Conv(2, 2, padding="VALID"), ConvTranspose(3, 2, padding="VALID")),
    (AvgPool(2), Resize(2, mode="linear", align_corners=True, less=1)),
    (SpaceToDepth(2), DepthToSpace(2)),
    (Conv(1, 2), ConvTranspose(4, 2, padding=1)),
    (Resize(1, over=2), Resize(2)),
    (MaxPool(3), Resize(3)),
]
"""Pairs of a step down and a step up that undoes it for some sizes."""


def changing_operations() -> st.SearchStrategy[Operation]:
    """Operations of one input. Most of them change a size. Shrinks toward a convolution that keeps every size.

    >>> from hypothesis import find
    >>> find(changing_operations(), lambda operation: isinstance(operation, Crop) and operation.size([5], 0) == 4)
    Crop(amounts=((0, 1),))
    """
    kept: list[Operation] = [Conv(3, padding=1), Norm("instance"), Activation("glu"), Slice(0, 2)]
    kept += [Scale(), Dropout(0.25)]
    return st.one_of(
        st.sampled_from(kept),
        st.sampled_from([operation for pair in _HALVINGS for operation in pair]),
        st.builds(Crop, _sides),
        st.builds(Pad, _sides, mode=_modes),
        st.builds(PadToMultiple, st.integers(1, 6), where=st.sampled_from(["after", "both"]), mode=_modes),
        st.builds(Conv, _kernels, _strides, padding=_sides, dilation=st.integers(1, 2)),
        st.builds(ConvTranspose, _kernels, _strides, padding=_sides, output_padding=st.integers(0, 1)),
        st.builds(MaxPool, _kernels, _strides, padding=_few, ceil_mode=st.booleans()),
        st.builds(Window, _kernels, _strides, padding=_sides, rounding=st.sampled_from(["floor", "ceil", "same"])),
        st.builds(TransposedWindow, _kernels, _strides, padding=_sides, output_padding=_few),
        st.builds(
            Resize,
            st.integers(1, 3),
            mode=st.sampled_from(Resize.choices["mode"]),
            over=st.integers(1, 3),
            less=st.integers(0, 1),
        ),
        st.builds(Require, at_least=st.integers(1, 9), positions=st.integers(1, 9)),
        st.builds(Require, multiple=st.integers(1, 4)),
    )


@dataclass
class _Graph:
    """A network under construction. All nodes have the same channels; the size of each grows by its slope."""

    slopes: dict[str, Fraction]
    nodes: list[Node] = field(default_factory=list)

    def add(self, operation: Operation, *inputs: str) -> str:
        """Add a node; if it changes the channels, a second restores them. Return the last name."""
        name = f"n{len(self.nodes)}"
        self.nodes.append(Node(name, operation, inputs))
        far = 2**12 * 3**6  # at sizes this large, the ratio of output to input is nearly the slope
        slopes = [round(self.slopes[given] * far) for given in inputs]
        self.slopes[name] = Fraction(operation.size(slopes, 0), far).limit_denominator(100)
        if operation.channels_after([_CHANNELS] * len(inputs), 1) != _CHANNELS:
            return self.restored(name)
        return name

    def restored(self, changed: str) -> str:
        name = f"{changed}_channels"
        self.nodes.append(Node(name, Conv(1, channels=_CHANNELS), changed))
        self.slopes[name] = self.slopes.pop(changed)  # so that no other node is joined to it
        return name

    def alike(self, name: str) -> list[str]:
        """The other nodes whose sizes grow by about the same slope."""
        slope = self.slopes[name]
        return [other for other, s in self.slopes.items() if other != name and abs(s - slope) * 50 <= slope]


def graphs(max_nodes: int = 14) -> st.SearchStrategy[Network]:
    """Networks along one axis, with branches, every operation, every join, and up to three inputs.

    They have about ``max_nodes`` nodes. Most joins are of nodes whose sizes grow by the same slope. Shrinks toward no
    nodes. Raises :class:`UsageError` if ``max_nodes`` is not a natural number.

    >>> from wellshaped.spec import Mean
    >>> from hypothesis import find
    >>> def has_a_mean(network):
    ...     return any(isinstance(node.operation, Mean) for node in network.nodes)
    >>> has_a_mean(find(graphs(3), has_a_mean))
    True
    """
    return _graphs(natural(max_nodes, "max_nodes"))


@st.composite
def _graphs(draw: st.DrawFn, max_nodes: int) -> Network:
    inputs = [Input("x", _CHANNELS)]
    inputs += [Input("t", _CHANNELS, single=True)] if draw(st.integers(0, 4)) == 4 else []
    inputs += [Input("z", _CHANNELS)] if draw(st.integers(0, 4)) == 4 else []
    graph = _Graph({given.name: Fraction(0 if given.single else 1) for given in inputs})
    now = "x"
    levels: list[tuple[str, Operation]] = []
    kinds = ["change", "down", "down", "up", "up", "join", "join", "gate", "branch", "require"]
    for _ in range(draw(st.integers(0, max_nodes))):
        kind = draw(st.sampled_from(kinds))
        if kind == "gate":
            vector = draw(st.sampled_from(["t", "x"] if "t" in graph.slopes else ["x"]))
            vector = vector if vector == "t" else graph.add(Mean(), now)
            operation = draw(st.sampled_from([Multiply(broadcast="positions"), Add(broadcast="positions")]))
            now = graph.add(operation, now, vector)
        elif kind == "down":
            down, up = draw(st.sampled_from(_HALVINGS))
            levels.append((now, up))
            now = graph.add(down, now)
        elif kind == "up" and levels:
            skip, up = levels.pop()
            now = _joined(draw, graph, skip, graph.add(up, now))
        elif kind == "branch":
            now = draw(st.sampled_from(sorted(graph.slopes)))
        elif kind == "require":
            other = draw(st.sampled_from(sorted(graph.slopes)))
            now = graph.add(draw(st.builds(Require, within=st.integers(0, 40))), now, other)
        elif kind == "join" and graph.alike(now):
            now = _joined(draw, graph, draw(st.sampled_from(graph.alike(now))), now)
        else:
            now = graph.add(draw(changing_operations()), now)
    return Network(inputs, graph.nodes, now, axes=1)


def _joined(draw: st.DrawFn, graph: _Graph, skip: str, now: str) -> str:
    """Join two nodes: as they are, or after one is cropped, padded or resized to the other's size."""
    how = draw(st.sampled_from(["as they are", "as they are", "skip", "now", "smallest", "several"]))
    to_the_other = st.one_of(
        st.builds(CropTo, odd=_odd),
        st.builds(CropTo, _few),
        st.builds(PadTo, where=st.sampled_from(["both", "after"]), mode=_modes),
        st.just(ResizeTo()),
    )
    if how == "skip":
        skip = graph.add(draw(to_the_other), skip, now)
    elif how == "now":
        now = graph.add(draw(to_the_other), now, skip)
    elif how == "smallest":
        odd = draw(_odd)
        both = CropToSmallest(odd=odd)
        skip, now = graph.add(both, skip, now), graph.add(both, now, skip)
    operation: Operation = draw(st.sampled_from([Concat(), Add(), Multiply()]))
    several = [draw(st.sampled_from(graph.alike(now)))] if how == "several" and graph.alike(now) else []
    return graph.add(operation, skip, now, *several)
