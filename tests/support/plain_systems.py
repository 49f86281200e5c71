"""An oracle: the four systems written plainly with Flax, from the specification's section 7 alone.

There is no type and no check in this file, and nothing of the library is imported. Images are (H, W, C); every function
returns a flat array. The integer arguments are ints or integral floats.

Linen draws each parameter by its path, so the path is part of the network: the submodules are named enc1, enc2, bottom,
up2, dec2, up1, dec1 as in the NNX network, and the two layers of a block conv and bn (``params/enc1/conv/kernel``,
``params/up2/kernel``). The parameters come from ``init`` with the one key ``jax.random.key(int(seed))``.
"""

import jax
import jax.numpy as jnp
from flax import linen, nnx
from jax import lax


def pool(x):
    """2x2 VALID; the axes before (H, W, C), if any, are left alone."""
    window = (1,) * (x.ndim - 3) + (2, 2, 1)
    return lax.reduce_window(x, -jnp.inf, lax.max, window, window, "VALID")


class ConvBNReLU(nnx.Module):
    def __init__(self, c_in, c_out, rngs):
        self.conv = nnx.Conv(c_in, c_out, (3, 3), padding="SAME", rngs=rngs)
        self.bn = nnx.BatchNorm(c_out, use_running_average=False, rngs=rngs)

    def __call__(self, x):
        return nnx.relu(self.bn(self.conv(x)))


class UNet(nnx.Module):
    def __init__(self, c, f, rngs):
        f1, f2, f3 = f, 2 * f, 4 * f
        self.enc1 = ConvBNReLU(c, f1, rngs)
        self.enc2 = ConvBNReLU(f1, f2, rngs)
        self.bottom = ConvBNReLU(f2, f3, rngs)
        self.up2 = nnx.ConvTranspose(f3, f2, (2, 2), strides=(2, 2), padding="VALID", rngs=rngs)
        self.dec2 = ConvBNReLU(2 * f2, f2, rngs)
        self.up1 = nnx.ConvTranspose(f2, f1, (2, 2), strides=(2, 2), padding="VALID", rngs=rngs)
        self.dec1 = ConvBNReLU(2 * f1, f1, rngs)

    def __call__(self, x):
        e1 = self.enc1(x)
        e2 = self.enc2(pool(e1))
        b = self.bottom(pool(e2))
        u2 = self.up2(b)
        d2 = self.dec2(jnp.concatenate([u2, e2], axis=-1))
        u1 = self.up1(d2)
        return self.dec1(jnp.concatenate([u1, e1], axis=-1))


def plain_unet_forward(seed, image, base_features):
    return UNet(image.shape[-1], int(base_features), nnx.Rngs(int(seed)))(image).ravel()


class LinenConvBNReLU(linen.Module):
    features: int

    @linen.compact
    def __call__(self, x):
        x = linen.Conv(self.features, (3, 3), padding="SAME", name="conv")(x)
        x = linen.BatchNorm(use_running_average=False, name="bn")(x)
        return linen.relu(x)


class LinenUNet(linen.Module):
    f: int

    @linen.compact
    def __call__(self, x):
        f1, f2, f3 = self.f, 2 * self.f, 4 * self.f
        e1 = LinenConvBNReLU(f1, name="enc1")(x)
        e2 = LinenConvBNReLU(f2, name="enc2")(pool(e1))
        b = LinenConvBNReLU(f3, name="bottom")(pool(e2))
        u2 = linen.ConvTranspose(f2, (2, 2), strides=(2, 2), padding="VALID", name="up2")(b)
        d2 = LinenConvBNReLU(f2, name="dec2")(jnp.concatenate([u2, e2], axis=-1))
        u1 = linen.ConvTranspose(f1, (2, 2), strides=(2, 2), padding="VALID", name="up1")(d2)
        return LinenConvBNReLU(f1, name="dec1")(jnp.concatenate([u1, e1], axis=-1))


def plain_unet_linen_forward(seed, image, base_features):
    net, batch = LinenUNet(int(base_features)), image[None]
    variables = net.init(jax.random.key(int(seed)), batch)
    y, _ = net.apply(variables, batch, mutable=["batch_stats"])
    return y.ravel()


class ResNetBasic(nnx.Module):
    def __init__(self, f, rngs):
        self.conv1 = nnx.Conv(f, f, (3, 3), padding="SAME", rngs=rngs)
        self.bn1 = nnx.BatchNorm(f, use_running_average=False, rngs=rngs)
        self.conv2 = nnx.Conv(f, f, (3, 3), padding="SAME", rngs=rngs)
        self.bn2 = nnx.BatchNorm(f, use_running_average=False, rngs=rngs)

    def __call__(self, x):
        y = nnx.relu(self.bn1(self.conv1(x)))
        return nnx.relu(self.bn2(self.conv2(y)) + x)


def plain_resnet_basic_forward(seed, x, features):
    return ResNetBasic(int(features), nnx.Rngs(int(seed)))(x).ravel()


def plain_conv2d_forward(seed, x, features, kernel_h, kernel_w, stride):
    """The bias is zero, so that it is left out."""
    shape = (int(kernel_h), int(kernel_w), x.shape[-1], int(features))
    kernel = jax.nn.initializers.lecun_normal()(nnx.Rngs(int(seed)).params(), shape)
    strides = (int(stride), int(stride))
    y = lax.conv_general_dilated(x[None], kernel, strides, "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    return y.ravel()
