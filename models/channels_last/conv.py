"""The SAME convolution of SPEC section 7 in Flax NNX, over one ``(H, W, C)`` image."""

from collections.abc import Mapping
from typing import Any, SupportsIndex

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax
from jaxtyping import Array, Float

from ...spec.arithmetic.naturals import natural
from ...spec.elements import Shapes
from ...spec.network.arithmetic import rounded_up
from ..fits import require_buildable
from ..functional.functional import promoted, require_pixels
from ..symbolic import GivenSize, Size
from ..typed import checked, remembered
from .shared import a_seed, integral


class ChannelsLastConv2d(nnx.Module):
    """A SAME convolution of one ``(H, W, C)`` image: the output has ``ceil(H / stride) × ceil(W / stride)`` pixels.

    ``kernel`` has shape ``(kernel_h, kernel_w, in_features, features)``, drawn from one key by LeCun's normal rule;
    ``bias`` starts at zero. The stride is static: another stride needs another layer.

    The constructor raises :class:`UsageError` if a number is not natural, and :class:`ConfigError` if it is 0. A call
    raises :class:`ShapeError` if the image has the wrong number of channels, or the kernel the wrong shape.

    >>> layer = ChannelsLastConv2d(3, 8, 3, 5, 2, rngs=nnx.Rngs(0))
    >>> layer(jnp.ones((5, 8, 3))).shape, layer.kernel.shape
    ((3, 4, 8), (3, 5, 3, 8))
    """

    _type_reads = ("in_features", "features", "kernel_h", "kernel_w", "stride")

    @checked
    def __init__(
        self,
        in_features: SupportsIndex,
        features: SupportsIndex,
        kernel_h: SupportsIndex,
        kernel_w: SupportsIndex,
        stride: SupportsIndex = 1,
        *,
        rngs: nnx.Rngs,
    ) -> None:
        self.in_features, self.features = natural(in_features, "in_features"), natural(features, "features")
        self.kernel_h, self.kernel_w = natural(kernel_h, "kernel_h"), natural(kernel_w, "kernel_w")
        self.stride = natural(stride, "stride")
        numbers = {n: getattr(self, n) for n in ("in_features", "features", "kernel_h", "kernel_w", "stride")}
        shape = (self.kernel_h, self.kernel_w, self.in_features, self.features)

        def arrays(numbers: Mapping[str, int]) -> Shapes:
            names = ("kernel_h", "kernel_w", "in_features", "features")
            return [("kernel", tuple(numbers[name] for name in names))]

        require_buildable("ChannelsLastConv2d", numbers, arrays)
        self.kernel = nnx.Param(jax.nn.initializers.lecun_normal()(rngs.params(), shape))
        self.bias = nnx.Param(jnp.zeros(self.features))

    @remembered
    def size(self, n: GivenSize) -> Size:
        """The output size of an axis of size ``n``: ``ceil(n / stride)``."""
        return rounded_up(natural(n, "n"), self.stride)

    @remembered
    def __call__(
        self, x: Float[Array, "H W {self.in_features}"]
    ) -> Float[Array, "{self.size(x.shape[0])} {self.size(x.shape[1])} {self.features}"]:
        """``(H, W, in_features)`` to ``(ceil(H / stride), ceil(W / stride), features)``."""
        return self._of(x, self.kernel[...], self.bias[...])

    @remembered
    def _of(
        self,
        x: Float[Array, "H W {self.in_features}"],
        kernel: Float[Array, "{self.kernel_h} {self.kernel_w} {self.in_features} {self.features}"],
        bias: Float[Array, "{self.features}"],
    ) -> Float[Array, "{self.size(x.shape[0])} {self.size(x.shape[1])} {self.features}"]:
        require_pixels("ChannelsLastConv2d", x)
        x, kernel, bias = promoted(x, kernel, bias)
        layout = ("NHWC", "HWIO", "NHWC")
        y = lax.conv_general_dilated(x[None], kernel, (self.stride,) * 2, "SAME", dimension_numbers=layout)
        return y[0] + bias


@checked
def conv2d_forward(
    seed: Any, x: Float[Array, "H W C"], features: Any, kernel_h: Any, kernel_w: Any, stride: Any
) -> Float[Array, "_"]:
    """Apply the layer drawn from ``seed`` to one ``(H, W, C)`` image, and flatten the result.

    The result has ``ceil(H/stride) · ceil(W/stride) · features`` numbers. Every number given is an integer, or a float
    without a fraction; under ``jax.jit`` it is static. Raises :class:`UsageError` for other numbers,
    :class:`ConfigError` if a number but the seed is 0, and :class:`ShapeError` if the image does not fit.

    >>> conv2d_forward(0, jnp.ones((5, 8, 3)), 2, 3, 3, 2.0).shape
    (24,)
    """
    given = {"features": features, "kernel_h": kernel_h, "kernel_w": kernel_w, "stride": stride}
    numbers = [integral(value, name) for name, value in given.items()]
    y: Array = ChannelsLastConv2d(x.shape[-1], *numbers, rngs=nnx.Rngs(a_seed(seed)))(x)
    return y.reshape(-1)
