"""The parameters of an operation as a Flax module, and its result with them (SPEC section 8)."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array

from ...spec.network import Activation, Conv, ConvTranspose, Dropout, Norm, Operation
from ..cpu.layout import channels_last
from ..functional.dropout import dropped
from ..functional.functional import promoted
from ..functional.statistics import AxisName, batch_norm, normalised
from .table import VALUES

_DRAWN = {
    Conv: jax.nn.initializers.lecun_normal(in_axis=1, out_axis=0),
    ConvTranspose: jax.nn.initializers.lecun_normal(in_axis=0, out_axis=1),
}
"""How the kernel of an operation is drawn: by LeCun's normal rule, as in Flax."""

_START = {"bias": 0.0, "scale": 1.0}
"""Where the other parameters start, by name."""

_SLOPE = {"prelu": 0.25, "prelu_channels": 0.25, "snake": 1.0}
"""Where the slopes of an activation start, as in PyTorch and in the paper of Snake."""


class Fixed(nnx.Variable[Array]):
    """The kernel of a convolution that is not learned. It starts as the mean of each window."""


def started(operation: Operation, name: str, shape: tuple[int, ...], param_dtype: Any) -> Array:
    """The value at which a parameter that is no kernel starts.

    >>> from ...spec.network import Activation
    >>> started(Activation("prelu"), "slope", (1,), jnp.float32).tolist()
    [0.25]
    """
    return jnp.full(shape, _SLOPE[operation.kind] if isinstance(operation, Activation) else _START[name], param_dtype)


class Learned(nnx.Module):
    """The parameters of an operation, with the specification's names and PyTorch's layout: ``kernel``, ``bias`` …

    >>> from ...spec.network import Conv
    >>> layer = Learned(Conv(3, channels=8), {"kernel": (8, 4, 3), "bias": (8,)}, jnp.float32, nnx.Rngs(0))
    >>> layer.kernel.shape, layer.bias.shape
    ((8, 4, 3), (8,))
    """

    def __init__(
        self, operation: Operation, shapes: Mapping[str, tuple[int, ...]], param_dtype: Any, rngs: nnx.Rngs
    ) -> None:
        for name, shape in shapes.items():
            if name == "kernel":
                value = _DRAWN[type(operation)](rngs.params(), shape, param_dtype)
            else:
                value = started(operation, name, shape, param_dtype)
            setattr(self, name, nnx.Param(value))


class FixedKernel(nnx.Module):
    """A convolution that is not learned: its ``kernel`` is no parameter. Replace it by your own."""

    def __init__(self, shape: tuple[int, ...], param_dtype: Any) -> None:
        self.kernel = Fixed(jnp.full(shape, 1 / max(prod(shape[1:]), 1), param_dtype))


def layer_of(
    operation: Operation,
    channels: Sequence[int],
    axes: int,
    *,
    axis_name: AxisName | None,
    types: dict[str, Any],
    momentum: float = 0.99,
) -> nnx.Module | None:
    """The layer with the parameters of an operation on inputs with these ``channels``, or ``None`` if it has none.

    ``axis_name`` and ``momentum`` are those of batch norms.

    >>> from ...spec.network import Conv, MaxPool
    >>> types = {"dtype": None, "param_dtype": jnp.float32, "rngs": nnx.Rngs(0)}
    >>> layer_of(Conv(3, channels=8), [4], 1, axis_name=None, types=types).kernel.shape
    (8, 4, 3)
    """
    if isinstance(operation, Norm):
        of_batch = {"axis_name": axis_name, "momentum": momentum} if operation.kind == "batch" else {}
        norm: nnx.Module = norm_of(operation, channels[0], types, **of_batch)
        return norm
    if isinstance(operation, Dropout):
        return nnx.Dropout(operation.rate, rngs=types["rngs"])
    if isinstance(operation, Conv | ConvTranspose) and not operation.learned:
        return FixedKernel(operation.arrays(channels, axes)["kernel"], types["param_dtype"])
    shapes = operation.parameters(channels, axes)
    return Learned(operation, shapes, types["param_dtype"], types["rngs"]) if shapes else None


def norm_of(operation: Norm, channels: int, types: dict[str, Any], **of_batch: Any) -> Any:
    """Flax's norm for an operation. ``types`` has its dtypes and ``rngs``; ``of_batch`` is only for a batch norm.

    >>> types = {"dtype": None, "param_dtype": jnp.float32, "rngs": nnx.Rngs(0)}
    >>> norm_of(Norm("group", groups=2), 4, types).num_groups
    2
    """
    numbers = {"epsilon": operation.epsilon, "use_fast_variance": False, **types}
    numbers |= {"use_bias": operation.affine, "use_scale": operation.affine}
    if operation.kind == "batch":
        return batch_norm(channels, **of_batch, **numbers)
    if operation.kind == "group":
        return nnx.GroupNorm(channels, num_groups=operation.groups, **numbers)
    return (nnx.InstanceNorm if operation.kind == "instance" else nnx.LayerNorm)(channels, **numbers)


def computed(
    operation: Operation, layer: nnx.Module | None, images: Sequence[Array], *, dtype: Any, precision: Any, of: str
) -> Array:
    """The result of an operation with the parameters of its ``layer``; ``of`` is what an error calls it."""
    if isinstance(operation, Norm):
        return channels_last(lambda image: normalised(layer, image[None], of)[0], images[0])
    if isinstance(operation, Dropout):
        return dropped(layer, images[0], channels=operation.channels, given_to=of)
    names = [name for name in ("kernel", "bias", "scale", "slope") if getattr(layer, name, None) is not None]
    given = promoted(*images, *(getattr(layer, name)[...] for name in names), dtype=dtype) if names else list(images)
    parameters = dict(zip(names, given[len(images) :], strict=True))
    return VALUES[type(operation)](operation, given[: len(images)], parameters, precision)
