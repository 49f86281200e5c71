"""What a file says of a model beside its arrays, and the model that such a text describes, without its arrays."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...spec.answers.compatibility import compatible_sizes
from ...spec.files.models import ModelDescription, is_momentum
from ...spec.files.networks import SavedNetwork
from ...spec.files.tensors import FLOATS
from ...spec.messages.installing import installed_version
from ...spec.messages.report import UsageError, WellshapedError
from ...spec.messages.written import clipped, in_words, written_value
from ...spec.network.network import Network
from ...spec.unet2.config import UNet2Config
from .arrays import MOMENTUM, batch_norms, require_ours, variables_of

if TYPE_CHECKING:
    from flax import nnx


def described(model: Any, otherwise: str = "orbax.checkpoint, for a module of your own") -> ModelDescription:
    """What the file of a model says.

    Raises :class:`UsageError` unless the model is a network of this library, with the fix ``otherwise``.
    """
    from ...models import UNet2

    require_ours(model, otherwise)
    config = getattr(model, "cfg", None)
    types = model.down1_1 if isinstance(model, UNet2) else model
    arrays = variables_of(model).values()
    network = model.network if config is None else config
    dtype = None if types.dtype is None else types.dtype.name
    param_dtype = next((of_it.get_value().dtype.name for of_it in arrays), "float32")
    for name, given in (("dtype", dtype), ("param_dtype", param_dtype)):
        if given is not None and given not in FLOATS:
            says = f"{name} is {given}, and a file has {in_words(tuple(FLOATS))}"
            raise UsageError.of("the model", "dtype", "", says, f'{name}="float32"')
    made = ModelDescription(
        network=network,
        in_channels=None if config is None else model.in_channels,
        out_channels=None if config is None else model.out_channels,
        dtype=dtype,
        param_dtype=param_dtype,
        precision=_written(types.precision),
        sizes=None,
        statements=(),
        version=installed_version("wellshaped"),
        momentum=_momentum(model),
    )
    return _with_sizes(made)


def _written(precision: Any) -> Any:
    """A precision as a text, or a tuple of two."""
    if isinstance(precision, tuple):
        return tuple(map(_written, precision))
    if precision is None or isinstance(precision, str):
        return precision
    name = getattr(precision, "name", None)
    if name is None:
        raise UsageError.of(
            "the model", "precision", "", f"{written_value(precision)} has no name", 'precision="highest"'
        )
    return name.lower()


def _momentum(model: Any) -> dict[str, float]:
    """The momentum of each batch norm that has another than usual."""
    found = {name: norm.momentum for name, norm in sorted(batch_norms(model).items()) if norm.momentum != MOMENTUM}
    for name, momentum in found.items():
        if not is_momentum(momentum):
            says = f"{name} has {clipped(written_value(momentum))}, and must have a number from 0 to 1"
            raise UsageError.of("the model", "momentum", "", says, f"momentum={MOMENTUM}")
    return {name: float(momentum) for name, momentum in found.items()}


def _with_sizes(made: ModelDescription) -> ModelDescription:
    """The description with the compatible sizes and what a certificate states, if the network can be solved."""
    from ...proofs_of_shape.certificates import statement_text

    graph = made.graph
    try:
        sizes = [compatible_sizes(graph, axis) for axis in range(graph.axes)]
    except WellshapedError:
        return made
    found = (statement_text(graph, axis, fit) for axis, fit in enumerate(sizes))
    statements = tuple(text for text in found if text is not None)
    known = len(statements) == graph.axes
    return replace(made, sizes=tuple(map(str, sizes)), statements=statements if known else ())


def built(
    description: ModelDescription, *, axis_name: str | tuple[str, ...] | None = None, remat: str | Iterable[str] = ()
) -> "nnx.Module":
    """The model without arrays: only their shapes and dtypes are there."""
    types = {
        "dtype": description.dtype,
        "param_dtype": description.param_dtype,
        "precision": description.precision,
    }
    channels = description.in_channels, description.out_channels
    return without_arrays(description.network, channels, types, {"axis_name": axis_name, "remat": remat})


def without_arrays(
    network: SavedNetwork, channels: tuple[Any, Any], types: Mapping[str, Any], run: Mapping[str, Any]
) -> "nnx.Module":
    """The model of a network, with the shapes and dtypes of its arrays and nothing else.

    ``types`` are the arguments about dtypes; ``run`` has those that a :class:`UNet2` does not take. The random numbers
    of dropout, which no file has, start at their beginning.
    """
    from flax import nnx

    from ...models import TypedNetwork, UNet, UNet2

    ins, outs = channels
    if isinstance(network, UNet2Config):
        return nnx.eval_shape(lambda: UNet2(network, ins, outs, **types, rngs=nnx.Rngs(0)))
    if isinstance(network, Network):
        model = nnx.eval_shape(lambda: TypedNetwork(network, **types, **run, rngs=nnx.Rngs(0)))
        dropouts = [layer for _, layer in nnx.iter_modules(model) if isinstance(layer, nnx.Dropout)]
        for seed, layer in enumerate(dropouts):
            nnx.update(layer, nnx.state(nnx.Dropout(layer.rate, rngs=nnx.Rngs(seed)), nnx.RngState))
        return model
    return nnx.eval_shape(lambda: UNet(network, ins, outs, **types, **run, rngs=nnx.Rngs(0)))
