"""U-Nets on volumes."""

from collections.abc import Sequence

from ..network.builder import NetworkBuilder
from ..network.edges import CropTo, PadTo
from ..network.fields import PerAxis, on_axis
from ..network.joins import Concat
from ..network.network import Network
from ..network.requiring import Require
from ..network.values import Activation, Norm
from ..network.windows import Conv, ConvTranspose, MaxPool
from .blocks import normed, same_conv

_INSTANCE = Norm("instance")


def unet3d(base_channels: int = 32, in_channels: int = 3, out_channels: int = 3) -> Network:
    """The 3D U-Net of the paper: four levels, unpadded convolutions, skips cropped about their centre.

    Source: Çiçek and others, 3D U-Net, 2016, figure 2. The paper crops any difference, even or odd.

    >>> from wellshaped.spec import compatible_sizes

    >>> from wellshaped.spec import explain
    >>> explain("unet3d", (132, 132, 116)).output
    (44, 44, 28)
    >>> print(compatible_sizes("unet3d"))
    n ≥ 92
    """
    net = NetworkBuilder({"x": in_channels}, axes=3)
    widths = [base_channels * 2**level for level in range(5)]
    x, skips = "x", []
    for level in range(4):
        x = net.add(f"pooled[{level - 1}]", MaxPool(2), x) if level else x
        x = _unpadded(net, f"encoder[{level}]" if level < 3 else "bottom", x, widths[level : level + 2])
        skips.append(x)
    for level in range(2, -1, -1):
        up = net.add(f"up[{level}]", ConvTranspose(2, 2), x)
        cropped = net.add(f"cropped[{level}]", CropTo(), skips[level], up)
        x = net.add(f"joined[{level}]", Concat(), cropped, up)
        x = _unpadded(net, f"decoder[{level}]", x, [widths[level + 1]] * 2)
    net.add("y", Conv(1, channels=out_channels), x)
    return net.network()


def _unpadded(net: NetworkBuilder, name: str, given: str, widths: Sequence[int]) -> str:
    for i, width in enumerate(widths):
        given = normed(net, f"{name}.convs[{i}].", "conv norm relu", given, Conv(3, channels=width))
    return given


def monai_basicunet(
    features: Sequence[int] = (32, 32, 64, 128, 256, 32), in_channels: int = 1, out_channels: int = 2, axes: int = 3
) -> Network:
    """MONAI's ``BasicUNet`` on volumes. The upsampled image is padded by at most one position to the size of the skip.

    ``features`` has the widths of the five levels and of the last block. Source:
    github.com/Project-MONAI/MONAI, ``monai/networks/nets/basic_unet.py``.

    >>> from wellshaped.spec import compatible_sizes
    >>> print(compatible_sizes("monai_basicunet"))
    n ≥ 16
    """
    net = NetworkBuilder({"x": in_channels}, axes)
    *levels, last = features
    x, skips = "x", []
    for i, width in enumerate(levels):
        x = net.add(f"down_{i}.max_pooling", MaxPool(2), x) if i else x
        x = _two_convs(net, f"down_{i}.convs" if i else "conv_0", x, width)
        skips.append(x)
    skips.pop()
    for i in range(len(skips), 0, -1):
        path, skip, width = f"upcat_{i}", skips.pop(), net.channels(x)
        up = ConvTranspose(2, 2, channels=width // 2 if i > 1 else width)
        x = net.add(f"{path}.upsample.deconv", up, x)
        x = net.add(f"{path}.near", Require(within=1), x, skip)
        x = net.add(f"{path}.padded", PadTo(where="after", mode="replicated"), x, skip)
        x = net.add(f"{path}.joined", Concat(), skip, x)
        x = _two_convs(net, f"{path}.convs", x, levels[i - 1] if i > 1 else last)
    net.add("final_conv", Conv(1, channels=out_channels), x)
    return net.network()


def _two_convs(net: NetworkBuilder, path: str, given: str, width: int) -> str:
    leaky = Activation("leaky_relu", slope=0.1)
    for i in range(2):
        given = normed(net, f"{path}.conv_{i}.", "conv adn.N adn.A", given, same_conv(width), _INSTANCE, leaky)
    return given


def nnunet_3d_fullres(
    features: Sequence[int] = (32, 64, 128, 256, 320, 320),
    kernels: Sequence[PerAxis] = ((1, 3, 3), 3, 3, 3, 3, 3),
    strides: Sequence[PerAxis] = (1, (1, 2, 2), 2, 2, 2, 2),
    in_channels: int = 1,
    out_channels: int = 2,
) -> Network:
    """nnU-Net's ``PlainConvUNet`` with two convolutions a stage. The defaults are for volumes with a coarse first axis.

    ``features``, ``kernels`` and ``strides`` are those of a ``nnUNetPlans.json``, one for each stage. The heads of the
    inner stages are left out; only training uses them. Source: github.com/MIC-DKFZ/dynamic-network-architectures,
    ``architectures/unet.py``; the plan is the ``3d_fullres`` of github.com/PengchengShi1220/NexToU.

    >>> from wellshaped.spec import compatible_shapes
    >>> print([str(fit) for fit in compatible_shapes("nnunet_3d_fullres").axes])
    ['n ≡ 0 (mod 16), n ≥ 16', 'n ≡ 0 (mod 32), n ≥ 32', 'n ≡ 0 (mod 32), n ≥ 32']
    """
    net = NetworkBuilder({"x": in_channels}, axes=3)
    x, skips = "x", []
    for i, (width, kernel, stride) in enumerate(zip(features, kernels, strides, strict=True)):
        x = _plain_stage(net, f"encoder.stages.{i}.0", x, width, kernel, stride)
        skips.append(x)
    skips.pop()
    count = len(skips)
    for i in range(count):
        level = count - 1 - i
        up = ConvTranspose(strides[level + 1], strides[level + 1], channels=features[level])
        x = net.add(f"decoder.transpconvs.{i}", up, x)
        x = net.add(f"decoder.joined.{i}", Concat(), x, skips[level])
        x = _plain_stage(net, f"decoder.stages.{i}", x, features[level], kernels[level], 1)
    net.add(f"decoder.seg_layers.{count - 1}", Conv(1, channels=out_channels), x)
    return net.network()


def _plain_stage(net: NetworkBuilder, path: str, given: str, width: int, kernel: PerAxis, stride: PerAxis) -> str:
    padding = tuple(on_axis(kernel, axis) // 2 for axis in range(3))
    for i in range(2):
        conv = Conv(kernel, stride if i == 0 else 1, padding=padding, channels=width)
        leaky = Activation("leaky_relu", slope=0.01)
        given = normed(net, f"{path}.convs.{i}.", "conv norm nonlin", given, conv, _INSTANCE, leaky)
    return given
