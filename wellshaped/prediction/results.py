"""What is written of a prediction: labels, probabilities or the values themselves; and how each looks as a file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..spec.files.disk import replacing
from ..spec.network import Activation, Network

KINDS = ("labels", "probabilities", "values")
"""What can be written."""


class Result:
    """An array that takes values ``(C, *sizes)`` of a network, part by part, and keeps what is to be written of them.

    ``of`` says what the values are: ``"logits"`` or ``"probabilities"``. Labels are the channel with the largest value;
    of one channel, 1 where the probability is more than 1/2. Probabilities of one channel are its sigmoid, of several
    the softmax over the channels. ``finite`` says whether all values were finite so far.

    >>> result = Result("labels", (2, 1, 3), "logits")
    >>> result[(slice(None), slice(0, 1), slice(0, 3))] = np.array([[[1.0, 5.0, 2.0]], [[3.0, 4.0, 3.0]]])
    >>> result.array.tolist()
    [[1, 0, 1]]
    """

    def __init__(self, kind: str, shape: tuple[int, ...], of: str) -> None:
        self.kind, self.shape = kind, shape
        self.dtype = np.dtype(np.float32)
        self.finite = True
        self._of = of
        count = max(shape[0], 2)
        dtype = np.dtype(np.float32) if kind != "labels" else np.min_scalar_type(count - 1)
        self.array = np.zeros(shape if kind != "labels" else shape[1:], dtype)

    def __setitem__(self, where: tuple[slice, ...], values: Any) -> None:
        """Keep what is to be written of the ``values``, all channels of a part."""
        values = np.asarray(values, np.float32)
        self.finite = self.finite and bool(np.isfinite(values).all())
        if self.kind == "labels":
            self.array[where[1:]] = _labels(values, self._of)
        else:
            self.array[where] = _probabilities(values, self._of) if self.kind == "probabilities" else values


def _labels(values: np.ndarray, of: str) -> np.ndarray:
    if len(values) > 1:
        return np.asarray(values.argmax(0))
    return np.asarray(values[0] > (0.5 if of == "probabilities" else 0))


def _probabilities(values: np.ndarray, of: str) -> np.ndarray:
    if of == "probabilities":
        return values
    if len(values) == 1:
        return np.asarray(0.5 * (1 + np.tanh(0.5 * values)))  # a sigmoid that does not overflow
    powers = np.exp(values - values.max(0))
    return np.asarray(powers / powers.sum(0))


def values_of(network: Network) -> str:
    """What the first output of a network is: ``"probabilities"`` after a sigmoid or softmax, else ``"logits"``.

    >>> from wellshaped.spec import graph_of
    >>> values_of(graph_of("milesial")), values_of(graph_of("unet3plus"))
    ('logits', 'probabilities')
    """
    last = next((node.operation for node in network.nodes if node.name == network.outputs[0]), None)
    return "probabilities" if isinstance(last, Activation) and last.kind in ("sigmoid", "softmax") else "logits"


def suffix_of(result_kind: str, axes: int) -> str:
    """The suffix of the file: labels of a picture are a picture, labels of a volume a TIFF, all else a NumPy file."""
    return {2: ".png", 3: ".tif"}.get(axes, ".npy") if result_kind == "labels" else ".npy"


def write(result: Result, path: Path) -> None:
    """Write a result to a file, in one step. Raises :class:`FileError` if it can't be written."""
    with replacing(path) as new, new.open("wb") as file:
        _WRITERS[path.suffix](file, result.array)


def _png(file: Any, array: np.ndarray) -> None:
    import imageio.v3

    imageio.v3.imwrite(file, array, extension=".png")


def _tif(file: Any, array: np.ndarray) -> None:
    import tifffile

    tifffile.imwrite(file, array, compression="zlib")


_WRITERS: dict[str, Callable[[Any, np.ndarray], None]] = {".png": _png, ".tif": _tif, ".npy": np.save}
