"""U-Nets with residual blocks. Their strided convolutions halve the size and round up."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..network.builder import NetworkBuilder
from ..network.fields import PerAxis, on_axis, shortest
from ..network.joins import Add, Concat
from ..network.network import Network
from ..network.resampling import Resize
from ..network.values import Activation, Norm
from ..network.windows import Conv, ConvTranspose, MaxPool
from .blocks import BATCH, RELU, normed, same_conv
from .style import Style

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


INSTANCE = Norm("instance", affine=False)
PRELU = Activation("prelu")
MONAI = Style(norm=INSTANCE, activation=PRELU)
"""What follows each convolution of MONAI's ``UNet`` by default."""


def monai_unet(
    channels: Sequence[int] = (16, 32, 64, 128, 256),
    strides: Sequence[PerAxis] = (2, 2, 2, 2),
    in_channels: int = 1,
    out_channels: int = 2,
    axes: int = 3,
    kernel: PerAxis = 3,
    up_kernel: PerAxis = 3,
    units: int = 2,
    style: Style = MONAI,
) -> Network:
    """MONAI's ``UNet``, by default with two residual ``units`` a level, on volumes.

    Strided convolutions halve the size and round up; transposed ones with output padding double it. There is no skip at
    the size of the input. With 0 ``units``, a level has a convolution in place of the residual units. ``kernel`` and
    ``up_kernel`` are odd. In MONAI, levels are nested. Here a node is named by its level, and its ``layer`` is the path
    in MONAI. Source: github.com/Project-MONAI/MONAI, ``monai/networks/nets/unet.py`` and ``blocks/convolutions.py``.

    >>> from wellshaped.spec import compatible_shapes
    >>> shapes = compatible_shapes("monai_unet")
    >>> print(shapes.axes[0])
    n ≡ 0 or 15 (mod 16), n ≥ 15
    >>> (16, 16, 16) in shapes, (16, 16, 32) in shapes  # one position at the bottom has no statistics
    (False, True)
    """
    net = NetworkBuilder({"x": in_channels}, axes)
    blocks = _Units(net, axes, kernel, style)
    levels = [f"model.{'1.submodule.' * level}" for level in range(len(channels))]
    x, skips = "x", []
    for i, stride in enumerate(strides):
        x = blocks.add(f"down[{i}]", f"{levels[i]}0", x, channels[i], stride, units)
        skips.append(x)
    x = blocks.add("bottom", levels[-1].removesuffix("."), x, channels[-1], 1, units)
    padding = shortest([on_axis(up_kernel, axis) // 2 for axis in range(axes)])
    for i in reversed(range(len(strides))):
        x = net.add(f"joined[{i}]", Concat(), skips[i], x)
        width, stride = channels[i - 1] if i else out_channels, strides[i]
        path = f"{levels[i]}2.0" if units else f"{levels[i]}2"
        more = shortest([on_axis(stride, axis) - 1 for axis in range(axes)])
        size = {"padding": padding, "output_padding": more}
        up = ConvTranspose(up_kernel, stride, **size, channels=width, bias=style.bias)
        x = net.add(f"up[{i}].conv", up, x, layer=f"{path}.conv")
        if i or units:
            x = blocks.after(f"up[{i}]", path, x)
        if units:
            x = blocks.unit(f"decoder[{i}]", f"{levels[i]}2.1", x, width, 1, 1, bare=i == 0)
    return net.network()


@dataclass(frozen=True, slots=True)
class _Units:
    """What adds MONAI's convolutions and residual units of one kernel and style."""

    net: NetworkBuilder
    axes: int
    kernel: PerAxis
    style: Style

    def add(self, name: str, layer: str, given: str, width: int, stride: PerAxis, units: int) -> str:
        """Add a residual unit with so many convolutions, or only a convolution."""
        if units:
            return self.unit(name, layer, given, width, stride, units)
        return self.convolution(name, layer, given, width, stride)

    def unit(
        self, name: str, layer: str, given: str, width: int, stride: PerAxis, convs: int, bare: bool = False
    ) -> str:
        """Add a residual unit; its first convolution is strided. If it is ``bare``, nothing follows its last one."""
        net, x = self.net, given
        strided = any(on_axis(stride, axis) != 1 for axis in range(self.axes))
        for i in range(convs):
            last = bare and i == convs - 1
            x = self.convolution(f"{name}.unit{i}", f"{layer}.conv.unit{i}", x, width, 1 if i else stride, bare=last)
        if strided or net.channels(given) != width:
            shortcut = self.conv(width, stride) if strided else Conv(1, channels=width, bias=self.style.bias)
            given = net.add(f"{name}.residual", shortcut, given, layer=f"{layer}.residual")
        return net.add(name, Add(), x, given)

    def convolution(self, name: str, layer: str, given: str, width: int, stride: PerAxis, bare: bool = False) -> str:
        x = self.net.add(f"{name}.conv", self.conv(width, stride), given, layer=f"{layer}.conv")
        return x if bare else self.after(name, layer, x)

    def conv(self, width: int, stride: PerAxis) -> Conv:
        padding = shortest([on_axis(self.kernel, axis) // 2 for axis in range(self.axes)])
        return Conv(self.kernel, stride, padding=padding, channels=width, bias=self.style.bias)

    def after(self, name: str, layer: str, given: str) -> str:
        """Add the norm, the dropout and the activation."""
        names = {"N": "norm", "D": "dropout", "A": self.style.activation.kind if self.style.activation else ""}
        for of, operation in self.style.after(N="N", D="D", A="A").items():
            given = self.net.add(f"{name}.{names[of]}", operation, given, layer=f"{layer}.adn.{of}")
        return given
