"""The layers of the network as ``flax.nnx`` modules over one ``(C, H, W)`` image (SPEC section 6).

Each layer's type states its output size, by the specification's size function. Kernels are square. Kernels and biases
have the specification's layout, which is PyTorch's.
"""

from collections.abc import Callable, Iterable, Mapping
from operator import add
from typing import Any, NamedTuple, SupportsIndex, TypeVar

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from ...spec.arithmetic.naturals import natural
from ...spec.arithmetic.sizes import conv_transpose_size, sliding_window_size
from ...spec.messages.report import UsageError
from ..cpu.joining import at_once
from ..cpu.layout import channels_last
from ..fits import at_least_one, require_buildable
from ..symbolic import GivenSize, Size
from ..typed import checked, remembered, unchecked
from ..functional.functional import concat_channels, conv2d, conv_transpose2d, max_pool2d, promoted
from ..functional.gradients import (
    ConvGrads,
    concat_channels_backward,
    conv2d_backward,
    conv_transpose2d_backward,
    max_pool2d_backward,
)

Function = TypeVar("Function", bound=Callable[..., Any])

_NUMBERS = ("in_channels", "out_channels", "kernel_size", "stride", "padding")
"""The attributes that the types of a convolution read."""


class _Convolution(nnx.Module):
    """The numbers, parameters and dtypes of both convolutions. Each class sets which axes of a kernel are channels."""

    _in_axis: int
    _out_axis: int

    @checked
    def __init__(
        self,
        in_channels: SupportsIndex,
        out_channels: SupportsIndex,
        kernel: SupportsIndex,
        *,
        stride: SupportsIndex = 1,
        padding: SupportsIndex = 0,
        use_bias: bool = True,
        dtype: Any = None,
        param_dtype: Any = jnp.float32,
        precision: Any = None,
        rngs: nnx.Rngs,
    ) -> None:
        self.in_channels = natural(in_channels, "in_channels")
        self.out_channels = natural(out_channels, "out_channels")
        self.kernel_size = natural(kernel, "kernel")
        self.stride = natural(stride, "stride")
        self.padding = natural(padding, "padding")
        self.dtype = None if dtype is None else floating(dtype, "dtype")
        self.precision = precision
        param_dtype = floating(param_dtype, "param_dtype")
        numbers = {"in_channels": self.in_channels, "out_channels": self.out_channels}
        numbers |= {"kernel": self.kernel_size, "stride": self.stride}
        require_buildable(type(self).__name__, numbers, lambda numbers: [("kernel", self._shape_of(numbers))])
        draw = jax.nn.initializers.lecun_normal(in_axis=self._in_axis, out_axis=self._out_axis)
        self.kernel = nnx.Param(draw(rngs.params(), self._shape_of(numbers), param_dtype))
        self.bias: Any = nnx.Param(jnp.zeros(self.out_channels, param_dtype)) if use_bias else None

    def _shape_of(self, numbers: Mapping[str, int]) -> tuple[int, ...]:
        shape = [numbers["kernel"]] * 4
        shape[self._in_axis], shape[self._out_axis] = numbers["in_channels"], numbers["out_channels"]
        return tuple(shape)

    def _judged(self, function: Function, kernel: Array, bias: Array) -> Function:
        """``function``, unchecked while the parameters keep their shapes, because this layer checks the rest."""
        numbers = {"in_channels": self.in_channels, "out_channels": self.out_channels, "kernel": self.kernel_size}
        shapes = (self._shape_of(numbers), (self.out_channels,))
        as_built = (kernel.shape, bias.shape) == shapes and type(self.stride) is type(self.padding) is int
        return unchecked(function) if as_built else function

    @property
    def _window(self) -> dict[str, Any]:
        return {"stride": self.stride, "padding": self.padding, "precision": self.precision}

    @property
    def _parameters(self) -> tuple[Any, Any]:
        """Kernel and bias. Without a bias, the kernel twice: it gives the zeros' dtype."""
        return self.kernel, self.kernel if self.bias is None else self.bias

    def _operands(self, *images: Array) -> list[Array]:
        """The images and the parameters in ``dtype``, or in the dtype that they promote to, as in Flax."""
        kernel = self.kernel[...]
        bias = jnp.zeros(self.out_channels, kernel.dtype) if self.bias is None else self.bias[...]
        return promoted(*images, kernel, bias, dtype=self.dtype)

    def _backward(self, function: Callable[..., ConvGrads], x: Array, grad_output: Array) -> ConvGrads:
        """The gradients, computed in the dtype of the forward pass. Each has the dtype of its own input."""
        image, kernel, bias = self._operands(x)
        grad = grad_output.astype(bias.dtype)
        grads = self._judged(function, kernel, bias)(image, kernel, grad, **self._window)
        return ConvGrads(*_like((x, *self._parameters), grads))


def _like(given: Iterable[Any], grads: Iterable[Array]) -> list[Array]:
    """The gradients, each in the dtype of the value at its place in ``given``."""
    return [grad.astype(value.dtype) for value, grad in zip(given, grads, strict=True)]


def floating(dtype: Any, name: str) -> Any:
    """Return ``dtype`` as a dtype. Raise :class:`UsageError`, naming the argument, unless it is floating-point."""
    try:
        kind = jnp.dtype(dtype)
    except TypeError:
        kind = None
    if kind is None or not jnp.issubdtype(kind, jnp.floating):
        given = dtype if kind is None else kind.name
        raise UsageError.of(
            f"{name}={given}", "dtype", "", "the dtype of a layer must be floating-point", f"{name}=jnp.float32"
        )
    return kind


class JoinedGrads(NamedTuple):
    """The gradients of a convolution of two joined images, as returned by :meth:`Conv2d.of_joined_backward`.

    >>> layer = Conv2d(5, 8, 3, rngs=nnx.Rngs(0))
    >>> layer.of_joined_backward(jnp.ones((2, 4, 4)), jnp.ones((3, 4, 4)), jnp.ones((8, 2, 2)))._fields
    ('d_skip', 'd_up', 'd_kernel', 'd_bias')
    """

    d_skip: Float[Array, "C1 H W"]
    d_up: Float[Array, "C2 H W"]
    d_kernel: Float[Array, "O C1+C2 K K"]
    d_bias: Float[Array, "O"]


class Conv2d(_Convolution):
    """2-D cross-correlation with zero padding on one ``(C, H, W)`` image.

    ``kernel`` has shape ``(out_channels, in_channels, k, k)``, drawn by LeCun's normal rule. ``bias`` starts at zero,
    or is ``None`` if ``use_bias`` is false. The layer computes in ``dtype``, by default the dtype that input and
    parameters promote to, and keeps parameters in ``param_dtype``. ``precision`` is JAX's.

    The constructor raises :class:`UsageError` if a number is not natural or a dtype not floating-point, and
    :class:`ConfigError` if a number other than ``padding`` is 0 or the kernel is too large. A call raises
    :class:`ShapeError` if the input does not fit.

    >>> layer = Conv2d(3, 8, 3, padding=1, rngs=nnx.Rngs(0))
    >>> layer(jnp.ones((3, 20, 30))).shape, layer.kernel.shape, layer.bias.shape
    ((8, 20, 30), (8, 3, 3, 3), (8,))
    """

    _out_axis, _in_axis = 0, 1
    _type_reads = _NUMBERS

    @remembered
    def size(self, n: GivenSize) -> Size:
        """The output size of an axis of size ``n``: :func:`sliding_window_size` of this layer's numbers."""
        return sliding_window_size(natural(n, "n"), kernel=self.kernel_size, stride=self.stride, padding=self.padding)

    @remembered
    def __call__(
        self, x: Float[Array, "{self.in_channels} H W"]
    ) -> Float[Array, "{self.out_channels} {self.size(x.shape[1])} {self.size(x.shape[2])}"]:
        """``(in_channels, H, W)`` to ``(out_channels, size(H), size(W))``."""
        x, kernel, bias = self._operands(x)
        return self._judged(conv2d, kernel, bias)(x, kernel, bias, **self._window)

    @remembered
    def backward(
        self,
        x: Float[Array, "{self.in_channels} H W"],
        grad_output: Float[Array, "{self.out_channels} {self.size(x.shape[1])} {self.size(x.shape[2])}"],
    ) -> ConvGrads:
        """The gradients of ``x``, kernel and bias, given the gradient of the result: :func:`conv2d_backward`.

        Without a bias, ``d_bias`` is the gradient of a zero bias.
        """
        return self._backward(conv2d_backward, x, grad_output)

    @remembered
    def of_joined(
        self,
        skip: Float[Array, "{max(self.in_channels-up.shape[0],1)} H W"],
        up: Float[Array, "{self.in_channels-skip.shape[0]} H W"],
    ) -> Float[Array, "{self.out_channels} {self.size(skip.shape[1])} {self.size(skip.shape[2])}"]:
        """``self(concat_channels(skip, up))``, as two summed convolutions if that is faster.

        The images are joined if either has fewer than 32 channels, under ``convolutions("stock")``, and in 16 bits: a
        sum would round twice.

        >>> layer = Conv2d(5, 8, 3, padding=1, rngs=nnx.Rngs(0))
        >>> layer.of_joined(jnp.ones((2, 20, 30)), jnp.ones((3, 20, 30))).shape
        (8, 20, 30)
        """
        skip, up, kernel, bias = self._operands(skip, up)
        if at_once(skip, up):
            return self(concat_channels(skip, up))
        for_skip, for_up = jnp.split(kernel, [len(skip)], 1)
        convolve = self._judged(conv2d, kernel, bias)
        of_skip = convolve(skip, for_skip, bias, **self._window)
        of_up = convolve(up, for_up, jnp.zeros_like(bias), **self._window)
        return channels_last(add, of_skip, of_up)

    @remembered
    def of_joined_backward(
        self,
        skip: Float[Array, "{max(self.in_channels-up.shape[0],1)} H W"],
        up: Float[Array, "{self.in_channels-skip.shape[0]} H W"],
        grad_output: Float[Array, "{self.out_channels} {self.size(skip.shape[1])} {self.size(skip.shape[2])}"],
    ) -> JoinedGrads:
        """The gradients of ``skip``, ``up``, kernel and bias, given the gradient of the result of :meth:`of_joined`.

        >>> layer = Conv2d(5, 8, 3, rngs=nnx.Rngs(0))
        >>> grads = layer.of_joined_backward(jnp.ones((2, 4, 4)), jnp.ones((3, 4, 4)), jnp.ones((8, 2, 2)))
        >>> grads.d_skip.shape, grads.d_up.shape, grads.d_kernel.shape
        ((2, 4, 4), (3, 4, 4), (8, 5, 3, 3))
        """
        given = (skip, up, *self._parameters)
        skip, up, kernel, bias = self._operands(skip, up)
        if at_once(skip, up):
            grads = self.backward(concat_channels(skip, up), grad_output)
            return JoinedGrads(*_like(given, (*concat_channels_backward(len(skip), grads.d_x), *grads[1:])))
        grad_output = grad_output.astype(bias.dtype)
        for_skip, for_up = jnp.split(kernel, [len(skip)], 1)
        of_skip = conv2d_backward(skip, for_skip, grad_output, **self._window)
        of_up = conv2d_backward(up, for_up, grad_output, **self._window)
        d_kernel = jnp.concatenate((of_skip.d_kernel, of_up.d_kernel), 1)
        return JoinedGrads(*_like(given, (of_skip.d_x, of_up.d_x, d_kernel, of_skip.d_bias)))


class ConvTranspose2d(_Convolution):
    """2-D transposed convolution, with PyTorch's definition, on one ``(C, H, W)`` image.

    ``kernel`` has shape ``(in_channels, out_channels, k, k)``; the rest is as for :class:`Conv2d`.

    >>> layer = ConvTranspose2d(8, 4, 2, stride=2, rngs=nnx.Rngs(0))
    >>> layer(jnp.ones((8, 20, 30))).shape, layer.kernel.shape
    ((4, 40, 60), (8, 4, 2, 2))
    """

    _in_axis, _out_axis = 0, 1
    _type_reads = _NUMBERS

    @remembered
    def size(self, n: GivenSize) -> Size:
        """The output size of an axis of size ``n``: :func:`conv_transpose_size` of this layer's numbers."""
        return conv_transpose_size(natural(n, "n"), kernel=self.kernel_size, stride=self.stride, padding=self.padding)

    @remembered
    def __call__(
        self, x: Float[Array, "{self.in_channels} H W"]
    ) -> Float[Array, "{self.out_channels} {self.size(x.shape[1])} {self.size(x.shape[2])}"]:
        """``(in_channels, H, W)`` to ``(out_channels, size(H), size(W))``."""
        x, kernel, bias = self._operands(x)
        return self._judged(conv_transpose2d, kernel, bias)(x, kernel, bias, **self._window)

    @remembered
    def backward(
        self,
        x: Float[Array, "{self.in_channels} H W"],
        grad_output: Float[Array, "{self.out_channels} {self.size(x.shape[1])} {self.size(x.shape[2])}"],
    ) -> ConvGrads:
        """The gradients of ``x``, kernel and bias, given that of the output: :func:`conv_transpose2d_backward`."""
        return self._backward(conv_transpose2d_backward, x, grad_output)


class Pooling(nnx.Module):
    """A pooling without padding: its kernel, its stride and its output size. Subclasses define the operation.

    The constructor raises :class:`ConfigError` if a number is 0, and :class:`UsageError` if it is not natural.
    """

    @checked
    def __init__(self, kernel: SupportsIndex, stride: SupportsIndex) -> None:
        self.kernel_size = at_least_one(kernel, "kernel", type(self).__name__)
        self.stride = at_least_one(stride, "stride", type(self).__name__)

    @remembered
    def size(self, n: GivenSize) -> Size:
        """The output size of an axis of size ``n``: :func:`sliding_window_size` of this layer's numbers."""
        return sliding_window_size(natural(n, "n"), kernel=self.kernel_size, stride=self.stride)


class MaxPool2d(Pooling):
    """The maximum of each ``kernel × kernel`` window of one ``(C, H, W)`` image, without padding.

    >>> MaxPool2d(2, 2)(jnp.ones((8, 20, 31))).shape
    (8, 10, 15)
    """

    _type_reads = ("kernel_size", "stride")

    @remembered
    def __call__(self, x: Float[Array, "C H W"]) -> Float[Array, "C {self.size(x.shape[1])} {self.size(x.shape[2])}"]:
        """``(C, H, W)`` to ``(C, size(H), size(W))``."""
        return unchecked(max_pool2d)(x, kernel=self.kernel_size, stride=self.stride)

    @remembered
    def backward(
        self,
        x: Float[Array, "C H W"],
        grad_output: Float[Array, "C {self.size(x.shape[1])} {self.size(x.shape[2])}"],
    ) -> Float[Array, "C H W"]:
        """The gradient of ``x``, given the gradient of the result: :func:`max_pool2d_backward`."""
        return unchecked(max_pool2d_backward)(x, grad_output, kernel=self.kernel_size, stride=self.stride)
