"""The value of any graph in exact arithmetic, node by node: the oracle of :class:`TypedNetwork` (SPEC sections 8, 10).

A value follows from the operation's definition alone, over any number of axes. It may be slow.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..answers.any_network import title
from ..answers.checking import check
from ..answers.explanation import explain
from ..elements import judge_arrays
from ..messages.report import ConfigError, Report, ShapeError, UsageError, Verdict
from ..messages.written import clipped, count_word, kind_of
from ..network.edges import Crop, CropTo, CropToSmallest, Pad, PadTo, PadToMultiple
from ..network.joins import Add, Concat, Multiply
from ..network.network import AXES, Input, Network
from ..network.operation import Operation, Shapes
from ..network.requiring import Require
from ..network.resampling import DepthToSpace, Resize, ResizeTo, SpaceToDepth
from ..network.running import run
from ..network.values import Activation, Dropout, Mean, Norm, Scale, Slice
from ..network.windows import AvgPool, Conv, ConvTranspose, MaxPool, Window
from . import node_edges, node_resizing, node_values, node_windows
from .operations import Array, arrays_of, shown

Value = Callable[[Any, Sequence[Array], Mapping[str, Array]], Array]
"""Computes an operation from its images and its parameters by name."""

VALUES: dict[type[Operation], Value] = {
    Conv: node_windows.conv,
    ConvTranspose: node_windows.conv_transpose,
    MaxPool: node_windows.max_pool,
    AvgPool: node_windows.avg_pool,
    Window: node_windows.window,
    Resize: node_resizing.resize,
    ResizeTo: node_resizing.resize_to,
    SpaceToDepth: node_resizing.space_to_depth,
    DepthToSpace: node_resizing.depth_to_space,
    Crop: node_edges.crop,
    CropTo: node_edges.crop_to,
    CropToSmallest: node_edges.crop_to_smallest,
    Pad: node_edges.pad,
    PadTo: node_edges.pad_to,
    PadToMultiple: node_edges.pad_to,
    Norm: node_values.norm,
    Activation: node_values.activation,
    Scale: node_values.scale,
    Slice: node_values.channels_of,
    Mean: node_values.mean,
    Concat: node_values.concat,
    Add: node_values.add,
    Multiply: node_values.multiply,
    Dropout: node_values.unchanged,
    Require: node_values.unchanged,
}
"""The function that computes each operation, by its class."""


def graph_value(network: Network, parameters: Mapping[str, Mapping[str, Array]], *images: Array) -> dict[str, Array]:
    """Return the value of every input and node of a graph, by name.

    - ``images``: one array for each input, ``(C, *sizes)``, or ``(C,)`` for an input of a single position.
    - ``parameters``: the arrays of each layer, with the names and shapes of :func:`parameter_shapes`. A convolution
      that is not learned has its kernel here too.

    Integers, fractions and duals (as objects) stay exact, except in norms and in activations that are not linear above
    and below 0: these compute in float64, and so does everything after them. Floats stay floats. Batch norms use the
    statistics of the image.

    Raises :class:`ShapeError` with every parameter that does not fit, or with the report of :func:`check` for an image
    that does not fit; :class:`ConfigError` for an operation without a value (a window of no framework);
    :class:`UsageError` for a value of a wrong type. Source: SPEC sections 8 and 10.

    >>> network = Network({"x": 1}, (Node("conv", Conv(3, channels=1)), Node("y", Mean())), axes=1)
    >>> values = graph_value(
    ...     network,
    ...     {"conv": {"kernel": np.array([[[1, 10, 100]]]), "bias": np.array([7])}},
    ...     np.array([[1, 2, 3, 4]]),
    ... )
    >>> values["conv"].tolist(), values["y"].tolist()
    ([[328, 439]], [[Fraction(767, 2)]])
    """
    if not isinstance(network, Network):
        says = f"it is {kind_of(network)}, and must be a Network"
        raise UsageError.of("network", "network", "", says, "graph_of(network, in_channels, out_channels)")
    _require_values(network)
    learned = _parameters(network, parameters)
    values = _images(network, images)
    for node in network.nodes:
        given = [values[name] for name in node.inputs]
        values[node.name] = VALUES[type(node.operation)](node.operation, given, learned.get(node.path, {}))
    return values


def _require_values(network: Network) -> None:
    """Raise :class:`ConfigError` if an operation has only sizes, and no value."""
    without = [node for node in network.nodes if not _has_value(node.operation)]
    if without:
        node = without[0]
        says = f"{node.name} is {clipped(repr(node.operation))}, which has only sizes"
        raise ConfigError.of(title(network), "value", "no value", says, f"{node.name}=MaxPool(2), or another pooling")


def _has_value(operation: Operation) -> bool:
    of_one_position = not isinstance(operation, Window) or operation == Window(1, operation.stride)
    return type(operation) in VALUES and of_one_position


def _shapes(network: Network) -> Iterator[tuple[str, Shapes]]:
    """Each layer with the shapes of its arrays, those that are not learned too."""
    for node in network.nodes:
        operation, channels = node.operation, [network.channels[name] for name in node.inputs]
        if isinstance(operation, Conv | ConvTranspose) and not operation.learned:
            operation = replace(operation, learned=True, bias=False)
        if shapes := operation.parameters(channels, network.axes):
            yield node.path, shapes


def _parameters(network: Network, given: object) -> dict[str, dict[str, Array]]:
    """The arrays of each layer. Raise an error with all that are missing or do not fit."""
    if not isinstance(given, Mapping):
        says = f"it is {kind_of(given)}, and must map the name of each layer to its arrays"
        raise UsageError.of("parameters", "type", "", says, 'parameters={"conv": {"kernel": kernel, "bias": bias}}')
    shapes = dict(_shapes(network))
    found: dict[str, dict[str, Array]] = {}
    verdicts, fixes = [], []
    for layer, of_layer in shapes.items():
        arrays = given.get(layer)
        found[layer] = {part: arrays[part] for part in of_layer if isinstance(arrays, Mapping) and part in arrays}
        for part, shape in of_layer.items():
            array = found[layer].get(part)
            says = f"it is missing, and must be an array of shape {shape}"
            says = says if array is None else f"it is {shown(array)}, and must be an array of shape {shape}"
            holds = isinstance(array, np.ndarray) and array.shape == shape
            verdicts.append(Verdict(f"{layer}.{part}", holds, says, f"parameters of {layer}"))
            fixes += [] if holds else [f'parameters["{layer}"]["{part}"] of shape {shape}']
    Report(f"parameters of {title(network)}", tuple(verdicts), tuple(fixes[:1])).raise_if_failed()
    for layer, arrays in found.items():
        named = {f"{layer}.{part}": (array, "...") for part, array in arrays.items()}
        if named:
            found[layer] = dict(zip(arrays, arrays_of(title(network), **named), strict=True))
    return found


def _images(network: Network, images: Sequence[object]) -> dict[str, Array]:
    """The inputs by name, each with its axes. Raise an error unless the network takes images of their sizes."""
    if len(images) != len(network.inputs):
        names = ", ".join(given.name for given in network.inputs)
        says = f"it got {count_word(len(images))}, and takes {count_word(len(network.inputs))}: {names}"
        raise UsageError.of(
            f"the images of {title(network)}", "inputs", "", says, f"graph_value(network, parameters, {names})"
        )
    values = {}
    for given, image in zip(network.inputs, images, strict=True):
        (x,) = arrays_of(title(network), **{given.name: (image, _axes(network, given))})
        values[given.name] = x.reshape(-1, *(1,) * network.axes) if given.single else x
    _require_fit(network, {given.name: values[given.name].shape for given in network.inputs if not given.single})
    return values


def _axes(network: Network, given: Input) -> str:
    names = () if given.single else AXES[network.axes]
    return " ".join([f"C={given.channels}", *(name[0].upper() for name in names)])


def _require_fit(network: Network, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raise the report on the images unless they fit, and an error if a node's array is too large."""
    if len(network.inputs) == 1 and shapes:
        (shape,) = shapes.values()
        check(network, shape).raise_if_failed()
    else:
        explain(network, {name: shape[1:] for name, shape in shapes.items()}).raise_if_failed()
    sizes = [
        run(network, {name: shape[axis + 1] for name, shape in shapes.items()}, axis) for axis in range(network.axes)
    ]
    arrays = ((name, (count, *(of.sizes[name] for of in sizes))) for name, count in network.channels.items())
    verdict = judge_arrays(arrays)
    if not verdict.holds:
        raise ShapeError(Report(title(network), (verdict,), ("smaller images, or a smaller padding or factor",)))
