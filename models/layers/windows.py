"""Convolutions over one, two and three axes as ``flax.nnx`` modules (SPEC sections 6, 8 and 10).

Each layer's type states its output size, by the specification's size function. Those over two axes also have their
explicit gradients.
"""

from operator import add
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..cpu.joining import at_once
from ..cpu.layout import channels_last
from ..functional.functional import concat_channels, conv2d, conv_transpose2d
from ..functional.gradients import ConvGrads, concat_channels_backward, conv2d_backward, conv_transpose2d_backward
from ..typed import remembered
from .convolution import READS, AnyConv, AnyConvTranspose, like


class JoinedGrads(NamedTuple):
    """The gradients of a convolution of two joined images, as returned by :meth:`Conv2d.of_joined_backward`.

    >>> import jax.numpy as jnp
    >>> from wellshaped.models import Conv2d
    >>> from flax import nnx
    >>> layer = Conv2d(5, 8, 3, rngs=nnx.Rngs(0))
    >>> layer.of_joined_backward(jnp.ones((2, 4, 4)), jnp.ones((3, 4, 4)), jnp.ones((8, 2, 2)))._fields
    ('d_skip', 'd_up', 'd_kernel', 'd_bias')
    """

    d_skip: Float[Array, "C1 H W"]
    d_up: Float[Array, "C2 H W"]
    d_kernel: Float[Array, "O _ _ _"]
    d_bias: Float[Array, "O"]


class Conv2d(AnyConv):
    """2-D cross-correlation with zero padding on one ``(C, H, W)`` image.

    ``kernel`` has shape ``(out_channels, in_channels, k, k)``, drawn by LeCun's normal rule. ``bias`` starts at zero,
    or is ``None`` if ``use_bias`` is false. The layer computes in ``dtype``, by default the dtype that input and
    parameters promote to, and keeps parameters in ``param_dtype``. ``precision`` is JAX's.

    ``kernel``, ``stride``, ``padding`` and ``dilation`` may also have a number for each axis. ``padding`` may be a pair
    (before, after) for each axis, ``"SAME"`` or ``"VALID"``. With ``groups``, the second axis of the kernel has the
    size ``in_channels / groups``.

    The constructor raises :class:`UsageError` if a number is not natural or a dtype not floating-point, and
    :class:`ConfigError` if a number other than ``padding`` is 0, the kernel is too large, or ``groups`` does not divide
    the channels. A call raises :class:`ShapeError` if the input does not fit.

    >>> import jax.numpy as jnp
    >>> from flax import nnx
    >>> layer = Conv2d(3, 8, 3, padding=1, rngs=nnx.Rngs(0))
    >>> layer(jnp.ones((3, 20, 30))).shape, layer.kernel.shape, layer.bias.shape
    ((8, 20, 30), (8, 3, 3, 3), (8,))
    >>> layer = Conv2d(3, 6, (3, 5), stride=(1, 2), padding=((2, 0), (2, 2)), groups=3, rngs=nnx.Rngs(0))
    >>> layer(jnp.ones((3, 20, 30))).shape, layer.kernel.shape
    ((6, 20, 15), (6, 1, 3, 5))
    """

    axes = 2
    _type_reads = READS

    @remembered
    def __call__(
        self, x: Float[Array, "{self.in_channels} H W"]
    ) -> Float[Array, "{self.out_channels} {self.size(x.shape[1])} {self._width(x.shape[2])}"]:
        """``(in_channels, H, W)`` to ``(out_channels, size(H), size(W))``."""
        if not self._is_plain:
            return self._of_any_numbers(x)
        x, kernel, bias = self._operands(x)
        return self._judged(conv2d, kernel, bias)(x, kernel, bias, **self._window)

    @remembered
    def backward(
        self,
        x: Float[Array, "{self.in_channels} H W"],
        grad_output: Float[Array, "{self.out_channels} {self.size(x.shape[1])} {self._width(x.shape[2])}"],
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
    ) -> Float[Array, "{self.out_channels} {self.size(skip.shape[1])} {self._width(skip.shape[2])}"]:
        """``self(concat_channels(skip, up))``, as two summed convolutions if that is faster.

        The images are joined in three cases: one of them has fewer than 32 channels; ``convolutions("stock")`` is set;
        they have 16 bits, because a sum would round twice.

        >>> from flax import nnx
        >>> layer = Conv2d(5, 8, 3, padding=1, rngs=nnx.Rngs(0))
        >>> layer.of_joined(jnp.ones((2, 20, 30)), jnp.ones((3, 20, 30))).shape
        (8, 20, 30)
        """
        skip, up, kernel, bias = self._operands(skip, up)
        if at_once(skip, up) or not self._is_plain:
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
        grad_output: Float[Array, "{self.out_channels} {self.size(skip.shape[1])} {self._width(skip.shape[2])}"],
    ) -> JoinedGrads:
        """The gradients of ``skip``, ``up``, kernel and bias, given the gradient of the result of :meth:`of_joined`.

        >>> from flax import nnx
        >>> layer = Conv2d(5, 8, 3, rngs=nnx.Rngs(0))
        >>> grads = layer.of_joined_backward(jnp.ones((2, 4, 4)), jnp.ones((3, 4, 4)), jnp.ones((8, 2, 2)))
        >>> grads.d_skip.shape, grads.d_up.shape, grads.d_kernel.shape
        ((2, 4, 4), (3, 4, 4), (8, 5, 3, 3))
        """
        given = (skip, up, *self._parameters)
        skip, up, kernel, bias = self._operands(skip, up)
        if at_once(skip, up) or not self._is_plain:
            grads = self.backward(concat_channels(skip, up), grad_output)
            return JoinedGrads(*like(given, (*concat_channels_backward(len(skip), grads.d_x), *grads[1:])))
        grad_output = grad_output.astype(bias.dtype)
        for_skip, for_up = jnp.split(kernel, [len(skip)], 1)
        of_skip = conv2d_backward(skip, for_skip, grad_output, **self._window)
        of_up = conv2d_backward(up, for_up, grad_output, **self._window)
        d_kernel = jnp.concatenate((of_skip.d_kernel, of_up.d_kernel), 1)
        return JoinedGrads(*like(given, (of_skip.d_x, of_up.d_x, d_kernel, of_skip.d_bias)))


class ConvTranspose2d(AnyConvTranspose):
    """2-D transposed convolution, with PyTorch's definition, on one ``(C, H, W)`` image.

    ``kernel`` has shape ``(in_channels, out_channels, k, k)``; the rest is as for :class:`Conv2d`. ``output_padding``
    adds positions after the result, as in PyTorch.

    >>> import jax.numpy as jnp
    >>> from flax import nnx
    >>> layer = ConvTranspose2d(8, 4, 2, stride=2, rngs=nnx.Rngs(0))
    >>> layer(jnp.ones((8, 20, 30))).shape, layer.kernel.shape
    ((4, 40, 60), (8, 4, 2, 2))
    """

    axes = 2
    _type_reads = (*READS, "output_padding")

    @remembered
    def __call__(
        self, x: Float[Array, "{self.in_channels} H W"]
    ) -> Float[Array, "{self.out_channels} {self.size(x.shape[1])} {self._width(x.shape[2])}"]:
        """``(in_channels, H, W)`` to ``(out_channels, size(H), size(W))``."""
        if not self._is_plain:
            return self._of_any_numbers(x)
        x, kernel, bias = self._operands(x)
        return self._judged(conv_transpose2d, kernel, bias)(x, kernel, bias, **self._window)

    @remembered
    def backward(
        self,
        x: Float[Array, "{self.in_channels} H W"],
        grad_output: Float[Array, "{self.out_channels} {self.size(x.shape[1])} {self._width(x.shape[2])}"],
    ) -> ConvGrads:
        """The gradients of ``x``, kernel and bias, given that of the output: :func:`conv_transpose2d_backward`."""
        return self._backward(conv_transpose2d_backward, x, grad_output)


class Conv1d(AnyConv):
    """Cross-correlation with zero padding on one ``(C, L)`` signal; ``kernel`` is (out, in / groups, positions).

    All else is as for :class:`Conv2d`.

    >>> import jax.numpy as jnp
    >>> from flax import nnx
    >>> layer = Conv1d(4, 8, 3, padding=((2, 0),), rngs=nnx.Rngs(0))
    >>> layer(jnp.ones((4, 100))).shape, layer.kernel.shape
    ((8, 100), (8, 4, 3))
    """

    axes = 1
    _type_reads = READS

    @remembered
    def __call__(
        self, x: Float[Array, "{self.in_channels} L"]
    ) -> Float[Array, "{self.out_channels} {self.size(x.shape[1])}"]:
        """``(in_channels, L)`` to ``(out_channels, size(L))``."""
        return self._of_any_numbers(x)


class Conv3d(AnyConv):
    """Cross-correlation with zero padding on one ``(C, D, H, W)`` volume; ``kernel`` is (out, in / groups, positions).

    All else is as for :class:`Conv2d`.

    >>> import jax.numpy as jnp
    >>> from flax import nnx
    >>> layer = Conv3d(4, 8, (1, 3, 3), padding=(0, 1, 1), rngs=nnx.Rngs(0))
    >>> layer(jnp.ones((4, 5, 6, 7))).shape, layer.kernel.shape
    ((8, 5, 6, 7), (8, 4, 1, 3, 3))
    """

    axes = 3
    _type_reads = READS

    @remembered
    def __call__(
        self, x: Float[Array, "{self.in_channels} D H W"]
    ) -> Float[
        Array, "{self.out_channels} {self.size(x.shape[1])} {self.size(x.shape[2],1)} {self.size(x.shape[3],2)}"
    ]:
        """``(in_channels, D, H, W)`` to ``(out_channels, size(D), size(H, 1), size(W, 2))``."""
        return self._of_any_numbers(x)


class ConvTranspose1d(AnyConvTranspose):
    """Transposed convolution of one ``(C, L)`` signal; ``kernel`` is (in, out / groups, positions).

    All else is as for :class:`ConvTranspose2d`.

    >>> import jax.numpy as jnp
    >>> from flax import nnx
    >>> layer = ConvTranspose1d(8, 4, 3, stride=2, padding=1, output_padding=1, rngs=nnx.Rngs(0))
    >>> layer(jnp.ones((8, 50))).shape, layer.kernel.shape
    ((4, 100), (8, 4, 3))
    """

    axes = 1
    _type_reads = (*READS, "output_padding")

    @remembered
    def __call__(
        self, x: Float[Array, "{self.in_channels} L"]
    ) -> Float[Array, "{self.out_channels} {self.size(x.shape[1])}"]:
        """``(in_channels, L)`` to ``(out_channels, size(L))``."""
        return self._of_any_numbers(x)


class ConvTranspose3d(AnyConvTranspose):
    """Transposed convolution of one ``(C, D, H, W)`` volume; ``kernel`` is (in, out / groups, positions).

    All else is as for :class:`ConvTranspose2d`.

    >>> import jax.numpy as jnp
    >>> from flax import nnx
    >>> layer = ConvTranspose3d(8, 4, (1, 2, 2), stride=(1, 2, 2), rngs=nnx.Rngs(0))
    >>> layer(jnp.ones((8, 5, 6, 7))).shape, layer.kernel.shape
    ((4, 5, 12, 14), (8, 4, 1, 2, 2))
    """

    axes = 3
    _type_reads = (*READS, "output_padding")

    @remembered
    def __call__(
        self, x: Float[Array, "{self.in_channels} D H W"]
    ) -> Float[
        Array, "{self.out_channels} {self.size(x.shape[1])} {self.size(x.shape[2],1)} {self.size(x.shape[3],2)}"
    ]:
        """``(in_channels, D, H, W)`` to ``(out_channels, size(D), size(H, 1), size(W, 2))``."""
        return self._of_any_numbers(x)
