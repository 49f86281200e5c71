"""Random graphs of one to three axes, for the modules that are built of them and read back."""

from dataclasses import fields, replace

from hypothesis import strategies as st

from wellshaped.proofs_of_shape.strategies import graphs
from wellshaped.spec.network import (
    Activation,
    AvgPool,
    Conv,
    DepthToSpace,
    MaxPool,
    Network,
    Node,
    Norm,
    Pad,
    PadTo,
    PadToMultiple,
)
from wellshaped.spec.network.fields import shortest, side_on

_LEFT_ALONE = {
    **dict.fromkeys(("kernel", "stride", "dilation", "factor", "over", "block", "multiple"), 1),
    **dict.fromkeys(("padding", "output_padding", "less", "amounts", "offset"), 0),
}
"""The numbers of an operation along an axis whose size it keeps."""

_OF_POOLS = ({}, {"kernel": 3, "padding": 1})
_OF_CONVS = (*_OF_POOLS, {"kernel": 2, "padding": (1, 0)}, {"kernel": 3, "padding": 2, "dilation": 2})
"""The numbers of windows that keep the size of an axis with a stride of 1."""

NORMS = ("batch", "group", "instance", "layer")
ACTIVATIONS = tuple(kind for kind in Activation.choices["kind"] if kind != "glu")


@st.composite
def random_networks(draw, prepared, max_nodes=6, norms=NORMS, axes=(1, 2, 3)):
    """Graphs with every kind of norm and activation. ``prepared`` makes a graph of one axis one of the framework.

    Some axes keep their sizes, by other numbers: all numbers are those of ``graphs`` along the other axes. Shrinks
    toward one axis.
    """
    network = prepared(draw(graphs(max_nodes)))
    nodes = [
        replace(node, operation=draw(_others(node.operation, norms)), inputs=node.inputs) for node in network.nodes
    ]
    network = Network(network.inputs, nodes, network.outputs, 1)
    kept = [False] + [draw(st.booleans()) for _ in range(draw(st.sampled_from(axes)) - 1)]
    return along(network, kept, draw)


def _others(of, norms):
    """The operation, or one with other numbers, for a strategy that shrinks toward the operation itself."""
    match of:
        case Norm():
            kinds = st.sampled_from([kind for kind in norms if kind != "group"])
            return st.one_of(kinds.map(Norm), st.builds(Norm, st.just("group"), groups=st.sampled_from([1, 2, 4])))
        case Activation():
            return st.one_of(st.just(of), st.sampled_from(ACTIVATIONS).map(Activation))  # as many channels
        case Conv(channels=None):
            return st.builds(replace, st.just(of), groups=st.sampled_from([1, 1, 2, 4]), bias=st.booleans())
        case MaxPool(ceil_mode=False):
            average = AvgPool(of.kernel, of.stride, padding=of.padding)
            return st.sampled_from([of, of, replace(of, padding="SAME"), average, replace(average, padding="SAME")])
        case Pad(mode="zeros") | PadTo(mode="zeros") | PadToMultiple(mode="zeros"):
            # JAX mirrors a single position by repeating it, and read_jax says so: no graph has this.
            return st.builds(replace, st.just(of), mode=st.sampled_from(["zeros", "replicated"]))
    return st.just(of)


def along(network, kept, draw):
    """A graph of one axis along several; those that are ``kept`` keep their sizes.

    There, ``draw`` draws the window of a convolution or a pool.
    """
    nodes, axes = [], len(kept)
    for node in network.nodes:
        keeping = st.sampled_from(_keeping(node.operation))
        operation = _along(node.operation, kept, [draw(keeping) for _ in kept])
        inputs = node.inputs
        if isinstance(operation, DepthToSpace) and (2 ** kept.count(False)) > 4:
            nodes.append(Node(f"{node.name}_wide", Conv(1, channels=8), inputs))
            inputs = (nodes[-1].name,)
        nodes.append(replace(node, operation=operation, inputs=inputs))
    return Network(network.inputs, nodes, network.outputs, axes)


def _keeping(of):
    """The numbers that an operation can have along an axis whose size it keeps, instead of ``_LEFT_ALONE``."""
    if isinstance(getattr(of, "padding", ""), str) or of.stride is None:
        return [{}]
    return _OF_CONVS if isinstance(of, Conv) else _OF_POOLS if isinstance(of, MaxPool | AvgPool) else [{}]


def _along(operation, kept, keeping):
    changed = {}
    for name in (field.name for field in fields(operation)):
        value = getattr(operation, name, None)
        if name in _LEFT_ALONE and value is not None and not isinstance(value, str):
            along_axes = zip(kept, keeping, strict=True)
            changed[name] = shortest(
                [numbers.get(name, _LEFT_ALONE[name]) if keep else side_on(value, 0) for keep, numbers in along_axes]
            )
    return replace(operation, **changed)
