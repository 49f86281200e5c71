"""The explicit gradients of :mod:`.functional`, each by the sum that defines it (SPEC section 6).

Each takes the arguments of the forward function and the gradient of its result. :mod:`wellshaped.spec.reference` has
the same functions in exact arithmetic. ``jax.grad`` computes the same sums; here you can call each one alone.
"""

from operator import index
from typing import Any, NamedTuple, SupportsIndex

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ...spec.arithmetic.naturals import natural
from ...spec.arithmetic.sizes import conv_transpose_size, sliding_window_size
from ...spec.messages.report import ShapeError
from ...spec.messages.written import written_number
from ..cpu.convolution import contract
from ..cpu.eager import compiled_if_eager
from ..cpu.layout import channels_last
from ..cpu.pooling import max_of_windows
from ..cpu.trilinear import Geometry
from ..typed import remembered, shown
from .functional import SizeFunction, promoted, require_not_empty


class ConvGrads(NamedTuple):
    """The gradients of one convolution, with the shapes of its image, kernel and bias.

    >>> import jax.numpy as jnp
    >>> from wellshaped.models import conv2d_backward
    >>> d_x, d_kernel, d_bias = conv2d_backward(jnp.ones((1, 4, 4)), jnp.ones((2, 1, 3, 3)), jnp.ones((2, 2, 2)))
    >>> d_x.shape, d_kernel.shape, d_bias.shape
    ((1, 4, 4), (2, 1, 3, 3), (2,))
    """

    d_x: Float[Array, "C H W"]
    d_kernel: Float[Array, "_ _ _ _"]
    d_bias: Float[Array, "O"]


@remembered
def conv2d_backward(
    x: Float[Array, "C H W"],
    kernel: Float[Array, "O C K K"],
    grad_output: Float[
        Array,
        "O {_size(x.shape[1],kernel=kernel.shape[2],stride=stride,padding=padding)} "
        "{_size(x.shape[2],kernel=kernel.shape[2],stride=stride,padding=padding)}",
    ],
    *,
    stride: SupportsIndex = 1,
    padding: SupportsIndex = 0,
    precision: Any = None,
    _size: SizeFunction = sliding_window_size,
) -> ConvGrads:
    """The gradients of :func:`conv2d`, given the gradient of its result.

    ``d_x`` has the dtype of ``x``; ``d_kernel`` and ``d_bias`` have the dtype of ``kernel``. Their sums are over all
    indices that are not on the left, where ``i = p · stride + a - padding`` is inside the image:

    - ``d_x[c, i] = Σ kernel[o, c, a] · grad_output[o, p]``
    - ``d_kernel[o, c, a] = Σ x[c, i] · grad_output[o, p]``
    - ``d_bias[o] = Σ grad_output[o, p]``

    Raises the errors of :func:`conv2d`.

    >>> import jax.numpy as jnp
    >>> grads = conv2d_backward(jnp.ones((1, 4, 4)), jnp.ones((2, 1, 3, 3)), jnp.ones((2, 2, 2)))
    >>> grads.d_x.shape, grads.d_kernel[0, 0, 0].tolist(), grads.d_bias.tolist()
    ((1, 4, 4), [4.0, 4.0, 4.0], [4.0, 4.0])
    """
    window = {"kernel": kernel.shape[2], "stride": stride, "padding": padding}
    require_not_empty("conv2d_backward", x, _size, window)
    geometry = Geometry(x.shape[1:], kernel.shape[2], index(stride), index(padding))
    image, kernel_, grad = promoted(x, kernel, grad_output)
    d_x, d_kernel, d_bias = _conv2d_backward(image, kernel_, grad, geometry=geometry, precision=precision)
    return ConvGrads(d_x.astype(x.dtype), d_kernel.astype(kernel.dtype), d_bias.astype(kernel.dtype))


@remembered
def conv_transpose2d_backward(
    x: Float[Array, "C H W"],
    kernel: Float[Array, "C O K K"],
    grad_output: Float[
        Array,
        "O {_size(x.shape[1],kernel=kernel.shape[2],stride=stride,padding=padding)} "
        "{_size(x.shape[2],kernel=kernel.shape[2],stride=stride,padding=padding)}",
    ],
    *,
    stride: SupportsIndex = 1,
    padding: SupportsIndex = 0,
    precision: Any = None,
    _size: SizeFunction = conv_transpose_size,
) -> ConvGrads:
    """The gradients of :func:`conv_transpose2d`, given the gradient of its result, as in :func:`conv2d_backward`.

    ``d_x[c, i] = Σ kernel[c, o, a] · grad_output[o, p]`` and ``d_kernel[c, o, a] = Σ x[c, i] · grad_output[o, p]``,
    over ``p + padding = i · stride + a``; ``d_bias[o] = Σ grad_output[o, p]``. Raises the errors of :func:`conv2d`.

    >>> import jax.numpy as jnp
    >>> grads = conv_transpose2d_backward(jnp.ones((1, 2, 2)), jnp.ones((1, 3, 2, 2)), jnp.ones((3, 4, 4)), stride=2)
    >>> grads.d_x.tolist(), grads.d_kernel.shape
    ([[[12.0, 12.0], [12.0, 12.0]]], (1, 3, 2, 2))
    """
    window = {"kernel": kernel.shape[2], "stride": stride, "padding": padding}
    require_not_empty("conv_transpose2d_backward", x, _size, window)
    geometry = Geometry(grad_output.shape[1:], kernel.shape[2], index(stride), index(padding))
    image, kernel_, grad = promoted(x, kernel, grad_output)
    d_x, d_kernel, d_bias = _conv_transpose2d_backward(image, kernel_, grad, geometry=geometry, precision=precision)
    return ConvGrads(d_x.astype(x.dtype), d_kernel.astype(kernel.dtype), d_bias.astype(kernel.dtype))


@remembered
def max_pool2d_backward(
    x: Float[Array, "C H W"],
    grad_output: Float[
        Array, "C {_size(x.shape[1],kernel=kernel,stride=stride)} {_size(x.shape[2],kernel=kernel,stride=stride)}"
    ],
    *,
    kernel: SupportsIndex,
    stride: SupportsIndex,
    _size: SizeFunction = sliding_window_size,
) -> Float[Array, "C H W"]:
    """The gradient of :func:`max_pool2d`, which goes to the first maximum of each window, row by row.

    Gradients of overlapping windows add up. In a window with a NaN the position is not specified. Raises the errors of
    :func:`max_pool2d`.

    >>> import jax.numpy as jnp
    >>> x = jnp.array([[[1.0, 5.0], [5.0, 0.0]]])
    >>> max_pool2d_backward(x, jnp.ones((1, 1, 1)), kernel=2, stride=2).tolist()
    [[[0.0, 1.0], [0.0, 0.0]]]
    """
    require_not_empty("max_pool2d_backward", x, _size, {"kernel": kernel, "stride": stride})
    d_x: Array = _max_pool2d_backward(x, grad_output.astype(x.dtype), kernel=index(kernel), stride=index(stride))
    return d_x


@remembered
def relu_backward(z: Float[Array, "C H W"], grad_output: Float[Array, "C H W"]) -> Float[Array, "C H W"]:
    """``grad_output`` where ``z`` is above zero, else 0. You may pass ``relu(z)`` in place of ``z``.

    Raises :class:`ShapeError` if the shapes differ.

    >>> import jax.numpy as jnp
    >>> relu_backward(jnp.array([[[-1.0, 0.0, 2.0]]]), jnp.full((1, 1, 3), 7.0)).tolist()
    [[[0.0, 0.0, 7.0]]]
    """
    return channels_last(lambda z, grad: jnp.where(z > 0, grad, 0), z, grad_output)


@remembered
def concat_channels_backward(
    skip_channels: SupportsIndex, grad_output: Float[Array, "C H W"]
) -> tuple[Float[Array, "C1 H W"], Float[Array, "C2 H W"]]:
    """The gradients of ``skip`` and ``up`` in :func:`concat_channels`: the first ``skip_channels``, and the rest.

    Raises :class:`ShapeError` if either would have no channels.

    >>> import jax.numpy as jnp
    >>> d_skip, d_up = concat_channels_backward(2, jnp.ones((5, 4, 4)))
    >>> d_skip.shape, d_up.shape
    ((2, 4, 4), (3, 4, 4))
    """
    skip, channels = natural(skip_channels, "skip_channels"), len(grad_output)
    if not 0 < skip < channels:
        given = written_number(skip)
        subject = f"grad_output = {shown(grad_output)}, given to concat_channels_backward with skip_channels={given},"
        says = f"skip_channels={given} must be less than {channels}, the channels of grad_output"
        says = says if skip else "skip_channels=0 must be at least 1"
        both = "skip_channels=1, and grad_output of 2 channels or more"
        fix = f"skip_channels from 1 to {channels - 1}" if channels > 1 else both
        raise ShapeError.of(subject, "channels", "", says, fix)
    d_skip, d_up = (
        channels_last(lambda grad, part=part: grad[..., part], grad_output) for part in (slice(skip), slice(skip, None))
    )
    return d_skip, d_up


@compiled_if_eager("geometry", "precision")
def _conv2d_backward(
    x: Array, kernel: Array, grad: Array, *, geometry: Geometry, precision: Any
) -> tuple[Array, Array, Array]:
    x, grad = _batch(x), _batch(grad)
    d_x = _image(contract("x", kernel, grad, geometry, precision))
    return d_x, contract("k", x, grad, geometry, precision), grad.sum((0, 1, 2))


@compiled_if_eager("geometry", "precision")
def _conv_transpose2d_backward(
    x: Array, kernel: Array, grad: Array, *, geometry: Geometry, precision: Any
) -> tuple[Array, Array, Array]:
    # The transposed convolution computes the slot "x". So its input takes the slot "y".
    x, grad = _batch(x), _batch(grad)
    d_x = _image(contract("y", grad, kernel, geometry, precision))
    return d_x, contract("k", grad, x, geometry, precision), grad.sum((0, 1, 2))


def _batch(image: Array) -> Array:
    """A batch of one, with the channels last."""
    return lax.expand_dims(lax.transpose(image, (1, 2, 0)), (0,))


def _image(batch: Array) -> Array:
    return lax.transpose(lax.squeeze(batch, (0,)), (2, 0, 1))


@compiled_if_eager("kernel", "stride")
def _max_pool2d_backward(x: Array, grad: Array, *, kernel: int, stride: int) -> Array:
    d_x: Array = jax.vjp(lambda x: max_of_windows(x, kernel, stride), x)[1](grad)[0]
    return d_x
