"""Every operation of SPEC section 6, forward and backward, written as its defining sum.

Arrays are NumPy arrays of real numbers: floating point, or arrays of objects that hold Python's integers,
:class:`~fractions.Fraction` or :class:`~wellshaped.spec.arithmetic.dual.Dual`. The object kinds are exact: nothing is
rounded, and you can compare two results with ``==``. Faster implementations are tested against this one. It may be
slow: it loops over the positions of a kernel and leaves the rest of each sum to NumPy.

Arrays of fixed-width integers are converted to Python's integers, which do not overflow. Mirrors
``NN/Spec/Models/Unet.lean`` and its layers.

Every function raises :class:`ShapeError` if an array has the wrong rank, channels or sizes, or holds anything but real
numbers. It also does so if the output would be empty or too large. It raises :class:`UsageError` if a value is not an
array, or if a number is not a natural number.

In the sums, ``s`` is the stride and ``p`` the padding; ``o`` and ``c`` are channels out and in, ``i`` and ``j`` rows
and columns of an image, ``a`` and ``b`` those of a kernel. ``x`` is 0 outside of the image.
"""

from collections.abc import Callable, Iterator
from functools import partial
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arithmetic.naturals import LARGEST, natural
from ..arithmetic.sizes import OTHER_WINDOW, conv_transpose_size, sliding_window_size
from ..messages.report import ShapeError, UsageError
from ..messages.written import clipped, kind_of, written_number, written_value

Array = NDArray[Any]
Slices = tuple[slice, ...]


# Checks of the arguments.


def arrays_of(given_to: str, **given: tuple[object, str]) -> list[Array]:
    """Return the arrays, converted to one kind of number. Raise an error unless each has its axes.

    An axis has a name, which stands for one size in all arrays; ``H=3`` fixes the size.
    """
    sizes: dict[str, tuple[int, str]] = {}
    for name, (value, axes) in given.items():
        subject = f"{name} = {shown(value)}, given to {given_to},"
        error = partial(ShapeError.of, subject)
        if not isinstance(value, np.ndarray):
            says = f"it is {kind_of(value)}, and must be a NumPy array"
            fix = f"np.asarray({name}), with dtype=object for exact numbers"
            raise UsageError.of(subject, "array", "", says, fix)
        if (other := _no_number_in(value)) is not None:
            says = f"it holds {other}, and must hold real numbers"
            fix = f"{name}.astype(float), or exact numbers as objects"
            raise error("scalar", "", says, fix)
        if axes == "...":
            continue
        labels, _, known = zip(*(axis.partition("=") for axis in axes.split()), strict=True)
        sizes |= {label: (int(size), "") for label, size in zip(labels, known, strict=True) if size}
        shape = ", ".join(str(sizes[label][0]) if label in sizes else label for label in labels)
        fix = f"{name} of shape ({shape})"
        if value.ndim != len(labels):
            says = f"it has {value.ndim} axes, and must have {len(labels)}, ({shape})"
            raise error("rank", f"shape of {name}", says, fix)
        for label, size in zip(labels, value.shape, strict=True):
            if size == 0:
                raise error("empty", f"axis {label} of {name}", "it is 0, and must be at least 1", fix)
            expected, source = sizes.setdefault(label, (size, f", as in {name}"))
            if size != expected:
                rule = "channels" if label in "CO" else "size"
                raise error(rule, f"axis {label} of {name}", f"it is {size}, and must be {expected}{source}", fix)
    return _of_one_kind([value for value, _ in given.values()])


def _of_one_kind(arrays: list[Any]) -> list[Array]:
    exact = all(array.dtype.kind in "iuO" for array in arrays)
    kind = np.dtype(object) if exact else np.result_type(*arrays)
    return [array.astype(kind, copy=False) for array in arrays]


def shown(value: object) -> str:
    """Return a value as one short line. An array is shown as its dtype and shape."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype}[{','.join(map(str, value.shape))}]"
    return clipped(written_value(value), 40)


def _no_number_in(array: Array) -> str | None:
    """Return what ``array`` holds besides real numbers, or ``None``."""
    if array.dtype != object:
        return None if array.dtype.kind in "iuf" else str(array.dtype)
    return next((f"a {type(entry).__name__}" for entry in array.flat if not _is_number(entry)), None)


def _is_number(entry: Any) -> bool:
    try:
        bool(entry * 0 + entry > 0)  # an object is a number if it computes like one
    except (TypeError, ValueError):
        return False
    return True


def _window(
    given_to: str, size: Callable[..., int], x: Array, kernel: tuple[int, ...], stride: int, padding: int = 0
) -> tuple[int, int, int, int]:
    """Return the height and width of the output, and ``stride`` and ``padding`` as natural numbers."""
    axes = zip(x.shape[1:], kernel, strict=True)
    height, width = (size(n, kernel=k, stride=stride, padding=padding) for n, k in axes)
    stride, padding = natural(stride, "stride"), natural(padding, "padding")
    numbers = f"kernel={'×'.join(map(written_number, kernel))}"
    numbers = f"{numbers}, stride={written_number(stride)}, padding={written_number(padding)}"
    error = partial(ShapeError.of, f"x = {shown(x)}, given to {given_to} with {numbers},")
    if height < 1 or width < 1:
        says = f"{x.shape[1]}×{x.shape[2]} becomes {written_number(height)}×{written_number(width)}"
        raise error("window", "the output would be empty", says, OTHER_WINDOW)
    elements = prod(max(n, m) + 2 * padding for n, m in zip(x.shape[1:], (height, width), strict=True))
    if elements > LARGEST:
        says = f"a padded channel has up to {written_number(elements)} elements, and may have at most {LARGEST}"
        raise error("elements", "too large to compute with", says, "a smaller stride or padding")
    return height, width, stride, padding


def require_shape(given_to: str, grad_output: Array, channels: int, height: int, width: int) -> None:
    """Raise :class:`ShapeError` unless the gradient of the result has the shape of the result."""
    arrays_of(given_to, grad_output=(grad_output, f"O={channels} H={height} W={width}"))


# Parts that the sums share.


def _zeros(like: Array) -> Array:
    """Return zeros of the same shape and kind: fractions for fractions."""
    zeros: Array = like * 0 if like.dtype == object else np.zeros_like(like)
    return zeros


def _padded(x: Array, padding: int) -> Array:
    channels, height, width = x.shape
    # Not np.pad: its zeros are NumPy integers, which overflow.
    padded = np.zeros((channels, height + 2 * padding, width + 2 * padding), x.dtype)
    _cropped(padded, padding)[...] = x
    return padded


def _cropped(x: Array, padding: int) -> Array:
    return x[:, padding : x.shape[1] - padding, padding : x.shape[2] - padding]


def _meetings(kernel: tuple[int, ...], size: tuple[int, ...], stride: int) -> Iterator[tuple[int, int, Slices]]:
    """Yield each ``a, b`` of a kernel with the positions ``i·s + a, j·s + b`` of an image, for ``i, j`` in ``size``."""
    for a, b in np.ndindex(*kernel):
        rows, columns = (slice(k, k + (n - 1) * stride + 1, stride) for k, n in zip((a, b), size, strict=True))
        yield a, b, (slice(None), rows, columns)


# Convolution.


class ConvGrads(NamedTuple):
    """The gradients of a convolution, plain or transposed: of its input, of its kernel and of its bias."""

    d_x: Array
    d_kernel: Array
    d_bias: Array


def conv2d(x: Array, kernel: Array, bias: Array, *, stride: int = 1, padding: int = 0) -> Array:
    """Return the cross-correlation with zero padding: ``(C, H, W)`` to ``(O, size(H), size(W))``.

    ``y[o, i, j] = bias[o] + Σ_{c, a, b} kernel[o, c, a, b] · x[c, i·s + a - p, j·s + b - p]``

    ``kernel`` is ``(O, C, kH, kW)``, ``bias`` is ``(O,)``, and ``size`` is :func:`sliding_window_size`.

    >>> x = np.arange(9).reshape(1, 3, 3)
    >>> conv2d(x, np.array([[[[1, 10], [100, 1000]]]]), np.array([5])).tolist()
    [[[4315, 5426], [7648, 8759]]]
    """
    given = {"x": (x, "C H W"), "kernel": (kernel, "O C kH kW"), "bias": (bias, "O")}
    x, kernel, bias = arrays_of("conv2d", **given)
    window = kernel.shape[2:]
    height, width, stride, padding = _window("conv2d", sliding_window_size, x, window, stride, padding)
    padded = _padded(x, padding)
    y: Array = bias[:, None, None] + sum(
        np.tensordot(kernel[:, :, a, b], padded[met], axes=1)
        for a, b, met in _meetings(window, (height, width), stride)
    )
    return y


def conv2d_backward(x: Array, kernel: Array, grad_output: Array, *, stride: int = 1, padding: int = 0) -> ConvGrads:
    """Return the gradients of :func:`conv2d`. ``grad_output``, here ``g``, is the gradient of its result.

    - ``d_x[c, i', j'] = Σ kernel[o, c, a, b] · g[o, i, j]``, over ``i' = i·s + a - p`` and ``j' = j·s + b - p``
    - ``d_kernel[o, c, a, b] = Σ_{i, j} g[o, i, j] · x[c, i·s + a - p, j·s + b - p]``
    - ``d_bias[o] = Σ_{i, j} g[o, i, j]``

    >>> x, kernel = np.arange(9).reshape(1, 3, 3), np.array([[[[1, 10], [100, 1000]]]])
    >>> d_x, d_kernel, d_bias = conv2d_backward(x, kernel, np.array([[[1, 0], [0, 2]]]))
    >>> d_x.tolist(), d_kernel.tolist(), d_bias.tolist()
    ([[[1, 10, 0], [100, 1002, 20], [0, 200, 2000]]], [[[[8, 11], [17, 20]]]], [3])
    """
    given = {"x": (x, "C H W"), "kernel": (kernel, "O C kH kW"), "grad_output": (grad_output, "O H' W'")}
    x, kernel, g = arrays_of("conv2d_backward", **given)
    window = kernel.shape[2:]
    height, width, stride, padding = _window("conv2d_backward", sliding_window_size, x, window, stride, padding)
    require_shape("conv2d_backward", g, len(kernel), height, width)
    padded, d_kernel = _padded(x, padding), np.empty_like(kernel)
    d_padded = _zeros(padded)
    for a, b, met in _meetings(window, (height, width), stride):
        d_padded[met] += np.tensordot(kernel[:, :, a, b], g, axes=(0, 0))
        d_kernel[:, :, a, b] = np.tensordot(g, padded[met], axes=((1, 2), (1, 2)))
    return ConvGrads(_cropped(d_padded, padding), d_kernel, g.sum(axis=(1, 2)))


# Transposed convolution.


def conv_transpose2d(x: Array, kernel: Array, bias: Array, *, stride: int = 1, padding: int = 0) -> Array:
    """Return the transposed convolution: ``(C, H, W)`` to ``(O, size(H), size(W))``, with a kernel ``(C, O, kH, kW)``.

    ``y[o, i', j'] = bias[o] + Σ kernel[c, o, a, b] · x[c, i, j]``, over ``i' + p = i·s + a`` and ``j' + p = j·s + b``

    ``bias`` is ``(O,)``, and ``size`` is :func:`conv_transpose_size`.

    >>> x = np.array([[[1, 2]]])
    >>> conv_transpose2d(x, np.array([[[[1, 10, 100], [0, 0, 5]]]]), np.array([0]), stride=2).tolist()
    [[[1, 10, 102, 20, 200], [0, 0, 5, 0, 10]]]
    """
    given = {"x": (x, "C H W"), "kernel": (kernel, "C O kH kW"), "bias": (bias, "O")}
    x, kernel, bias = arrays_of("conv_transpose2d", **given)
    window = kernel.shape[2:]
    height, width, stride, padding = _window("conv_transpose2d", conv_transpose_size, x, window, stride, padding)
    y = np.zeros((len(bias), height + 2 * padding, width + 2 * padding), x.dtype)
    for a, b, met in _meetings(window, x.shape[1:], stride):
        y[met] += np.tensordot(kernel[:, :, a, b], x, axes=(0, 0))
    cropped: Array = bias[:, None, None] + _cropped(y, padding)
    return cropped


def conv_transpose2d_backward(
    x: Array, kernel: Array, grad_output: Array, *, stride: int = 1, padding: int = 0
) -> ConvGrads:
    """Return the gradients of :func:`conv_transpose2d`. ``g`` is the gradient of its result, and 0 outside of it.

    - ``d_x[c, i, j] = Σ_{o, a, b} kernel[c, o, a, b] · g[o, i·s + a - p, j·s + b - p]``
    - ``d_kernel[c, o, a, b] = Σ_{i, j} x[c, i, j] · g[o, i·s + a - p, j·s + b - p]``
    - ``d_bias[o] = Σ_{i, j} g[o, i, j]``

    >>> x, kernel = np.array([[[1, 2]]]), np.array([[[[1, 10, 100], [0, 0, 5]]]])
    >>> g = np.array([[[1, 0, 3, 0, 0], [0, 0, 0, 0, 1]]])
    >>> d_x, d_kernel, d_bias = conv_transpose2d_backward(x, kernel, g, stride=2)
    >>> d_x.tolist(), d_kernel.tolist(), d_bias.tolist()
    ([[[301, 8]]], [[[[7, 0, 3], [0, 0, 2]]]], [5])
    """
    given = {"x": (x, "C H W"), "kernel": (kernel, "C O kH kW"), "grad_output": (grad_output, "O H' W'")}
    x, kernel, g = arrays_of("conv_transpose2d_backward", **given)
    window, name = kernel.shape[2:], "conv_transpose2d_backward"
    height, width, stride, padding = _window(name, conv_transpose_size, x, window, stride, padding)
    require_shape(name, g, kernel.shape[1], height, width)
    padded, d_x, d_kernel = _padded(g, padding), _zeros(x), np.empty_like(kernel)
    for a, b, met in _meetings(window, x.shape[1:], stride):
        d_x += np.tensordot(kernel[:, :, a, b], padded[met], axes=1)
        d_kernel[:, :, a, b] = np.tensordot(x, padded[met], axes=((1, 2), (1, 2)))
    return ConvGrads(d_x, d_kernel, g.sum(axis=(1, 2)))


# Max-pooling.


def max_pool2d(x: Array, *, kernel: int, stride: int) -> Array:
    """Return the maximum of each window, without padding: ``(C, H, W)`` to ``(C, size(H), size(W))``.

    ``y[c, i, j] = max_{a, b} x[c, i·s + a, j·s + b]``

    ``size`` is :func:`sliding_window_size`. The gradient goes to the first of equal maxima, in row-major order.

    >>> max_pool2d(np.arange(20).reshape(1, 4, 5), kernel=2, stride=2).tolist()
    [[[6, 8], [16, 18]]]
    """
    (x,) = arrays_of("max_pool2d", x=(x, "C H W"))
    y, _ = _first_maxima("max_pool2d", x, kernel, stride)
    return y


def max_pool2d_backward(x: Array, grad_output: Array, *, kernel: int, stride: int) -> Array:
    """Return the gradient of :func:`max_pool2d`, with the shape of ``x``. ``g`` is the gradient of its result.

    ``d_x[c, i', j'] = Σ g[c, i, j]``, over the windows ``i, j`` whose first maximum is at ``i', j'``

    >>> max_pool2d_backward(np.ones((1, 2, 3)), np.array([[[10, 1]]]), kernel=2, stride=1).tolist()
    [[[10.0, 1.0, 0.0], [0.0, 0.0, 0.0]]]
    """
    x, g = arrays_of("max_pool2d_backward", x=(x, "C H W"), grad_output=(grad_output, "C H' W'"))
    y, firsts = _first_maxima("max_pool2d_backward", x, kernel, stride)
    require_shape("max_pool2d_backward", g, *y.shape)
    d_x = _zeros(x)
    for met, is_first in firsts:
        d_x[met] += np.where(is_first, g, 0)
    return d_x


def _first_maxima(
    given_to: str, x: Array, kernel: int, stride: int
) -> tuple[Array, list[tuple[Slices, NDArray[np.bool]]]]:
    """Return the maxima, and for each ``a, b`` its positions and the windows in which it is the first maximum."""
    height, width, stride, _ = _window(given_to, sliding_window_size, x, (kernel, kernel), stride)
    meetings = [met for _, _, met in _meetings((kernel, kernel), (height, width), stride)]
    y = x[meetings[0]]
    chosen = np.zeros(y.shape, int)
    for number, met in enumerate(meetings):
        greater = x[met] > y  # strictly greater, so that the first of equal values stays
        y, chosen = np.where(greater, x[met], y), np.where(greater, number, chosen)
    return y, [(met, chosen == number) for number, met in enumerate(meetings)]


# ReLU and concatenation.


def relu(z: Array) -> Array:
    """Return ``max(z, 0)``, for an array of any shape.

    >>> relu(np.array([-2, 0, 3])).tolist()
    [0, 0, 3]
    """
    (z,) = arrays_of("relu", z=(z, "..."))
    return np.where(z > 0, z, _zeros(z))


def relu_derivative(z: Array) -> Array:
    """Return ``1`` where ``z > 0``, else ``0``. It is 0 at 0.

    >>> relu_derivative(np.array([-2, 0, 3])).tolist()
    [0, 0, 1]
    """
    (z,) = arrays_of("relu_derivative", z=(z, "..."))
    derivative: Array = _zeros(z) + (z > 0)
    return derivative


def relu_backward(z: Array, grad_output: Array) -> Array:
    """Return the gradient of :func:`relu`: ``d_z = g · relu'(z)``, where ``g`` is the gradient of its result.

    >>> relu_backward(np.array([-2, 0, 3]), np.array([5, 6, 7])).tolist()
    [0, 0, 7]
    """
    z, g = arrays_of("relu_backward", z=(z, "..."), grad_output=(grad_output, "..."))
    if g.shape != z.shape:
        subject = f"grad_output = {shown(g)}, given to relu_backward,"
        says = f"it is {g.shape}, and must be {z.shape}, the shape of z"
        raise ShapeError.of(subject, "size", "shape of grad_output", says, f"grad_output of shape {z.shape}")
    d_z: Array = g * relu_derivative(z)
    return d_z


def concat_channels(skip: Array, up: Array) -> Array:
    """Return the channels of ``skip``, then those of ``up``: ``(C1, H, W)``, ``(C2, H, W)`` to ``(C1 + C2, H, W)``.

    >>> concat_channels(np.array([[[1]], [[2]]]), np.array([[[3]]])).ravel().tolist()
    [1, 2, 3]
    """
    return np.concatenate(arrays_of("concat_channels", skip=(skip, "C1 H W"), up=(up, "C2 H W")))


def concat_channels_backward(skip_channels: int, grad_output: Array) -> tuple[Array, Array]:
    """Return the gradients of ``skip`` (the first ``skip_channels`` channels) and of ``up`` (the rest).

    >>> d_skip, d_up = concat_channels_backward(2, np.array([[[1]], [[2]], [[3]]]))
    >>> d_skip.ravel().tolist(), d_up.ravel().tolist()
    ([1, 2], [3])
    """
    (g,) = arrays_of("concat_channels_backward", grad_output=(grad_output, "C H W"))
    skip_channels = natural(skip_channels, "skip_channels")
    if not 0 < skip_channels < len(g):
        given = written_number(skip_channels)
        subject = f"grad_output = {shown(g)}, given to concat_channels_backward with skip_channels={given},"
        says = f"skip_channels={given} must be less than {len(g)}, the channels of grad_output"
        says = says if skip_channels else "skip_channels=0 must be at least 1"
        both = "skip_channels=1, and grad_output of 2 channels or more"
        fix = f"skip_channels from 1 to {len(g) - 1}" if len(g) > 1 else both
        raise ShapeError.of(subject, "channels", "", says, fix)
    return g[:skip_channels], g[skip_channels:]
