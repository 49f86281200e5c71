"""The stages of a network for one input: each with its shape, parameters and cost."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod

from ..arithmetic.naturals import natural
from ..messages.written import Written
from ..network.network import Network, Node
from ..network.running import run_image
from ..network.scale import scales_of
from .any_network import AnyNetwork, graph_of
from .checking import check


@dataclass(frozen=True, slots=True, repr=False)
class Stage(Written):
    """A node with its shape and cost, for one input. The norms and activations that follow it are included.

    - ``name``: the last of these nodes; ``op``: their operations; ``inputs``: the stages before it.
    - ``shape``: channels first.
    - ``layer``: the path of the parameters in the code, if there are any.
    - ``parameters``, ``multiply_adds``: counts. Only convolutions have multiply-adds.
    - ``scale``: positions per position of the input, along the axis with the fewest. It is 1/2 after a pooling by 2.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    shape: tuple[int, ...]
    layer: str | None = None
    parameters: int = 0
    multiply_adds: int = 0
    scale: Fraction = Fraction(1)


def stages(network: AnyNetwork, shape: Sequence[int], *, out_channels: int | None = None) -> tuple[Stage, ...]:
    """Return the stages of a network for an image of this ``shape``, from the inputs to the outputs.

    ``shape`` and ``out_channels`` are those of :func:`check`, with the channels first. Raises :class:`ShapeError` with
    the report of :func:`check` if the image does not fit or the network can't be built, and the errors of
    :func:`check`.

    >>> from wellshaped.spec import UNet2Config
    >>> for stage in stages(UNet2Config(base_channels=8), (1, 304, 384))[:4]:
    ...     print(stage.name, "|", stage.op, "|", stage.shape, stage.parameters, stage.multiply_adds)
    x | input | (1, 304, 384) 0 0
    s1 | conv, relu | (8, 304, 384) 80 8404992
    skip1 | conv, relu | (8, 304, 384) 584 67239936
    pooled | max-pool | (8, 152, 192) 0 0
    """
    check(network, shape, out_channels=out_channels).raise_if_failed()
    channels, *sizes = (natural(n, "shape") for n in shape)
    return stages_of_run(graph_of(network, channels, out_channels), sizes)


def stages_of_run(network: Network, sizes: Sequence[int]) -> tuple[Stage, ...]:
    """Return the stages for an image of these ``sizes``, which need not fit: each has the size that its node makes.

    >>> stages_of_run(graph_of("unet2"), (303, 384))[-3].shape
    (64, 303, 384)
    """
    return tuple(_fused(network, sizes))


def _fused(network: Network, sizes: Sequence[int]) -> Iterator[Stage]:
    """Yield the stages. A norm or activation joins the stage before it, unless another node uses that stage too."""
    found = run_image(network, sizes)
    scales = scales_of(network)
    alias = {node.name: node.inputs[0] for node in network.nodes if node.operation.only_checks}
    users: dict[str, int] = dict.fromkeys(network.outputs, 1)
    for node in network.nodes:
        for name in set(node.inputs) if not node.operation.only_checks else ():
            users[_behind(name, alias)] = users.get(_behind(name, alias), 0) + 1

    made: dict[str, Stage] = {}
    for given in network.inputs:
        shape = (given.channels, *found.shape(given.name))
        made[given.name] = Stage(given.name, "input", (), shape, scale=scales[given.name])
    for node in network.nodes:
        if node.operation.only_checks:
            continue
        inputs = [_behind(name, alias) for name in node.inputs]
        stage = _stage(network, node, [found.shape(name) for name in inputs], found.shape(node.name))
        stage = replace(stage, scale=scales[node.name], inputs=tuple(inputs))
        before = made.get(inputs[0])
        if node.operation.shares_row and before is not None and before.inputs and users[inputs[0]] == 1:
            made.pop(inputs[0])
            stage = _joined(before, stage)
        made[node.name] = stage
    yield from made.values()


def _behind(name: str, alias: dict[str, str]) -> str:
    while name in alias:
        name = alias[name]
    return name


def _stage(network: Network, node: Node, given: list[tuple[int, ...]], made: tuple[int, ...]) -> Stage:
    channels = [network.channels[name] for name in node.inputs]
    shapes = node.operation.parameters(channels, network.axes)
    return Stage(
        node.name,
        node.operation.called,
        (),
        (network.channels[node.name], *made),
        node.path if shapes else None,
        sum(map(prod, shapes.values())),
        node.operation.multiply_adds(given, made, channels),
    )


def _joined(before: Stage, after: Stage) -> Stage:
    layers = [layer for layer in (before.layer, after.layer) if layer]
    return replace(
        after,
        op=f"{before.op}, {after.op}",
        inputs=before.inputs,
        layer=_shared(layers) if layers else None,
        parameters=before.parameters + after.parameters,
        multiply_adds=before.multiply_adds + after.multiply_adds,
    )


def _shared(layers: Sequence[str]) -> str:
    """Return the longest path that the layers share, or the first layer if they share none."""
    if len(set(layers)) == 1:
        return layers[0]
    paths = [layer.split(".") for layer in layers]
    shared = []
    for parts in zip(*paths, strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return ".".join(shared) or layers[0]
