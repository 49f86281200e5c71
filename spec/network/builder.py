"""Writing a network node by node: each call adds a node and returns its name for later calls (SPEC section 8)."""

from collections.abc import Iterable, Mapping

from .network import Input, Network, Node, node_faults
from .operation import Operation


class NetworkBuilder:
    """A network built node by node. Write a block as a function that takes the builder and a name.

    ``inputs`` and ``axes`` are those of :class:`Network`. :meth:`network` reports everything that is wrong with the
    nodes at once.

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
    >>> net
    <NetworkBuilder with inputs x; nodes: 12, up to decoder>
    """

    def __init__(self, inputs: Mapping[str, int] | Iterable[Input], axes: int = 2) -> None:
        self._empty = Network(inputs, (), axes=axes)
        self._channels = dict(self._empty.channels)
        self._nodes: list[Node] = []
        self._last = self._empty.inputs[0].name

    def __repr__(self) -> str:
        inputs = ", ".join(given.name for given in self._empty.inputs)
        return f"<NetworkBuilder with inputs {inputs}; nodes: {len(self._nodes)}, up to {self._last}>"

    def add(self, name: str, operation: Operation, *inputs: str, layer: str = "", rule: str = "") -> str:
        """Add a node and return its name. Its input is by default the node added before it.

        Raises :class:`ConfigError` as :class:`Node` does.
        """
        node = Node(name, operation, inputs or (self._last,), layer=layer, rule=rule)
        self._nodes.append(node)
        self._last = name
        any(node_faults(self._empty, node, self._channels))  # adds the node's channels; network() reports the faults
        return name

    def chain(self, given: str, operations: Mapping[str, Operation]) -> str:
        """Add a chain of nodes, the first with the input ``given``, and return the name of the last."""
        for name, operation in operations.items():
            given = self.add(name, operation, given)
        return given

    def channels(self, name: str) -> int:
        """The channels of a node or an input. Raises :class:`ConfigError` if it is unknown, or a node is wrong."""
        return self._channels[name] if name in self._channels else self.network(name).channels[name]

    def network(self, *outputs: str) -> Network:
        """The network; its output is by default the last node. Raises :class:`ConfigError` with every fault."""
        return Network(self._empty.inputs, self._nodes, outputs, self._empty.axes)
