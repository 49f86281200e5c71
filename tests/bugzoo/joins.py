"""Bugs where the two halves of the U meet: skips, concatenations, poolings."""

import jax
import jax.numpy as jnp
from flax import linen, nnx
from jaxtyping import Array, Float

from wellshaped.models import Conv2d, ConvTranspose2d, checked, concat_channels
from wellshaped.spec import Concat, Conv, ConvTranspose, MaxPool, Network, Node, explain  # noqa: F401 MaxPool is used after "# meant:"

from .entry import Entry, image


def decoder_of_f_channels():
    f, rngs = 8, nnx.Rngs(0)
    decoder = nnx.Conv(f, f, (3, 3), rngs=rngs)  # meant: decoder = nnx.Conv(2 * f, f, (3, 3), rngs=rngs)
    up = nnx.ConvTranspose(2 * f, f, (2, 2), strides=(2, 2), rngs=rngs)
    skip, low = image(1, 16, 24, f), image(1, 8, 12, 2 * f)
    return decoder(jnp.concatenate([skip, up(low)], axis=-1))


def decoder_of_f_channels_typed():
    f, rngs = 8, nnx.Rngs(0)
    decoder = Conv2d(f, f, 3, padding=1, rngs=rngs)  # meant: decoder = Conv2d(2 * f, f, 3, padding=1, rngs=rngs)
    up = ConvTranspose2d(2 * f, f, 2, stride=2, rngs=rngs)
    skip, low = image(f, 16, 24), image(2 * f, 8, 12)
    return decoder(concat_channels(skip, up(low)))


def joined_along_the_height():
    class Decoder(linen.Module):  # infers the channels
        @linen.compact
        def __call__(self, skip, up):
            joined = jnp.concatenate([skip, up], axis=1)  # meant: joined = jnp.concatenate([skip, up], axis=-1)
            return linen.Conv(8, (3, 3))(joined)

    skip, up = image(1, 16, 24, 8), image(1, 16, 24, 8)
    y, _ = Decoder().init_with_output(jax.random.key(0), skip, up)
    return y


def joined_along_the_height_typed():
    decoder = Conv2d(16, 8, 3, padding=1, rngs=nnx.Rngs(0))
    skip, up = image(8, 16, 24), image(8, 16, 24)
    joined = jnp.concatenate([skip, up], axis=1)  # meant: joined = concat_channels(skip, up)
    return decoder(joined)


def skip_of_the_outer_level():
    outer, inner = image(1, 16, 24, 8), image(1, 8, 12, 16)
    up = nnx.ConvTranspose(32, 16, (2, 2), strides=(2, 2), rngs=nnx.Rngs(0))(image(1, 4, 6, 32))
    assert inner.shape == up.shape
    return jnp.concatenate([outer, up], axis=-1)  # meant: return jnp.concatenate([inner, up], axis=-1)


def skip_of_the_outer_level_typed():
    outer, inner = image(8, 16, 24), image(16, 8, 12)
    up = ConvTranspose2d(32, 16, 2, stride=2, rngs=nnx.Rngs(0))(image(32, 4, 6))
    assert inner.shape == up.shape
    decoder = Conv2d(32, 16, 3, padding=1, rngs=nnx.Rngs(0))
    return decoder.of_joined(outer, up)  # meant: return decoder.of_joined(inner, up)


def no_skip():
    class Net(linen.Module):
        @linen.compact
        def __call__(self, x):
            skip = linen.relu(linen.Conv(8, (3, 3))(x))
            low = linen.relu(linen.Conv(16, (3, 3))(linen.max_pool(skip, (2, 2), (2, 2))))
            up = linen.ConvTranspose(8, (2, 2), strides=(2, 2))(low)
            joined = up  # meant: joined = jnp.concatenate([skip, up], axis=-1)
            return linen.Conv(1, (3, 3))(joined)

    y, _ = Net().init_with_output(jax.random.key(0), image(1, 16, 24, 3))
    return y


def no_skip_typed():
    head = Conv2d(16, 1, 3, padding=1, rngs=nnx.Rngs(0))
    skip, up = image(8, 16, 24), image(8, 16, 24)
    joined = up  # meant: joined = concat_channels(skip, up)
    assert joined.shape[1:] == skip.shape[1:]
    return head(joined)


def no_pooling():
    rngs = nnx.Rngs(0)
    skip = nnx.Conv(3, 8, (3, 3), rngs=rngs)(image(1, 16, 24, 3))
    low = skip  # meant: low = nnx.max_pool(skip, (2, 2), strides=(2, 2))
    up = nnx.ConvTranspose(8, 8, (2, 2), strides=(2, 2), rngs=rngs)(low)
    return jnp.concatenate([skip, up], axis=-1)


def no_pooling_asked():
    nodes = (
        Node("skip", Conv(3, padding=1, channels=8)),
        # meant: Node("low", MaxPool(2)),
        Node("up", ConvTranspose(2, 2)),
        Node("joined", Concat(), ("skip", "up")),
    )
    explain(Network({"x": 3}, nodes), 16).raise_if_failed()


def crop_mixes_the_axes():
    def cropped(skip, up):  # both (C, H, W); up is smaller
        top = (skip.shape[1] - up.shape[1]) // 2
        left = (skip.shape[2] - up.shape[1]) // 2  # meant: left = (skip.shape[2] - up.shape[2]) // 2
        return skip[:, top : skip.shape[1] - top, left : skip.shape[2] - left]

    skip, up = image(2, 64, 80), image(2, 56, 72)
    return jnp.concatenate([cropped(skip, up), up])


def crop_mixes_the_axes_typed():
    def cropped(skip, up):
        top = (skip.shape[1] - up.shape[1]) // 2
        left = (skip.shape[2] - up.shape[1]) // 2  # meant: left = (skip.shape[2] - up.shape[2]) // 2
        return skip[:, top : skip.shape[1] - top, left : skip.shape[2] - left]

    @checked
    def joined(up: Float[Array, "C2 H W"], skip: Float[Array, "C1 H W"]) -> Float[Array, "C1+C2 H W"]:
        return jnp.concatenate([skip, up])

    skip, up = image(2, 64, 80), image(2, 56, 72)
    return joined(up, cropped(skip, up))


ENTRIES = (
    Entry(
        name="decoder convolution given f channels",
        says="The concatenation has `2f` channels: `f` from the skip and `f` from the upsampled image.",
        source="specification",
        plain=decoder_of_f_channels,
        happens="ValueError: conv_general_dilated lhs feature dimension size",
        by="type",
        caught=decoder_of_f_channels_typed,
        message="axis C of x: it is 16, and must be 8",
    ),
    Entry(
        name="concatenation on a spatial axis",
        says="The skip and the upsampled image are stacked along the height. A layer that infers its channels accepts "
        "any.",
        source="specification",
        plain=joined_along_the_height,
        happens="gives shape (1, 32, 24, 8) where (1, 16, 24, 8) is meant",
        by="type",
        caught=joined_along_the_height_typed,
        message="x = float32[8,32,24], given to Conv2d, does not fit.\n"
        "  channels: axis C of x: it is 8, and must be 16",
    ),
    Entry(
        name="a skip from the wrong stage",
        says="The inner level of the decoder gets the skip of the outer level.",
        source="specification",
        plain=skip_of_the_outer_level,
        happens="TypeError: Cannot concatenate arrays with shapes that differ",
        by="type",
        caught=skip_of_the_outer_level_typed,
        message="axis C of skip: it is 8, and must be 16; the channels of skip and up must add up to those of the "
        "layer; a skip from another level is the likely cause",
    ),
    Entry(
        name="a forgotten skip",
        says="The decoder gets only the upsampled image. If layers infer their channels, nobody notices.",
        source="specification",
        plain=no_skip,
        happens="gives the right shape, (1, 16, 24, 1), and -1.28 where -5.03 is meant",
        by="type",
        caught=no_skip_typed,
        message="axis C of x: it is 8, and must be 16",
    ),
    Entry(
        name="a forgotten pooling",
        says="The upsampled image was never made smaller. No image size fits, and you can know this before building.",
        source="specification",
        plain=no_pooling,
        happens="TypeError: Cannot concatenate arrays with shapes that differ",
        by="obligation",
        caught=no_pooling_asked,
        message="joined: skip is 16, up is 32, and they must be equal.\n    x 16 → up 32\n"
        "  fix: change the network; no size fits",
    ),
    Entry(
        name="a crop that mixes the axes",
        says="The crop of the width is computed from the height of the other image. Square images hide the bug.",
        source="https://github.com/hayashimasa/UNet-PyTorch/issues/3",
        plain=crop_mixes_the_axes,
        happens="TypeError: Cannot concatenate arrays with shapes that differ",
        by="type",
        caught=crop_mixes_the_axes_typed,
        message="axis W of skip: it is 56, and must be 72, as in up",
    ),
)
