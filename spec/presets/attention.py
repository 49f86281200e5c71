"""A U-Net whose decoder weights each skip before the join."""

from collections.abc import Sequence

from ..network.builder import NetworkBuilder
from ..network.joins import Add, Concat, Multiply
from ..network.network import Network
from ..network.resampling import Resize
from ..network.values import Activation
from ..network.windows import Conv, MaxPool
from .blocks import BATCH, RELU, normed, same_conv


def attention_unet(
    channels: Sequence[int] = (64, 128, 256, 512, 1024), in_channels: int = 3, out_channels: int = 1
) -> Network:
    """Attention U-Net, in its best-known PyTorch version. The gates work at the size of the skip.

    Source: github.com/LeeJunHyun/Image_Segmentation, ``network.py``, ``AttU_Net``; Oktay and others, Attention U-Net,
    2018.

    >>> from wellshaped.spec import compatible_sizes
    >>> print(compatible_sizes("attention_unet"))
    n ≡ 0 (mod 16), n ≥ 16
    """
    net = NetworkBuilder({"x": in_channels})
    x, encoder = "x", []
    for i, width in enumerate(channels, 1):
        x = net.add(f"Maxpool{i - 1}", MaxPool(2), x) if i > 1 else x
        x = _conv_block(net, f"Conv{i}", x, width)
        encoder.append(x)
    for i in range(len(channels), 1, -1):
        width, skip = channels[i - 2], encoder[i - 2]
        x = net.add(f"Up{i}.up.0", Resize(2), x)
        x = normed(net, f"Up{i}.up.", "1 2 3", x, same_conv(width))
        gated = _gate(net, f"Att{i}", x, skip, width // 2)
        x = net.add(f"joined{i}", Concat(), gated, x)
        x = _conv_block(net, f"Up_conv{i}", x, width)
    net.add("Conv_1x1", Conv(1, channels=out_channels), x)
    return net.network()


def _conv_block(net: NetworkBuilder, path: str, given: str, width: int) -> str:
    x = normed(net, f"{path}.conv.", "0 1 2", given, same_conv(width))
    return normed(net, f"{path}.conv.", "3 4 5", x, same_conv(width))


def _gate(net: NetworkBuilder, path: str, up: str, skip: str, width: int) -> str:
    """Multiply the skip by a weight between 0 and 1 for each position."""
    of_up, of_skip = (
        net.chain(given, {f"{path}.{name}.0": Conv(1, channels=width), f"{path}.{name}.1": BATCH})
        for name, given in (("W_g", up), ("W_x", skip))
    )
    x = net.chain(net.add(f"{path}.sum", Add(), of_up, of_skip), {f"{path}.relu": RELU})
    x = normed(net, f"{path}.psi.", "0 1 2", x, Conv(1, channels=1), activation=Activation("sigmoid"))
    return net.add(path, Multiply(broadcast="channels"), skip, x)
