"""The arrays of a model by name: parameters, batch statistics and fixed kernels, with the names that the code has."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import IO, TYPE_CHECKING, Any

from ...spec.answers.any_network import graph_of
from ...spec.files.tensors import StoredArray
from ...spec.messages.choices import near_name
from ...spec.messages.report import UsageError, reject_class
from ...spec.messages.written import clipped, kind_of, written_value
from ...spec.network.network import Network

if TYPE_CHECKING:
    import numpy as np
    from flax import nnx


def variables_of(model: "nnx.Module") -> "dict[str, nnx.Variable[Any]]":
    """The parameters, batch statistics and fixed kernels of a model, by name: ``encoder[0].convs[1].conv.kernel``.

    The names are those of :func:`wellshaped.spec.parameter_shapes`, with the name in the layer after a dot. Raises
    :class:`UsageError` if two have one name.

    >>> from flax import nnx
    >>> from wellshaped.models import UNet2
    >>> from wellshaped.spec import UNet2Config
    >>> list(variables_of(UNet2(UNet2Config(base_channels=2), 1, 1, rngs=nnx.Rngs(0))))[:2]
    ['down1_1.bias', 'down1_1.kernel']
    """
    from flax import nnx

    from ...models.operations.node_layers import Fixed

    found: dict[str, nnx.Variable[Any]] = {}
    for path, variable in nnx.to_flat_state(nnx.state(model, nnx.Any(nnx.Param, nnx.BatchStat, Fixed))):
        name = _name(path)
        if name in found:
            says = f"two of its arrays have the name {name}"
            raise UsageError.of("the model", "names", "", says, "nodes with other names")
        found[name] = variable
    return found


MOMENTUM = 0.99
"""The momentum of the batch norms of a new model, which is Flax's."""


def batch_norms(model: "nnx.Module") -> "dict[str, nnx.BatchNorm]":
    """The batch norms of a model, by the name that their arrays have.

    >>> from flax import nnx
    >>> from wellshaped.models import UNet
    >>> from wellshaped.spec import UNetConfig
    >>> list(batch_norms(UNet(UNetConfig(levels=1, base_channels=2, norm="batch"), 1, 1, rngs=nnx.Rngs(0))))[:1]
    ['bottom.convs[0].norm.norm']
    """
    from flax import nnx

    return {_name(path): module for path, module in nnx.iter_modules(model) if isinstance(module, nnx.BatchNorm)}


def require_ours(model: object, fix: str) -> None:
    """Raise :class:`UsageError` unless the model is a network of this library."""
    from ...models import TypedNetwork, UNet2

    reject_class(model)
    if not isinstance(model, TypedNetwork | UNet2):
        says = f"it is {kind_of(model)}, and must be a UNet, a UNet2 or a TypedNetwork"
        raise UsageError.of("the model", "model", "", says, fix)


def graph_of_model(model: Any) -> Network:
    """The graph of a network of this library, with its channels."""
    config = getattr(model, "cfg", None)
    network: Network = model.network if config is None else graph_of(config, model.in_channels, model.out_channels)
    return network


def digest_of(description: str, arrays: "Iterable[tuple[str, np.ndarray[Any, Any]]]") -> str:
    """The SHA-256 of what a file says and of its arrays, which come in the order of their names.

    >>> digest_of("", [])[:8]
    'e3b0c442'
    """
    found = sha256(description.encode())
    for name, array in arrays:
        found.update(f"{name} {array.dtype} {array.shape}".encode())
        found.update(array.tobytes())
    return found.hexdigest()


def read_array(file: IO[bytes], of_it: StoredArray, dtype: Any) -> Any:
    """An array of an open safetensors file whose header was checked, as an array of NumPy."""
    import numpy as np

    file.seek(of_it.start)
    return np.fromfile(file, dtype, (of_it.stop - of_it.start) // dtype.itemsize).reshape(of_it.shape)


def unknown(name: str, missing: Sequence[str]) -> str:
    """A name that a network has not, as in a message, with the ``missing`` name that is probably meant.

    >>> unknown("head.kernal", ["head.kernel"])
    "'head.kernal' (did you mean head.kernel?)"
    """
    near = near_name(name, missing)
    return clipped(written_value(name)) + (f" (did you mean {near}?)" if near else "")


def _name(path: tuple[Any, ...]) -> str:
    """The name of an array: layers of a graph have no other path than their own name."""
    steps = path[1:] if path[0] == "layers" else path
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")
