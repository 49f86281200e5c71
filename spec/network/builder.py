"""Writing a network node by node: each call adds a node and returns its name, for the next to take (SPEC section 8)."""

from collections.abc import Iterable, Mapping

from .network import Input, Network, Node, node_faults
from .operation import Operation


class NetworkBuilder:
    """A network in the making. Functions of a builder and a name are its blocks, as modules are in other libraries.

    ``inputs`` and ``axes`` are those of :class:`Network`. What is wrong with a node is said, with all other faults,
    when the :meth:`network` is made.

    >>> from wellshaped.spec.network import Activation, Concat, Conv, ConvTranspose, MaxPool, Norm
    >>> def block(net, name, given, channels):
    ...     conv = Conv(3, padding=1, channels=channels, bias=False)
    ...     return net.chain(given, {f"{name}.conv": conv, f"{name}.norm": Norm(), name: Activation()})
    >>> net = NetworkBuilder({"x": 3})
    >>> skip = block(net, "encoder", "x", 16)
    >>> net.add("pooled", MaxPool(2))
    'pooled'
    >>> bottom = block(net, "bottom", "pooled", 32)
    >>> up = net.add("up", ConvTranspose(2, 2, channels=16), bottom)
    >>> y = block(net, "decoder", net.add("joined", Concat(), skip, up), 16)
    >>> net.channels("joined"), net.network().outputs
    (32, ('decoder',))
    """

    def __init__(self, inputs: Mapping[str, int] | Iterable[Input], axes: int = 2) -> None:
        self._empty = Network(inputs, (), axes=axes)
        self._channels = dict(self._empty.channels)
        self._nodes: list[Node] = []
        self._last = self._empty.inputs[0].name

    def add(self, name: str, operation: Operation, *inputs: str, layer: str = "", rule: str = "") -> str:
        """Add a node, and return its name. Its input is by default the node before it.

        Raises :class:`ShapeError` for what no :class:`Node` takes.
        """
        node = Node(name, operation, inputs or (self._last,), layer=layer, rule=rule)
        self._nodes.append(node)
        self._last = name
        any(node_faults(self._empty, node, self._channels))  # the channels, if there is no fault: all are said later
        return name

    def chain(self, given: str, operations: Mapping[str, Operation]) -> str:
        """Add nodes one behind the other, the first behind ``given``, and return the name of the last."""
        for name, operation in operations.items():
            given = self.add(name, operation, given)
        return given

    def channels(self, name: str) -> int:
        """The channels of a node or an input that is there. Raises :class:`ShapeError` where something is wrong."""
        return self._channels[name] if name in self._channels else self.network(name).channels[name]

    def network(self, *outputs: str) -> Network:
        """The network; its output is by default the last node. Raises :class:`ShapeError` with every fault."""
        return Network(self._empty.inputs, self._nodes, outputs, self._empty.axes)
