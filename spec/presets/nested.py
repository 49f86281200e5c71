"""U-Nets inside a U-Net: UNet++ and U²-Net."""

from collections.abc import Sequence

from ..network.builder import NetworkBuilder
from ..network.joins import Add, Concat
from ..network.network import Network
from ..network.resampling import Resize, ResizeTo
from ..network.values import Activation
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
    _pooled_nest(net, "", "x", 7, middle, out_channels)
    return net.network()


Widths = Sequence[tuple[int, int]]
"""For each nest, the channels inside it and those of its result."""


def u2net(
    encoder: Widths = ((32, 64), (32, 128), (64, 256), (128, 512), (256, 512), (256, 512)),
    decoder: Widths = ((16, 64), (32, 64), (64, 128), (128, 256), (256, 512)),
    in_channels: int = 3,
    out_channels: int = 1,
    sides: bool = False,
) -> Network:
    """U²-Net: a U-Net of six levels whose blocks are U-Nets of 7, 6, 5 and 4 levels, or have dilations for levels.

    ``encoder`` and ``decoder`` have the widths of the nests, from the top. Each level of the decoder predicts an image,
    and so does the bottom. All are resized to the size of the input and joined by the last convolution. With ``sides``,
    these six images are outputs too, as in training; the joined one comes first. ``((16, 64),) * 6`` and
    ``((16, 64),) * 5`` are the widths of the small U²-Net. Every size fits. Source: github.com/xuebinqin/U-2-Net,
    ``model/u2net.py``, ``U2NET``; Qin and others, U²-Net, 2020.

    >>> from wellshaped.spec import compatible_sizes
    >>> print(compatible_sizes("u2net"))
    n ≥ 1
    """
    net = NetworkBuilder({"x": in_channels})
    x, skips = "x", []
    for i, (middle, outs) in enumerate(encoder, 1):
        x = net.add(f"pool{i - 1}{i}", MaxPool(2, ceil_mode=True), x) if i > 1 else x
        x = _nest(net, f"stage{i}.", x, i, middle, outs)
        skips.append(x)
    seen = [skips.pop()]
    for i in range(len(decoder), 0, -1):
        up = net.add(f"up{i}", ResizeTo(mode="linear"), x, skips[i - 1])
        x = _nest(net, f"stage{i}d.", net.add(f"joined{i}", Concat(), up, skips[i - 1]), i, *decoder[i - 1])
        seen.insert(0, x)
    images = [net.add(f"side{i}", same_conv(out_channels), x) for i, x in enumerate(seen, 1)]
    images[1:] = [net.add(f"resized{i}", ResizeTo(mode="linear"), x, images[0]) for i, x in enumerate(images[1:], 2)]
    joined = net.add("joined", Concat(), *images)
    images.insert(0, net.add("outconv", Conv(1, channels=out_channels), joined))
    outputs = images if sides else images[:1]
    return net.network(*[net.add(f"d{i}", Activation("sigmoid"), x) for i, x in enumerate(outputs)])


def _nest(net: NetworkBuilder, path: str, given: str, stage: int, middle: int, outs: int) -> str:
    """Add the nest of a stage: the first four pool, and the others have dilations."""
    if stage < 5:
        return _pooled_nest(net, path, given, 8 - stage, middle, outs)
    return _dilated_nest(net, path, given, middle, outs)


def _pooled_nest(net: NetworkBuilder, path: str, given: str, levels: int, middle: int, outs: int) -> str:
    """Add a residual U-Net of so many levels. The last one has a dilation in place of a pooling."""
    first = x = _rebnconv(net, f"{path}rebnconvin", given, outs)
    skips = []
    for i in range(1, levels):
        x = _rebnconv(net, f"{path}rebnconv{i}", x, middle)
        skips.append(x)
        if i < levels - 1:
            x = net.add(f"{path}pool{i}", MaxPool(2, ceil_mode=True), x)
    x = _rebnconv(net, f"{path}rebnconv{levels}", x, middle, dilation=2)
    for i in range(levels - 1, 0, -1):
        if i < levels - 1:
            x = net.add(f"{path}up{i}", ResizeTo(mode="linear"), x, skips[i - 1])
        x = net.add(f"{path}joined{i}", Concat(), x, skips[i - 1])
        x = _rebnconv(net, f"{path}rebnconv{i}d", x, middle if i > 1 else outs)
    return net.add(f"{path}sum", Add(), x, first)


def _dilated_nest(net: NetworkBuilder, path: str, given: str, middle: int, outs: int) -> str:
    """Add a residual U-Net of four levels, all of one size: the dilation doubles from one to the next."""
    first = x = _rebnconv(net, f"{path}rebnconvin", given, outs)
    skips = []
    for i in range(1, 5):
        x = _rebnconv(net, f"{path}rebnconv{i}", x, middle, dilation=2 ** (i - 1))
        skips.append(x)
    skips.pop()
    for i in range(3, 0, -1):
        x = net.add(f"{path}joined{i}", Concat(), x, skips[i - 1])
        x = _rebnconv(net, f"{path}rebnconv{i}d", x, middle if i > 1 else outs, dilation=2 ** (i - 1))
    return net.add(f"{path}sum", Add(), x, first)


def _rebnconv(net: NetworkBuilder, path: str, given: str, width: int, dilation: int = 1) -> str:
    conv = Conv(3, padding=dilation, dilation=dilation, channels=width)
    return normed(net, f"{path}.", "conv_s1 bn_s1 relu_s1", given, conv)
