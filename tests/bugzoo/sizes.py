"""Bugs of sizes along one axis. They can be found before anything is built."""

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from wellshaped.models import checked
from wellshaped.models.channels_last.conv import ChannelsLastConv2d
from wellshaped.spec import (
    Concat,
    CropTo,
    Network,
    Node,
    TransposedWindow,
    UNet2Config,
    UNetConfig,
    Window,
    check,
    explain,
)

from .entry import Entry, image


def kernel_3_at_stride_2():
    kernel = (3, 3)  # meant: kernel = (2, 2)
    up = nnx.ConvTranspose(8, 8, kernel, strides=(2, 2), padding="VALID", rngs=nnx.Rngs(0))
    skip = image(1, 16, 24, 8)
    low = nnx.max_pool(skip, (2, 2), strides=(2, 2))
    return jnp.concatenate([skip, up(low)], axis=-1)


def kernel_3_at_stride_2_asked():
    cfg = UNet2Config(up_kernel=3)  # meant: cfg = UNet2Config(up_kernel=2)
    check(cfg, (1, 16, 24)).raise_if_failed()


def pooling_rounds_up():
    skip = image(1, 15, 24, 8)
    low = nnx.max_pool(skip, (2, 2), (2, 2), padding="SAME")  # meant: low = nnx.max_pool(skip, (2, 2), (2, 2))
    up = nnx.ConvTranspose(8, 8, (2, 2), strides=(2, 2), rngs=nnx.Rngs(0))(low)
    skip = skip[:, : up.shape[1], : up.shape[2]]
    return jnp.concatenate([skip, up], axis=-1)


def pooling_rounds_up_asked():
    pool = Window(2, 2, rounding="same")  # meant: pool = Window(2, 2)
    nodes = (
        Node("pooled", pool, "skip"),
        Node("up", TransposedWindow(2, 2)),
        Node("cropped", CropTo(), ("skip", "up")),
        Node("joined", Concat(), ("cropped", "up")),
    )
    explain(Network({"skip": 8}, nodes, axes=1), 15).raise_if_failed()


def size_not_divided():
    rngs = nnx.Rngs(0)
    up2 = nnx.ConvTranspose(8, 8, (2, 2), strides=(2, 2), rngs=rngs)
    up1 = nnx.ConvTranspose(16, 8, (2, 2), strides=(2, 2), rngs=rngs)
    skip1 = image(1, 30, 48, 8)  # meant: skip1 = image(1, 32, 48, 8)
    skip2 = nnx.max_pool(skip1, (2, 2), strides=(2, 2))
    low = nnx.max_pool(skip2, (2, 2), strides=(2, 2))
    joined2 = jnp.concatenate([skip2, up2(low)], axis=-1)
    return jnp.concatenate([skip1, up1(joined2)], axis=-1)


def size_not_divided_asked():
    height = 30  # meant: height = 32
    check(UNetConfig(levels=2), (3, height, 48)).raise_if_failed()


def valid_for_same():
    rngs = nnx.Rngs(0)
    padding = "VALID"  # meant: padding = "SAME"
    conv1 = nnx.Conv(1, 8, (3, 3), padding=padding, rngs=rngs)
    conv2 = nnx.Conv(8, 8, (3, 3), padding=padding, rngs=rngs)
    return conv2(nnx.relu(conv1(image(1, 16, 24, 1))))


def valid_for_same_asked():
    cfg = UNet2Config(conv_padding=0)  # meant: cfg = UNet2Config(conv_padding=1)
    check(cfg, (1, 16, 24)).raise_if_failed()


def half_rounded_down():
    h, w = 15 // 2, 24 // 2  # meant: h, w = -(-15 // 2), -(-24 // 2)
    positions = image(1, h, w, 6)
    conv = nnx.Conv(3, 6, (3, 3), strides=2, padding="SAME", rngs=nnx.Rngs(0))
    return conv(image(1, 15, 24, 3)) + positions


def half_rounded_down_typed():
    @checked
    def placed(y: Float[Array, "H W C"], positions: Float[Array, "H W C"]) -> Float[Array, "H W C"]:
        return y + positions

    conv = ChannelsLastConv2d(3, 6, 3, 3, 2, rngs=nnx.Rngs(0))
    h, w = 15 // 2, 24 // 2  # meant: h, w = conv.size(15), conv.size(24)
    return placed(conv(image(15, 24, 3)), image(h, w, 6))


def norm_of_one_pixel():
    n = 2  # meant: n = 4
    rngs = nnx.Rngs(0)
    down = nnx.Conv(8, 8, (4, 4), strides=2, padding=1, rngs=rngs)
    norm = nnx.InstanceNorm(8, rngs=rngs)
    one, other = image(1, n, n, 8), 3 * image(1, n, n, 8) + 1
    return jnp.abs(norm(down(one)) - norm(down(other))).max()


def norm_of_one_pixel_asked():
    n = 2  # meant: n = 4
    check(UNetConfig(levels=1, base_channels=8, norm="instance"), (8, n, n), out_channels=8).raise_if_failed()


ENTRIES = (
    Entry(
        name="transposed convolution whose kernel and stride disagree",
        says="A kernel of 3 with stride 2 turns `n` into `2n + 1`. Odd sizes come back, even sizes do not.",
        source="specification",
        plain=kernel_3_at_stride_2,
        happens="TypeError: Cannot concatenate arrays with shapes that differ",
        by="obligation",
        caught=kernel_3_at_stride_2_asked,
        message="merged (h_upH): height: skip1 is 16, up is 17, and they must be equal",
    ),
    Entry(
        name="SAME pooling that rounds up",
        says="The skip is cropped to the upsampled image. This is right only for a pooling that rounds down.",
        source="specification",
        plain=pooling_rounds_up,
        happens="TypeError: Cannot concatenate arrays with shapes that differ",
        by="obligation",
        caught=pooling_rounds_up_asked,
        message="cropped: skip is 15, and must be at least 16 (up)",
    ),
    Entry(
        name="sizes that poolings do not divide",
        says="Two poolings by 2 need a multiple of 4. 30 passes the first.",
        source="specification",
        plain=size_not_divided,
        happens="TypeError: Cannot concatenate arrays with shapes that differ",
        by="obligation",
        caught=size_not_divided_asked,
        message="height 28 (crop 2) or 32 (pad 2); all heights that fit: n ≡ 0 (mod 4), n ≥ 4",
    ),
    Entry(
        name="VALID where SAME is meant",
        says="Each 3×3 convolution loses a pixel on every side. The mask still has them.",
        source="specification",
        plain=valid_for_same,
        happens="gives shape (1, 12, 20, 8) where (1, 16, 24, 8) is meant",
        by="obligation",
        caught=valid_for_same_asked,
        message="down1_1 (h_convH): height: down1_1 is 14, x is 16, and they must be equal",
    ),
    Entry(
        name="H // stride where ceil(H / stride) is meant",
        says="A SAME convolution with stride 2 turns 15 into 8. Even sizes hide the bug.",
        source="specification",
        plain=half_rounded_down,
        happens="TypeError: add got incompatible shapes for broadcasting: (1, 8, 12, 6), (1, 7, 12, 6)",
        by="type",
        caught=half_rounded_down_typed,
        message="axis H of positions: it is 7, and must be 8, as in y",
    ),
    Entry(
        name="the norm of one pixel",
        says="An instance norm at the innermost level, where the map is 1×1, is a constant: the bottom of the U gives "
        "the same for every image. The number is how much its outputs for two images differ.",
        source="https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix/issues/60",
        plain=norm_of_one_pixel,
        happens="gives 0 where 0.21 is meant",
        by="obligation",
        caught=norm_of_one_pixel_asked,
        message="the instance norm of a single number leaves only its bias:"
        " bottom.convs[0].norm, bottom.convs[1].norm: 1×1,"
        " so the count of numbers is 1, and must be at least 2",
    ),
)
