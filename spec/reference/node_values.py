"""Operations on values and channels, and joins (SPEC section 8). Roots and exponentials are in float64."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import reduce
from math import erfc, pi, prod, sqrt

import numpy as np

from ..network.joins import Add, Concat, Multiply
from ..network.operation import Operation
from ..network.values import Activation, Mean, Norm, Scale, Slice
from .node_windows import Parameters
from .numbers import alike, divided, in_floats, is_exact, over_positions
from .operations import Array


def norm(operation: Norm, images: Sequence[Array], parameters: Parameters) -> Array:
    """Return ``(x - mean) / sqrt(variance + epsilon)``, times the scale, plus the bias, in float64.

    The mean and the (biased) variance are those of this image: of each channel, of each group of channels, or for a
    layer norm of the channels at each position.

    >>> norm(Norm("instance", epsilon=0.0, affine=False), [np.array([[1, 3]])], {}).tolist()
    [[-1.0, 1.0]]
    """
    (x,) = in_floats(*images)
    numbers = {"batch": len(x), "instance": len(x), "group": operation.groups, "layer": 1}[operation.kind]
    of_group = x.reshape(numbers, len(x) // numbers, *x.shape[1:])
    axes = (1,) if operation.kind == "layer" else tuple(range(1, of_group.ndim))
    centred = of_group - of_group.mean(axes, keepdims=True)
    variance = (centred**2).mean(axes, keepdims=True)
    y: Array = (centred / np.sqrt(variance + operation.epsilon)).reshape(x.shape)
    if operation.affine:
        scale, bias = in_floats(parameters["scale"], parameters["bias"])
        y = y * over_positions(scale, x) + over_positions(bias, x)
    return y


def activation(operation: Activation, images: Sequence[Array], parameters: Parameters) -> Array:
    """Return the function of each value: exact for those without roots and exponentials, otherwise in float64.

    >>> activation(Activation("leaky_relu", slope=0.5), [np.array([[-3, 4]], object)], {}).astype(float).tolist()
    [[-1.5, 4.0]]
    >>> activation(Activation("sigmoid"), [np.array([[0]])], {}).tolist()
    [[0.5]]
    >>> activation(Activation("hardswish"), [np.array([[1, 4]], object)], {}).tolist()
    [[Fraction(2, 3), 4]]
    """
    (x,) = images
    if operation.kind in ("relu", "leaky_relu", "prelu", "prelu_channels"):
        return _linear_below(operation, x, parameters)
    if operation.kind in _RATIONAL:
        return _RATIONAL[operation.kind](x)
    (x,) = in_floats(x)
    if operation.kind == "snake":
        (slope,) = in_floats(over_positions(parameters["slope"], x))
        y: Array = x + np.sin(slope * x) ** 2 / (slope + 1e-9)  # as in the code of DAC, which cannot divide by 0
        return y
    if operation.kind == "elu":
        scale = 1.0 if operation.slope is None else operation.slope
        return np.where(x > 0, x, scale * np.expm1(np.minimum(x, 0)))
    return _SMOOTH[operation.kind](x)


_LEAK = 0.01
"""PyTorch's slope of a leaky ReLU."""


def _linear_below(operation: Activation, x: Array, parameters: Parameters) -> Array:
    if "slope" in parameters:
        x, slope = alike(x, over_positions(parameters["slope"], x))
    else:
        number = 0 if operation.kind == "relu" else _LEAK if operation.slope is None else operation.slope
        slope = np.array([Fraction(number)], object)
        slope = slope if is_exact(x) else slope.astype(x.dtype)
    return np.where(x > 0, x, slope * x)


def _sigmoid(x: Array) -> Array:
    y: Array = np.exp(-np.logaddexp(0, -x))  # it has no overflow, and keeps its digits near 0
    return y


def _gelu(x: Array) -> Array:
    """``x·Φ(x)``, with the normal distribution itself and not its approximation by ``tanh``."""
    y: Array = x * np.vectorize(erfc, otypes=[float])(-x / sqrt(2)) / 2
    return y


def _gelu_tanh(x: Array) -> Array:
    """``x·(1 + tanh(z)) / 2``, written as a sigmoid, which keeps its digits where the tanh is near -1."""
    y: Array = x * _sigmoid(2 * sqrt(2 / pi) * (x + 0.044715 * x**3))
    return y


def _relu6(x: Array) -> Array:
    return np.where(x <= 0, 0, np.where(x >= 6, 6, x))


def _sixth(x: Array) -> Array:
    return divided(x, np.array(6))


def _hardswish(x: Array) -> Array:
    return np.where(x <= -3, 0, np.where(x >= 3, x, _sixth(x * (x + 3))))


def _softplus(x: Array) -> Array:
    """``log(1 + exp(x))``, and ``x`` above 20, as in PyTorch."""
    y: Array = np.where(x > 20, x, np.logaddexp(x, 0))
    return y


def _selu(x: Array) -> Array:
    """ELU with the two numbers that keep the mean at 0 and the variance at 1, to the digits that PyTorch has."""
    scale, below = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
    y: Array = scale * np.where(x > 0, x, below * np.expm1(np.minimum(x, 0)))
    return y


def _softmax(x: Array) -> Array:
    powers: Array = np.exp(x - x.max(0))
    return powers / powers.sum(0)  # type: ignore[no-any-return]


def _glu(x: Array) -> Array:
    half = len(x) // 2
    return x[:half] * _sigmoid(x[half:])


_RATIONAL: dict[str, Callable[[Array], Array]] = {
    "relu6": _relu6,
    "hardsigmoid": lambda x: _sixth(_relu6(x + 3)),
    "hardswish": _hardswish,
}
"""Each activation that is a polynomial between two numbers, and linear outside of them."""

_SMOOTH: dict[str, Callable[[Array], Array]] = {
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "silu": lambda x: x * _sigmoid(x),
    "sigmoid": _sigmoid,
    "tanh": np.tanh,
    "softplus": _softplus,
    "softmax": _softmax,
    "glu": _glu,
    "mish": lambda x: x * np.tanh(np.logaddexp(x, 0)),
    "selu": _selu,
}
"""Each other activation without numbers of its own, in float64. ``softmax`` and ``glu`` are over the channels."""


def scale(operation: Scale, images: Sequence[Array], parameters: Parameters) -> Array:
    """Return each channel times its factor.

    >>> scale(Scale(), [np.array([[1, 2]])], {"scale": np.array([10])}).tolist()
    [[10, 20]]
    """
    x, factors = alike(*images, parameters["scale"])
    y: Array = x * over_positions(factors, x)
    return y


def channels_of(operation: Slice, images: Sequence[Array], parameters: Parameters) -> Array:
    """Return the channels from ``start`` up to, but not including, ``stop``.

    >>> channels_of(Slice(1, 2), [np.array([[1], [2], [3]])], {}).tolist()
    [[2]]
    """
    return images[0][operation.start : operation.stop]


def mean(operation: Mean, images: Sequence[Array], parameters: Parameters) -> Array:
    """Return the mean of each channel over all positions.

    >>> mean(Mean(), [np.array([[1, 2]], object)], {}).tolist()
    [[Fraction(3, 2)]]
    """
    (x,) = images
    return divided(x.sum(tuple(range(1, x.ndim)), keepdims=True), np.array(prod(x.shape[1:])))


def concat(operation: Concat, images: Sequence[Array], parameters: Parameters) -> Array:
    """Return the channels of all images, in order.

    >>> concat(Concat(), [np.array([[1]]), np.array([[2], [3]])], {}).tolist()
    [[1], [2], [3]]
    """
    return np.concatenate(alike(*images))


def add(operation: Add, images: Sequence[Array], parameters: Parameters) -> Array:
    """Return the sum of the images. A last image with one position, or one channel, is added to all of them.

    >>> add(Add(broadcast="positions"), [np.array([[1, 2]]), np.array([[10]])], {}).tolist()
    [[11, 12]]
    """
    return reduce(np.add, alike(*images))


def multiply(operation: Multiply, images: Sequence[Array], parameters: Parameters) -> Array:
    """Return the product of the images. A last image with one position, or one channel, multiplies all of them.

    >>> multiply(Multiply(), [np.array([[1, 2]]), np.array([[10, 20]])], {}).tolist()
    [[10, 40]]
    """
    return reduce(np.multiply, alike(*images))


def unchanged(operation: Operation, images: Sequence[Array], parameters: Parameters) -> Array:
    """Return the first image.

    >>> unchanged(Mean(), [np.array([[1, 2]])], {}).tolist()
    [[1, 2]]
    """
    return images[0]
