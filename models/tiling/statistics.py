"""The statistics of a whole image, tile by tile, for the norms and means of a network (SPEC section 9).

The statistics that depend on no others are computed in a first pass over all tiles. Those that need these follow in
a second pass, and so on. In each pass, cores partition what is averaged: every position counts once. Counts, means and
sums of squared deviations of the cores are combined in float64, by the formulas of Chan, Golub and LeVeque (1979).
"""

from collections.abc import Callable, Iterable
from itertools import product
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from ...spec.answers.tilings import Tiling
from ...spec.messages.report import UsageError
from ...spec.network import Network, Node, Norm
from ...spec.network.running import sizes_along
from ...spec.network.scale import slopes_of
from ...spec.network.statistics import (
    layer_of_statistics,
    of_one_size,
    sources,
    statistics_in_order,
    with_statistics_given,
)
from ...spec.network.tiling import NotTiledError, valid_part
from ..networks.typed_network import TypedNetwork, as_image
from ..operations.node_layers import layer_of
from .program import Program, require_evaluation
from .replaced import computes_its_network


class Moments:
    """How many positions were averaged; for each channel the mean and the sum of squared deviations.

    >>> moments = Moments(1)
    >>> for part in ([1.0, 2.0], [6.0]):
    ...     moments.add(np.array([part]))
    >>> moments.count, moments.mean.tolist(), moments.variance(groups=1).tolist()
    (3, [3.0], [4.666666666666667])
    """

    def __init__(self, channels: int) -> None:
        self.count, self.dtype = 0, np.dtype(np.float32)
        self.mean, self._squares = np.zeros(channels), np.zeros(channels)

    def add(self, values: np.ndarray) -> None:
        """Add the positions of an image ``(C, *sizes)``, which may have none."""
        count = prod(values.shape[1:])
        if not count:
            return
        total, self.dtype = self.count + count, values.dtype
        for channel, part in enumerate(values):  # one at a time: float64 needs twice the memory of float32
            of = part.astype(np.float64)
            mean = of.mean()
            further = mean - self.mean[channel]
            self._squares[channel] += np.square(of - mean).sum() + further**2 * self.count * count / total
            self.mean[channel] += further * count / total
        self.count = total

    def mean_of(self, groups: int) -> np.ndarray:
        """For each channel, the mean over its group."""
        return np.repeat(self.mean.reshape(groups, -1).mean(axis=1), len(self.mean) // groups)

    def variance(self, groups: int) -> np.ndarray:
        """For each channel, the mean squared deviation over its group."""
        squares = self._squares + self.count * np.square(self.mean - self.mean_of(groups))
        of_groups = squares.reshape(groups, -1).mean(axis=1) / self.count
        return np.repeat(of_groups, len(self.mean) // groups)


class Given(Program):
    """A network whose statistics are given, compiled for tiles of one shape: the results of the nodes ``names``."""

    def __init__(self, model: TypedNetwork, means: dict[str, np.ndarray], names: tuple[str, ...]) -> None:
        definition, state = nnx.split(model)
        vectors = [of for of in model.network.inputs if of.single]
        given = [means.get(of.name, np.zeros(of.channels, np.float32)) for of in vectors]

        def results(state: Any, given: list[Any], x: Any) -> tuple[Any, ...]:
            merged = nnx.merge(definition, state)
            vectors = (vector.reshape(-1, *(1,) * merged.network.axes) for vector in given)
            found = merged._found(names, as_image(merged.network, merged.network.image, x), *vectors)
            return tuple(found.values())

        super().__init__(jax.jit(results), (state, given))


def can_be_given(model: Any, graph: Network) -> bool:
    """Whether passes over the image give all statistics that keep the network from being tiled."""
    averages = isinstance(model, TypedNetwork) and bool(statistics_in_order(graph)) and not of_one_size(graph)
    return averages and computes_its_network(model)


def _require_tiles(graph: Network) -> None:
    """Raise :class:`UsageError` unless each tile gives a part of the result, and of all that is averaged."""
    for name in of_one_size(graph)[:1]:
        is_output = name == graph.outputs[0]
        what = "which is the result" if is_output else "which a later norm or mean averages"
        says = f"the size of {name}, {what}, does not follow the image's, so there is nothing to tile"
        raise UsageError.of("statistics=True", "statistics", "", says, "model(image)")


def given_statistics(
    model: TypedNetwork,
    sizes: tuple[int, ...],
    choose: Callable[[Network, Program], Tiling],
    parts: Callable[[Tiling, str], Iterable[np.ndarray]],
) -> tuple[Network, Program]:
    """The network whose statistics over the image are given, and its program: after passes over all tiles.

    ``choose`` finds the tiles for a network and its program.
    ``parts`` has the part of the image for each tile, and shows a text with its progress.
    """
    require_evaluation(model)
    graph = model.network
    _require_tiles(graph)
    given = _model(model)
    means: dict[str, np.ndarray] = {}
    groups = statistics_in_order(graph)
    for turn, group in enumerate(groups, 1):
        left = sources(group)[::-1]  # the last reads the most, as a rule
        while left:
            program = Given(given, means, left)
            tiling = choose(with_statistics_given(graph, left), program)
            cores = {name: of for name in left if (of := _cores(graph, left, name, sizes, tiling)) is not None}
            left_out = tuple(name for name in left if name not in cores)
            if left_out:
                program = Given(given, means, tuple(cores))
            moments = {name: Moments(graph.channels[name]) for name in cores}
            for number, part in enumerate(parts(tiling, f"statistics {turn} of {len(groups)}")):
                for name, values in zip(cores, program.all(part), strict=True):
                    moments[name].add(values[:, *cores[name][number]])
            for node in group:
                if node.inputs[0] in moments:
                    _keep(node, moments[node.inputs[0]], given, means)
            left = left_out
    return with_statistics_given(graph), Given(given, means, graph.outputs[:1])


def _model(model: TypedNetwork) -> TypedNetwork:
    """The model whose statistics are given. It shares the parameters; its statistics are 0 and 1."""
    graph = with_statistics_given(model.network)
    types = {"dtype": model.dtype, "param_dtype": jax.dtypes.canonicalize_dtype(np.float64)}
    given = nnx.eval_shape(lambda: TypedNetwork(graph, precision=model.precision, rngs=nnx.Rngs(0), **types))
    of_norms = {layer_of_statistics(node): node for node in model.network.nodes}
    for node in graph.nodes:
        layer: Any = model.layer(node.path)
        if node.layer in of_norms and isinstance(node.operation, Norm):
            channels = graph.channels[node.name]
            layer = layer_of(node.operation, [channels], 1, axis_name=None, types={**types, "rngs": nnx.Rngs(0)})
            of_image = model.layer(of_norms[node.layer].path)
            layer.scale, layer.bias, layer.use_running_average = of_image.scale, of_image.bias, True
        if layer is not None:
            given.layers[node.path] = layer
    return given


def _keep(node: Node, moments: Moments, given: TypedNetwork, means: dict[str, np.ndarray]) -> None:
    """Give a node its statistics."""
    if not isinstance(node.operation, Norm):
        means[node.name] = moments.mean.astype(moments.dtype)
        return
    groups = node.operation.groups if node.operation.kind == "group" else len(moments.mean)
    layer: Any = given.layer(layer_of_statistics(node))
    layer.mean = nnx.BatchStat(jnp.asarray(moments.mean_of(groups)))
    layer.var = nnx.BatchStat(jnp.asarray(moments.variance(groups)))


def _cores(
    graph: Network, names: tuple[str, ...], name: str, sizes: tuple[int, ...], tiling: Tiling
) -> list[tuple[slice, ...]] | None:
    """For each tile, the part of its own result that counts for ``name``; ``None`` if the tiles leave a gap."""
    network = with_statistics_given(graph, (name, *(other for other in names if other != name)))
    along = [_cores_along(network, axis, n, tiling) for axis, n in enumerate(sizes)]
    return None if None in along else list(product(*(of_axis for of_axis in along if of_axis is not None)))


def _cores_along(network: Network, axis: int, n: int, tiling: Tiling) -> list[slice] | None:
    """The parts of tiles along an axis. Together they have each position of the first output once."""
    name, reached, found = network.outputs[0], 0, []
    for span in tiling.axes[axis]:
        try:
            low, high = valid_part(network, axis, n, span.start, span.stop)[name]
        except NotTiledError:
            return None
        if low > reached:
            return None
        shift = int(span.start * slopes_of(network, axis)[name])
        found.append(slice(reached - shift, max(high, reached) - shift))
        reached = max(high, reached)
    return found if reached == sizes_along(network, n, axis)[name] else None
