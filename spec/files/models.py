"""What a model's file says beside its arrays: the network, its channels, dtypes and sizes (one JSON text).

This needs no array and no JAX, so that ``wellshaped sizes model.safetensors`` is as fast as for a preset.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import IO, Any

from ..answers.any_network import graph_of
from ..messages.report import FileError, WellshapedError
from ..messages.written import clipped, written_value
from ..network.network import Network
from .disk import fault_of, path_of
from .formats import strict_json
from .networks import SavedNetwork, data_with_kind, network_of_data
from .tensors import FLOATS, SUFFIX, StoredArray, TensorFile, open_tensor_file

FORM = "model 1"
"""The form of the text that is written and read."""

KEY = "wellshaped"
"""The key of the text in the file's metadata. It is the only one, because the format does not keep an order of keys."""

_KEYS = {
    "form": str,
    "version": str,
    "network": dict,
    "in_channels": int | None,
    "out_channels": int | None,
    "dtype": str | None,
    "param_dtype": str,
    "precision": str | list | None,
    "sizes": list | None,
    "statements": list,
    "sha256": str,
    "momentum": dict,
}
"""The keys of the text, in order, and the kinds of their values. All but the form are fields of the description."""

_OPTIONAL = {"momentum"}
"""Keys that a text has only if they say something."""


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """A model without its arrays.

    - ``network``: a config, with ``in_channels`` and ``out_channels``; or a graph, with ``None`` for both.
    - ``dtype``, ``param_dtype``, ``precision``: the arguments of the model's class, by name.
    - ``sizes``: the compatible sizes along each axis, as texts; ``None`` if they are not known.
    - ``statements``: what a certificate of the sizes states along each axis, in SMT-LIB; none for a large network.
    - ``version``: that of the library that wrote the file.
    - ``momentum``: that of each batch norm that has another than usual, by its name.
    - ``sha256``: that of the text without it, and of the arrays.
    """

    network: SavedNetwork
    in_channels: int | None
    out_channels: int | None
    dtype: str | None
    param_dtype: str
    precision: Any
    sizes: tuple[str, ...] | None
    statements: tuple[str, ...]
    version: str
    momentum: Mapping[str, float] = field(default_factory=dict)
    sha256: str = ""

    @property
    def graph(self) -> Network:
        """The network as a graph, with its channels."""
        return graph_of(self.network, self.in_channels, self.out_channels)

    def text(self) -> str:
        """The JSON text for the file. Equal descriptions have equal texts."""
        given = {"form": FORM, "network": data_with_kind(self.network)}
        data = {key: given[key] if key in given else getattr(self, key) for key in _KEYS}
        said = {key: value for key, value in data.items() if value or key not in _OPTIONAL}
        return json.dumps(said, ensure_ascii=True, separators=(",", ":"))


def is_momentum(value: object) -> bool:
    """Whether a value is a momentum that a file may have: a number from 0 to 1.

    >>> is_momentum(0.9), is_momentum(2), is_momentum("0.9")
    (True, False, False)
    """
    return isinstance(value, Real) and not isinstance(value, bool) and 0 <= float(value) <= 1


def read_model(path: str | os.PathLike[str]) -> tuple[ModelDescription, Mapping[str, StoredArray]]:
    """Return what a model's file says, and where its arrays stand.

    Raises :class:`FileError` if the file is missing, is no safetensors file, or was not written by
    :func:`wellshaped.interop.save`.
    """
    with open_model(path) as (description, arrays, _):
        return description, arrays


@contextmanager
def open_model(
    path: str | os.PathLike[str],
) -> Iterator[tuple[ModelDescription, Mapping[str, StoredArray], IO[bytes]]]:
    """Open a model's file; yield what it says, where its arrays stand, and the file. Raises as :func:`read_model`."""
    path = path_of(path, "model file", (SUFFIX,))
    subject = f"model file {path}"
    with open_tensor_file(path, subject) as (stored, file):
        yield _described(stored, subject), stored.arrays, file


def _described(stored: TensorFile, subject: str) -> ModelDescription:
    if KEY not in stored.texts:
        says = f"it has no text {KEY!r}, which says what network it is"
        raise FileError.of(subject, "network", "it is no model of wellshaped", says, _FIX_WEIGHTS)
    try:
        data = strict_json(stored.texts[KEY])
    except (ValueError, RecursionError) as error:
        raise _wrong(subject, f"it is not JSON: {fault_of(error)}") from None
    return _description(data, subject)


def model_graph(path: str | os.PathLike[str]) -> Network:
    """Return the network in a model's file as a graph that has the name of the file. Raises as :func:`read_model`."""
    path = path_of(path, "model file", (SUFFIX,))
    graph = read_model(path)[0].graph
    return replace(graph, name=clipped(path.name)) if path.name.isprintable() else graph


def _description(data: Any, subject: str) -> ModelDescription:
    if not isinstance(data, dict) or set(data) | _OPTIONAL != set(_KEYS):
        raise _wrong(subject, f"it must have the keys {', '.join(key for key in _KEYS if key not in _OPTIONAL)}")
    data = {"momentum": {}, **data}
    for key, kind in _KEYS.items():
        if not isinstance(data[key], kind) or isinstance(data[key], bool):
            raise _wrong(subject, f"{key} is {clipped(written_value(data[key]))}")
    if data["form"] != FORM:
        raise _wrong(subject, f"it has the form {clipped(written_value(data['form']))}, and must have {FORM!r}")
    texts = [*(data["sizes"] or ()), *data["statements"]]
    if not all(isinstance(text, str) for text in texts):
        raise _wrong(subject, "its sizes and statements must be texts")
    if not all(map(is_momentum, data["momentum"].values())):
        raise _wrong(subject, f"momentum is {clipped(written_value(data['momentum']))}")
    for key in ("dtype", "param_dtype"):
        if data[key] is not None and data[key] not in FLOATS:
            raise _wrong(subject, f"{key} is {clipped(written_value(data[key]))}")
    precision = data["precision"]
    if isinstance(precision, list) and not all(isinstance(part, str) for part in precision):
        raise _wrong(subject, f"precision is {clipped(written_value(precision))}")
    network = network_of_data(data["network"], subject)
    fields: dict[str, Any] = {key: tuple(of) if isinstance(of, list) else of for key, of in data.items()}
    del fields["form"]
    described = ModelDescription(**{**fields, "network": network})
    if {of is None for of in (described.in_channels, described.out_channels)} != {isinstance(network, Network)}:
        raise _wrong(subject, "a config needs in_channels and out_channels, and a graph has none")
    try:
        graph = described.graph
    except WellshapedError as error:
        raise FileError(replace(error.report, subject=subject)) from None
    if described.sizes is not None and len(described.sizes) != graph.axes:
        raise _wrong(subject, f"it has sizes along {len(described.sizes)} axes, and the network has {graph.axes}")
    return described


_FIX = "a file that wellshaped.interop.save wrote"
_FIX_WEIGHTS = f"{_FIX}; wellshaped convert, or wellshaped.interop.load_torch, for weights of PyTorch"


def _wrong(subject: str, says: str) -> FileError:
    return FileError.of(subject, "metadata", "it is no model of wellshaped", says, _FIX)
