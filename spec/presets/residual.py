"""U-Nets with residual blocks. Their strided convolutions halve the size and round up."""

from collections.abc import Sequence

from ..network.builder import NetworkBuilder
from ..network.joins import Add, Concat
from ..network.network import Network
from ..network.resampling import Resize
from ..network.values import Activation, Norm
from ..network.windows import Conv, ConvTranspose, MaxPool
from .blocks import BATCH, RELU, normed, same_conv

RESNET34 = (3, 4, 6, 3)
"""The number of blocks in each stage of a ResNet-34."""


def smp_resnet34(
    encoder: Sequence[int] = (64, 128, 256, 512),
    decoder: Sequence[int] = (256, 128, 64, 32, 16),
    in_channels: int = 3,
    out_channels: int = 1,
) -> Network:
    """The U-Net of segmentation_models_pytorch on a ResNet-34, up to its version 0.2.

    A 7×7 convolution, a pooling and three stages halve the size, each rounding up. Five nearest doublings undo that,
    and four of them join a skip. ``encoder`` has the widths of the encoder's stages, ``decoder`` those of the decoder's
    blocks. Versions 0.3 and 0.4 have the same network, but their ``check_input_shape`` raises unless the sizes are
    multiples of 32. Since version 0.5, the decoder resizes to the size of the skip instead of doubling. Source:
    github.com/qubvel-org/segmentation_models.pytorch, ``unet/decoder.py``; the encoder is torchvision's ``resnet.py``.

    >>> from wellshaped.spec import compatible_sizes
    >>> print(compatible_sizes("smp_resnet34"))
    n ≡ 0 or 31 (mod 32), n ≥ 31
    """
    net = NetworkBuilder({"x": in_channels})
    x = normed(net, "encoder.", "conv1 bn1 relu", "x", same_conv(encoder[0], 7, 2, bias=False))
    skips = [x]
    x = net.add("encoder.maxpool", MaxPool(3, 2, padding=1), x)
    for stage, (width, count) in enumerate(zip(encoder, RESNET34, strict=True), 1):
        for i in range(count):
            x = _basic_block(net, f"encoder.layer{stage}.{i}", x, width, 2 if stage > 1 and i == 0 else 1)
        skips.append(x)
    x = skips.pop()
    for i, width in enumerate(decoder):
        block = f"decoder.blocks.{i}"
        x = net.add(f"{block}.resized", Resize(2), x)
        if skips:
            x = net.add(f"{block}.joined", Concat(), x, skips.pop())
        for conv in ("conv1", "conv2"):
            x = normed(net, f"{block}.{conv}.", "0 1 2", x, same_conv(width, bias=False))
    net.add("segmentation_head.0", same_conv(out_channels), x)
    return net.network()


def _basic_block(net: NetworkBuilder, path: str, given: str, width: int, stride: int) -> str:
    """Add two convolutions. Their input is added before the last ReLU."""
    x = normed(net, f"{path}.", "conv1 bn1 relu1", given, same_conv(width, stride=stride, bias=False))
    x = net.chain(x, {f"{path}.conv2": same_conv(width, bias=False), f"{path}.bn2": BATCH})
    if stride != 1 or net.channels(given) != width:
        shortcut = Conv(1, stride, channels=width, bias=False)
        given = net.chain(given, {f"{path}.downsample.0": shortcut, f"{path}.downsample.1": BATCH})
    net.add(f"{path}.sum", Add(), x, given)
    return net.add(f"{path}.relu2", RELU)


_INSTANCE = Norm("instance", affine=False)
_PRELU = Activation("prelu")


def monai_unet(
    channels: Sequence[int] = (16, 32, 64, 128, 256),
    strides: Sequence[int] = (2, 2, 2, 2),
    in_channels: int = 1,
    out_channels: int = 2,
    axes: int = 3,
) -> Network:
    """MONAI's ``UNet`` with two residual units a level, on volumes.

    Strided convolutions halve the size and round up; transposed ones with output padding double it. There is no skip at
    the size of the input. In MONAI, levels are nested. Here a node is named by its level, and its ``layer`` is the path
    in MONAI. Source: github.com/Project-MONAI/MONAI, ``monai/networks/nets/unet.py`` and ``blocks/convolutions.py``.

    >>> from wellshaped.spec import compatible_shapes
    >>> shapes = compatible_shapes("monai_unet")
    >>> print(shapes.axes[0])
    n ≡ 0 or 15 (mod 16), n ≥ 15
    >>> (16, 16, 16) in shapes, (16, 16, 32) in shapes  # one position at the bottom has no statistics
    (False, True)
    """
    net = NetworkBuilder({"x": in_channels}, axes)
    levels = [f"model.{'1.submodule.' * level}" for level in range(len(channels))]
    x, skips = "x", []
    for i, stride in enumerate(strides):
        x = _unit(net, f"down[{i}]", f"{levels[i]}0", x, channels[i], stride)
        skips.append(x)
    x = _unit(net, "bottom", levels[-1].removesuffix("."), x, channels[-1], 1)
    for i in reversed(range(len(strides))):
        x = net.add(f"joined[{i}]", Concat(), skips[i], x)
        width, path = channels[i - 1] if i else out_channels, f"{levels[i]}2"
        up = ConvTranspose(3, strides[i], padding=1, output_padding=strides[i] - 1, channels=width)
        x = _adn(net, f"up[{i}]", f"{path}.0", net.add(f"up[{i}].conv", up, x, layer=f"{path}.0.conv"))
        x = _unit(net, f"decoder[{i}]", f"{path}.1", x, width, 1, convs=1, bare=i == 0)
    return net.network()


def _adn(net: NetworkBuilder, name: str, layer: str, given: str) -> str:
    """Add MONAI's norm and activation. The dropout between them does nothing at inference."""
    net.add(f"{name}.norm", _INSTANCE, given, layer=f"{layer}.adn.N")
    return net.add(f"{name}.prelu", _PRELU, layer=f"{layer}.adn.A")


def _unit(
    net: NetworkBuilder, name: str, layer: str, given: str, width: int, stride: int, convs: int = 2, bare: bool = False
) -> str:
    """Add a residual unit; its first convolution is strided. ``bare`` leaves out the norms and activations."""
    x = given
    for i in range(convs):
        conv, path = same_conv(width, stride=stride if i == 0 else 1), f"{layer}.conv.unit{i}"
        x = net.add(f"{name}.unit{i}.conv", conv, x, layer=f"{path}.conv")
        x = x if bare else _adn(net, f"{name}.unit{i}", path, x)
    if stride != 1 or net.channels(given) != width:
        shortcut = same_conv(width, 3 if stride != 1 else 1, stride)
        given = net.add(f"{name}.residual", shortcut, given, layer=f"{layer}.residual")
    return net.add(name, Add(), x, given)
