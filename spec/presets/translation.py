"""Networks that translate one image into another."""

from ..network.builder import NetworkBuilder
from ..network.joins import Concat
from ..network.network import Network
from ..network.values import Activation
from ..network.windows import Conv, ConvTranspose
from .blocks import BATCH, RELU


def pix2pix(channels: int = 64, levels: int = 8, in_channels: int = 3, out_channels: int = 3) -> Network:
    """The generator of pix2pix, ``unet_256``: convolutions of stride 2 down to one position of a 256×256 image.

    Each level is a block around the next one: leaky ReLU, convolution, norm, the next level, ReLU, transposed
    convolution, norm. The block's input is joined in front of its result. The outermost block has no norm and no leaky
    ReLU, and ends in tanh; the innermost has no norm between its convolutions. ``unet_128`` has 7 ``levels``. The
    dropout of training is left out. In the source, levels are nested. Here a node is named by its level, and its
    ``layer`` is the path in the source. Source: github.com/junyanz/pytorch-CycleGAN-and-pix2pix,
    ``models/networks.py``, ``UnetGenerator``; Isola and others, Image-to-Image Translation with Conditional Adversarial
    Networks, 2017.

    >>> from wellshaped.spec import compatible_sizes
    >>> print(compatible_sizes("pix2pix"))
    n ≡ 0 or 1 (mod 256), n ≥ 256
    """
    net = NetworkBuilder({"x": in_channels})
    paths = ["model.model", *(f"model.model.1.model{'.3.model' * level}" for level in range(levels - 1))]
    widths, leaky = [channels * 2 ** min(level, 3) for level in range(levels)], Activation("leaky_relu", slope=0.2)
    x, skips = "x", []
    for i, (path, width) in enumerate(zip(paths, widths, strict=True)):
        outer, inner = i == 0, i == levels - 1
        x = x if outer else net.add(f"down[{i}].active", leaky, x)
        conv = Conv(4, 2, padding=1, channels=width, bias=False)
        x = net.add(f"down[{i}].conv", conv, x, layer=f"{path}.{0 if outer else 1}")
        x = x if outer or inner else net.add(f"down[{i}].norm", BATCH, x, layer=f"{path}.2")
        skips.append(x)
    skips.pop()
    for i in reversed(range(levels)):
        outer, inner = i == 0, i == levels - 1
        x = x if inner else net.add(f"joined[{i}]", Concat(), skips.pop(), x)
        x = net.add(f"up[{i}].active", RELU, x)
        conv_at = 3 if outer or inner else 5
        up = ConvTranspose(4, 2, padding=1, channels=out_channels if outer else widths[i - 1], bias=outer)
        x = net.add(f"up[{i}].conv", up, x, layer=f"{paths[i]}.{conv_at}")
        x = x if outer else net.add(f"up[{i}].norm", BATCH, x, layer=f"{paths[i]}.{conv_at + 1}")
    net.add("y", Activation("tanh"), x)
    return net.network()
