"""Any graph as a network that runs, over one, two or three axes (SPEC sections 8 and 10)."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array

from ...spec.answers.any_network import as_network, judge_numbers, title
from ...spec.answers.explanation import explain
from ...spec.answers.proposals import layouts
from ...spec.messages.calls import calls_explained
from ...spec.messages.choices import nearest_choice
from ...spec.messages.report import ConfigError, Report, ShapeError, UsageError
from ...spec.messages.written import clipped, kind_of, written_argument, written_value
from ...spec.network import Concat, Conv, Dropout, Input, Network, Node
from ...spec.network.folding import needed_for, with_pads_in_convolutions
from ...spec.network.weights import parameter_shapes
from ..dtypes import dtypes_of, precision_of
from ..fits import require_fit, require_stream, within_memory
from ..functional.dropout import stream_kept
from ..functional.statistics import AxisName, require_statistics, statistics_kept
from ..operations.node_layers import computed, layer_of
from ..operations.table import has_value
from ..typed import shown


class TypedNetwork(nnx.Module):
    """A :class:`wellshaped.spec.Network` as a Flax module, with one input or several, and one output or several.

    - ``network``: a :class:`wellshaped.spec.Network`, or the name of a preset that is a graph. The graph of a config is
      ``graph_of(cfg, in_channels, out_channels)``.
    - ``axis_name``, ``momentum``, ``dtype``, ``param_dtype``, ``precision``: as for :class:`Conv2d` and
      :class:`BatchNorm2d`.
    - ``remat``: names of nodes that are computed again for a gradient. ``"*"`` in a name stands for anything:
      ``remat=("encoder*", "decoder*")``. Neighbouring nodes of this kind form a block. Only the
      block's inputs, and the results that other nodes read, are kept; the gradient computes the others again.

    A call takes the inputs of the network in order: ``(C, *sizes)`` for an image, ``(C,)`` for an input of a single
    position, such as a time embedding. It returns an array, or a tuple if the network has several outputs.
    ``model[name]`` is the layer of a node: ``model["conv"].kernel``. Kernels have the specification's layout, which is
    PyTorch's. The norms and dropout are Flax's. Use ``jax.vmap(model)`` for a batch; batch norms in training mode need
    ``nnx.vmap`` (:class:`BatchNorm2d`).

    The constructor raises :class:`ConfigError` for a network with a ``Window`` or a ``TransposedWindow``, which have
    sizes only and compute nothing, and :class:`UsageError` for a value that is not a graph, a dtype that is not
    floating-point, or another wrong argument. A call raises :class:`ShapeError` if an image does not fit, with the
    explanation of :func:`wellshaped.spec.check`. Source: SPEC sections 8 and 10.

    >>> import jax.numpy as jnp
    >>> from flax import nnx
    >>> from wellshaped.spec import Concat, Conv, ConvTranspose, MaxPool, Network, Node
    >>> unet = Network({"x": 2}, axes=1, nodes=(
    ...     Node("encoder", Conv(3, padding=1, channels=4)),
    ...     Node("pooled", MaxPool(2)),
    ...     Node("up", ConvTranspose(2, 2, channels=4)),
    ...     Node("joined", Concat(), ("encoder", "up")),
    ...     Node("y", Conv(1, channels=3)),
    ... ))
    >>> model = TypedNetwork(unet, rngs=nnx.Rngs(0))
    >>> model(jnp.ones((2, 100))).shape, model["up"].kernel.shape
    ((3, 100), (4, 4, 2))
    >>> model(jnp.ones((2, 99)))
    Traceback (most recent call last):
    ...
    wellshaped.spec.messages.report.ShapeError: input (2, 99) of the network from x to y does not fit.
      joined: length: encoder is 99, up is 98, and they must be equal.
        x 99 → pooled 49 → up 98
      fix: length 98 (crop 1) or 100 (pad 1); all lengths that fit: n ≡ 0 (mod 2), n ≥ 2
      fix: x[:, :98] or jnp.pad(x, ((0, 0), (0, 1)))
    """

    @calls_explained("TypedNetwork(graph_of(network, in_channels, out_channels), rngs=rngs)", rngs="nnx.Rngs(0)")
    def __init__(
        self,
        network: Network | str,
        *,
        axis_name: AxisName | None = None,
        momentum: float = 0.99,
        dtype: Any = None,
        param_dtype: Any = jnp.float32,
        precision: Any = None,
        remat: str | Iterable[str] = (),
        rngs: nnx.Rngs,
    ) -> None:
        graph = _graph(network)
        Report(title(graph), *judge_numbers(graph), error=ConfigError).raise_if_failed()
        self._held = _Held(graph)
        require_statistics(momentum, axis_name)
        types = dtypes_of(dtype, param_dtype)
        self.dtype, self.precision = types["dtype"], precision_of(precision)
        self.again = _again(graph, _names(remat, "remat"))
        types["rngs"] = _rngs(rngs, graph)
        layers: dict[str, nnx.Module] = {}
        for node in graph.nodes:
            if node.path not in layers:
                channels = [graph.channels[name] for name in node.inputs]
                layer = layer_of(
                    node.operation, channels, graph.axes, axis_name=axis_name, types=types, momentum=momentum
                )
                if layer is not None:
                    _require_name(graph, node.path)
                    layers[node.path] = layer
        self._paths = frozenset(layers)
        self._keep(layers)

    def _keep(self, layers: dict[str, nnx.Module]) -> None:
        """Store the layers, by their paths."""
        self.layers = nnx.Dict(layers)

    @property
    def network(self) -> Network:
        """The graph."""
        return self._held.network

    @property
    def _called(self) -> str:
        """The name of the network in messages."""
        return title(self.network)

    def layer(self, path: str) -> Any:
        """The layer at a ``path``, which is the ``layer`` of a node or else its name; ``None`` if there is none."""
        return self.layers[path] if path in self._paths else None  # flax 0.12.2 raises AttributeError for get and in

    def __getitem__(self, name: str) -> nnx.Module:
        """The layer of a node. Raises :class:`UsageError` if the node has no parameters, or there is no such node."""
        node = self.network.node(name)
        layer: nnx.Module | None = self.layer(node.path)
        if layer is not None:
            return layer
        says = f"{type(node.operation).__name__} has no parameters"
        names = [of.name for of in self.network.nodes if of.path in self._paths]
        fixes = [f"model.results(x, names={written_value(name)}), for its result"]
        fixes += [f"a node with parameters, such as {written_value(nearest_choice(name, names))}"] if names else []
        raise UsageError.of(f"node {written_value(name)}", "no_layer", "", says, "; or ".join(fixes))

    def __contains__(self, name: object) -> bool:
        """Whether the network has a node with this name, and the node has a layer."""
        return any(node.name == name and node.path in self._paths for node in self.network.nodes)

    def __call__(self, *images: Array) -> Any:
        """``(C, *sizes)`` for each input to ``(C, *sizes)``, or to a tuple of them if there are several outputs."""
        results = self.results(*images, names=self.network.outputs)
        return next(iter(results.values())) if len(results) == 1 else tuple(results.values())

    def results(self, *images: Array, names: str | Iterable[str]) -> dict[str, Array]:
        """The results of these nodes, by name. Raises :class:`UsageError` for a name that no node has.

        >>> from wellshaped.spec import Conv, MaxPool, Node
        >>> two = Network({"x": 1}, (Node("conv", Conv(3, channels=4)), Node("pooled", MaxPool(2))))
        >>> model = TypedNetwork(two, rngs=nnx.Rngs(0))
        >>> {name: y.shape for name, y in model.results(jnp.ones((1, 8, 9)), names=("conv", "pooled")).items()}
        {'conv': (4, 6, 7), 'pooled': (4, 3, 3)}
        """
        names = _names(names, "names")
        inputs = [given.name for given in self.network.inputs]
        for name in names:
            if name not in inputs:
                self.network.node(name)
        return self._found(names, *self._given(images))

    def _found(self, names: tuple[str, ...], *given: Array) -> dict[str, Array]:
        """The results of these nodes, for inputs that fit."""
        return _run(self, names, *given)

    def _given(self, images: Sequence[Array]) -> list[Array]:
        """The inputs as images. Raises :class:`ShapeError` unless each has its rank and channels, and the sizes fit."""
        graph = self.network
        if len(images) != len(graph.inputs):
            names = ", ".join(of.name for of in graph.inputs)
            says = f"it got {len(images)}, and takes {len(graph.inputs)}: {names}"
            raise UsageError.of(f"a call of {title(graph)}", "inputs", "", says, f"model({names})")
        given = [as_image(graph, of, x) for of, x in zip(graph.inputs, images, strict=True)]
        if len(images) == 1:
            require_fit(graph, None, given[0], layouts(graph.axes)[0])
        else:
            pairs = zip(graph.inputs, given, strict=True)
            _judged(graph, tuple((of.name, tuple(x.shape[1:])) for of, x in pairs if not of.single)).raise_if_failed()
        return given


@dataclass(frozen=True, slots=True)
class _Part:
    """Nodes that are computed together: what each reads, what they read from others, and what others read of them.

    ``again`` says whether a gradient computes them again. ``last`` are the inputs that no later part reads.
    """

    steps: tuple[tuple[Node, tuple[str, ...]], ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    last: tuple[str, ...]
    again: bool


def _run(model: TypedNetwork, names: tuple[str, ...], *images: Array) -> dict[str, Array]:
    graph = model.network
    if model.dtype is not None:  # also what reaches a join before a layer with parameters
        images = tuple(image.astype(model.dtype) for image in images)
    known = dict(zip((given.name for given in graph.inputs), images, strict=True))
    found = {name: known[name] for name in names if name in known}
    for part in _parts(graph, names, model.again):
        given = [known[name] for name in part.inputs]
        results = _computed_again(model, part, given) if part.again else _computed(model, part, model.layer, given)
        known.update(zip(part.outputs, results, strict=True))
        found.update((name, known[name]) for name in part.outputs if name in names)
        for name in part.last:
            del known[name]
    return {name: found[name] for name in names}


def _computed(model: TypedNetwork, part: _Part, layer: Callable[[str], Any], images: Sequence[Array]) -> list[Array]:
    """The results of a part that others read. ``layer`` returns the layer at a path, or ``None``."""
    known = dict(zip(part.inputs, images, strict=True))
    unread = Counter(name for _, reads in part.steps for name in set(reads))
    called, types = model._called, {"dtype": model.dtype, "precision": model.precision}
    for node, reads in part.steps:
        of, given = f"{node.name} of {called}", [known[name] for name in reads]
        known[node.name] = computed(node.operation, layer(node.path), given, of=of, **types)
        for name in set(reads):
            unread[name] -= 1
            if not unread[name] and name not in part.outputs:
                del known[name]
    return [known[name] for name in part.outputs]


def _computed_again(model: TypedNetwork, part: _Part, images: Sequence[Array]) -> list[Array]:
    """As :func:`_computed`, but a gradient keeps only the inputs of the part.

    Only batch statistics and the states of streams of random numbers are written back. ``nnx.remat`` writes every
    parameter, and ``jax.vmap(model)`` allows none.
    """
    paths = dict.fromkeys(node.path for node, _ in part.steps)
    named = {of: layer for of in paths if (layer := model.layer(of)) is not None}
    layers = nnx.Dict(named)
    definition, state = nnx.split(layers)

    def run(state: Any, *images: Array) -> tuple[list[Array], Any, Any]:
        merged = nnx.merge(definition, state)
        results = _computed(model, part, lambda of: merged[of] if of in named else None, images)
        statistics, streams = nnx.state(merged, nnx.BatchStat, nnx.RngState)
        return results, statistics, streams

    results: list[Array]
    results, statistics, streams = jax.checkpoint(run)(state, *images)
    training = [of for of in named.values() if isinstance(of, nnx.BatchNorm) and not of.use_running_average]
    if training:
        with statistics_kept(training[0], model._called):
            nnx.update(layers, statistics)
    if any(isinstance(of, nnx.Dropout) and not of.deterministic for of in named.values()):
        with stream_kept(model._called):
            nnx.update(layers, streams)
    return results


@lru_cache(maxsize=256)
def _parts(graph: Network, names: tuple[str, ...], again: frozenset[str]) -> list[_Part]:
    """The nodes that the results need, in runs of those that a gradient computes ``again`` and of the others."""
    runs = [(of, list(each)) for of, each in groupby(_plan(graph, names), lambda step: step[0].name in again)]
    parts: list[_Part] = []
    needed = set(names)  # by the results, and by the parts after the one at hand
    for computed_again, steps in reversed(runs):
        made = [node.name for node, _ in steps]
        inputs = tuple(dict.fromkeys(name for _, reads in steps for name in reads if name not in made))
        outputs = tuple(name for name in made if name in needed)
        last = tuple(name for name in inputs if name not in needed)
        parts.insert(0, _Part(tuple(steps), inputs, outputs, last, computed_again))
        needed.update(inputs)
    return parts


def _plan(graph: Network, names: tuple[str, ...]) -> list[tuple[Node, tuple[str, ...]]]:
    """The nodes that the results need, each with what it reads.

    A concatenation and a pad of zeros that only convolutions read are left to them, because they need not build it.
    """
    graph = with_pads_in_convolutions(graph, names)
    needed = needed_for(graph, names)
    nodes = [node for node in graph.nodes if node.name in needed]
    built = {name for node in nodes if not isinstance(node.operation, Conv) for name in node.inputs}.union(names)
    joins = {node.name: node.inputs for node in nodes if isinstance(node.operation, Concat) and node.name not in built}
    reads = {node.name: joins.get(node.inputs[0], node.inputs) for node in nodes}
    read = {name for inputs in reads.values() for name in inputs}
    return [(node, reads[node.name]) for node in nodes if node.name in read or node.name in names]


_RESERVED = ("_pytree__", "_object__", "__")
"""How names begin that Flax or Python reserves."""


def _require_name(graph: Network, layer: str) -> None:
    """Raise :class:`ConfigError` if the name of a layer is one that Flax or Python uses itself."""
    if layer.startswith(_RESERVED):
        says = f"the layer {clipped(layer)} has a name that Flax or Python uses itself"
        raise ConfigError.of(title(graph), "name", "", says, f"another name, such as {layer.strip('_') or 'layer'}")


def _graph(network: object) -> Network:
    graph = as_network(network) if isinstance(network, str) else network
    if not isinstance(graph, Network):
        if isinstance(network, str):
            says = f"{network!r} is a preset that is {kind_of(graph)}, and must be one that is a graph"
            raise UsageError.of("network", "network", "", says, f"TypedNetwork(graph_of({network!r}, 3, 1), rngs=rngs)")
        says = f"it is {kind_of(graph)}, and must be a Network, or the name of a preset that is a graph"
        raise UsageError.of("network", "network", "", says, "graph_of(network, in_channels, out_channels)")
    without = [node for node in graph.nodes if not has_value(node.operation)]
    if without:
        says = "; ".join(f"{node.name} is {clipped(repr(node.operation))}" for node in without[:3])
        says += f"; and {len(without) - 3} more" if len(without) > 3 else ""
        about = "an operation has only sizes, and no value"
        raise ConfigError.of(title(graph), "value", about, says, "Conv, ConvTranspose, MaxPool or AvgPool there")
    return graph


def _names(given: object, argument: str) -> tuple[str, ...]:
    """One name or several, as a tuple. Raises :class:`UsageError`, naming the argument, for anything else."""
    names = (given,) if isinstance(given, str) or not isinstance(given, Iterable) else tuple(given)
    wrong = [name for name in names if not isinstance(name, str)]
    if wrong:
        says = f"it has {kind_of(wrong[0])}, and must be the name of a node, or several in a tuple"
        subject = clipped(written_argument(argument, given))
        raise UsageError.of(subject, argument, "", says, f'{argument}="y" or {argument}=("x", "y"), for example')
    return names


def _rngs(rngs: object, graph: Network) -> nnx.Rngs:
    """The random numbers. Raises :class:`UsageError` unless they have the streams that the nodes of the graph need."""
    if not isinstance(rngs, nnx.Rngs):
        says = f"it is {kind_of(rngs)}, and must be an nnx.Rngs, which draws the parameters"
        raise UsageError.of(clipped(written_argument("rngs", rngs)), "rngs", "", says, "rngs=nnx.Rngs(0)")
    dropouts = [node.name for node in graph.nodes if isinstance(node.operation, Dropout)]
    for stream, names in (("params", [*parameter_shapes(graph)]), ("dropout", dropouts)):
        if names:
            require_stream(rngs, stream, names[0])
    return rngs


def _again(graph: Network, remat: tuple[str, ...]) -> frozenset[str]:
    """The nodes that a gradient computes again. Raises :class:`UsageError` for a name that no node has."""
    again: set[str] = set()
    for given in remat:
        pattern = re.compile(re.escape(given).replace(r"\*", ".*"))
        found = {node.name for node in graph.nodes if pattern.fullmatch(node.name)}
        if not found:
            near = nearest_choice(given, [node.name for node in graph.nodes] or [""])
            raise UsageError.of(f"remat={given!r}", "remat", "", "no node has such a name", f"remat={near!r}")
        again |= found
    return frozenset(again)


def as_image(graph: Network, given: Input, x: Array) -> Array:
    """An input as an image. Raises :class:`ShapeError` for another rank, other channels, and another dtype."""
    try:
        x = jnp.asarray(x)
    except (TypeError, ValueError):
        says = f"it is {clipped(written_value(x))}, and must be a JAX or NumPy array"
        subject = f"{given.name}, given to {title(graph)},"
        raise UsageError.of(subject, "array", "type", says, f"{given.name} as an array") from None
    shape = (given.channels,) if given.single else (given.channels, *graph.axis_names)
    written = f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
    subject = f"{given.name} = {shown(x)}, given to {title(graph)},"
    if not jnp.issubdtype(x.dtype, jnp.floating):
        raise ShapeError.of(subject, "dtype", "", "it must be floating-point", f"{given.name}.astype(jnp.float32)")
    if x.ndim != len(shape):
        says = f"it has {x.ndim} axes, and must have {len(shape)}: {written}"
        raise ShapeError.of(
            subject, "rank", "", says, f"{given.name} of shape {written}, or jax.vmap(model) for a batch"
        )
    if x.shape[0] != given.channels and (given.single or len(graph.inputs) > 1):
        says = f"it has {x.shape[0]} channels, and must have {given.channels}"
        raise ShapeError.of(subject, "channels", "", says, f"{given.name} of shape {written}")
    return x.reshape(-1, *(1,) * graph.axes) if given.single else x


@lru_cache(maxsize=256)
def _judged(graph: Network, sizes: tuple[tuple[str, tuple[int, ...]], ...]) -> Report:
    return within_memory(explain(graph, dict(sizes)))


class _Held:
    """A network whose hash is computed once: Flax compares the parts of a module at every call."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._hash = hash(network)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and (self.network is other.network or self.network == other.network)
