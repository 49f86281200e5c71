"""Operations on values and channels: activations, scales, slices, the mean (SPEC sections 8 and 10)."""

from collections.abc import Callable, Sequence
from operator import mul as times
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from ...spec.network.values import Activation, Mean, Scale, Slice
from ..cpu.activation import rectified
from ..cpu.eager import compiled_if_eager
from ..cpu.layout import channels_last
from ..dtypes import in_32_bits
from .signature import Parameters


def _of_each_channel(values: Array, x: Array) -> Array:
    return values.reshape(-1, *(1,) * (x.ndim - 1))


def _snake(x: Array, slope: Array) -> Array:
    slope = _of_each_channel(slope, x)
    return x + jnp.square(jnp.sin(slope * x)) / (slope + 1e-9)


@compiled_if_eager()
def _relu(x: Array) -> Array:
    return channels_last(rectified, x)


def _linear_below(x: Array, slope: Array | float) -> Array:
    """``x`` above 0, else ``slope·x``. Its derivative at 0 is the slope, as in PyTorch; ``jax.nn.leaky_relu`` has 1."""
    return jnp.where(x > 0, x, slope * x)


def _between(x: Array, low: float, high: float, inside: Callable[[Array], Array]) -> Array:
    """0 up to ``low``, ``inside(x)`` up to ``high``, and from there on ``x``. Its derivative is that of PyTorch."""
    within = jnp.where((x > low) & (x < high), x, 0)  # the derivative of ``inside`` may be NaN elsewhere
    return jnp.where(x <= low, 0, jnp.where(x >= high, x, inside(within)))


def _relu6(x: Array) -> Array:
    """``x`` between 0 and 6. Its derivative at both is 0, as in PyTorch; ``jax.nn.relu6`` has 1/2."""
    return jnp.where(x <= 0, 0, jnp.where(x >= 6, 6, x))


def _softplus(x: Array) -> Array:
    """``log(1 + exp(x))``, and ``x`` above 20, as in PyTorch, with its derivative."""
    return jnp.where(x > 20, x, jax.nn.softplus(x))


def _default(slope: float | None, usual: float) -> float:
    return usual if slope is None else slope


_ACTIVATIONS: dict[str, Callable[[Array, float | None, Parameters], Array]] = {
    "relu": lambda x, *_: _relu(x),
    "leaky_relu": lambda x, slope, _: _linear_below(x, _default(slope, 0.01)),
    "elu": lambda x, slope, _: jax.nn.elu(x, _default(slope, 1.0)),
    "gelu": lambda x, *_: jax.nn.gelu(x, approximate=False),
    "gelu_tanh": lambda x, *_: jax.nn.gelu(x, approximate=True),
    "silu": lambda x, *_: jax.nn.silu(x),
    "sigmoid": lambda x, *_: jax.nn.sigmoid(x),
    "tanh": lambda x, *_: jnp.tanh(x),
    "softplus": lambda x, *_: _softplus(x),
    "softmax": lambda x, *_: jax.nn.softmax(x, axis=0),
    "prelu": lambda x, _, parameters: _linear_below(x, parameters["slope"]),
    "prelu_channels": lambda x, _, parameters: _linear_below(x, _of_each_channel(parameters["slope"], x)),
    "snake": lambda x, _, parameters: _snake(x, parameters["slope"]),
    "glu": lambda x, *_: jax.nn.glu(x, axis=0),
    "relu6": lambda x, *_: _relu6(x),
    "hardsigmoid": lambda x, *_: _relu6(x + 3) / 6,
    "hardswish": lambda x, *_: _between(x, -3, 3, lambda of: of * (of + 3) / 6),
    "mish": lambda x, *_: jax.nn.mish(x),
    "selu": lambda x, *_: jax.nn.selu(x),
}


def activation(operation: Activation, images: Sequence[Array], parameters: Parameters, precision: Any) -> Array:
    """A function of each value, as PyTorch defines it: ``gelu`` is exact, and softmax is over channels.

    As in PyTorch, numbers of 16 bits are computed with 32: the cube in ``gelu_tanh`` overflows float16 at 41.
    """
    made = _ACTIVATIONS[operation.kind]
    if operation.kind == "relu":  # is exact
        return made(images[0], operation.slope, parameters)

    def of_each(x: Array, *values: Array) -> Array:
        return made(x, operation.slope, dict(zip(parameters, values, strict=True)))

    return in_32_bits(of_each, images[0], *parameters.values())


def scale(operation: Scale, images: Sequence[Array], parameters: Parameters, precision: Any) -> Array:
    """Each channel times its factor."""
    (x,) = images
    return in_32_bits(times, x, _of_each_channel(parameters["scale"], x))


def channels_of(operation: Slice, images: Sequence[Array], parameters: Parameters, precision: Any) -> Array:
    """Some of the channels."""
    return images[0][operation.start : operation.stop]


def mean(operation: Mean, images: Sequence[Array], parameters: Parameters, precision: Any) -> Array:
    """The mean over all positions, as an image of one position."""
    (x,) = images
    return channels_last(lambda image: image.mean(range(image.ndim - 1), keepdims=True), x)


def unchanged(operation: Any, images: Sequence[Array], parameters: Parameters, precision: Any) -> Array:
    """The image."""
    return images[0]
