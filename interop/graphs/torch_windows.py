"""PyTorch's convolutions, poolings and products with a matrix, as equations of JAX (SPEC section 8)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from .draft import Array, Constant, Image, NoStepError
from .layout_rules import transpose
from .torch_walking import Operand, Rule, Step
from .window_rules import convolution, pooling, product, reduction


def on_each(value: Any, axes: int) -> tuple[int, ...]:
    """A number, or a sequence of one or several numbers, for each axis."""
    numbers = [int(of) for of in value] if isinstance(value, list | tuple) else [int(value)]
    return tuple(numbers * axes if len(numbers) == 1 else numbers)


def _batched(step: Step, axes: int, of: Operand) -> tuple[Image, tuple[int, ...], int]:
    """The image and the shape of the result, with a batch; and how many axes that adds."""
    lacking = axes + 2 - len(of.shape)
    image = replace(of.image, dims=((),) * lacking + of.image.dims)
    return image, (1,) * lacking + step.shape, lacking


def _layout(axes: int) -> Any:
    """Channels first, in the image, the kernel and the result."""
    order = tuple(range(axes + 2))
    return type("Layout", (), {"lhs_spec": order, "rhs_spec": order, "out_spec": order})


def _convolved(step: Step, axes: int, of: Operand, weight: Operand, bias: Any, **params: Any) -> Image:
    image, shape, lacking = _batched(step, axes, of)
    more = {"dimension_numbers": _layout(axes), "batch_group_count": 1, **params}
    made = step.image(convolution, [image, weight], shape, params=more)
    step.walker.take_bias(made.node, bias)
    return replace(made, dims=made.dims[lacking:])


def _conv(axes: int) -> Rule:
    def rule(
        step: Step,
        x: Operand,
        weight: Operand,
        bias: Any = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Array:
        dilations = on_each(dilation, axes)
        if padding == "same":
            totals = [d * (k - 1) for d, k in zip(dilations, weight.shape[2:], strict=True)]
            sides = tuple((total // 2, total - total // 2) for total in totals)
        else:
            sides = tuple((n, n) for n in on_each(0 if padding == "valid" else padding, axes))
        strides = on_each(stride, axes)
        return _convolved(
            step,
            axes,
            x,
            weight,
            bias,
            window_strides=strides,
            rhs_dilation=dilations,
            lhs_dilation=(1,) * axes,
            padding=sides,
            feature_group_count=groups,
        )

    return rule


def _conv_transpose(axes: int) -> Rule:
    def rule(
        step: Step,
        x: Operand,
        weight: Operand,
        bias: Any = None,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        dilation: Any = 1,
    ) -> Array:
        of_each = zip(weight.shape[2:], *(on_each(n, axes) for n in (dilation, padding, output_padding)), strict=True)
        sides = tuple((d * (k - 1) - p, d * (k - 1) - p + more) for k, d, p, more in of_each)
        return _convolved(
            step,
            axes,
            x,
            weight,
            bias,
            window_strides=(1,) * axes,
            rhs_dilation=on_each(dilation, axes),
            lhs_dilation=on_each(stride, axes),
            padding=sides,
            feature_group_count=groups,
            transposed=True,
            output_padding=on_each(output_padding, axes),
        )

    return rule


def _pooled(
    step: Step,
    kind: str,
    axes: int,
    of: Operand,
    kernel: Any,
    stride: Any,
    *,
    padding: Any,
    ceil_mode: bool,
    dilation: Any = 1,
    count_include_pad: bool = True,
) -> Sequence[Array]:
    before = (1,) * (len(of.shape) - axes)
    kernels = on_each(kernel, axes)
    params = {
        "window_dimensions": before + kernels,
        "window_strides": before + (on_each(stride, axes) if stride not in (None, []) else kernels),
        "padding": ((0, 0),) * len(before) + tuple((n, n) for n in on_each(padding, axes)),
        "window_dilation": before + on_each(dilation, axes),
        "ceil_mode": ceil_mode,
        "count_include_pad": count_include_pad,
    }
    return [step.image(pooling(kind), [of.image], params=params)] * len(step.shapes)


def _max_pool(axes: int) -> Rule:
    def rule(
        step: Step,
        x: Operand,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Sequence[Array]:
        numbers = {"padding": padding, "dilation": dilation}
        return _pooled(step, "max_pool", axes, x, kernel_size, stride, ceil_mode=ceil_mode, **numbers)

    return rule


def _avg_pool(axes: int) -> Rule:
    def rule(
        step: Step,
        x: Operand,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: Any = None,
    ) -> Sequence[Array]:
        modes = {"ceil_mode": ceil_mode, "count_include_pad": bool(count_include_pad)}
        return _pooled(step, "avg_pool", axes, x, kernel_size, stride, padding=padding, **modes)

    return rule


def _adaptive_pool(axes: int) -> Rule:
    def rule(step: Step, x: Operand, output_size: Any, return_indices: bool = False) -> Sequence[Array]:
        spatial = tuple(range(len(x.shape) - axes, len(x.shape)))
        if step.shape == x.shape:
            return [x.image] * len(step.shapes)
        if any(step.shape[d] != 1 for d in spatial):
            raise NoStepError("it pools to more than one position")
        return [mean_over(step, x, spatial, keepdim=True)] * len(step.shapes)

    return rule


def mean_over(step: Step, of: Operand, axes: Sequence[int], *, keepdim: bool, kind: str = "sum") -> Image:
    """The mean over these axes of the array, or another value of all positions there."""
    left = tuple(n for d, n in enumerate(of.shape) if d not in axes)
    made = step.image(reduction(kind), [of.image], left, name="reduce", params={"axes": tuple(axes)})
    if not keepdim:
        return made
    dims = iter(made.dims)
    return replace(made, dims=tuple(() if d in axes else next(dims) for d in range(len(of.shape))))


def _linear(step: Step, x: Operand, weight: Operand, bias: Any = None) -> Array:
    return _multiplied(step, [x, weight], len(x.shape) - 1, 1, bias)


def _matmul(step: Step, x: Operand, other: Operand) -> Array:
    """An image times a matrix, or a matrix times an image."""
    if isinstance(x.array, Image):
        if not isinstance(other.array, Constant):
            raise NoStepError("the matrix is computed from an image")
        if len(other.shape) > 2:
            raise NoStepError("it multiplies by several matrices")
        return _multiplied(step, [x, other], len(x.shape) - 1, 0)
    if len(x.shape) != 2 or len(other.shape) < 2:
        raise NoStepError("it multiplies by several matrices")
    made = _multiplied(step, [x, other], 1, len(other.shape) - 2)
    dims = (*made.dims[1:-1], made.dims[0], made.dims[-1])
    return replace(made, dims=dims)


def _multiplied(step: Step, operands: Sequence[Operand], first: int, second: int, bias: Any = None) -> Image:
    params = {"dimension_numbers": (((first,), (second,)), ((), ()))}
    made = step.image(product, operands, params=params)
    step.walker.take_bias(made.node, bias)
    return made


def _addmm(step: Step, x: Operand, mat1: Operand, mat2: Operand) -> Array:
    if isinstance(x.array, Image):
        raise NoStepError("its bias is computed from an image")
    return _multiplied(step, [mat1, mat2], 1, 0, bias=x)


def _einsum(step: Step, equation: str, *operands: Any) -> Array:
    """An image times a matrix, over axes that have letters."""
    given = operands[0] if len(operands) == 1 and isinstance(operands[0], list | tuple) else operands
    ins, arrow, out = equation.replace(" ", "").partition("->")
    words = ins.split(",")
    plain = all(word.isalpha() and len({*word}) == len(word) for word in (*words, out))
    if not arrow or len(words) != 2 or len(given) != 2 or not plain:
        raise NoStepError("it is no product with a matrix")
    first, second = words
    over = [letter for letter in first if letter in second]
    if any(letter in out for letter in over) or {*out} != {*first} ^ {*second}:
        raise NoStepError("it is no product with a matrix")
    numbers = tuple(tuple(word.index(letter) for letter in over) for word in words)
    left = [letter for word in words for letter in word if letter not in over]
    shape = [step.shape[out.index(letter)] for letter in left]
    made = step.image(product, given, shape, params={"dimension_numbers": (numbers, ((), ()))})
    return step.image(transpose, [made], params={"permutation": [left.index(letter) for letter in out]})


def _of_axes(kind: Any, name: str) -> dict[str, Rule]:
    return {f"{name}{axes}d": kind(axes) for axes in (1, 2, 3)}


WINDOWS: dict[str, Rule] = {
    **_of_axes(_conv, "conv"),
    **_of_axes(_conv_transpose, "conv_transpose"),
    **_of_axes(_max_pool, "max_pool"),
    **{f"max_pool{axes}d_with_indices": _max_pool(axes) for axes in (1, 2, 3)},
    **_of_axes(_avg_pool, "avg_pool"),
    **_of_axes(_adaptive_pool, "adaptive_avg_pool"),
    **_of_axes(_adaptive_pool, "adaptive_max_pool"),
    **{f"adaptive_max_pool{axes}d_with_indices": _adaptive_pool(axes) for axes in (1, 2, 3)},
    "linear": _linear,
    **dict.fromkeys(("matmul", "mm", "mv"), _matmul),
    "addmm": _addmm,
    "einsum": _einsum,
}
"""Rules by the names of PyTorch's functions."""
