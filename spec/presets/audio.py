"""U-Nets that separate sources in a waveform, with unpadded convolutions and cropped skips."""

from ..network.builder import NetworkBuilder
from ..network.edges import CropTo
from ..network.joins import Add, Concat
from ..network.network import Network
from ..network.resampling import Resize
from ..network.values import Activation
from ..network.windows import AvgPool, Conv, ConvTranspose
from .blocks import RELU

_GLU = Activation("glu")


def demucs(channels: int = 64, depth: int = 6, sources: int = 4, in_channels: int = 2) -> Network:
    """The network of Demucs 1 and 2. It splits a waveform of ``in_channels`` into ``sources`` waveforms.

    Convolutions of kernel 8 and stride 4 go down, transposed ones go up. A skip is trimmed about its centre and added.
    Two parts are left out: the two LSTM layers at the bottom, which keep the size, and the resampling of version 2,
    which doubles the samples before the network and halves them after it. Source:
    github.com/facebookresearch/demucs at f7654e3, ``demucs/model.py``; Défossez and others, Music Source Separation in
    the Waveform Domain, 2019.

    >>> from wellshaped.spec import compatible_sizes

    >>> from wellshaped.spec import explain
    >>> print(compatible_sizes("demucs"), explain("demucs", 17_748).output)
    n ≥ 17748 (6828,)
    """
    net = NetworkBuilder({"x": in_channels}, axes=1)
    widths = [in_channels, *(channels * 2**level for level in range(depth))]
    x, skips = "x", []
    for i, width in enumerate(widths[1:]):
        block = (Conv(8, 4, channels=width), RELU, Conv(1, channels=2 * width), _GLU)
        x = net.chain(x, {f"encoder.{i}.{k}": operation for k, operation in enumerate(block)})
        skips.append(x)
    for i in range(depth):
        level, path = depth - 1 - i, f"decoder.{i}"
        skip = net.add(f"{path}.trimmed", CropTo(), skips[level], x)
        x = net.add(f"{path}.sum", Add(), x, skip)
        outs = widths[level] if level else sources * in_channels
        up = (Conv(3, channels=2 * widths[level + 1]), _GLU, ConvTranspose(8, 4, channels=outs))
        x = net.chain(x, {f"{path}.{k}": operation for k, operation in enumerate(up)})
        x = net.add(f"{path}.3", RELU, x) if level else x
    return net.network()


def wave_unet(channels: int = 24, levels: int = 12, in_channels: int = 1, sources: int = 2) -> Network:
    """Wave-U-Net with context: its convolutions are unpadded, so the output is shorter than the input.

    Each level keeps every second sample. Linear interpolation then inserts one sample between every two. The input is
    the last skip. Source: github.com/f90/Wave-U-Net, ``Models/UnetAudioSeparator.py`` with ``context`` and
    the output type ``direct``; Stoller and others, Wave-U-Net, 2018.

    >>> from wellshaped.spec import compatible_sizes

    >>> from wellshaped.spec import explain
    >>> print(compatible_sizes("wave_unet"), explain("wave_unet", 147_443).output)
    n ≥ 131059 (16389,)
    """
    net, leaky = NetworkBuilder({"x": in_channels}, axes=1), Activation("leaky_relu", slope=0.2)
    x, skips = "x", []
    for i in range(levels):
        conv = Conv(15, channels=channels * (i + 1))
        x = net.chain(x, {f"encoder[{i}].conv": conv, f"encoder[{i}]": leaky})
        skips.append(x)
        x = net.add(f"decimated[{i}]", AvgPool(1, 2), x)
    x = net.chain(x, {"bottom.conv": Conv(15, channels=channels * (levels + 1)), "bottom": leaky})
    for i in reversed(range(levels)):
        x = net.add(f"up[{i}]", Resize(2, mode="linear", align_corners=True, less=1), x)
        skip = net.add(f"cropped[{i}]", CropTo(), skips[i], x)
        x = net.add(f"joined[{i}]", Concat(), skip, x)
        x = net.chain(x, {f"decoder[{i}].conv": Conv(5, channels=channels * (i + 1)), f"decoder[{i}]": leaky})
    skip = net.add("cropped_input", CropTo(), "x", x)
    x = net.add("joined_input", Concat(), skip, x)
    net.chain(x, {"y.conv": Conv(1, channels=sources * in_channels), "y": Activation("tanh")})
    return net.network()
