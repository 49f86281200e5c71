"""What all convolutions share: their numbers, their parameters, and how they are computed (SPEC sections 6, 8 and 10).

Kernels and biases have the specification's layout, which is PyTorch's. Over two axes, a convolution with one kernel,
one stride and one padding for all sides is *plain*: it is the network's own, with the errors and the explicit gradient
of :mod:`..functional`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, SupportsIndex, TypeVar

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array

from ...spec.arithmetic.naturals import natural
from ...spec.network import Conv, ConvTranspose
from ..dtypes import dtypes_of, precision_of
from ..fits import at_least_one, require_buildable, require_stream
from ..functional.functional import promoted
from ..functional.gradients import ConvGrads
from ..typed import checked, unchecked
from .over_axes import Numbers, OperationLayer, made_of, require_well_formed, value_of

Function = TypeVar("Function", bound=Callable[..., Any])

WINDOW = ("stride", "padding", "dilation", "groups")
READS = ("in_channels", "out_channels", "kernel_size", *WINDOW)
"""The attributes that the types of a convolution read, and those beside the kernel that its operation has."""


class Convolution(OperationLayer):
    """The numbers, parameters and dtypes of all convolutions. Each class sets which axes of a kernel are channels."""

    _operation: type[Conv] | type[ConvTranspose]
    _window_of: tuple[str, ...] = WINDOW
    _in_axis: int
    _out_axis: int
    kernel_size: Any
    stride: Any
    padding: Any
    dilation: Any
    groups: int

    def _start(
        self,
        in_channels: SupportsIndex,
        out_channels: SupportsIndex,
        *,
        use_bias: bool,
        dtype: Any,
        param_dtype: Any,
        precision: Any,
        rngs: nnx.Rngs,
        **window: Any,
    ) -> None:
        name = type(self).__name__
        self.in_channels = natural(in_channels, "in_channels")
        self.out_channels = natural(out_channels, "out_channels")
        operation = made_of(self._operation, **window, bias=use_bias)
        self.kernel_size = operation.kernel
        for of in self._window_of:
            setattr(self, of, getattr(operation, of))
        types = dtypes_of(dtype, param_dtype)
        self.dtype, self.precision = types["dtype"], precision_of(precision)
        numbers = {"in_channels": self.in_channels, "out_channels": self.out_channels}
        if self._is_plain:
            numbers |= {"kernel": self.kernel_size, "stride": self.stride}
            require_buildable(name, numbers, lambda numbers: [("kernel", self._shape_of(numbers))])
            shape = self._shape_of(numbers)
        else:
            for of, number in numbers.items():
                at_least_one(number, of, name)
            operation = replace(operation, channels=self.out_channels)
            require_well_formed(name, operation, self.in_channels, self.axes)
            shape = operation.parameters([self.in_channels], self.axes)["kernel"]
        draw = jax.nn.initializers.lecun_normal(in_axis=self._in_axis, out_axis=self._out_axis)
        require_stream(rngs, "params", type(self).__name__)
        self.kernel = nnx.Param(draw(rngs.params(), shape, types["param_dtype"]))
        self.bias: Any = nnx.Param(jnp.zeros(self.out_channels, types["param_dtype"])) if use_bias else None

    @property
    def operation(self) -> Conv | ConvTranspose:
        """The operation of a graph that this layer computes, from its numbers as they are now."""
        numbers = {of: getattr(self, of) for of in self._window_of}
        return self._operation(self.kernel_size, channels=self.out_channels, bias=self.bias is not None, **numbers)

    @property
    def _is_plain(self) -> bool:
        """Whether it is a convolution of the network: over two axes, with one number for all sides, and no other."""
        sided = any(isinstance(of, tuple | str) for of in (self.kernel_size, self.stride, self.padding))
        return self.axes == 2 and not sided and self.groups == self.dilation == 1 and self._output_padding == 0

    _output_padding: Any = 0
    """The output padding; a convolution has none."""

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
        if self._is_plain:
            grads: Iterable[Array] = self._judged(function, kernel, bias)(image, kernel, grad, **self._window)
        else:
            self._require_fit(image)
            grads = jax.vjp(self._convolved, image, kernel, bias)[1](grad)
        return ConvGrads(*like((x, *self._parameters), grads))

    def _convolved(self, image: Array, kernel: Array, bias: Array) -> Array:
        numbers = {"operation": self.operation, "precision": self.precision}
        return value_of(image, kernel, bias, names=("kernel", "bias"), **numbers)

    def _of_any_numbers(self, x: Array) -> Array:
        """The result of a convolution that is not plain. Raises :class:`ShapeError` if ``x`` does not fit."""
        self._require_fit(x)
        return self._convolved(*self._operands(x))


def like(given: Iterable[Any], grads: Iterable[Array]) -> list[Array]:
    """The gradients, each in the dtype of the value at its place in ``given``."""
    return [grad.astype(value.dtype) for value, grad in zip(given, grads, strict=True)]


class AnyConv(Convolution):
    """The constructor of a convolution. Each class sets its number of axes."""

    _out_axis, _in_axis = 0, 1
    _operation = Conv

    @checked
    def __init__(
        self,
        in_channels: SupportsIndex,
        out_channels: SupportsIndex,
        kernel: Numbers,
        *,
        stride: Numbers = 1,
        padding: Numbers | str = 0,
        dilation: Numbers = 1,
        groups: SupportsIndex = 1,
        use_bias: bool = True,
        dtype: Any = None,
        param_dtype: Any = jnp.float32,
        precision: Any = None,
        rngs: nnx.Rngs,
    ) -> None:
        window = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        types = {"dtype": dtype, "param_dtype": param_dtype, "precision": precision}
        self._start(in_channels, out_channels, use_bias=use_bias, rngs=rngs, **types, **window)


class AnyConvTranspose(Convolution):
    """The constructor of a transposed convolution. Each class sets its number of axes."""

    _in_axis, _out_axis = 0, 1
    _operation = ConvTranspose
    _window_of = (*WINDOW, "output_padding")
    output_padding: Any

    @checked
    def __init__(
        self,
        in_channels: SupportsIndex,
        out_channels: SupportsIndex,
        kernel: Numbers,
        *,
        stride: Numbers = 1,
        padding: Numbers | str = 0,
        output_padding: Numbers = 0,
        dilation: Numbers = 1,
        groups: SupportsIndex = 1,
        use_bias: bool = True,
        dtype: Any = None,
        param_dtype: Any = jnp.float32,
        precision: Any = None,
        rngs: nnx.Rngs,
    ) -> None:
        window = {"kernel": kernel, "stride": stride, "padding": padding, "output_padding": output_padding}
        window |= {"dilation": dilation, "groups": groups}
        types = {"dtype": dtype, "param_dtype": param_dtype, "precision": precision}
        self._start(in_channels, out_channels, use_bias=use_bias, rngs=rngs, **types, **window)

    @property
    def _output_padding(self) -> Any:
        return self.output_padding
