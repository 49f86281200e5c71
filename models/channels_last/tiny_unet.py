"""The tiny U-Net of SPEC section 7 in Flax NNX, over one ``(H, W, C)`` image."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, SupportsIndex

from flax import nnx
from jaxtyping import Array, Float

from ...spec.arithmetic.naturals import natural
from ...spec.elements import Shapes
from ...spec.presets import PRESETS
from ..fits import at_least_one, require_buildable, require_fit
from ..functional.functional import require_pixels
from ..functional.statistics import normalised
from ..typed import checked, remembered
from .blocks import convolved, u_shaped
from .shared import a_seed, integral, joined, max_pool_2x2


class ConvBNReLU(nnx.Module):
    """Flax's 3×3 SAME convolution ``conv``, batch normalisation ``bn`` and ReLU, with types.

    ``model.train()`` uses the statistics of the batch, and ``model.eval()`` the running ones. ``axis_name`` names the
    ``vmap`` axis of the batch. Raises :class:`ShapeError` if the image has the wrong number of channels.

    >>> import jax.numpy as jnp
    >>> ConvBNReLU(3, 8, rngs=nnx.Rngs(0))(jnp.ones((20, 30, 3))).shape
    (20, 30, 8)
    """

    _type_reads = ("in_features", "out_features")

    @checked
    def __init__(
        self,
        in_features: SupportsIndex,
        out_features: SupportsIndex,
        *,
        axis_name: str | None = None,
        rngs: nnx.Rngs,
    ) -> None:
        self.in_features, self.out_features = natural(in_features, "in_features"), natural(out_features, "out_features")
        numbers = {"in_features": self.in_features, "out_features": self.out_features}

        def arrays(numbers: Mapping[str, int]) -> Shapes:
            return [("conv.kernel", (3, 3, numbers["in_features"], numbers["out_features"]))]

        require_buildable("ConvBNReLU", numbers, arrays)
        self.conv = nnx.Conv(self.in_features, self.out_features, (3, 3), padding="SAME", rngs=rngs)
        self.bn = nnx.BatchNorm(self.out_features, use_running_average=False, axis_name=axis_name, rngs=rngs)

    @remembered
    def __call__(self, x: Float[Array, "H W {self.in_features}"]) -> Float[Array, "H W {self.out_features}"]:
        """``(H, W, in_features)`` to ``(H, W, out_features)``."""
        require_pixels("ConvBNReLU", x)
        return convolved(x, convs=(lambda x: normalised(self.bn, self.conv(x), "ConvBNReLU"),), relu=nnx.relu)


class TinyUNet(nnx.Module):
    """A U-Net that pools twice, with one :class:`ConvBNReLU` per block: ``f``, ``2f`` and ``4f`` channels.

    ``axis_name`` is as for :class:`ConvBNReLU`. A call raises :class:`ShapeError` if the image has the wrong number of
    channels, or if its height or width is not a multiple of 4; the error names the nearest sizes that fit.

    >>> import jax.numpy as jnp
    >>> TinyUNet(3, 8, rngs=nnx.Rngs(0))(jnp.ones((20, 32, 3))).shape
    (20, 32, 8)
    """

    _type_reads = ("in_features", "base_features")

    @checked
    def __init__(
        self,
        in_features: SupportsIndex,
        base_features: SupportsIndex,
        *,
        axis_name: str | None = None,
        rngs: nnx.Rngs,
    ) -> None:
        self.in_features = at_least_one(in_features, "in_features", "TinyUNet")
        self.base_features = f1 = at_least_one(base_features, "base_features", "TinyUNet")
        f2, f3 = 2 * f1, 4 * f1

        def block(ins: int, outs: int) -> ConvBNReLU:
            return ConvBNReLU(ins, outs, axis_name=axis_name, rngs=rngs)

        def doubling(ins: int, outs: int) -> nnx.ConvTranspose:
            return nnx.ConvTranspose(ins, outs, (2, 2), strides=(2, 2), padding="VALID", rngs=rngs)

        # In the order in which the specification draws the parameters.
        self.enc1 = block(self.in_features, f1)
        self.enc2 = block(f1, f2)
        self.bottom = block(f2, f3)
        self.up2 = doubling(f3, f2)
        self.dec2 = block(2 * f2, f2)
        self.up1 = doubling(f2, f1)
        self.dec1 = block(2 * f1, f1)

    @remembered
    def __call__(self, x: Float[Array, "H W {self.in_features}"]) -> Float[Array, "H W {self.base_features}"]:
        """``(H, W, in_features)`` to ``(H, W, base_features)``."""
        require_tiny_unet_fit(x, self.base_features)
        return wired(self, x)


def wired(net: Any, x: Array, **mode: Any) -> Array:
    """Apply the blocks of a tiny U-Net, ``enc1`` to ``dec1``; each takes ``mode`` as well."""

    def block(name: str) -> Callable[[Array], Any]:
        return lambda x: getattr(net, name)(x, **mode)

    def after_join(name: str) -> Callable[[Array, Array], Any]:
        return lambda skip, up: block(name)(joined(up, skip))

    return u_shaped(
        x,
        encoder=(block("enc1"), block("enc2")),
        pool=max_pool_2x2,
        bottom=block("bottom"),
        ups=(net.up1, net.up2),
        decoder=(after_join("dec1"), after_join("dec2")),
    )


def require_tiny_unet_fit(x: Any, base_features: int) -> None:
    """Raise the error of :func:`wellshaped.spec.check` if an ``(H, W, C)`` image does not fit the tiny U-Net."""
    cfg = replace(PRESETS["tiny"], base_channels=base_features)
    require_fit(cfg, base_features, x, layout="HWC")


@checked
def unet_forward(seed: Any, image: Float[Array, "H W C"], base_features: Any) -> Float[Array, "_"]:
    """Apply the tiny U-Net drawn from ``seed`` to one ``(H, W, C)`` image, and flatten the result.

    The result has ``H · W · base_features`` numbers. Batch normalisation uses the statistics of the image. ``seed`` and
    ``base_features`` are integers, or floats without a fraction. Raises :class:`UsageError` for other numbers,
    :class:`ConfigError` for 0 features, and :class:`ShapeError` if the image does not fit.

    >>> import jax.numpy as jnp
    >>> unet_forward(0, jnp.ones((8, 4, 3)), 2.0).shape
    (64,)
    """
    net = TinyUNet(image.shape[-1], integral(base_features, "base_features"), rngs=nnx.Rngs(a_seed(seed)))
    y: Array = net(image)
    return y.reshape(-1)
