"""The operations of the network as plain functions over ``(C, H, W)``, with output sizes in the types (SPEC section 6).

jaxtyping evaluates ``{...}`` in an annotation with only the arguments in scope. So the specification's size function,
which the types name, is an argument too: ``_size``. Callers do not pass it.
"""

from collections.abc import Callable
from operator import index
from typing import Any, SupportsIndex

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ...spec.arithmetic.naturals import LARGEST
from ...spec.arithmetic.sizes import OTHER_WINDOW, conv_transpose_size, sliding_window_size
from ...spec.messages.report import ShapeError, UsageError
from ..cpu.activation import rectified
from ..cpu.convolution import contract
from ..cpu.eager import compiled_if_eager
from ..cpu.layout import channels_last
from ..cpu.pooling import max_of_windows
from ..cpu.trilinear import Geometry, Slot
from ..typed import remembered, shown

SizeFunction = Callable[..., int]


@remembered
def conv2d(
    x: Float[Array, "C H W"],
    kernel: Float[Array, "O C K K"],
    bias: Float[Array, "O"],
    *,
    stride: SupportsIndex = 1,
    padding: SupportsIndex = 0,
    precision: Any = None,
    _size: SizeFunction = sliding_window_size,
) -> Float[
    Array,
    "O {_size(x.shape[1],kernel=kernel.shape[2],stride=stride,padding=padding)} "
    "{_size(x.shape[2],kernel=kernel.shape[2],stride=stride,padding=padding)}",
]:
    """Cross-correlation with zero padding; kernel ``(out, in, k, k)``, bias ``(out,)``.

    The result has shape ``(out, size(H), size(W))`` with ``size`` the :func:`sliding_window_size` of ``k``, ``stride``
    and ``padding``. ``precision`` is JAX's. Raises :class:`ShapeError` if an array does not fit or the result would be
    empty, and :class:`UsageError` if a number is not natural or too large.

    >>> import jax.numpy as jnp
    >>> conv2d(jnp.ones((3, 8, 9)), jnp.ones((4, 3, 3, 3)), jnp.zeros(4), stride=2).shape
    (4, 3, 4)
    """
    window = {"kernel": kernel.shape[2], "stride": stride, "padding": padding}
    require_not_empty("conv2d", x, _size, window)
    geometry = Geometry(x.shape[1:], kernel.shape[2], index(stride), index(padding))
    x, kernel, bias = promoted(x, kernel, bias)
    y: Array = _with_bias(x, kernel, bias, missing="y", geometry=geometry, precision=precision)
    return y


@remembered
def conv_transpose2d(
    x: Float[Array, "C H W"],
    kernel: Float[Array, "C O K K"],
    bias: Float[Array, "O"],
    *,
    stride: SupportsIndex = 1,
    padding: SupportsIndex = 0,
    precision: Any = None,
    _size: SizeFunction = conv_transpose_size,
) -> Float[
    Array,
    "O {_size(x.shape[1],kernel=kernel.shape[2],stride=stride,padding=padding)} "
    "{_size(x.shape[2],kernel=kernel.shape[2],stride=stride,padding=padding)}",
]:
    """Transposed convolution, with PyTorch's definition; kernel ``(in, out, k, k)``, bias ``(out,)``.

    Input ``i`` and kernel position ``k`` contribute to output ``o`` if ``o + padding = i·stride + k``.
    The result has shape ``(out, size(H), size(W))`` with ``size`` the :func:`conv_transpose_size` of the same numbers.
    ``precision`` is JAX's. Raises :class:`ShapeError` if an array does not fit or the result would be empty, and
    :class:`UsageError` if a number is not natural or too large.

    >>> import jax.numpy as jnp
    >>> conv_transpose2d(jnp.ones((4, 3, 5)), jnp.ones((4, 2, 2, 2)), jnp.zeros(2), stride=2).shape
    (2, 6, 10)
    """
    k, s, p = kernel.shape[2], index(stride), index(padding)
    require_not_empty("conv_transpose2d", x, _size, {"kernel": k, "stride": stride, "padding": padding})
    geometry = Geometry(tuple(conv_transpose_size(n, kernel=k, stride=s, padding=p) for n in x.shape[1:]), k, s, p)
    x, kernel, bias = promoted(x, kernel, bias)
    y: Array = _with_bias(x, kernel, bias, missing="x", geometry=geometry, precision=precision)
    return y


@remembered
def max_pool2d(
    x: Float[Array, "C H W"], *, kernel: SupportsIndex, stride: SupportsIndex, _size: SizeFunction = sliding_window_size
) -> Float[Array, "C {_size(x.shape[1],kernel=kernel,stride=stride)} {_size(x.shape[2],kernel=kernel,stride=stride)}"]:
    """The maximum of each ``kernel × kernel`` window, without padding; its gradient goes to the first maximum.

    The result has shape ``(C, size(H), size(W))`` with ``size`` the :func:`sliding_window_size` of the same numbers.
    Raises :class:`ShapeError` if the array does not fit or the result would be empty, and :class:`UsageError` if a
    number is not natural or too large.

    >>> import jax.numpy as jnp
    >>> max_pool2d(jnp.arange(20.0).reshape(1, 4, 5), kernel=2, stride=2).tolist()
    [[[6.0, 8.0], [16.0, 18.0]]]
    """
    require_not_empty("max_pool2d", x, _size, {"kernel": kernel, "stride": stride})
    y: Array = max_of_windows(x, index(kernel), index(stride))
    return y


@remembered
def relu(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """``max(x, 0)``, with derivative 0 at 0.

    Raises :class:`UsageError` if ``x`` is not an array, and :class:`ShapeError` if it is not floating-point.

    >>> import jax.numpy as jnp
    >>> relu(jnp.array([-1.0, 0.0, 2.0])).tolist()
    [0.0, 0.0, 2.0]
    """
    y: Array = _rectified(x)
    return y


@remembered
def concat_channels(skip: Float[Array, "C1 H W"], up: Float[Array, "C2 H W"]) -> Float[Array, "C1+C2 H W"]:
    """The channels of ``skip``, then those of ``up``. Raises :class:`ShapeError` if their sizes differ.

    >>> import jax.numpy as jnp
    >>> concat_channels(jnp.ones((2, 4, 4)), jnp.ones((3, 4, 4))).shape
    (5, 4, 4)
    """
    y: Array = _joined(skip, up)
    return y


@compiled_if_eager()
def _rectified(x: Array) -> Array:
    return channels_last(rectified, x) if x.ndim == 3 else rectified(x)


@compiled_if_eager()
def _joined(skip: Array, up: Array) -> Array:
    return channels_last(lambda *parts: jnp.concatenate(parts, -1), skip, up)


def promoted(*arrays: Array, dtype: Any = None) -> list[Array]:
    """The arrays in ``dtype``, or in the dtype that they promote to, as in Flax."""
    weak = [getattr(array, "weak_type", False) for array in arrays]  # NumPy arrays have no such attribute
    if dtype is None:
        dtypes = {array.dtype for array in arrays}
        dtype = jnp.result_type(*arrays) if len(dtypes) > 1 or all(weak) else dtypes.pop()
    # In eager mode, a conversion that changes nothing takes longer than most of a small layer.
    return [a.astype(dtype) if w or a.dtype != dtype else a for a, w in zip(arrays, weak, strict=True)]


@compiled_if_eager("missing", "geometry", "precision")
def _with_bias(image: Array, kernel: Array, bias: Array, *, missing: Slot, geometry: Geometry, precision: Any) -> Array:
    def convolved(image: Array) -> Array:
        batch = lax.expand_dims(image, (0,))
        a, b = (batch, kernel) if missing == "y" else (kernel, batch)
        y = lax.squeeze(contract(missing, a, b, geometry, precision), (0,))
        # The gradient of the bias is a sum over all positions, too large for 16 bits.
        wide = jnp.promote_types(y.dtype, jnp.float32)
        each = lax.expand_dims(lax.convert_element_type(bias, wide), (0, 1))
        return lax.convert_element_type(jnp.add(lax.convert_element_type(y, wide), each), y.dtype)

    return channels_last(convolved, image)


def require_not_empty(
    given_to: str, x: Array, size: SizeFunction, window: dict[str, Any], axes: tuple[int, int] = (1, 2)
) -> None:
    """Raise :class:`ShapeError` if the output would be empty, and :class:`UsageError` if XLA can't hold a number."""
    given = tuple(x.shape[axis] for axis in axes)
    height, width = (size(n, **window) for n in given)
    if height >= 1 and width >= 1 and max(map(index, window.values())) <= LARGEST:
        return
    numbers = ", ".join(f"{name}={number}" for name, number in window.items())
    subject = f"x = {shown(x)}, given to {given_to} with {numbers},"
    for name, number in window.items():
        if index(number) > LARGEST:
            says = f"{name}={number} must be at most {LARGEST}"
            raise UsageError.of(subject, "largest", "too large to compute with", says, f"{name}=1, for example")
    says = f"{given[0]}×{given[1]} becomes {height}×{width}"
    raise ShapeError.of(subject, "window", "the output would be empty", says, OTHER_WINDOW)


def require_pixels(given_to: str, x: Array) -> None:
    """Raise :class:`ShapeError` if an image has an axis of size 0: it has no statistics, and can't be resized."""
    if not all(n >= 1 for n in x.shape):
        says = f"its shape is {tuple(x.shape)}, and every size must be at least 1"
        raise ShapeError.of(
            f"x = {shown(x)}, given to {given_to},", "pixels", "no pixels", says, "an image with at least 1 pixel"
        )
