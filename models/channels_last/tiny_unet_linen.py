"""The tiny U-Net of SPEC section 7 in Flax Linen, over a batch ``(N, H, W, C)``. Linen infers the input's channels."""

from typing import Any

import jax
from flax import linen
from jaxtyping import Array, Float

from ...spec.messages.report import ShapeError
from ..fits import at_least_one
from ..functional.functional import require_pixels
from ..typed import checked, shown
from .blocks import convolved
from .shared import a_seed, integral
from .tiny_unet import require_tiny_unet_fit, wired


class ConvBNReLU(linen.Module):
    """Flax's 3×3 SAME convolution ``conv``, batch normalisation ``bn`` and ReLU, with types.

    ``train=False`` uses the running statistics. Raises :class:`ShapeError` if the parameters are for images with a
    different number of channels.

    >>> import jax.numpy as jnp
    >>> layer = ConvBNReLU(8)
    >>> layer.init_with_output(jax.random.key(0), jnp.ones((1, 20, 30, 3)))[0].shape
    (1, 20, 30, 8)
    """

    features: int

    def setup(self) -> None:
        """Build ``conv`` and ``bn``."""
        at_least_one(self.features, "features", "ConvBNReLU")
        self.conv = linen.Conv(self.features, (3, 3), padding="SAME")
        self.bn = linen.BatchNorm()

    @checked
    def __call__(self, x: Float[Array, "N H W C"], train: bool = True) -> Float[Array, "N H W {self.features}"]:
        """``(N, H, W, C)`` to ``(N, H, W, features)``."""
        require_pixels("ConvBNReLU", x)
        kernel = self.variables.get("params", {}).get("conv", {}).get("kernel")
        if kernel is not None and kernel.shape[2] != x.shape[3]:
            says = f"axis C of x is {x.shape[3]}, and must be {kernel.shape[2]}, as in the parameters"
            fix = f"x of shape (N, H, W, {kernel.shape[2]})"
            raise ShapeError.of(f"x = {shown(x)}, given to ConvBNReLU,", "channels", "", says, fix)
        return convolved(x, convs=(lambda x: self.bn(self.conv(x), use_running_average=not train),), relu=linen.relu)


class TinyUNet(linen.Module):
    """A U-Net that pools twice, with one :class:`ConvBNReLU` per block: ``f``, ``2f`` and ``4f`` channels.

    ``train=False`` uses the running statistics. In training, ``apply(..., mutable=["batch_stats"])`` returns the new
    ones. Raises :class:`ShapeError` if the height or width of the images is not a multiple of 4; the error names the
    nearest sizes that fit.

    >>> import jax.numpy as jnp
    >>> net = TinyUNet(8)
    >>> y, variables = net.init_with_output(jax.random.key(0), jnp.ones((1, 20, 32, 3)))
    >>> y.shape, sorted(variables)
    ((1, 20, 32, 8), ['batch_stats', 'params'])
    """

    base_features: int

    def setup(self) -> None:
        """Build the blocks, with the names that they have in the NNX network."""
        f1 = at_least_one(self.base_features, "base_features", "TinyUNet")
        f2, f3 = 2 * f1, 4 * f1
        self.enc1, self.enc2, self.bottom = ConvBNReLU(f1), ConvBNReLU(f2), ConvBNReLU(f3)
        self.up2, self.dec2 = linen.ConvTranspose(f2, (2, 2), strides=(2, 2), padding="VALID"), ConvBNReLU(f2)
        self.up1, self.dec1 = linen.ConvTranspose(f1, (2, 2), strides=(2, 2), padding="VALID"), ConvBNReLU(f1)

    @checked
    def __call__(self, x: Float[Array, "N H W C"], train: bool = True) -> Float[Array, "N H W {self.base_features}"]:
        """``(N, H, W, C)`` to ``(N, H, W, base_features)``."""
        require_pixels("TinyUNet", x)
        require_tiny_unet_fit(jax.ShapeDtypeStruct(x.shape[1:], x.dtype), self.base_features)
        return wired(self, x, train=train)


@checked
def unet_forward(seed: Any, image: Float[Array, "H W C"], base_features: Any) -> Float[Array, "_"]:
    """Apply the tiny U-Net drawn from ``seed`` to one ``(H, W, C)`` image, and flatten the result.

    Like :func:`.tiny_unet.unet_forward`, but the same seed gives other parameters, because Linen draws by name.

    >>> import jax.numpy as jnp
    >>> unet_forward(0, jnp.ones((8, 4, 3)), 2.0).shape
    (64,)
    """
    features = at_least_one(integral(base_features, "base_features"), "base_features", "TinyUNet")
    net, batch = TinyUNet(features), image[None]
    variables = net.init(jax.random.key(a_seed(seed)), batch)
    y, _ = net.apply(variables, batch, mutable=["batch_stats"])
    flat: Array = y.reshape(-1)
    return flat
