"""U-Nets on volumes."""

from collections.abc import Sequence

from ..network.builder import NetworkBuilder
from ..network.edges import CropTo, PadTo
from ..network.joins import Concat
from ..network.network import Network
from ..network.requiring import Require
from ..network.values import Activation, Norm
from ..network.windows import Conv, ConvTranspose, MaxPool
from .blocks import normed, same_conv
from .style import Style
from .upsampling import monai_upsample

BASIC = Style(norm=Norm("instance"), activation=Activation("leaky_relu", slope=0.1))
"""What follows each convolution of MONAI's ``BasicUNet`` by default."""


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
    features: Sequence[int] = (32, 32, 64, 128, 256, 32),
    in_channels: int = 1,
    out_channels: int = 2,
    axes: int = 3,
    style: Style = BASIC,
    upsample: str = "deconv",
) -> Network:
    """MONAI's ``BasicUNet`` on volumes. The upsampled image is padded by at most one position to the size of the skip.

    ``features`` has the widths of the five levels and of the last block. ``style`` has the norm, the activation and the
    bias of the convolutions, and ``upsample`` is ``"deconv"``, ``"nontrainable"`` or ``"pixelshuffle"``. Source:
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
        x = _two_convs(net, f"down_{i}.convs" if i else "conv_0", x, width, style)
        skips.append(x)
    skips.pop()
    for i in range(len(skips), 0, -1):
        path, skip, width = f"upcat_{i}", skips.pop(), net.channels(x)
        x = monai_upsample(net, f"{path}.upsample", x, width // 2 if i > 1 else width, axes, upsample)
        x = net.add(f"{path}.near", Require(within=1), x, skip)
        x = net.add(f"{path}.padded", PadTo(where="after", mode="replicated"), x, skip)
        x = net.add(f"{path}.joined", Concat(), skip, x)
        x = _two_convs(net, f"{path}.convs", x, levels[i - 1] if i > 1 else last, style)
    net.add("final_conv", Conv(1, channels=out_channels), x)
    return net.network()


def _two_convs(net: NetworkBuilder, path: str, given: str, width: int, style: Style) -> str:
    for i in range(2):
        conv, adn = f"{path}.conv_{i}", f"{path}.conv_{i}.adn"
        after = style.after(**{letter: f"{adn}.{letter}" for letter in "NDA"})
        given = net.chain(given, {f"{conv}.conv": same_conv(width, bias=style.bias), **after})
    return given
