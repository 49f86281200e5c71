"""The activations of a graph as one layer, with a type, over any number of axes."""

from typing import Any, SupportsIndex

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from ...spec.messages.report import ShapeError, UsageError
from ...spec.network import Activation
from ...spec.network.values import OF_CHANNELS
from ..dtypes import dtypes_of
from ..fits import at_least_one
from ..operations.node_layers import computed, started
from ..typed import remembered, shown
from .over_axes import OperationLayer, channels_error


class ActivationLayer(OperationLayer):
    """An activation of one ``(C, *sizes)`` image, as PyTorch defines it; see :class:`.Activation`.

    ``kind`` is its name, such as ``"relu"``, ``"gelu"`` or ``"glu"``. ``slope`` is what ``"leaky_relu"`` multiplies
    negative values by, or the scale (alpha) of ``"elu"``. ``"prelu"`` learns one slope; ``"prelu_channels"`` and
    ``"snake"`` learn one for each channel, and need ``channels``. The name ends in ``Layer`` because the operation of a
    graph is called ``Activation``.

    The constructor raises :class:`ConfigError` for another kind, and :class:`UsageError` if ``channels`` is missing and
    for a dtype that is not floating-point. A call raises :class:`ShapeError` for channels that do not fit.
    Source: SPEC sections 8 and 10.

    >>> import jax.numpy as jnp
    >>> ActivationLayer("leaky_relu", slope=0.5)(jnp.array([[-1.0, 2.0]])).tolist()
    [[-0.5, 2.0]]
    >>> ActivationLayer("glu")(jnp.ones((6, 5))).shape, ActivationLayer("snake", channels=6).slope.shape
    ((3, 5), (6,))
    """

    _type_reads = ("operation",)
    axes = 1
    operation: Activation

    def __init__(
        self,
        kind: str = "relu",
        *,
        slope: float | None = None,
        channels: SupportsIndex | None = None,
        dtype: Any = None,
        param_dtype: Any = jnp.float32,
    ) -> None:
        self.operation = Activation(kind, slope=slope)
        self.channels = None if channels is None else at_least_one(channels, "channels", "ActivationLayer")
        types = dtypes_of(dtype, param_dtype)
        self.dtype = types["dtype"]
        if kind in OF_CHANNELS and self.channels is None:
            says = f"{kind} learns a slope for each channel, and channels is missing"
            raise UsageError.of(f"ActivationLayer({kind!r})", "channels", "", says, "channels=8, for example")
        shapes = self.operation.parameters([self.channels or 1], self.axes)
        for name, shape in shapes.items():
            setattr(self, name, nnx.Param(started(self.operation, name, shape, types["param_dtype"])))

    @remembered
    def __call__(
        self, x: Float[Array, "C *sizes"]
    ) -> Float[Array, "{self.operation.channels_after([x.shape[0]],1)} *sizes"]:
        """``(C, *sizes)`` to ``(C, *sizes)``; ``"glu"`` returns half the channels."""
        if self.channels not in (None, x.shape[0]):
            says = f"it has {x.shape[0]} channels, and must have {self.channels}"
            subject = f"x = {shown(x)}, given to ActivationLayer,"
            raise ShapeError.of(subject, "channels", "", says, f"x with {self.channels} channels")
        for fault in self.operation.faults([x.shape[0]], self.axes):
            raise channels_error(fault, "ActivationLayer", x)
        return computed(self.operation, self, [x], dtype=self.dtype, precision=None, of="ActivationLayer")
