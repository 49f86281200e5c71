"""Networks in which operations on values stand in a row: each after each other, and each after blocks and resizes."""

from wellshaped.spec.network import Activation, DepthToSpace, MaxPool, Network, Node, Norm, Resize, Scale, SpaceToDepth

KINDS = (
    *("relu", "elu", "selu", "silu", "gelu", "gelu_tanh", "sigmoid", "tanh", "softplus", "softmax"),
    *("prelu", "prelu_channels", "snake"),
)
NORMS = (Norm("batch"), Norm("instance"), Norm("group", groups=2), Norm("layer"))
ON_VALUES = (*NORMS, *map(Activation, KINDS), Scale())
SOME_ON_VALUES = (NORMS[0], NORMS[2], *map(Activation, ("silu", "gelu", "gelu_tanh", "snake")))


def in_a_row(*operations, axes=1):
    """A network of 4 channels with each operation on the result of the one before."""
    return Network({"x": 4}, [Node(f"n{i}", of) for i, of in enumerate(operations)], axes=axes)


def each_after_each(operations):
    """A network in which each operation stands after each of them once."""
    row = []
    for i, first in enumerate(operations):
        row.append(first)
        for second in operations[i + 1 :]:
            row += [first, second]
    return in_a_row(*row, operations[0])


def each_after_blocks(operations):
    """A network in which each operation stands after positions became channels, the reverse, and a resize."""
    return in_a_row(
        *(
            each
            for of in operations
            for each in (SpaceToDepth(2), of, DepthToSpace(2), of, Resize(2), of, MaxPool(2), Activation("relu"))
        )
    )


ROWS = {
    "some": each_after_each(SOME_ON_VALUES),
    "all": each_after_each(ON_VALUES),
    # A group norm would split channels that have positions in them.
    "all, after blocks": each_after_blocks([of for of in ON_VALUES if of != NORMS[2]]),
}
