"""PyTorch's functions of values: sums and products, norms, activations, means."""

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

from .draft import Array, Image, NoStepError, Stack
from .parts import of_channels, parts_of
from .pending import IN_TRAINING
from .torch_walking import Operand, Path, Rule, Step, ranked
from .torch_windows import mean_over
from .value_rules import elementwise

# Value by value.

_OF_JAX = {
    "true_divide": "div",
    "divide": "div",
    "rdiv": "div",
    "rtruediv": "div",
    "multiply": "mul",
    "rmul": "mul",
    "subtract": "sub",
    "rsub": "sub",
    "radd": "add",
    "maximum": "max",
    "minimum": "min",
    "clamp_min": "max",
    "rpow": "pow",
    "negative": "neg",
    "absolute": "abs",
    "clip": "clamp",
    "sigmoid": "logistic",
    "where": "select",
}
"""JAX's names of PyTorch's functions, where they differ."""

_VALUES = (
    *("add", "sub", "mul", "div", "max", "min", "pow", "neg", "exp", "exp2", "log", "log1p", "log2", "log10", "expm1"),
    *("erf", "erfc", "sqrt", "rsqrt", "square", "abs", "sign", "floor", "ceil", "round", "trunc", "sin", "cos", "tan"),
    *("asin", "acos", "atan", "atan2", "sinh", "cosh", "clamp", "lt", "le", "gt", "ge", "eq", "ne", "reciprocal"),
    *("logical_and", "logical_or", "logical_not", "bitwise_and", "bitwise_or", "remainder", "fmod", "isnan", "isinf"),
    *("floor_divide", "nan_to_num", "lerp", "addcmul", "addcdiv", "masked_fill", "bernoulli"),
    *("hardtanh", "celu", "softsign", "logsigmoid", "tanhshrink"),
    *("softshrink", "hardshrink", "threshold", "rrelu", "bool", "int", "long"),
)


_OF_SEVERAL = ("lerp", "addcmul", "addcdiv", "masked_fill")
"""Functions that multiply images and add others."""


def _each_value(step: Step, *args: Any, **kwargs: Any) -> Array:
    given = [of for of in (*args, *kwargs.values()) if isinstance(of, Operand | float | int) and of is not True]
    rank = max(len(of.shape) for of in given if isinstance(of, Operand))
    operands = [ranked(step.walker, of, rank) for of in given]
    name = _OF_JAX.get(step.name, step.name)
    exponent = args[1] if len(args) > 1 and isinstance(args[1], int | float) else None
    if name == "pow" and exponent is not None and exponent == int(exponent):
        name = "integer_pow"
    if name in _OF_SEVERAL and sum(isinstance(of.array, Image) for of in operands) > 1:
        raise NoStepError("of several images")
    if name in ("max", "min") and len(operands) == 1:
        raise NoStepError("over all positions and channels")
    return step.image(elementwise, operands, name=name, params={"y": exponent})


# Activations.


def _activated(step: Step, of: Image, kind: str, slope: Any = None, path: Path = ()) -> Image:
    return step.walker.activated(of, kind, slope, path or step.path)


def _activation(kind: str) -> Rule:
    def rule(step: Step, x: Operand, *more: Any, **others: Any) -> Array:
        return _activated(step, x.image, kind)

    return rule


def _leaky_relu(step: Step, x: Operand, negative_slope: float = 0.01, inplace: bool = False) -> Array:
    return _activated(step, x.image, "leaky_relu", float(negative_slope))


def _elu(step: Step, x: Operand, alpha: float = 1.0, inplace: bool = False) -> Array:
    return _activated(step, x.image, "elu", None if alpha == 1 else float(alpha))


def _gelu(step: Step, x: Operand, approximate: str = "none") -> Array:
    return _activated(step, x.image, "gelu_tanh" if approximate == "tanh" else "gelu")


def _clamp(step: Step, x: Operand, *ends: Any, **more: Any) -> Array:
    """Between two numbers: from 0 on it is a ReLU, and from 0 to 6 a ReLU6."""
    low, high = ([*ends, None, None][i] if i < len(ends) else more.get(("min", "max")[i]) for i in range(2))
    for kind, of in (("relu", (0, None)), ("relu6", (0, 6))):
        if not isinstance(low, Operand) and not isinstance(high, Operand) and (low, high) == of:
            return _activated(step, x.image, kind)
    return _each_value(step, x, *ends, **more)


def _prelu(step: Step, x: Operand, weight: Operand) -> Array:
    """One slope, or one for each channel."""
    kind = "prelu" if prod(weight.shape) == 1 else "prelu_channels"
    return _activated(step, x.image, kind, path=weight.path)


def _hardtanh(step: Step, x: Operand, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Array:
    return _activated(step, x.image, "relu6") if (min_val, max_val) == (0, 6) else _each_value(step, x)


def _softplus(step: Step, x: Operand, beta: float = 1.0, threshold: float = 20.0) -> Array:
    return _activated(step, x.image, "softplus") if (beta, threshold) == (1, 20) else _each_value(step, x)


def _softmax(step: Step, x: Operand, dim: Any = None, *more: Any, **others: Any) -> Array:
    image = step.walker.arranged(step.walker.whole(x.image))
    if dim is None or image.dims[dim] != of_channels(step.walker.nodes[image.node].channels):
        raise NoStepError("over something else than the channels")
    return _activated(step, image, "softmax")


def _glu(step: Step, x: Operand, dim: int = -1) -> Array:
    return step.walker.gated(step.walker.settled(x.image), dim % len(x.shape), step.path)


# Norms.


def _normed(step: Step, of: Operand, kind: str, eps: Any, given: Sequence[Any], channel: int = 1, **more: Any) -> Array:
    """A norm whose ``channel`` axis has all channels. ``given`` are its parameters, or ``None``: first the scale."""
    walker = step.walker
    image = walker.require_channels(walker.settled(of.image), channel)
    node = walker.nodes[image.node]
    path = next((tensor.path for tensor in given if isinstance(tensor, Operand) and tensor.path), step.path)
    affine = any(isinstance(tensor, Operand) for tensor in given[:2])
    fixed = {"kind": kind, "groups": 1, "epsilon": float(eps), "affine": affine, **more}
    at = walker.add("norm", (image.node,), node.sizes, node.channels, fixed=fixed, path=path)
    return replace(image, node=at)


def _batch_norm(
    step: Step,
    x: Operand,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: Any = 0.1,
    eps: float = 1e-5,
) -> Array:
    running = isinstance(running_mean, Operand)
    if running and training:
        raise NoStepError(IN_TRAINING)
    if not running and parts_of(x.image.dims, "batch"):
        raise NoStepError(IN_TRAINING)
    kind = "batch" if running else "instance"  # without any, the statistics of the image
    return _normed(step, x, kind, eps, [weight, bias, running_mean, running_var])


def _instance_norm(
    step: Step,
    x: Operand,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: Any = 0.1,
    eps: float = 1e-5,
) -> Array:
    kind = "instance" if use_input_stats else "batch"
    return _normed(step, x, kind, eps, [weight, bias, running_mean, running_var])


def _group_norm(
    step: Step, x: Operand, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Array:
    return _normed(step, x, "group", eps, [weight, bias], groups=num_groups)


def _layer_norm(
    step: Step, x: Operand, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: Any = 1e-5
) -> Array:
    """Over the channels. PyTorch takes the last axes; a layer that normalises positions fixes their number."""
    if len(normalized_shape) != 1:
        raise NoStepError("it normalises positions")
    return _normed(step, x, "layer", 1e-5 if eps is None else eps, [weight, bias], channel=-1)


def _rms_norm(step: Step, x: Operand, normalized_shape: Any, weight: Any = None, eps: Any = None) -> Array:
    return _layer_norm(step, x, normalized_shape, weight, None, eps)


# Means.


def _reduced(kind: str, *after: str) -> Rule:
    """A mean, sum or maximum over axes of the array; ``after`` are functions of the result."""

    def rule(
        step: Step, x: Operand, dim: Any = None, keepdim: bool = False, *others: Any, **more: Any
    ) -> Sequence[Array]:
        if isinstance(dim, Operand):
            return [_each_value(step, x, dim)]
        dim, keepdim = more.get("axis", dim), bool(more.get("keepdims", keepdim))
        rank = len(x.shape)
        axes = range(rank) if dim is None else [d % rank for d in (dim if isinstance(dim, list | tuple) else [dim])]
        if isinstance(x.array, Stack) and [*axes] == [x.array.axis] and not (after or keepdim):
            joined = step.image(elementwise, x.array.images, name="add" if kind == "sum" else kind)
            return [joined] * len(step.shapes)
        found = mean_over(step, x, sorted(axes), keepdim=keepdim, kind=kind)
        for name in after:
            found = step.image(elementwise, [found], name=name)
        return [found] * len(step.shapes)

    return rule


VALUES: dict[str, Rule] = {
    **dict.fromkeys((*_VALUES, *_OF_JAX), _each_value),
    **{name: _activation(name) for name in ("relu", "silu", "sigmoid", "tanh")},
    "softplus": _softplus,
    **{name: _activation(name) for name in ("relu6", "hardsigmoid", "hardswish", "mish", "selu")},
    "gelu": _gelu,
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    **dict.fromkeys(("clamp", "clip"), _clamp),
    "prelu": _prelu,
    "hardtanh": _hardtanh,
    "softmax": _softmax,
    "log_softmax": lambda step, x, *more, **others: _each_value(step, x),
    "glu": _glu,
    "batch_norm": _batch_norm,
    "instance_norm": _instance_norm,
    "group_norm": _group_norm,
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    **dict.fromkeys(("mean", "sum", "var", "prod", "nansum", "nanmean"), _reduced("sum")),
    **dict.fromkeys(("std", "norm", "vector_norm", "linalg_vector_norm"), _reduced("sum", "sqrt")),
    **dict.fromkeys(("amax", "amin", "max", "min", "argmax", "argmin", "any", "all"), _reduced("max")),
}
"""Rules by the names of PyTorch's functions."""
