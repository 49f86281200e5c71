"""The parameters of a network: their shapes by node, and their number."""

from collections.abc import Callable, Sequence
from math import prod

from .network import Network
from .operation import Operation, Shapes


def parameter_shapes(network: Network) -> dict[str, Shapes]:
    """The shapes of the parameters of each node that has parameters, by the node's ``layer``, or else its name.

    Kernels have the shape (output channels, input channels, positions); those of transposed convolutions have the input
    channels first, as in SPEC section 6.

    >>> from wellshaped.spec.network import Conv, Network, Node, Norm
    >>> network = Network({"x": 3}, (Node("conv", Conv(3, channels=8, bias=False)), Node("norm", Norm("batch"))))
    >>> parameter_shapes(network)
    {'conv': {'kernel': (8, 3, 3, 3)}, 'norm': {'scale': (8,), 'bias': (8,)}}
    """
    return _of_layers(network, lambda of, channels: of.parameters(channels, network.axes))


def array_shapes(network: Network) -> dict[str, Shapes]:
    """The shapes of all arrays of each layer: those of :func:`parameter_shapes`, and those that are not learned.

    These are the statistics of batch norms, and the kernels of convolutions that are not learned.

    >>> from wellshaped.spec.network import Conv, Network, Node, Norm
    >>> blur = Node("blur", Conv(3, bias=False, groups=3, learned=False))
    >>> array_shapes(Network({"x": 3}, (blur, Node("norm", Norm()))))
    {'blur': {'kernel': (3, 1, 3, 3)}, 'norm': {'scale': (3,), 'bias': (3,), 'mean': (3,), 'var': (3,)}}
    """
    return _of_layers(network, lambda of, channels: of.arrays(channels, network.axes))


def _of_layers(network: Network, shapes_of: Callable[[Operation, Sequence[int]], Shapes]) -> dict[str, Shapes]:
    """The shapes of each layer that has some. A node without any may share the layer of another."""
    found: dict[str, Shapes] = {}
    for node in network.nodes:
        shapes = shapes_of(node.operation, [network.channels[name] for name in node.inputs])
        if shapes:
            found.setdefault(node.path, shapes)
    return found


def parameter_count(network: Network) -> int:
    """The number of parameters of a network.

    >>> from wellshaped.spec.network import Conv, Network, Node
    >>> parameter_count(Network({"x": 3}, (Node("y", Conv(3, channels=8)),)))
    224
    """
    return sum(prod(shape) for shapes in parameter_shapes(network).values() for shape in shapes.values())
