"""The parameters of a network: their shapes by node, and their number."""

from math import prod

from .network import Network
from .operation import Shapes


def parameter_shapes(network: Network) -> dict[str, Shapes]:
    """The shapes of the parameters of each node that has parameters, by the node's ``layer``, or else its name.

    Kernels have the shape (output channels, input channels, positions); those of transposed convolutions have the input
    channels first, as in SPEC section 6.

    >>> from wellshaped.spec.network import Conv, Network, Node, Norm
    >>> network = Network({"x": 3}, (Node("conv", Conv(3, channels=8, bias=False)), Node("norm", Norm("batch"))))
    >>> parameter_shapes(network)
    {'conv': {'kernel': (8, 3, 3, 3)}, 'norm': {'scale': (8,), 'bias': (8,)}}
    """
    shapes = {
        node.layer or node.name: node.operation.parameters(
            [network.channels[name] for name in node.inputs], network.axes
        )
        for node in network.nodes
    }
    return {name: of_it for name, of_it in shapes.items() if of_it}


def parameter_count(network: Network) -> int:
    """The number of parameters of a network.

    >>> from wellshaped.spec.network import Conv, Network, Node
    >>> parameter_count(Network({"x": 3}, (Node("y", Conv(3, channels=8)),)))
    224
    """
    return sum(prod(shape) for shapes in parameter_shapes(network).values() for shape in shapes.values())
