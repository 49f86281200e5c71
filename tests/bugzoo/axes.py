"""Bugs of axes: mixed up, in another order, missing, or one too many."""

import jax
import jax.numpy as jnp
from flax import linen, nnx
from jaxtyping import Array, Float

from wellshaped.models import Conv2d, checked, relu
from wellshaped.models.channels_last.conv import ChannelsLastConv2d
from wellshaped.models.channels_last.resnet import BasicBlock

from .entry import Entry, image


def grey_image_to_a_block():
    class Block(linen.Module):
        @linen.compact
        def __call__(self, x):
            y = linen.relu(linen.BatchNorm(use_running_average=False)(linen.Conv(8, (3, 3))(x)))
            y = linen.BatchNorm(use_running_average=False)(linen.Conv(8, (3, 3))(y))
            return linen.relu(y + x)

    x = image(1, 16, 24, 1)  # meant: x = nnx.Conv(1, 8, (1, 1), rngs=nnx.Rngs(0))(image(1, 16, 24, 1))
    y, _ = Block().init_with_output(jax.random.key(0), x)
    return y


def grey_image_to_a_block_typed():
    block = BasicBlock(8, rngs=nnx.Rngs(0))
    x = image(16, 24, 1)  # meant: x = nnx.Conv(1, 8, (1, 1), rngs=nnx.Rngs(0))(image(16, 24, 1))
    return block(x)


def kernel_of_another_layout():
    weight = image(8, 3, 3, 3)  # out, in, H, W
    conv = nnx.Conv(3, 8, (3, 3), use_bias=False, rngs=nnx.Rngs(0))
    conv.kernel = nnx.Param(weight)  # meant: conv.kernel = nnx.Param(weight.transpose(2, 3, 1, 0))
    return conv(image(1, 16, 24, 3))


def kernel_of_another_layout_typed():
    weight = image(8, 3, 3, 3)
    conv = ChannelsLastConv2d(3, 8, 3, 3, rngs=nnx.Rngs(0))
    conv.kernel = nnx.Param(weight)  # meant: conv.kernel = nnx.Param(weight.transpose(2, 3, 1, 0))
    return conv(image(16, 24, 3))


def no_batch_axis():
    norm = nnx.InstanceNorm(4, rngs=nnx.Rngs(0))
    x = image(6, 8, 4)
    return norm(x)  # meant: return norm(x[None])[0]


def no_batch_axis_typed():
    @checked
    def normalised(x: Float[Array, "N H W C"]) -> Float[Array, "N H W C"]:
        return nnx.InstanceNorm(4, rngs=nnx.Rngs(0))(x)

    x = image(6, 8, 4)
    return normalised(x)  # meant: return normalised(x[None])


def reshape_folds_another_axis():
    table, labels = image(5, 4), jnp.abs(image(2, 6, 10)).astype(int)
    x = table[labels]  # (C, H, W, dim)
    x = jnp.transpose(x, (0, 2, 1, 3))  # meant: x = jnp.transpose(x, (0, 3, 1, 2))
    return x.reshape(8, 6, 10)


def reshape_folds_another_axis_typed():
    @checked
    def folded(table: Float[Array, "K dim"], x: Float[Array, "C dim H W"]) -> Float[Array, "_ H W"]:
        return x.reshape(-1, *x.shape[2:])

    table, labels = image(5, 4), jnp.abs(image(2, 6, 10)).astype(int)
    x = table[labels]
    x = jnp.transpose(x, (0, 2, 1, 3))  # meant: x = jnp.transpose(x, (0, 3, 1, 2))
    return folded(table, x)


def pixels_shuffled_in_another_order():
    x = image(3, 4, 12)  # (H, W, C · r · r) with r = 2, from weights in the order (C, r, r)
    x = x.reshape(3, 4, 2, 2, 3)  # meant: x = x.reshape(3, 4, 3, 2, 2)
    x = x.transpose(0, 2, 1, 3, 4)  # meant: x = x.transpose(0, 3, 1, 4, 2)
    return x.reshape(6, 8, 3)


def pixels_shuffled_in_another_order_typed():
    @checked
    def shuffled(x: Float[Array, "H W C r r"]) -> Float[Array, "_ _ C"]:
        h, w, c, r, _ = x.shape
        return x.transpose(0, 3, 1, 4, 2).reshape(h * r, w * r, c)

    x = image(3, 4, 12)
    x = x.reshape(3, 4, 2, 2, 3)  # meant: x = x.reshape(3, 4, 3, 2, 2)
    return shuffled(x)


def mean_along_the_batch():
    def normalised(x):  # (C, H, W); .T reverses all axes
        return (x.T - jnp.array([1.0, 2.0, 3.0])).T

    images = image(3, 3, 5, 7)
    return normalised(images)  # meant: return jax.vmap(normalised)(images)


def mean_along_the_batch_typed():
    @checked
    def normalised(x: Float[Array, "C H W"]) -> Float[Array, "C H W"]:
        return (x.T - jnp.array([1.0, 2.0, 3.0])).T

    images = image(3, 3, 5, 7)
    return normalised(images)  # meant: return jax.vmap(normalised)(images)


def loss_of_all_pairs():
    masks = (image(4, 16, 24) > 0).astype(float)
    logits = (200 * masks - 100)[:, None]  # the output of a perfect network, (N, 1, H, W)
    chances = nnx.sigmoid(logits)  # meant: chances = nnx.sigmoid(logits)[:, 0]
    return jnp.mean((chances - masks) ** 2)


def loss_of_all_pairs_typed():
    @checked
    def loss(masks: Float[Array, "N H W"], chances: Float[Array, "N H W"]) -> Float[Array, ""]:
        return jnp.mean((chances - masks) ** 2)

    masks = (image(4, 16, 24) > 0).astype(float)
    logits = (200 * masks - 100)[:, None]
    chances = nnx.sigmoid(logits)  # meant: chances = nnx.sigmoid(logits)[:, 0]
    return loss(masks, chances)


def gate_with_channels():
    x = image(1, 6, 10, 8)
    conv = nnx.Conv(8, 8, (1, 1), rngs=nnx.Rngs(0))  # meant: conv = nnx.Conv(8, 1, (1, 1), rngs=nnx.Rngs(0))
    return x * nnx.sigmoid(conv(x))


def gate_with_channels_typed():
    @checked
    def gated(x: Float[Array, "C H W"], gate: Float[Array, "{1} H W"]) -> Float[Array, "C H W"]:
        return x * nnx.sigmoid(gate)

    x = image(8, 6, 10)
    conv = Conv2d(8, 8, 1, rngs=nnx.Rngs(0))  # meant: conv = Conv2d(8, 1, 1, rngs=nnx.Rngs(0))
    return gated(x, conv(x))


def shortcut_of_the_branch():
    rngs, x = nnx.Rngs(0), image(1, 9, 9, 3)
    conv1, conv2 = nnx.Conv(3, 8, (3, 3), rngs=rngs), nnx.Conv(8, 8, (3, 3), rngs=rngs)
    short = nnx.Conv(8, 8, (1, 1), rngs=rngs)  # meant: short = nnx.Conv(3, 8, (1, 1), rngs=rngs)
    y = conv2(nnx.relu(conv1(x)))
    return y + short(y)  # meant: return y + short(x)


def shortcut_of_the_branch_typed():
    rngs, x = nnx.Rngs(0), image(3, 9, 9)
    conv1, conv2 = Conv2d(3, 8, 3, padding=1, rngs=rngs), Conv2d(8, 8, 3, padding=1, rngs=rngs)
    short = Conv2d(3, 8, 1, rngs=rngs)  # from the channels of the image to those of the branch
    y = conv2(relu(conv1(x)))
    return y + short(y)  # meant: return y + short(x)


ENTRIES = (
    Entry(
        name="C is not features",
        says="A residual block of 8 features adds a grey image. Its one channel is broadcast to all eight. Three "
        "channels would crash.",
        source="specification",
        plain=grey_image_to_a_block,
        happens="gives the right shape, (1, 16, 24, 8), and 0 where 8.17 is meant",
        by="type",
        caught=grey_image_to_a_block_typed,
        message="axis C of x: it is 1, and must be 8",
    ),
    Entry(
        name="an OIHW kernel where HWIO is meant",
        says="Weights are ported without a transposition. With 3×3 kernels and 3 input channels, the kernel still "
        "fits, and gives 3 output channels.",
        source="specification",
        plain=kernel_of_another_layout,
        happens="gives shape (1, 16, 24, 3) where (1, 16, 24, 8) is meant",
        by="type",
        caught=kernel_of_another_layout_typed,
        message="an (out, in, H, W) kernel passed as (H, W, in, out) is the likely cause.\n"
        "  fix: jnp.transpose(kernel, (2, 3, 1, 0))",
    ),
    Entry(
        name="a missing batch axis",
        says="Flax takes the first axis as the batch, and normalises each row of the image separately.",
        source="specification",
        plain=no_batch_axis,
        happens="gives the right shape, (6, 8, 4), and -1.81 where 0.0595 is meant",
        by="type",
        caught=no_batch_axis_typed,
        message="it has 3 axes, and must have 4, (N, H, W, C); a missing batch axis is the likely cause",
    ),
    Entry(
        name="a reshape that folds another axis",
        says="The embedding of the classes is moved to the place of the height. The reshape hides this, and mixes "
        "pixels and channels.",
        source="https://github.com/ehoogeboom/multinomial_diffusion/issues/1",
        plain=reshape_folds_another_axis,
        happens="gives the right shape, (8, 6, 10), and 4 where -4 is meant, at (0, 0, 7)",
        by="type",
        caught=reshape_folds_another_axis_typed,
        message="axis dim of x: it is 10, and must be 4, as in table",
    ),
    Entry(
        name="pixels shuffled in another order",
        says="TensorFlow puts the position in a block before the channel, PyTorch after it. An image of one channel "
        "hides the bug.",
        source="https://github.com/microsoft/onnxscript/issues/2891",
        plain=pixels_shuffled_in_another_order,
        happens="gives the right shape, (6, 8, 3), and 4 where -4 is meant, at (3, 0, 1)",
        by="type",
        caught=pixels_shuffled_in_another_order_typed,
        message="axis r of x: it is 3, and must be 2",
    ),
    Entry(
        name="a mean along the batch",
        says="The function is right for one image. For a batch, it subtracts the mean of each channel from an image "
        "instead. A batch with as many images as channels hides the bug.",
        source="https://github.com/qdrant/fastembed/pull/682",
        plain=mean_along_the_batch,
        happens="gives the right shape, (3, 3, 5, 7), and -2 where -4 is meant, at (0, 2, 0, 0)",
        by="type",
        caught=mean_along_the_batch_typed,
        message="it has 4 axes, and must have 3, (C, H, W); a batch axis is the likely cause",
    ),
    Entry(
        name="a loss of all pairs",
        says="The predictions have an axis of one channel, and the masks have none. Each image is compared with all "
        "masks. The number is the loss of a perfect prediction. The reports have `(n, 1)` and `(n,)`.",
        source="https://github.com/pytorch/pytorch/issues/16045",
        plain=loss_of_all_pairs,
        happens="gives 0.363 where 0 is meant",
        by="type",
        caught=loss_of_all_pairs_typed,
        message="shape of chances: it has 4 axes, and must have 3, (4, 16, 24)",
    ),
    Entry(
        name="a gate with channels",
        says="A spatial gate has one number for each pixel. With one for each channel, it is a different layer of the "
        "same shape.",
        source="https://github.com/qubvel-org/segmentation_models.pytorch/pull/113",
        plain=gate_with_channels,
        happens="gives the right shape, (1, 6, 10, 8), and -0.00491 where -3.99 is meant",
        by="type",
        caught=gate_with_channels_typed,
        message="axis 1 of gate: it is 8, and must be 1",
    ),
    Entry(
        name="the shortcut of the branch",
        says="The 1×1 convolution of the shortcut gets the branch instead of the image. Two mistakes hide each other: "
        "its input channels are those of the branch, and the image is not added. A typed shortcut makes the "
        "first mistake impossible, and catches the second.",
        source="https://github.com/bytedance/1d-tokenizer/pull/119",
        plain=shortcut_of_the_branch,
        happens="gives the right shape, (1, 9, 9, 8), and -17.1 where -3.02 is meant",
        by="type",
        caught=shortcut_of_the_branch_typed,
        message="axis C of x: it is 8, and must be 3",
    ),
)
