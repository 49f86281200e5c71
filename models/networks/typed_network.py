"""Any graph as a network that runs, over one, two or three axes (SPEC sections 8 and 10)."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array

from ...spec.answers.any_network import as_network, title
from ...spec.answers.explanation import explain
from ...spec.answers.proposals import layouts
from ...spec.messages.choices import nearest_choice
from ...spec.messages.report import ConfigError, ShapeError, UsageError
from ...spec.messages.written import clipped, kind_of, written_value
from ...spec.network import Concat, Conv, Input, Network, Node, Norm
from ..fits import require_fit
from ..operations.node_layers import computed, layer_of
from ..operations.table import has_value
from ..typed import shown


class TypedNetwork(nnx.Module):
    """A graph as a network that runs: one image in, or several, and one result out, or several.

    - ``network``: a :class:`wellshaped.spec.Network`, or the name of a preset that is one. The graph of a config is
      ``graph_of(cfg, in_channels, out_channels)``.
    - ``axis_name``, ``dtype``, ``param_dtype``, ``precision``: as for :class:`Conv2d` and :class:`BatchNorm2d`.
    - ``remat``: names of nodes whose results are computed again for a gradient, instead of kept. ``"*"`` in a name
      stands for anything: ``remat="decoder*"``.

    A call takes the inputs of the network in order: ``(C, *sizes)`` for an image, ``(C,)`` for an input of a single
    position. It returns an array, or a tuple if the network has several outputs. ``model[name]`` is the layer of a
    node: ``model["conv"].kernel``. Kernels have the specification's layout, which is PyTorch's. The norms are Flax's.
    Use ``jax.vmap(model)`` for a batch; batch norms in training mode need ``nnx.vmap`` (:class:`BatchNorm2d`).

    The constructor raises :class:`ConfigError` for a network with a ``Window`` or a ``TransposedWindow``, which have
    sizes and no values, and :class:`UsageError` for a value that is not a graph. A call raises :class:`ShapeError` if
    an image does not fit, with the explanation of :func:`wellshaped.spec.check`. Source: SPEC sections 8 and 10.

    >>> from wellshaped.spec import Concat, Conv, ConvTranspose, MaxPool, Node
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

    def __init__(
        self,
        network: Network | str,
        *,
        axis_name: str | None = None,
        dtype: Any = None,
        param_dtype: Any = jnp.float32,
        precision: Any = None,
        remat: str | Iterable[str] = (),
        rngs: nnx.Rngs,
    ) -> None:
        graph = _graph(network)
        self._held = _Held(graph)
        self.dtype, self.precision = dtype, precision
        self.kept = _kept(graph, (remat,) if isinstance(remat, str) else tuple(remat))
        types = {"dtype": dtype, "param_dtype": param_dtype, "rngs": rngs}
        layers: dict[str, nnx.Module] = {}
        for node in graph.nodes:
            if path(node) not in layers:
                channels = [graph.channels[name] for name in node.inputs]
                layer = layer_of(node.operation, channels, graph.axes, axis_name=axis_name, types=types)
                if layer is not None:
                    layers[path(node)] = layer
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
        layer: nnx.Module | None = self.layer(path(node))
        if layer is not None:
            return layer
        says = f"{type(node.operation).__name__} has no parameters"
        near = nearest_choice(name, [of.name for of in self.network.nodes if path(of) in self._paths] or [""])
        raise UsageError.of(f"node {written_value(name)}", "no_layer", "", says, written_value(near))

    def __call__(self, *images: Array) -> Any:
        """``(C, *sizes)`` for each input to ``(C, *sizes)``, or to a tuple of them if there are several outputs."""
        results = self.results(*images, names=self.network.outputs)
        return next(iter(results.values())) if len(results) == 1 else tuple(results.values())

    def results(self, *images: Array, names: str | Iterable[str]) -> dict[str, Array]:
        """The results of these nodes, by name. Raises :class:`UsageError` for a name that is no node.

        >>> from wellshaped.spec import Conv, MaxPool, Node
        >>> two = Network({"x": 1}, (Node("conv", Conv(3, channels=4)), Node("pooled", MaxPool(2))))
        >>> model = TypedNetwork(two, rngs=nnx.Rngs(0))
        >>> {name: y.shape for name, y in model.results(jnp.ones((1, 8, 9)), names=("conv", "pooled")).items()}
        {'conv': (4, 6, 7), 'pooled': (4, 3, 3)}
        """
        names = (names,) if isinstance(names, str) else tuple(names)
        inputs = [given.name for given in self.network.inputs]
        for name in names:
            if name not in inputs:
                self.network.node(name)
        return self._found(names, *self._given(images))

    def _found(self, names: tuple[str, ...], *given: Array) -> dict[str, Array]:
        """The results of these nodes, for inputs that fit."""
        if self.kept is None:
            return _run(self, names, *given)
        policy = jax.checkpoint_policies.save_only_these_names(*self.kept)
        found: dict[str, Array] = nnx.remat(_run, policy=policy, static_argnums=(1,))(self, names, *given)
        return found

    def _given(self, images: Sequence[Array]) -> list[Array]:
        """The inputs as images. Raises :class:`ShapeError` unless each has its rank and channels, and the sizes fit."""
        graph = self.network
        if len(images) != len(graph.inputs):
            names = ", ".join(of.name for of in graph.inputs)
            says = f"it got {len(images)}, and takes {len(graph.inputs)}: {names}"
            raise UsageError.of(f"a call of {title(graph)}", "inputs", "", says, f"model({names})")
        given = [_image(graph, of, x) for of, x in zip(graph.inputs, images, strict=True)]
        if len(images) == 1:
            require_fit(graph, None, given[0], layouts(graph.axes)[0])
        else:
            pairs = zip(graph.inputs, given, strict=True)
            _judged(graph, tuple((of.name, tuple(x.shape[1:])) for of, x in pairs if not of.single)).raise_if_failed()
        return given


def _run(model: TypedNetwork, names: tuple[str, ...], *images: Array) -> dict[str, Array]:
    graph = model.network
    plan, called = _plan(graph, names), model._called
    known = dict(zip((given.name for given in graph.inputs), images, strict=True))
    found = {name: known[name] for name in names if name in known}
    for node, inputs, no_longer in plan:
        layer = model.layer(path(node))
        numbers = {"dtype": model.dtype, "precision": model.precision, "of": f"{node.name} of {called}"}
        y = computed(node.operation, layer, [known[name] for name in inputs], **numbers)
        known[node.name] = y if model.kept is None else checkpoint_name(y, node.name)
        if node.name in names:
            found[node.name] = known[node.name]
        for name in no_longer:
            del known[name]
    return {name: found[name] for name in names}


@lru_cache(maxsize=256)
def _plan(graph: Network, names: tuple[str, ...]) -> list[tuple[Node, tuple[str, ...], tuple[str, ...]]]:
    """The nodes that the results need, each with what it reads and what nobody reads after it.

    A concatenation that only convolutions read is left to them, because they need not build it.
    """
    needed = set(names)
    for node in reversed(graph.nodes):
        if node.name in needed:
            needed.update(node.inputs)
    nodes = [node for node in graph.nodes if node.name in needed]
    built = {name for node in nodes if not isinstance(node.operation, Conv) for name in node.inputs}.union(names)
    joins = {node.name: node.inputs for node in nodes if isinstance(node.operation, Concat) and node.name not in built}
    reads = {node.name: joins.get(node.inputs[0], node.inputs) for node in nodes}
    read = {name for inputs in reads.values() for name in inputs}
    nodes = [node for node in nodes if node.name in read or node.name in names]
    last = {name: node.name for node in nodes for name in reads[node.name]}
    return [
        (node, reads[node.name], tuple(name for name in dict.fromkeys(reads[node.name]) if last[name] == node.name))
        for node in nodes
    ]


def path(node: Node) -> str:
    """The key of a node's layer: nodes with one ``layer`` share it."""
    return node.layer or node.name


def _graph(network: object) -> Network:
    graph = as_network(network) if isinstance(network, str) else network
    if not isinstance(graph, Network):
        says = f"it is {kind_of(graph)}, and must be a Network, or the name of a preset that is one"
        raise UsageError.of("network", "network", "", says, "graph_of(network, in_channels, out_channels)")
    without = [node for node in graph.nodes if not (isinstance(node.operation, Norm) or has_value(node.operation))]
    if without:
        says = "; ".join(f"{node.name} is {clipped(repr(node.operation))}" for node in without[:3])
        says += f"; and {len(without) - 3} more" if len(without) > 3 else ""
        about = "an operation has only sizes, and no value"
        raise ConfigError.of(title(graph), "value", about, says, "Conv, ConvTranspose, MaxPool or AvgPool there")
    return graph


def _kept(graph: Network, remat: tuple[str, ...]) -> tuple[str, ...] | None:
    """The nodes whose results are kept for a gradient, or ``None`` for all.

    Raises :class:`UsageError` for a name that no node has.
    """
    if not remat:
        return None
    patterns = [re.compile(re.escape(pattern).replace(r"\*", ".*")) for pattern in remat]
    for pattern, given in zip(patterns, remat, strict=True):
        if not any(pattern.fullmatch(node.name) for node in graph.nodes):
            near = nearest_choice(given, [node.name for node in graph.nodes] or [""])
            raise UsageError.of(f"remat={given!r}", "remat", "", "no node has such a name", f"remat={near!r}")
    return tuple(node.name for node in graph.nodes if not any(of.fullmatch(node.name) for of in patterns))


def _image(graph: Network, given: Input, x: Array) -> Array:
    """An input as an image. Raises :class:`ShapeError` for another rank, other channels, and another dtype."""
    x = jnp.asarray(x)
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
def _judged(graph: Network, sizes: tuple[tuple[str, tuple[int, ...]], ...]) -> Any:
    return explain(graph, dict(sizes))


class _Held:
    """A network whose hash is computed once: Flax compares the parts of a module at every call."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self._hash = hash(network)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and (self.network is other.network or self.network == other.network)
