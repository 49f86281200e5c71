"""UNet 3+: each level of its decoder joins all levels of the network."""

from collections.abc import Sequence

from ..network.builder import NetworkBuilder
from ..network.joins import Concat
from ..network.network import Network
from ..network.resampling import Resize
from ..network.values import Activation
from ..network.windows import MaxPool
from .blocks import normed, same_conv


def unet3plus(
    channels: Sequence[int] = (64, 128, 256, 512, 1024), in_channels: int = 3, out_channels: int = 1
) -> Network:
    """UNet 3+ without deep supervision: full-scale skips.

    Each level of the decoder joins the encoder levels above it (pooled in ceil mode), the encoder level beside it, and
    all levels below it (resized), each after a convolution. Source: github.com/ZJUGiveLab/UNet-Version,
    ``models/UNet_3Plus.py``; Huang and others, UNet 3+, 2020.

    >>> from wellshaped.spec import compatible_sizes
    >>> print(compatible_sizes("unet3plus"))
    n ≡ 0 (mod 16), n ≥ 16
    """
    net, width, last = NetworkBuilder({"x": in_channels}), channels[0], len(channels)
    x, encoder = "x", []
    for i, outs in enumerate(channels, 1):
        x = net.add(f"maxpool{i - 1}", MaxPool(2), x) if i > 1 else x
        for conv in ("conv1", "conv2"):
            x = normed(net, f"conv{i}.{conv}.", "0 1 2", x, same_conv(outs))
        encoder.append(x)
    below = {last: x}
    for level in range(last - 1, 0, -1):
        to, parts = f"hd{level}", []
        for i in range(1, level):
            pool = MaxPool(2 ** (level - i), ceil_mode=True)
            parts.append(_part(net, f"h{i}_PT_{to}", net.add(f"h{i}_PT_{to}", pool, encoder[i - 1]), width))
        parts.append(_part(net, f"h{level}_Cat_{to}", encoder[level - 1], width))
        for i in range(level + 1, last + 1):
            resize = Resize(2 ** (i - level), mode="linear")
            parts.append(_part(net, f"hd{i}_UT_{to}", net.add(f"hd{i}_UT_{to}", resize, below[i]), width))
        x = net.add(f"{to}_joined", Concat(), *parts)
        names = f"conv{level}d_1 bn{level}d_1 relu{level}d_1"
        below[level] = normed(net, "", names, x, same_conv(width * len(parts)))
    net.chain(below[1], {"outconv1": same_conv(out_channels), "d1": Activation("sigmoid")})
    return net.network()


def _part(net: NetworkBuilder, name: str, given: str, width: int) -> str:
    return normed(net, f"{name}_", "conv bn relu", given, same_conv(width))
