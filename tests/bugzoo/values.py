"""Bugs with the right shapes and wrong values. Only a comparison with a reference finds them."""

from math import prod
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import lax

from wellshaped.models import GroupNorm
from wellshaped.models.channels_last.resnet import BasicBlock
from wellshaped.spec import UNet2Config, UNetConfig, layer_parameters, parameter_shapes, reference

from .entry import Entry, image

RECORDED = np.load(Path(__file__).parents[1] / "conformance" / "torch_vectors.npz")

UNET2 = UNet2Config(base_channels=2)
WEIGHTS = {
    layer.name: (np.sign(image(*kernel)).astype(int), np.sign(image(*bias)).astype(int))
    for layer, kernel, bias in layer_parameters(UNET2, 1, 1)
}


def conv(x, kernel, bias):
    y = lax.conv_general_dilated(x[None], jnp.asarray(kernel, x.dtype), (1, 1), "SAME")[0]
    return y + bias[:, None, None]


def halved(x):
    c, h, w = x.shape
    return x.reshape(c, h // 2, 2, w // 2, 2).max((2, 4))


def doubled(x, kernel, bias):
    (_, h, w), outs = x.shape, len(bias)
    return jnp.einsum("ihw,ioab->ohawb", x, kernel).reshape(outs, 2 * h, 2 * w) + bias[:, None, None]


def skip_of_another_convolution():
    relu, w = jax.nn.relu, WEIGHTS
    s1 = relu(conv(image(1, 6, 8), *w["down1_1"]))
    s2 = relu(conv(s1, *w["down1_2"]))
    low = relu(conv(relu(conv(halved(s2), *w["down2_1"])), *w["down2_2"]))
    up = doubled(low, *w["upT"])
    joined = jnp.concatenate([s1, up])  # meant: joined = jnp.concatenate([s2, up])
    return conv(relu(conv(relu(conv(joined, *w["up1_1"])), *w["up1_2"])), *w["out1x1"])


def skip_of_another_convolution_meant():
    return reference.unet2_forward(UNET2, WEIGHTS, np.asarray(image(1, 6, 8)))


def relu_before_the_addition():
    rngs, x = nnx.Rngs(0), image(6, 8, 4)
    conv1, bn1 = nnx.Conv(4, 4, (3, 3), rngs=rngs), nnx.BatchNorm(4, rngs=rngs)
    conv2, bn2 = nnx.Conv(4, 4, (3, 3), rngs=rngs), nnx.BatchNorm(4, rngs=rngs)
    y = nnx.relu(bn1(conv1(x)))
    y = nnx.relu(bn2(conv2(y)))  # meant: y = bn2(conv2(y))
    return nnx.relu(y + x)


def relu_before_the_addition_meant():
    return BasicBlock(4, rngs=nnx.Rngs(0))(image(6, 8, 4))


def square_image_transposed():
    pixels, kernel = image(6, 6, 3), image(4, 3, 3, 3)
    x = pixels.transpose(2, 1, 0)  # meant: x = pixels.transpose(2, 0, 1)
    return lax.conv_general_dilated(x[None], kernel, (1, 1), "SAME")[0]


def square_image_transposed_meant():
    x, kernel = np.moveaxis(np.asarray(image(6, 6, 3)), -1, 0), np.asarray(image(4, 3, 3, 3))
    return reference.conv2d(x, kernel, np.zeros(4), padding=1)


def same_for_padding_1():
    case = "conv2d,c3x2,7x6,k3s2p1"
    x, kernel, bias = (jnp.asarray(RECORDED[f"{case}/{part}"]) for part in ("x", "kernel", "bias"))
    padding = "SAME"  # meant: padding = 1
    conv = nnx.Conv(3, 2, (3, 3), strides=2, padding=padding, rngs=nnx.Rngs(0))
    conv.kernel[...], conv.bias[...] = kernel.transpose(2, 3, 1, 0), bias
    return jnp.moveaxis(conv(jnp.moveaxis(x, 0, -1)), -1, 0)


def same_for_padding_1_meant():
    return RECORDED["conv2d,c3x2,7x6,k3s2p1/y"]


def transposed_kernel_not_turned():
    case = "conv_transpose2d,c2x3,7x6,k2s2p0"
    x, kernel, bias = (jnp.asarray(RECORDED[f"{case}/{part}"]) for part in ("x", "kernel", "bias"))
    up = nnx.ConvTranspose(2, 3, (2, 2), strides=(2, 2), padding="VALID", rngs=nnx.Rngs(0))
    kernel = kernel.transpose(2, 3, 0, 1)  # meant: kernel = kernel.transpose(2, 3, 0, 1)[::-1, ::-1]
    up.kernel[...], up.bias[...] = kernel, bias
    return jnp.moveaxis(up(jnp.moveaxis(x, 0, -1)), -1, 0)


def transposed_kernel_not_turned_meant():
    return RECORDED["conv_transpose2d,c2x3,7x6,k2s2p0/y"]


def upsampled_beside_its_pixel():
    padding = "SAME"  # meant: padding = ((1, 2), (1, 2))
    up = nnx.ConvTranspose(
        2, 2, (3, 3), (2, 2), padding=padding, use_bias=False, transpose_kernel=True, rngs=nnx.Rngs(0)
    )
    up.kernel[...] = image(2, 2, 3, 3).transpose(2, 3, 1, 0)
    return jnp.moveaxis(up(jnp.moveaxis(image(2, 5, 6), 0, -1)), -1, 0)


def upsampled_beside_its_pixel_meant():
    x, kernel = np.asarray(image(2, 5, 6)), np.asarray(image(2, 2, 3, 3))
    return reference.conv2d_backward(np.zeros((2, 10, 12)), kernel, x, stride=2, padding=1).d_x


def groups_for_the_size_of_a_group():
    groups = {"num_groups": 8}  # meant: groups = {"num_groups": None, "group_size": 8}
    norm = nnx.GroupNorm(16, **groups, rngs=nnx.Rngs(0))
    return jnp.moveaxis(norm(image(1, 6, 8, 16))[0], -1, 0)


def groups_for_the_size_of_a_group_meant():
    return GroupNorm(16, groups=16 // 8, rngs=nnx.Rngs(0))(jnp.moveaxis(image(1, 6, 8, 16)[0], -1, 0))


def one_block_at_every_stage():
    class Encoder(nnx.Module):
        def __init__(self, rngs):
            self.block1 = nnx.Conv(3, 8, (3, 3), rngs=rngs)
            self.block2 = nnx.Conv(8, 8, (3, 3), rngs=rngs)
            # meant: self.block3 = nnx.Conv(8, 8, (3, 3), rngs=rngs)

        def __call__(self, x):
            x = nnx.max_pool(nnx.relu(self.block1(x)), (2, 2), (2, 2))
            x = nnx.max_pool(nnx.relu(self.block2(x)), (2, 2), (2, 2))
            return nnx.relu(self.block2(x))  # meant: return nnx.relu(self.block3(x))

    encoder = Encoder(nnx.Rngs(0))
    assert encoder(image(1, 16, 24, 3)).shape == (1, 4, 6, 8)
    return sum(leaf.size for leaf in jax.tree.leaves(nnx.state(encoder, nnx.Param)))


def one_block_at_every_stage_meant():
    cfg = UNetConfig(levels=2, base_channels=8, multipliers=(1, 1, 1), convs_per_block=1)
    layers = parameter_shapes(cfg, 3)
    encoder = [shapes for layer, shapes in layers.items() if layer.startswith(("encoder", "bottom"))]
    return sum(prod(shape) for shapes in encoder for shape in shapes.values())


ENTRIES = (
    Entry(
        name="a skip from the wrong stage, of the right shape",
        says="The skip is taken before the level's second convolution. The network is the two-level one of the "
        "specification; the reference is exact, on whole numbers.",
        source="specification",
        plain=skip_of_another_convolution,
        happens="gives the right shape, (1, 6, 8), and",
        by="conformance",
        meant=skip_of_another_convolution_meant,
        message="the shapes agree, (1, 6, 8), and the values do not",
    ),
    Entry(
        name="ReLU between bn2 and the addition",
        says="The branch can only add, never subtract. The reference is the library's block, drawn from the same seed.",
        source="specification",
        plain=relu_before_the_addition,
        happens="gives the right shape, (6, 8, 4), and",
        by="conformance",
        meant=relu_before_the_addition_meant,
        message="the shapes agree, (6, 8, 4), and the values do not",
    ),
    Entry(
        name="equal-sized axes swapped",
        says="`(2, 1, 0)` instead of `(2, 0, 1)` transposes the image, but not its mask. A square image hides this. "
        "If you test with different H, W and C, a type finds the bug; here the reference does.",
        source="https://github.com/ikostrikov/pytorch-a2c-ppo-acktr-gail/issues/163",
        plain=square_image_transposed,
        happens="gives the right shape, (4, 6, 6), and",
        by="conformance",
        meant=square_image_transposed_meant,
        message="the shapes agree, (4, 6, 6), and the values do not",
    ),
    Entry(
        name="SAME for PyTorch's padding of 1",
        says="With stride 2, SAME pads an even size at its end and not at its start. The shape is the same, and every "
        "pixel is shifted. The reference is recorded from PyTorch.",
        source="https://github.com/google/flax/issues/2993",
        plain=same_for_padding_1,
        happens="gives the right shape, (2, 4, 3), and",
        by="conformance",
        meant=same_for_padding_1_meant,
        message="the shapes agree, (2, 4, 3), and the values do not",
    ),
    Entry(
        name="a transposed kernel that is not turned",
        says="Flax's transposed convolution reads its kernel in the opposite order. The reference is recorded from "
        "PyTorch.",
        source="https://github.com/jax-ml/jax/issues/11252",
        plain=transposed_kernel_not_turned,
        happens="gives the right shape, (3, 14, 12), and",
        by="conformance",
        meant=transposed_kernel_not_turned_meant,
        message="the shapes agree, (3, 14, 12), and the values do not",
    ),
    Entry(
        name="upsampled beside its pixel",
        says="SAME instead of PyTorch's `padding=1, output_padding=1` shifts the result one pixel down and to the "
        "right. The right result is the gradient of a convolution, which the exact reference computes as a sum.",
        source="https://github.com/keras-team/keras/pull/22876",
        plain=upsampled_beside_its_pixel,
        happens="gives the right shape, (2, 10, 12), and",
        by="conformance",
        meant=upsampled_beside_its_pixel_meant,
        message="the shapes agree, (2, 10, 12), and the values do not",
    ),
    Entry(
        name="groups for the size of a group",
        says="The paper has a group size of 8, and the code has 8 groups. With 64 channels both are the same.",
        source="https://github.com/IAmSuyogJadhav/3d-mri-brain-tumor-segmentation-using-autoencoder-regularization/issues/12",
        plain=groups_for_the_size_of_a_group,
        happens="gives the right shape, (16, 6, 8), and",
        by="conformance",
        meant=groups_for_the_size_of_a_group_meant,
        message="the shapes agree, (16, 6, 8), and the values do not",
    ),
    Entry(
        name="one block at every stage",
        says="Two stages of equal width share a block by mistake. The number of parameters shows it, compared with "
        "the family's network.",
        source="https://github.com/joeylitalien/noise2noise-pytorch/issues/7",
        plain=one_block_at_every_stage,
        happens="808 where 1392 is meant",
        by="conformance",
        meant=one_block_at_every_stage_meant,
        message="808 where 1392 is meant",
    ),
)
