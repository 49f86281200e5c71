"""Max and average pooling over one, two and three axes, with types.

``stride=None`` means a stride equal to the kernel. Give each number once for all axes, or as a tuple with one for each;
``padding`` may also be a pair (before, after) for each axis, ``"SAME"`` or ``"VALID"``. The constructors raise
:class:`ConfigError` if a number is 0 or too large, and :class:`UsageError` if it is not natural. A call raises
:class:`ShapeError` if the input does not fit. Source: SPEC sections 8 and 10.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from ...spec.arithmetic.sizes import sliding_window_size
from ...spec.network import AvgPool, MaxPool
from ..cpu.layout import channels_last
from ..fits import at_least_one
from ..functional.functional import max_pool2d, require_not_empty
from ..functional.gradients import max_pool2d_backward
from ..typed import checked, remembered, unchecked
from .over_axes import Numbers, OperationLayer, made_of, require_well_formed


class Pooling(OperationLayer):
    """The numbers of a pooling. It is plain with two axes, one kernel and one stride for both, and no more."""

    _operation: type[MaxPool] | type[AvgPool]
    _window_of: tuple[str, ...] = ("padding", "ceil_mode")
    kernel_size: Any
    stride: Any
    padding: Any
    ceil_mode: bool

    def _start(self, kernel: Any, stride: Any, **window: Any) -> None:
        operation = made_of(self._operation, kernel=kernel, stride=stride, **window)
        self.kernel_size = operation.kernel
        self.stride = operation.kernel if operation.stride is None else operation.stride
        for of in self._window_of:
            setattr(self, of, getattr(operation, of))
        if self._is_plain:
            at_least_one(self.kernel_size, "kernel", type(self).__name__)
            at_least_one(self.stride, "stride", type(self).__name__)
        else:
            require_well_formed(type(self).__name__, operation, 1, self.axes)

    @property
    def operation(self) -> MaxPool | AvgPool:
        """The operation of a graph that this layer computes, from its numbers as they are now."""
        return self._operation(self.kernel_size, self.stride, **{of: getattr(self, of) for of in self._window_of})

    @property
    def _is_plain(self) -> bool:
        sided = isinstance(self.kernel_size, tuple) or isinstance(self.stride, tuple)
        return self.axes == 2 and not sided and self.padding == 0 and not self.ceil_mode and self._dilation == 1

    _dilation: Any = 1
    """The dilation; an average pooling has none."""


_READS = ("kernel_size", "stride", "padding", "ceil_mode")


class _MaxPool(Pooling):
    _operation = MaxPool
    _window_of = ("padding", "dilation", "ceil_mode")
    dilation: Any

    @checked
    def __init__(
        self,
        kernel: Numbers,
        stride: Numbers | None = None,
        *,
        padding: Numbers | str = 0,
        dilation: Numbers = 1,
        ceil_mode: bool = False,
    ) -> None:
        self._start(kernel, stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode)

    @property
    def _dilation(self) -> Any:
        return self.dilation


class MaxPool1d(_MaxPool):
    """The maximum of each window of one ``(C, L)`` signal. Padding never wins.

    >>> import jax.numpy as jnp
    >>> MaxPool1d(2)(jnp.arange(5.0)[None]).tolist()
    [[1.0, 3.0]]
    """

    axes = 1
    _type_reads = (*_READS, "dilation")

    @remembered
    def __call__(self, x: Float[Array, "C L"]) -> Float[Array, "C {self.size(x.shape[1])}"]:
        """``(C, L)`` to ``(C, size(L))``."""
        return self._computed(x)


class MaxPool2d(_MaxPool):
    """The maximum of each window of one ``(C, H, W)`` image. Padding never wins.

    >>> import jax.numpy as jnp
    >>> MaxPool2d(2, 2)(jnp.ones((8, 20, 31))).shape, MaxPool2d((1, 2), ceil_mode=True)(jnp.ones((8, 20, 31))).shape
    ((8, 10, 15), (8, 20, 16))
    """

    axes = 2
    _type_reads = (*_READS, "dilation")

    @remembered
    def __call__(self, x: Float[Array, "C H W"]) -> Float[Array, "C {self.size(x.shape[1])} {self._width(x.shape[2])}"]:
        """``(C, H, W)`` to ``(C, size(H), size(W, 1))``."""
        if not self._is_plain:
            return self._computed(x)
        return unchecked(max_pool2d)(x, kernel=self.kernel_size, stride=self.stride)

    @remembered
    def backward(
        self,
        x: Float[Array, "C H W"],
        grad_output: Float[Array, "C {self.size(x.shape[1])} {self._width(x.shape[2])}"],
    ) -> Float[Array, "C H W"]:
        """The gradient of ``x``, given the gradient of the result: :func:`max_pool2d_backward`."""
        if not self._is_plain:
            d_x: Array = jax.vjp(self._computed, x)[1](grad_output.astype(x.dtype))[0]
            return d_x
        return unchecked(max_pool2d_backward)(x, grad_output, kernel=self.kernel_size, stride=self.stride)


class MaxPool3d(_MaxPool):
    """The maximum of each window of one ``(C, D, H, W)`` volume. Padding never wins.

    >>> import jax.numpy as jnp
    >>> MaxPool3d((1, 2, 2), ceil_mode=True)(jnp.ones((4, 5, 6, 7))).shape
    (4, 5, 3, 4)
    """

    axes = 3
    _type_reads = (*_READS, "dilation")

    @remembered
    def __call__(
        self, x: Float[Array, "C D H W"]
    ) -> Float[Array, "C {self.size(x.shape[1])} {self.size(x.shape[2],1)} {self.size(x.shape[3],2)}"]:
        """``(C, D, H, W)`` to ``(C, size(D), size(H, 1), size(W, 2))``."""
        return self._computed(x)


class _AvgPool(Pooling):
    _operation = AvgPool
    _window_of = ("padding", "ceil_mode", "count_include_pad")
    count_include_pad: bool

    @checked
    def __init__(
        self,
        kernel: Numbers,
        stride: Numbers | None = None,
        *,
        padding: Numbers | str = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        self._start(kernel, stride, padding=padding, ceil_mode=ceil_mode, count_include_pad=count_include_pad)


class AvgPool1d(_AvgPool):
    """The mean of each window of one ``(C, L)`` signal. Padded zeros count by default, as in PyTorch.

    >>> import jax.numpy as jnp
    >>> AvgPool1d(2)(jnp.arange(5.0)[None]).tolist()
    [[0.5, 2.5]]
    """

    axes = 1
    _type_reads = _READS

    @remembered
    def __call__(self, x: Float[Array, "C L"]) -> Float[Array, "C {self.size(x.shape[1])}"]:
        """``(C, L)`` to ``(C, size(L))``."""
        return self._computed(x)


class AvgPool2d(_AvgPool):
    """The mean of each window of one ``(C, H, W)`` image. Padded zeros count by default, as in PyTorch.

    >>> import jax.numpy as jnp
    >>> AvgPool2d(2, 2)(jnp.arange(20.0).reshape(1, 4, 5)).tolist()
    [[[3.0, 5.0], [13.0, 15.0]]]
    """

    axes = 2
    _type_reads = _READS

    @remembered
    def __call__(self, x: Float[Array, "C H W"]) -> Float[Array, "C {self.size(x.shape[1])} {self._width(x.shape[2])}"]:
        """``(C, H, W)`` to ``(C, size(H), size(W, 1))``."""
        if not self._is_plain:
            return self._computed(x)
        require_not_empty("AvgPool2d", x, sliding_window_size, {"kernel": self.kernel_size, "stride": self.stride})
        window, strides = (self.kernel_size,) * 2, (self.stride,) * 2
        wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))  # numbers of 16 bits are added up in 32
        return channels_last(lambda image: nnx.avg_pool(image[None], window, strides)[0], wide).astype(x.dtype)


class AvgPool3d(_AvgPool):
    """The mean of each window of one ``(C, D, H, W)`` volume. Padded zeros count by default, as in PyTorch.

    >>> import jax.numpy as jnp
    >>> AvgPool3d(3, 2, padding=1)(jnp.ones((4, 5, 6, 7))).shape
    (4, 3, 3, 4)
    """

    axes = 3
    _type_reads = _READS

    @remembered
    def __call__(
        self, x: Float[Array, "C D H W"]
    ) -> Float[Array, "C {self.size(x.shape[1])} {self.size(x.shape[2],1)} {self.size(x.shape[3],2)}"]:
        """``(C, D, H, W)`` to ``(C, size(D), size(H, 1), size(W, 2))``."""
        return self._computed(x)
