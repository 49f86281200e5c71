"""U-Nets inside a U-Net: UNet++ and the first nest of U²-Net."""

from collections.abc import Sequence

from ..network.builder import NetworkBuilder
from ..network.joins import Add, Concat
from ..network.network import Network
from ..network.resampling import Resize, ResizeTo
from ..network.windows import Conv, MaxPool
from .blocks import normed, same_conv


def unetplusplus(
    channels: Sequence[int] = (32, 64, 128, 256, 512), in_channels: int = 3, out_channels: int = 1
) -> Network:
    """UNet++ without deep supervision, in its best-known PyTorch version.

    The block ``conv{i}_{j}`` of level i joins all blocks before it on its level, and the doubled block below. Source:
    github.com/4uiiurz1/pytorch-nested-unet, ``archs.py``, ``NestedUNet``; Zhou and others, UNet++, 2018.

    >>> from wellshaped.spec import compatible_sizes
    >>> print(compatible_sizes("unetplusplus"))
    n ≡ 0 (mod 16), n ≥ 16
    """
    net = NetworkBuilder({"x": in_channels})
    levels: list[list[str]] = []
    for i, width in enumerate(channels):
        given = net.add(f"pool{i - 1}", MaxPool(2), levels[-1][0]) if i else "x"
        levels.append([_vgg_block(net, f"conv{i}_0", given, width)])
        for j in range(1, i + 1):
            level = i - j
            up = net.add(f"up{level + 1}_{j - 1}", Resize(2, mode="linear", align_corners=True), levels[level + 1][-1])
            joined = net.add(f"joined{level}_{j}", Concat(), *levels[level], up)
            levels[level].append(_vgg_block(net, f"conv{level}_{j}", joined, channels[level]))
    net.add("final", Conv(1, channels=out_channels), levels[0][-1])
    return net.network()


def _vgg_block(net: NetworkBuilder, path: str, given: str, width: int) -> str:
    x = normed(net, f"{path}.", "conv1 bn1 relu1", given, same_conv(width))
    return normed(net, f"{path}.", "conv2 bn2 relu2", x, same_conv(width))


def u2net_rsu7(in_channels: int = 3, middle: int = 32, out_channels: int = 64) -> Network:
    """The first nest of U²-Net: a U-Net of seven levels as one residual block.

    Poolings round up, and the decoder resizes to the size of each skip, so every size fits. Source:
    github.com/xuebinqin/U-2-Net, ``model/u2net.py``, ``RSU7`` with ``_upsample_like``; Qin and others, U²-Net, 2020.

    >>> from wellshaped.spec import compatible_sizes
    >>> print(compatible_sizes("u2net_rsu7"))
    n ≥ 1
    """
    net = NetworkBuilder({"x": in_channels})
    first = _rebnconv(net, "rebnconvin", "x", out_channels)
    x, skips = first, []
    for i in range(1, 7):
        x = _rebnconv(net, f"rebnconv{i}", x, middle)
        skips.append(x)
        if i < 6:
            x = net.add(f"pool{i}", MaxPool(2, ceil_mode=True), x)
    x = _rebnconv(net, "rebnconv7", x, middle, dilation=2)
    for i in range(6, 0, -1):
        if i < 6:
            x = net.add(f"up{i}", ResizeTo(mode="linear"), x, skips[i - 1])
        x = net.add(f"joined{i}", Concat(), x, skips[i - 1])
        x = _rebnconv(net, f"rebnconv{i}d", x, middle if i > 1 else out_channels)
    net.add("sum", Add(), x, first)
    return net.network()


def _rebnconv(net: NetworkBuilder, path: str, given: str, width: int, dilation: int = 1) -> str:
    conv = Conv(3, padding=dilation, dilation=dilation, channels=width)
    return normed(net, f"{path}.", "conv_s1 bn_s1 relu_s1", given, conv)
