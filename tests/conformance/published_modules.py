"""Published networks that are in no package, as PyTorch modules: written here from the published architecture.

Submodules have the names that they have in the published code, where there is code in PyTorch. So weights can be copied
from one to the other by name. Widths are arguments. Needs PyTorch alone.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F  # noqa: N812 its name everywhere
from torch import nn


def beside(*images):
    """Images, joined along their channels."""
    return torch.cat(images, 1)


def twice(ins, outs, conv=nn.Conv2d, norm=nn.BatchNorm2d, inner=None, **numbers):
    """Convolution, norm and ReLU, two times; ``norm`` may be None. ``inner`` is the width between them."""
    layers = []
    for of, to in ((ins, inner or outs), (inner or outs, outs)):
        layers += [conv(of, to, 3, **numbers), *([norm(to)] if norm else []), nn.ReLU()]
    return nn.Sequential(*layers)


def central(image, like):
    """The middle of an image, of the sizes of another one. If the difference is odd, more is cut off at the end."""
    for dim in range(2, image.ndim):
        image = image.narrow(dim, (image.shape[dim] - like.shape[dim]) // 2, like.shape[dim])
    return image


def within(**modules):
    """A module around others, only for the sake of its name in their paths."""
    around = nn.Module()
    for name, module in modules.items():
        around.add_module(name, module)
    return around


class Milesial(nn.Module):
    """github.com/milesial/Pytorch-UNet: the doubled image is padded to the skip, half of the zeros before it."""

    def __init__(self, widths=(64, 128, 256, 512, 1024), channels=3, classes=2):
        super().__init__()
        same = {"padding": 1, "bias": False}
        self.levels = len(widths) - 1
        self.inc = within(double_conv=twice(channels, widths[0], **same))
        for i in range(self.levels):
            block = within(double_conv=twice(widths[i], widths[i + 1], **same))
            self.add_module(f"down{i + 1}", within(maxpool_conv=nn.Sequential(nn.MaxPool2d(2), block)))
        for i in range(self.levels):
            below, to = widths[self.levels - i], widths[self.levels - i - 1]
            parts = {"up": nn.ConvTranspose2d(below, below // 2, 2, 2)}
            self.add_module(f"up{i + 1}", within(**parts, conv=within(double_conv=twice(below, to, **same))))
        self.outc = within(conv=nn.Conv2d(widths[0], classes, 1))

    def forward(self, x):
        x = self.inc.double_conv(x)
        skips = []
        for i in range(self.levels):
            skips.append(x)
            pool, block = getattr(self, f"down{i + 1}").maxpool_conv
            x = block.double_conv(pool(x))
        for i in range(self.levels):
            level, skip = getattr(self, f"up{i + 1}"), skips.pop()
            x = level.up(x)
            high, wide = (skip.shape[dim] - x.shape[dim] for dim in (2, 3))
            x = F.pad(x, (wide // 2, wide - wide // 2, high // 2, high - high // 2))
            x = level.conv.double_conv(beside(skip, x))
        return self.outc.conv(x)


class Ronneberger(nn.Module):
    """Figure 1 of U-Net, 2015: unpadded convolutions, no norm, skips cropped about their centre."""

    def __init__(self, widths=(64, 128, 256, 512, 1024), channels=1, classes=2):
        super().__init__()
        levels = list(pairwise(widths))
        self.down = nn.ModuleList(twice(of, to, norm=None) for of, to in zip((channels, *widths), widths, strict=False))
        self.up = nn.ModuleList(nn.ConvTranspose2d(below, to, 2, 2) for to, below in levels)
        self.blocks = nn.ModuleList(twice(2 * to, to, norm=None) for to, _ in levels)
        self.head = nn.Conv2d(widths[0], classes, 1)

    def forward(self, x):
        skips = []
        for i, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if i else x)
            skips.append(x)
        skips.pop()
        for up, block in reversed(list(zip(self.up, self.blocks, strict=True))):
            x = up(x)
            x = block(beside(central(skips.pop(), x), x))
        return self.head(x)


class UNet3D(nn.Module):
    """Figure 2 of 3D U-Net, 2016: channels double before each pooling; norms before each ReLU; no padding."""

    def __init__(self, base=32, channels=3, classes=3):
        super().__init__()

        def block(ins, inner, outs):
            return twice(ins, outs, nn.Conv3d, nn.BatchNorm3d, inner)

        widths = [base * 2**level for level in range(5)]
        first = [(channels, widths[0], widths[1])]
        self.down = nn.ModuleList(block(*of) for of in [*first, *((w, w, 2 * w) for w in widths[1:4])])
        self.up = nn.ModuleList(nn.ConvTranspose3d(2 * w, 2 * w, 2, 2) for w in widths[1:4])
        self.blocks = nn.ModuleList(block(3 * w, w, w) for w in widths[1:4])
        self.head = nn.Conv3d(widths[1], classes, 1)

    def forward(self, x):
        skips = []
        for i, block in enumerate(self.down):
            x = block(F.max_pool3d(x, 2) if i else x)
            skips.append(x)
        skips.pop()
        for up, block in reversed(list(zip(self.up, self.blocks, strict=True))):
            x = up(x)
            x = block(beside(central(skips.pop(), x), x))
        return self.head(x)


class NestedUNet(nn.Module):
    """UNet++ in github.com/4uiiurz1/pytorch-nested-unet, with one head."""

    def __init__(self, widths=(32, 64, 128, 256, 512), channels=3, classes=1):
        super().__init__()
        self.levels = len(widths)
        for j in range(self.levels):
            for i in range(self.levels - j):
                above = channels if i == 0 else widths[i - 1]
                ins = j * widths[i] + widths[i + 1] if j else above
                self.add_module(f"conv{i}_{j}", self.block(ins, widths[i]))
        self.final = nn.Conv2d(widths[0], classes, 1)

    def block(self, ins, outs):
        conv1, conv2 = (nn.Conv2d(of, outs, 3, padding=1) for of in (ins, outs))
        return within(conv1=conv1, bn1=nn.BatchNorm2d(outs), conv2=conv2, bn2=nn.BatchNorm2d(outs))

    def forward(self, x):
        made = {}
        for i in range(self.levels):
            for j in range(i + 1):
                row = i - j
                if j:
                    below = F.interpolate(made[row + 1, j - 1], scale_factor=2, mode="bilinear", align_corners=True)
                    given = beside(*(made[row, k] for k in range(j)), below)
                else:
                    given = F.max_pool2d(made[row - 1, 0], 2) if row else x
                block = getattr(self, f"conv{row}_{j}")
                made[row, j] = F.relu(block.bn2(block.conv2(F.relu(block.bn1(block.conv1(given))))))
        return self.final(made[0, self.levels - 1])


class UNet3Plus(nn.Module):
    """UNet 3+ in github.com/ZJUGiveLab/UNet-Version, without deep supervision. It ends in a sigmoid."""

    def __init__(self, widths=(64, 128, 256, 512, 1024), channels=3, classes=1):
        super().__init__()
        self.levels, joined = len(widths), widths[0] * len(widths)
        for i, (ins, outs) in enumerate(zip((channels, *widths), widths, strict=False), 1):
            both = {f"conv{k}": self.conv(of, outs) for k, of in ((1, ins), (2, outs))}
            self.add_module(f"conv{i}", within(**both))
        for level in range(self.levels - 1, 0, -1):
            for i in range(1, self.levels + 1):
                ins = joined if level < i < self.levels else widths[i - 1]
                self.add_module(f"{self.path(i, level)}_conv", nn.Conv2d(ins, widths[0], 3, padding=1))
                self.add_module(f"{self.path(i, level)}_bn", nn.BatchNorm2d(widths[0]))
            self.add_module(f"conv{level}d_1", nn.Conv2d(joined, joined, 3, padding=1))
            self.add_module(f"bn{level}d_1", nn.BatchNorm2d(joined))
        self.outconv1 = nn.Conv2d(joined, classes, 3, padding=1)

    def conv(self, ins, outs):
        return nn.Sequential(nn.Conv2d(ins, outs, 3, padding=1), nn.BatchNorm2d(outs), nn.ReLU())

    def path(self, i, level):
        """The name of what takes scale i to a level of the decoder."""
        if i < level:
            return f"h{i}_PT_hd{level}"
        return f"h{i}_Cat_hd{level}" if i == level else f"hd{i}_UT_hd{level}"

    def forward(self, x):
        scales = {}
        for i in range(1, self.levels + 1):
            block = getattr(self, f"conv{i}")
            x = scales[i] = block.conv2(block.conv1(F.max_pool2d(x, 2) if i > 1 else x))
        for level in range(self.levels - 1, 0, -1):
            parts = []
            for i, image in scales.items():
                if i < level:
                    image = F.max_pool2d(image, 2 ** (level - i), ceil_mode=True)
                elif i > level:
                    image = F.interpolate(image, scale_factor=2 ** (i - level), mode="bilinear", align_corners=False)
                conv, norm = (getattr(self, f"{self.path(i, level)}_{of}") for of in ("conv", "bn"))
                parts.append(F.relu(norm(conv(image))))
            joined = getattr(self, f"conv{level}d_1")(beside(*parts))
            # The encoder's image of this level is read for the last time here: the levels above read the decoder's.
            scales[level] = F.relu(getattr(self, f"bn{level}d_1")(joined))
        return self.outconv1(scales[1]).sigmoid()


class AttentionUNet(nn.Module):
    """``AttU_Net`` in github.com/LeeJunHyun/Image_Segmentation."""

    def __init__(self, widths=(64, 128, 256, 512, 1024), channels=3, classes=1):
        super().__init__()
        self.levels = len(widths)
        for i, (ins, outs) in enumerate(zip((channels, *widths), widths, strict=False), 1):
            self.add_module(f"Conv{i}", within(conv=twice(ins, outs, padding=1)))
        for i in range(self.levels, 1, -1):
            of, to = widths[i - 1], widths[i - 2]
            doubled = (nn.Upsample(scale_factor=2), nn.Conv2d(of, to, 3, padding=1), nn.BatchNorm2d(to), nn.ReLU())
            self.add_module(f"Up{i}", within(up=nn.Sequential(*doubled)))
            psi = nn.Sequential(nn.Conv2d(to // 2, 1, 1), nn.BatchNorm2d(1), nn.Sigmoid())
            weighed = {
                name: nn.Sequential(nn.Conv2d(to, to // 2, 1), nn.BatchNorm2d(to // 2)) for name in ("W_g", "W_x")
            }
            self.add_module(f"Att{i}", within(**weighed, psi=psi))
            self.add_module(f"Up_conv{i}", within(conv=twice(2 * to, to, padding=1)))
        self.Conv_1x1 = nn.Conv2d(widths[0], classes, 1)

    def forward(self, x):
        skips = []
        for i in range(1, self.levels + 1):
            x = getattr(self, f"Conv{i}").conv(F.max_pool2d(x, 2) if i > 1 else x)
            skips.append(x)
        skips.pop()
        for i in range(self.levels, 1, -1):
            up, gate, skip = getattr(self, f"Up{i}").up(x), getattr(self, f"Att{i}"), skips.pop()
            weight = gate.psi(F.relu(gate.W_g(up) + gate.W_x(skip)))
            x = getattr(self, f"Up_conv{i}").conv(beside(skip * weight, up))
        return self.Conv_1x1(x)


class RebnConv(nn.Module):
    """U²-Net's convolution, norm and ReLU."""

    def __init__(self, ins, outs, dilation=1):
        super().__init__()
        self.conv_s1 = nn.Conv2d(ins, outs, 3, padding=dilation, dilation=dilation)
        self.bn_s1 = nn.BatchNorm2d(outs)

    def forward(self, x):
        return F.relu(self.bn_s1(self.conv_s1(x)))


def resized(image, like):
    """An image at the sizes of another one."""
    return F.interpolate(image, like.shape[2:], mode="bilinear", align_corners=False)


class Nest(nn.Module):
    """U²-Net's residual block of ``levels``: with poolings, or with dilations 1, 2, 4, 8 in their place."""

    def __init__(self, levels, ins, inner, outs, pooled=True):
        super().__init__()
        self.levels, self.pooled = levels, pooled
        self.rebnconvin = RebnConv(ins, outs)
        for i in range(1, levels + 1):
            dilation = (2 if i == levels else 1) if pooled else 2 ** (i - 1)
            self.add_module(f"rebnconv{i}", RebnConv(outs if i == 1 else inner, inner, dilation))
        for i in range(levels - 1, 0, -1):
            dilation = 1 if pooled else 2 ** (i - 1)
            self.add_module(f"rebnconv{i}d", RebnConv(2 * inner, outs if i == 1 else inner, dilation))

    def forward(self, x):
        given = x = self.rebnconvin(x)
        skips = []
        for i in range(1, self.levels + 1):
            if self.pooled and 1 < i < self.levels:
                x = F.max_pool2d(x, 2, ceil_mode=True)
            x = getattr(self, f"rebnconv{i}")(x)
            skips.append(x)
        skips.pop()
        for i in range(self.levels - 1, 0, -1):
            skip = skips.pop()
            if self.pooled and i < self.levels - 1:
                x = resized(x, skip)
            x = getattr(self, f"rebnconv{i}d")(beside(x, skip))
        return x + given


class U2Net(nn.Module):
    """``U2NET`` in github.com/xuebinqin/U-2-Net, with the widths of each nest: inside, and of its result."""

    HEIGHTS = (7, 6, 5, 4, 4, 4)

    def __init__(self, encoder, decoder, channels=3, classes=1):
        super().__init__()
        ins = (channels, *(outs for _, outs in encoder))
        for i, ((inner, outs), levels) in enumerate(zip(encoder, self.HEIGHTS, strict=True), 1):
            self.add_module(f"stage{i}", Nest(levels, ins[i - 1], inner, outs, pooled=i < 5))
        below = encoder[-1][1]
        for i in range(len(decoder), 0, -1):
            inner, outs = decoder[i - 1]
            self.add_module(
                f"stage{i}d", Nest(self.HEIGHTS[i - 1], below + encoder[i - 1][1], inner, outs, pooled=i < 5)
            )
            below = outs
        self.seen = [*(outs for _, outs in decoder), encoder[-1][1]]
        for i, width in enumerate(self.seen, 1):
            self.add_module(f"side{i}", nn.Conv2d(width, classes, 3, padding=1))
        self.outconv = nn.Conv2d(len(self.seen) * classes, classes, 1)

    def forward(self, x):
        skips, last = [], len(self.HEIGHTS)
        for i in range(1, last + 1):
            x = getattr(self, f"stage{i}")(F.max_pool2d(x, 2, ceil_mode=True) if i > 1 else x)
            skips.append(x)
        made = {last: skips.pop()}
        for i in range(last - 1, 0, -1):
            skip = skips.pop()
            x = made[i] = getattr(self, f"stage{i}d")(beside(resized(x, skip), skip))
        sides = [getattr(self, f"side{i}")(made[i]) for i in range(1, last + 1)]
        sides[1:] = [resized(side, sides[0]) for side in sides[1:]]
        return tuple(image.sigmoid() for image in (self.outconv(beside(*sides)), *sides))


class Around(nn.Module):
    """A block of pix2pix's generator: down, the block inside it, and up. The image is joined in front of the result."""

    def __init__(self, outer, inner, inside=None, channels=None, outermost=False):
        super().__init__()
        self.outermost = outermost
        down = nn.Conv2d(channels or outer, inner, 4, 2, padding=1, bias=False)
        up = nn.ConvTranspose2d(2 * inner if inside else inner, outer, 4, 2, padding=1, bias=outermost)
        if outermost:
            layers = (down, inside, nn.ReLU(), up, nn.Tanh())
        elif inside is None:
            layers = (nn.LeakyReLU(0.2), down, nn.ReLU(), up, nn.BatchNorm2d(outer))
        else:
            layers = (nn.LeakyReLU(0.2), down, nn.BatchNorm2d(inner), inside, nn.ReLU(), up, nn.BatchNorm2d(outer))
        self.model = nn.Sequential(*layers)

    def forward(self, x):
        return self.model(x) if self.outermost else beside(x, self.model(x))


class Pix2Pix(nn.Module):
    """``UnetGenerator`` in github.com/junyanz/pytorch-CycleGAN-and-pix2pix, without its dropout.

    There the leaky ReLU of a block changes the image that is joined. A ReLU follows, so the values are the same.
    """

    def __init__(self, base=64, levels=8, channels=3, classes=3):
        super().__init__()
        widths = [base * min(2**level, 8) for level in range(levels)]
        block = None
        for outer, inner in reversed(list(pairwise(widths))):
            block = Around(outer, inner, block)
        self.model = Around(classes, widths[0], block, channels, outermost=True)

    def forward(self, x):
        return self.model(x)


class Demucs(nn.Module):
    """github.com/facebookresearch/demucs at f7654e3, without its LSTM. The sources are joined along the channels."""

    def __init__(self, base=64, depth=6, sources=4, channels=2):
        super().__init__()
        self.encoder, self.decoder = nn.ModuleList(), nn.ModuleList()
        ins, width = channels, base
        for i in range(depth):
            self.encoder.append(
                nn.Sequential(nn.Conv1d(ins, width, 8, 4), nn.ReLU(), nn.Conv1d(width, 2 * width, 1), nn.GLU(1))
            )
            up = nn.ConvTranspose1d(width, ins if i else sources * channels, 8, 4)
            last = [nn.ReLU()] if i else []
            self.decoder.insert(0, nn.Sequential(nn.Conv1d(width, 2 * width, 3), nn.GLU(1), up, *last))
            ins, width = width, 2 * width

    def forward(self, x):
        skips = []
        for block in self.encoder:
            x = block(x)
            skips.append(x)
        for block in self.decoder:
            x = block(x + central(skips.pop(), x))
        return x


class WaveUNet(nn.Module):
    """github.com/f90/Wave-U-Net with context, which is written in TensorFlow. One convolution makes all sources."""

    def __init__(self, base=24, levels=12, channels=1, sources=2):
        super().__init__()
        widths = [base * (i + 1) for i in range(levels + 1)]
        self.encoder = nn.ModuleList(
            nn.Conv1d(ins, outs, 15) for ins, outs in zip((channels, *widths), widths[:-1], strict=False)
        )
        self.bottom = nn.Conv1d(widths[-2], widths[-1], 15)
        self.decoder = nn.ModuleList(
            nn.Conv1d(skip + below, skip, 5) for skip, below in reversed(list(pairwise(widths)))
        )
        self.output = nn.Conv1d(widths[0] + channels, sources * channels, 1)

    def forward(self, x):
        given, skips = x, []
        for conv in self.encoder:
            x = F.leaky_relu(conv(x), 0.2)
            skips.append(x)
            x = x[:, :, ::2]
        x = F.leaky_relu(self.bottom(x), 0.2)
        for conv in self.decoder:
            x = F.interpolate(x, 2 * x.shape[2] - 1, mode="linear", align_corners=True)
            x = F.leaky_relu(conv(beside(central(skips.pop(), x), x)), 0.2)
        return self.output(beside(central(given, x), x)).tanh()
