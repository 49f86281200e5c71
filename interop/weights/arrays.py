"""The arrays of a model by name: parameters and batch statistics, with the names that the code has."""

from typing import TYPE_CHECKING, Any

from ...spec.messages.report import UsageError

if TYPE_CHECKING:
    from flax import nnx

DTYPES = {"float16": "F16", "bfloat16": "BF16", "float32": "F32", "float64": "F64"}
"""The dtypes that arrays of a model have, with their names in a file."""


def variables_of(model: "nnx.Module") -> "dict[str, nnx.Variable[Any]]":
    """The parameters and batch statistics of a model, by name: ``encoder[0].convs[1].conv.kernel``.

    The names are those of :func:`wellshaped.spec.parameter_shapes`, with the name in the layer after a dot. Raises
    :class:`UsageError` if two have one name.

    >>> from flax import nnx
    >>> from wellshaped.models import UNet2
    >>> from wellshaped.spec import UNet2Config
    >>> list(variables_of(UNet2(UNet2Config(base_channels=2), 1, 1, rngs=nnx.Rngs(0))))[:2]
    ['down1_1.bias', 'down1_1.kernel']
    """
    from flax import nnx

    found: dict[str, nnx.Variable[Any]] = {}
    for path, variable in nnx.to_flat_state(nnx.state(model, nnx.Any(nnx.Param, nnx.BatchStat))):
        name = _name(path)
        if name in found:
            says = f"two of its arrays have the name {name}"
            raise UsageError.of("the model", "names", "", says, "nodes with other names")
        found[name] = variable
    return found


def _name(path: tuple[Any, ...]) -> str:
    """The name of an array: layers of a graph have no other path than their own name."""
    steps = path[1:] if path[0] == "layers" else path
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")
