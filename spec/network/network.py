"""A network as a graph of named nodes, and the checks that run when you create one (SPEC section 8)."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from ..arithmetic.naturals import natural
from ..messages.choices import nearest_choice
from ..messages.report import ConfigError, Report, UsageError, Verdict
from ..messages.written import Written, clipped, kind_of, written_argument, written_number, written_value
from .fields import read_field
from .operation import Fault, Operation, counted, zero_faults
from .proposing import (
    another_name,
    for_its_axes,
    given_channels,
    names_in,
    numbered,
    other_number_of_inputs,
    quoted,
    written_names,
)

AXES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
"""The names of the axes, by how many the network has. A layout such as ``CHW`` uses their first letters."""

MAX_AXES = max(AXES)

FEW_CHANNELS = 4
"""The most channels of a usual image: red, green, blue and alpha. A larger number is probably a size."""

MAX_LETTERS = 200
"""The most letters of a name, which has to fit in messages and files."""

_SHOWN = 3  # faults shown for each rule


def _name(value: object, call: str, field: str = "name") -> str:
    """Return ``value`` if it can be a name. The error writes ``call`` and ``field=value``, such as ``Node(name=5)``."""
    if isinstance(value, str) and 1 <= len(value) <= MAX_LETTERS and value.isprintable():
        return value
    given = written_argument(field, value)
    if not isinstance(value, str):
        says = f"{given} is {kind_of(value)}, and must be a str"
    else:
        says = f"{given} must have 1 to {MAX_LETTERS} printable characters"
    raise ConfigError.of(f"{call}{given})", "name", "not a name", says, f'{field}="encoder"')


def _label(value: object, of: str, subject: str) -> str:
    """Check a text that may be empty."""
    if isinstance(value, str) and len(value) <= MAX_LETTERS and (value.isprintable() or not value):
        return value
    given = written_argument(of, value)
    says = f"{given} must be a str of at most {MAX_LETTERS} printable characters"
    raise ConfigError.of(subject, of, "not a name", says, f'{of}="encoder"')


@dataclass(frozen=True, slots=True, repr=False)
class Input(Written):
    """An input of a network: a name, its ``channels``, and whether it is a vector (a ``single`` position).

    ``rule`` is the name that messages give to the requirement of at least one position. ``{}`` in it becomes the
    axis's letter: ``h_{}_pos`` reads ``h_H_pos``.
    Raises :class:`ConfigError` for a name or a rule that is not a short, printable text, or a ``single`` that is not a
    bool, and :class:`UsageError` for ``channels`` that are not natural.

    >>> Input("x", 3), Input("time", 128, single=True)
    (Input(name='x', channels=3), Input(name='time', channels=128, single=True))
    """

    name: str
    channels: int = 1
    single: bool = False
    rule: str = ""

    def __post_init__(self) -> None:
        _name(self.name, "Input(")
        object.__setattr__(self, "channels", natural(self.channels, "channels"))
        read_field(self.single, "single", bool)
        _label(self.rule, "rule", f"Input({written_argument('name', self.name)})")


@dataclass(frozen=True, slots=True, repr=False, init=False)
class Node(Written):
    """One named operation in a network. ``inputs`` are names of earlier nodes, or of the network's inputs.

    A single input needs no tuple. Without ``inputs``, the node takes the output of the node before it. ``layer`` is the
    path of the parameters in the code, if that is not the node's name. ``rule`` is the name that the Lean source gives
    to the requirement of this node on sizes, if it has one; ``{}`` in it stands for the letter of an axis, such as H.
    Raises :class:`ConfigError` for a value of a wrong type.

    >>> from wellshaped.spec.network import MaxPool
    >>> Node("pooled", MaxPool(2), "encoder").inputs
    ('encoder',)
    """

    name: str
    operation: Operation
    inputs: tuple[str, ...]
    layer: str = ""
    rule: str = ""

    def __init__(
        self, name: str, operation: Operation, inputs: str | Iterable[str] = (), *, layer: str = "", rule: str = ""
    ) -> None:
        object.__setattr__(self, "name", _name(name, "Node("))
        if not isinstance(operation, Operation):
            says = f"the operation of {name} is {kind_of(operation)}, and must be an Operation of wellshaped.spec"
            raise ConfigError.of(f'Node("{clipped(name)}")', "operation", "", says, "Conv(3, padding=1)")
        object.__setattr__(self, "operation", operation)
        object.__setattr__(self, "inputs", as_names(inputs, f'Node("{clipped(name)}", ', "inputs"))
        for of, text in (("layer", layer), ("rule", rule)):
            object.__setattr__(self, of, _label(text, of, f'Node("{clipped(name)}")'))

    @property
    def path(self) -> str:
        """The path of its layer: ``layer``, or else its name. Nodes with one path share their parameters."""
        return self.layer or self.name


@dataclass(frozen=True, slots=True, repr=False, init=False)
class Network(Written):
    """A network: ``inputs``, ``nodes`` in an order in which they can be computed, and the names of its ``outputs``.

    ``inputs`` are :class:`Input` values, or a mapping from names to channels. ``outputs`` is by default the last node.
    ``axes`` is the number of spatial axes. :attr:`channels` has the channels of every input and node, by name. Messages
    call the network by its ``name``, which does not count when two networks are compared.

    Raises :class:`ConfigError` with every fault: an unknown input, a name used twice, a wrong number of inputs, numbers
    for more or fewer axes, a kernel of 0, channels that do not match.

    >>> from wellshaped.spec import Node
    >>> from wellshaped.spec.network import Concat, Conv, ConvTranspose, MaxPool
    >>> unet = Network(
    ...     inputs={"x": 3},
    ...     nodes=(
    ...         Node("encoder", Conv(3, padding=1, channels=16)),
    ...         Node("pooled", MaxPool(2)),
    ...         Node("bottom", Conv(3, padding=1, channels=32)),
    ...         Node("up", ConvTranspose(2, 2, channels=16)),
    ...         Node("joined", Concat(), ("encoder", "up")),
    ...         Node("y", Conv(1, channels=1)),
    ...     ),
    ... )
    >>> unet.channels["joined"], unet.nodes[1].inputs
    (32, ('encoder',))
    """

    inputs: tuple[Input, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]
    axes: int = 2
    name: str = field(default="", kw_only=True, repr=False, compare=False)
    channels: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __init__(
        self,
        inputs: Mapping[str, int] | Iterable[Input],
        nodes: Iterable[Node],
        outputs: str | Iterable[str] = (),
        axes: int = 2,
        *,
        name: str = "",
    ) -> None:
        object.__setattr__(self, "inputs", _inputs(inputs))
        object.__setattr__(self, "nodes", _nodes(nodes, self.inputs))
        last = (self.nodes[-1] if self.nodes else self.inputs[0]).name
        object.__setattr__(self, "outputs", as_names(outputs, "Network(", "outputs") or (last,))
        object.__setattr__(self, "axes", natural(axes, "axes"))
        object.__setattr__(self, "name", _label(name, "name", "the network"))
        channels: dict[str, int] = {}
        faults = list(_faults(self, channels))
        # Shared parameters can only be compared if every node is right by itself.
        _report(faults or list(_layer_faults(self, channels))).raise_if_failed()
        object.__setattr__(self, "channels", channels)

    @property
    def axis_names(self) -> tuple[str, ...]:
        """The names of the axes: ``("height", "width")`` for two."""
        return AXES[self.axes]

    @property
    def image(self) -> Input:
        """The first input that is not a vector, or the first input if all are vectors."""
        return next((given for given in self.inputs if not given.single), self.inputs[0])

    def node(self, name: str) -> Node:
        """The node with this name. Raises :class:`UsageError` if there is none."""
        for node in self.nodes:
            if node.name == name:
                return node
        says = f"the network has no node {written_value(name)}"
        fix = nearest_choice(name, [node.name for node in self.nodes] or [""])
        raise UsageError.of(f"node {written_value(name)}", "unknown_node", "", says, written_value(fix))


def as_names(given: object, call: str, field: str) -> tuple[str, ...]:
    """One name or several as a tuple."""
    if isinstance(given, str):
        given = (given,)
    if not isinstance(given, Iterable):
        text = written_argument(field, given)
        says = f"{text} must be a name, or a tuple of names"
        raise ConfigError.of(f"{call}{text})", "names", "not a name", says, f'{field}=("encoder", "up")')
    return tuple(_name(name, call, field) for name in given)


def _inputs(given: object) -> tuple[Input, ...]:
    pairs = [Input(name, channels) for name, channels in given.items()] if isinstance(given, Mapping) else given
    inputs = tuple(pairs) if isinstance(pairs, Iterable) else ()
    if not inputs or not all(isinstance(i, Input) for i in inputs):
        given = clipped(written_value(given))
        says = f"inputs={given} must have at least one input: Input values, or a dict from names to channels"
        raise ConfigError.of("the network", "inputs", "", says, 'inputs={"x": 3}')
    return inputs


def _nodes(given: object, inputs: tuple[Input, ...]) -> tuple[Node, ...]:
    nodes = tuple(given) if isinstance(given, Iterable) else (given,)
    wrong = [node for node in nodes if not isinstance(node, Node)]
    if wrong:
        says = f"one node is {clipped(written_value(wrong[0]))}, and must be a Node"
        raise ConfigError.of("the network", "nodes", "", says, 'nodes=(Node("y", Conv(3), "x"),)')
    before = (inputs[0].name, *(node.name for node in nodes))
    pairs = zip(nodes, before, strict=False)  # no node follows the last
    return tuple(node if node.inputs else replace(node, inputs=(name,)) for node, name in pairs)


def _faults(network: Network, channels: dict[str, int]) -> Iterator[Fault]:
    """Yield every fault, and fill ``channels`` with those of each node without a fault."""
    if not 1 <= network.axes <= MAX_AXES:
        says = f"the network has axes={written_number(network.axes)}, and must have 1, 2 or {MAX_AXES}"
        yield Fault("axes", says, "axes=2")
        return  # nodes have numbers for each axis, and there may be very many axes
    known: set[str] = set()
    later = {node.name for node in network.nodes}
    for given in network.inputs:
        if given.name in known:
            fix = partial(_renamed, network, given.name)
            yield Fault("name_twice", f"the name {given.name} is used for two inputs", fix)
        if given.channels == 0:
            says = f"the input {given.name} has channels=0, and must have at least 1"
            yield Fault("channels_pos", says, f"Input({quoted(given.name)}, channels=1)")
        known.add(given.name)
        channels[given.name] = given.channels
    for node in network.nodes:
        if node.name in known:
            fix = partial(_renamed, network, node.name)
            yield Fault("name_twice", f"the name {node.name} is used twice", fix)
        for name in node.inputs:
            if name not in known:
                what = f"the input {name} of {node.name}"
                says = f"{node.name} takes {name}, which is neither an earlier node nor an input"
                yield _later(network, what, name, node) if name in later else _unknown(network, says, name, node)
        yield from node_faults(network, node, channels)
        known.add(node.name)
    for name in network.outputs:
        if name not in known:
            yield _unknown(network, f"the output {name} is neither a node nor an input", name)
    for name, times in Counter(network.outputs).items():
        if times > 1:
            fix = partial(written_names, "outputs", tuple(dict.fromkeys(network.outputs)))
            yield Fault("name_twice", f"the output {name} is listed {times} times", fix)


def _layer_faults(network: Network, channels: Mapping[str, int]) -> Iterator[Fault]:
    """Yield the faults of nodes that share a layer, but not the shapes of its parameters."""
    of_layers: dict[str, list[Node]] = {}
    for node in network.nodes:
        of_layers.setdefault(node.path, []).append(node)
    for layer, nodes in of_layers.items():
        if len(nodes) == 1:
            continue
        layers = [node.operation.layer([channels[name] for name in node.inputs], network.axes) for node in nodes]
        held = [(node, of_it) for node, of_it in zip(nodes, layers, strict=True) if of_it]
        for node, of_it in held[1:]:
            if of_it != held[0][1]:
                says = f"{held[0][0].name} and {node.name} share the layer {layer}, and their parameters differ"
                fix = f"{node.name}: layer={quoted(clipped(f'{layer}.{node.name}', MAX_LETTERS))}"
                yield Fault("layer_shared", f"{says}: {held[0][1]} and {of_it}", fix)


def node_faults(network: Network, node: Node, channels: dict[str, int]) -> Iterator[Fault]:
    """The faults of a node; if there are none, adds the node's channels to ``channels``."""

    def at(fault: Fault) -> Fault:
        says = fault.says.format(*(node.inputs[i] for i in fault.inputs)) if fault.inputs else fault.says
        if fault.expected is not None:
            fix: str | Callable[[], str] = partial(given_channels, network, node, *fault.expected)
        elif isinstance(fault.fix, str):
            fix = f"{node.name}: {fault.fix}"
        else:
            fix = fault.fix
        return replace(fault, says=f"{node.name}: {says}", fix=fix)

    faults = list(_count_and_axes(network, node))
    if not network.inputs[0].rule:  # the graph of the source's config is stated for all naturals
        faults += zero_faults(node.operation, node.operation.nonzero)
    if all(name in channels for name in node.inputs):  # otherwise the fault is before this node
        given = [channels[name] for name in node.inputs]
        faults += [] if faults else list(node.operation.faults(given, network.axes))
        if not faults:
            channels[node.name] = node.operation.channels_after(given, network.axes)
    yield from map(at, faults)


def _count_and_axes(network: Network, node: Node) -> Iterator[Fault]:
    least, most = node.operation.input_count
    count = len(node.inputs)
    if count < least or (most is not None and count > most):
        takes = f"{least}" if most == least else f"{least} or more" if most is None else f"{least} to {most}"
        says = f"{type(node.operation).__name__} has {counted(count, 'input')}, and takes {takes}"
        yield Fault("number_of_inputs", says, partial(other_number_of_inputs, network, node))
    for name, axes in node.operation.axes().items():
        if axes != network.axes:
            says = f"{name} has numbers for {axes} axes, and the network has {network.axes}"
            yield Fault("axes_differ", says, partial(for_its_axes, network, node, name))


def _renamed(network: Network, name: str) -> str:
    return f"the second {name}: name={quoted(numbered(name, names_in(network), 2))}"


def _unknown(network: Network, says: str, name: str, node: Node | None = None) -> Fault:
    return Fault("unknown_input", says, partial(another_name, network, name, node))


def _later(network: Network, what: str, name: str, node: Node) -> Fault:
    """The fault of an input that comes later. Another order fixes it, unless the two nodes depend on each other."""
    inputs = {node.name: node.inputs for node in network.nodes}
    behind, waiting = {name}, [name]
    while waiting:
        new = [given for given in inputs.get(waiting.pop(), ()) if given not in behind]
        behind.update(new)
        waiting += new
    if node.name in behind:
        says = f"{what} depends on {node.name} itself" if name != node.name else f"{what} is the node itself"
        fix = f"in the inputs of {node.name}, replace {name} by a node that does not depend on {node.name}"
        return Fault("unknown_input", f"{says}, and a network must not have cycles", fix)
    fix = f"move the node {name} before {node.name}"
    return Fault("unknown_input", f"{what} comes after it, and must come before", fix)


_ABOUT = {
    "channels_pos": "no channels",
    "groups_pos": "no groups",
    "slice_within": "no such channels",
    "unknown_input": "",
    "name_twice": "names must differ",
    "number_of_inputs": "wrong number of inputs",
    "axes": "wrong number of axes",
    "axes_differ": "numbers for more or fewer axes",
    "layer_shared": "two nodes share a layer",
    **{f"{name}_pos": "" for name in ("kernel", "stride", "dilation")},
}
"""The words that open the line of a rule; all other rules are about channels."""


def _report(faults: list[Fault]) -> Report:
    """The faults grouped by rule: the first few of each, and how many more there are."""
    verdicts: list[Verdict] = []
    fixes: dict[str, None] = {}
    for rule in dict.fromkeys(fault.rule for fault in faults):
        of_it = [fault for fault in faults if fault.rule == rule]
        said = [fault.says for fault in of_it[:_SHOWN]]
        said += [f"and {len(of_it) - _SHOWN} more"] if len(of_it) > _SHOWN else []
        about = _ABOUT.get(rule, "channels do not match")
        verdicts += [Verdict(rule, False, says, about) for says in said]
        fix = of_it[0].fix  # finding one can be slow, and only the first is shown
        fixes.setdefault(fix if isinstance(fix, str) else fix())
    return Report("the network", tuple(verdicts), tuple(fixes)[:_SHOWN], error=ConfigError)
