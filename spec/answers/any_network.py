"""A network as an argument: the name of a preset, a config or a graph becomes a graph.

Other answers only see graphs. Questions that only a config can answer are asked here: is it well-formed, and how
can it be changed?
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any

from ..arithmetic.naturals import natural
from ..elements import judge_arrays, judge_windows
from ..messages.report import Report, UsageError, Verdict
from ..messages.written import kind_of, written_number, written_value
from ..network.network import Network
from ..network.operation import counted, numbers_in
from ..network.repairing import repaired as repaired_graph
from ..network.weights import parameter_shapes as shapes_of_graph
from ..presets.catalogue import PRESETS
from ..unet.building import check_unet_config, unet_fix
from ..unet.conditions import UNET_WELL_FORMED
from ..unet.config import UNetConfig
from ..unet.graph import unchecked_graph
from ..unet2.building import check_config, config_fix
from ..unet2.config import UNet2Config, judge_config
from ..unet2.graph import unet2_graph
from ..unet2.repaired import repaired_config

AnyNetwork = str | UNet2Config | UNetConfig | Network
"""A network: the name of a preset, a :class:`UNet2Config`, a :class:`UNetConfig`, or a :class:`Network`."""


@dataclass(frozen=True, slots=True)
class Building:
    """Whether a network can be built: the ``report``, its ``graph``, and the graph of the ``proposed`` fix.

    Both graphs are ``None`` if the config is not well-formed. The graph has 1 channel instead of 0.
    """

    report: Report
    graph: Network | None
    proposed: Network | None


def graph_of(network: AnyNetwork, in_channels: int | None = None, out_channels: int | None = None) -> Network:
    """Return the graph of a network. A graph is returned unchanged.

    A config does not know its channels: ``in_channels`` and ``out_channels`` say them. ``None`` means 1. Without a
    head, the output has the channels of the first level, and ``out_channels`` is ``None`` or that number. A graph has
    its own channels: they are ``None`` or those.

    Raises :class:`UsageError` for a value that is not a network and for an unknown preset, :class:`ConfigError` for a
    config that is not well-formed, and :class:`ShapeError` if the channels that you give are not the graph's.

    >>> from wellshaped.spec import UNetConfig
    >>> graph_of(UNetConfig(levels=1)).nodes[-1].name, graph_of("milesial", 3, 2).channels["y"]
    ('y', 2)
    """
    network = as_network(network)
    return _kind(network).graph(network, in_channels, out_channels)


def building(network: AnyNetwork, in_channels: int | None = None, out_channels: int | None = None) -> Building:
    """Judge whether a network with these channels can be built. ``None`` means the same as in :func:`graph_of`.

    >>> from wellshaped.spec import UNetConfig
    >>> building(UNetConfig(levels=0), 1).report.fixes
    ('levels=4',)
    """
    network = as_network(network)
    ins = None if in_channels is None else natural(in_channels, "in_channels")
    return _kind(network).building(network, ins, out_channels)


def parameter_shapes(
    network: AnyNetwork, in_channels: int | None = None, out_channels: int | None = None
) -> dict[str, dict[str, tuple[int, ...]]]:
    """Return the shapes of the parameters of a network, by layer and by name in the layer.

    A kernel is (out, in, positions), or (in, out, positions) in a transposed convolution. Raises
    :class:`ConfigError` if the config is not well-formed, :class:`ShapeError` if the number of channels you give is not
    the graph's, and :class:`UsageError` for a value that is not a network.

    >>> from wellshaped.spec import UNet2Config
    >>> parameter_shapes(UNet2Config(), 3)["down1_1"]
    {'kernel': (64, 3, 3, 3), 'bias': (64,)}
    """
    building(network, in_channels, out_channels).report.raise_if_failed()
    return shapes_of_graph(graph_of(network, in_channels, out_channels))


def as_network(network: AnyNetwork) -> UNet2Config | UNetConfig | Network:
    """Return the network. A name becomes its preset. Raise :class:`UsageError` for an unknown name."""
    return PRESETS[network] if isinstance(network, str) else network


@dataclass(frozen=True, slots=True)
class _Kind:
    """The functions that depend on the kind of a network: UNet2Config, UNetConfig or Network."""

    graph: Callable[[Any, int | None, int | None], Network]
    building: Callable[[Any, int | None, int | None], Building]
    repaired: Callable[[Any, int | None, int | None], tuple[Any, str]]


def _kind(network: object) -> _Kind:
    for of, kind in _KINDS.items():
        if isinstance(network, of):
            return kind
    says = f"it is {kind_of(network)}, and must be a config, a Network, or the name of a preset"
    raise UsageError.of("the network", "network", "", says, "UNetConfig(levels=4)")


def _graph_of_unet2(cfg: UNet2Config, in_channels: int | None, out_channels: int | None) -> Network:
    return unet2_graph(cfg, _count(in_channels, "in_channels"), _count(out_channels, "out_channels"))


@lru_cache(maxsize=256)
def _graph_of_unet(cfg: UNetConfig, in_channels: int | None, out_channels: int | None) -> Network:
    ins = _count(in_channels, "in_channels")
    outs = _count(out_channels, "out_channels", 1 if cfg.head or not cfg.channels else cfg.channels[0])
    well_formed = all(condition.holds(cfg) for condition in UNET_WELL_FORMED)
    if not (well_formed and ins and outs and (cfg.head or outs == cfg.channels[0])):
        check_unet_config(cfg, ins, outs).raise_if_failed()
    return unchecked_graph(cfg, ins, outs)


def _graph_itself(network: Network, in_channels: int | None, out_channels: int | None) -> Network:
    if in_channels is not None or out_channels is not None:
        verdicts, fixes = _judge_channels(network, in_channels, out_channels)
        Report(title(network), verdicts, fixes).raise_if_failed()
    return network


def _building_of_unet2(cfg: UNet2Config, in_channels: int | None, out_channels: int | None) -> Building:
    ins, outs = _count(in_channels, "in_channels"), _count(out_channels, "out_channels")
    report = check_config(cfg, ins, outs)
    if not all(verdict.holds for verdict in judge_config(cfg)):
        return Building(report, None, None)
    return Building(report, *_graphs(unet2_graph, cfg, ins, outs, config_fix(cfg, ins, outs)))


def _building_of_unet(cfg: UNetConfig, in_channels: int | None, out_channels: int | None) -> Building:
    ins = _count(in_channels, "in_channels")
    outs = _count(out_channels, "out_channels", 1 if cfg.head or not cfg.channels else cfg.channels[0])
    report = check_unet_config(cfg, ins, outs)
    if not all(condition.holds(cfg) for condition in UNET_WELL_FORMED):
        return Building(report, None, None)
    fix = {} if report.ok else unet_fix(cfg, ins, outs)
    return Building(report, *_graphs(unchecked_graph, cfg, ins, outs, fix))


def _graphs(
    graph: Callable[[Any, int, int], Network], cfg: Any, in_channels: int, out_channels: int, fix: Mapping[str, Any]
) -> tuple[Network, Network]:
    """Return the graph of a network, and the graph of the same network with the ``fix``."""
    counts = {"in_channels": in_channels, "out_channels": out_channels}
    ins, outs = ({**counts, **fix}[name] for name in counts)
    changed = replace(cfg, **{name: value for name, value in fix.items() if name not in counts})
    return graph(cfg, max(in_channels, 1), max(out_channels, 1)), graph(changed, ins, outs)


def _judge_channels(
    network: Network, in_channels: int | None, out_channels: int | None
) -> tuple[tuple[Verdict, ...], tuple[str, ...]]:
    """Judge whether a graph has these channels; also return a fix, if there is one."""
    image, made = network.image, network.outputs[0]
    counts = (
        ("in_channels", in_channels, image.channels, "the image has {given}, and {of} takes {has}", image.name),
        ("out_channels", out_channels, network.channels[made], "out_channels={given}, and {of} has {has}", made),
    )
    verdicts: list[Verdict] = []
    fixes: list[str] = []
    for name, given, has, says, of in counts:
        if given is not None:
            count = natural(given, name)
            shown = counted(count, "channel") if name == "in_channels" else written_number(count)
            says = says.format(given=shown, of=of, has=written_number(has))
            verdicts.append(Verdict(name, given == has, says, ""))
            fixes += [] if given == has else [f"{name}={written_number(has)}"]
    return tuple(verdicts), (", ".join(fixes),) if fixes else ()


def _building_of_graph(network: Network, in_channels: int | None, out_channels: int | None) -> Building:
    of_channels, fixes = _judge_channels(network, in_channels, out_channels)
    of_numbers, more = judge_numbers(network)
    return Building(Report(title(network), of_channels + of_numbers, fixes + more), network, network)


def judge_numbers(network: Network) -> tuple[tuple[Verdict, ...], tuple[str, ...]]:
    """Judge whether the arrays and the windows of a graph are small enough to compute with; also return fixes.

    >>> from wellshaped.spec import Node, Pad
    >>> verdicts, _ = judge_numbers(Network({"x": 1}, (Node("y", Pad(10**12)),)))
    >>> [verdict.says for verdict in verdicts]
    ['y.amounts=1000000000000 must be at most 2147483647']
    """
    shapes = shapes_of_graph(network)
    arrays = [(f"{layer}.{name}", shape) for layer, of_it in shapes.items() for name, shape in of_it.items()]
    numbers = {f"{node.name}.{of}": n for node in network.nodes for of, n in numbers_in(node.operation).items()}
    judged = [
        *([(judge_arrays(arrays), "fewer channels, or smaller kernels")] if arrays else []),
        *([(judge_windows(numbers), "smaller numbers")] if numbers else []),
    ]
    return tuple(verdict for verdict, _ in judged), tuple(fix for verdict, fix in judged if not verdict.holds)


def repaired(
    network: AnyNetwork, in_channels: int | None = None, out_channels: int | None = None
) -> tuple[UNet2Config | UNetConfig | Network | None, str]:
    """Return a similar network that infinitely many sizes fit, and the changes in words, or ``None`` and words.

    It has fewer channels if its arrays would be too large otherwise.
    """
    network = as_network(network)
    return _kind(network).repaired(network, in_channels, out_channels)


def network_held_by(model: Any, names: Sequence[str] = ("cfg", "network")) -> UNet2Config | UNetConfig | Network | None:
    """Return the config or graph that a model has under one of the ``names``, also in ``jax.jit``; or ``None``."""
    while model is not None:
        for name in names:
            own = getattr(model, name, None)
            if isinstance(own, UNet2Config | UNetConfig | Network):
                return own
        model = getattr(model, "__wrapped__", None)
    return None


def title(network: AnyNetwork) -> str:
    """Return the name of a network in messages: a preset by name, a config as its call, a graph by its name
    or its inputs and outputs.

    >>> title("milesial"), title(UNet2Config(pool_stride=3))
    ('milesial', 'UNet2Config(pool_stride=3)')
    """
    if isinstance(network, str):
        as_network(network)  # raises for an unknown preset
        return network
    if isinstance(network, Network):
        ends = ", ".join(given.name for given in network.inputs), ", ".join(network.outputs)
        return network.name or f"the network from {ends[0]} to {ends[1]}"
    return repr(network)


def _count(channels: int | None, name: str, usual: int = 1) -> int:
    return usual if channels is None else natural(channels, name)


def _repaired_unet2(cfg: UNet2Config, in_channels: int | None, out_channels: int | None) -> tuple[UNet2Config, str]:
    counts = {"in_channels": _count(in_channels, "in_channels"), "out_channels": _count(out_channels, "out_channels")}

    def fixed(of: UNet2Config) -> tuple[UNet2Config, dict[str, Any]]:
        fix = config_fix(of, **counts)
        counts.update((name, fix.pop(name)) for name in counts if name in fix)
        return replace(of, **fix), dict(counts)

    before, given = fixed(cfg)  # the first fix in a report
    changed, made = fixed(repaired_config(before))
    fewer = "".join(f" and {name}={written_number(made[name])}" for name in counts if made[name] != given[name])
    return changed, f"{_changes(before, changed)} in the config{fewer}"


def _repaired_unet(cfg: UNetConfig, *_: int | None) -> tuple[UNetConfig, str]:
    changed = replace(cfg, join="even crop")
    return changed, f"{_changes(cfg, changed)} in the config"


def _repaired_graph(network: Network, *_: int | None) -> tuple[Network | None, str]:
    changed, words = repaired_graph(network)
    return changed, f"repair(network), which adds {words}"


def _changes(before: Any, after: Any) -> str:
    pairs = ((f.name, getattr(before, f.name), getattr(after, f.name)) for f in fields(before))
    return ", ".join(f"{name}={written_value(new)}" for name, old, new in pairs if old != new)


_KINDS: dict[type, _Kind] = {
    UNet2Config: _Kind(_graph_of_unet2, _building_of_unet2, _repaired_unet2),
    UNetConfig: _Kind(_graph_of_unet, _building_of_unet, _repaired_unet),
    Network: _Kind(_graph_itself, _building_of_graph, _repaired_graph),
}
