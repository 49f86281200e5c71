"""A single layer with arrays that both sides draw alike, and what is recorded of its value and its gradients."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wellshaped.spec.network import Activation, Network, parameter_shapes

from .published_arrays import drawn, noise

Arrays = Mapping[str, Any]


def images_of(network: Network, sizes: Sequence[Sequence[int]]) -> list[np.ndarray]:
    """An image for each input. An activation has values far from 0, too."""
    images = [noise(f"image {of.name}", (of.channels, *n)) for of, n in zip(network.inputs, sizes, strict=True)]
    return [4 * image**3 if isinstance(network.nodes[0].operation, Activation) else image for image in images]


def arrays_of(network: Network) -> dict[str, dict[str, np.ndarray]]:
    """The parameters by layer and name."""
    shapes = parameter_shapes(network)
    return {layer: {part: drawn(part, part, shape) for part, shape in of.items()} for layer, of in shapes.items()}


def of_output(network: Network, shape: Sequence[int]) -> np.ndarray:
    """The gradient that is given for the output."""
    return noise("gradient of the output", tuple(shape))


def summaries(y: Any, d_images: Sequence[Any], d_arrays: Arrays) -> dict[str, list[float]]:
    """The norm of each array, and its product with noise."""
    every = {"output": y, **{f"d input {i}": d for i, d in enumerate(d_images)}}
    every |= {f"d {name}": d for name, d in sorted(d_arrays.items())}
    return {name: _summary(np.asarray(array, np.float64)) for name, array in every.items()}


def _summary(array: np.ndarray) -> list[float]:
    return [float(np.linalg.norm(array)), float((array * noise("projection", array.shape)).sum())]
