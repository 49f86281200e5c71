"""The published U-Nets, and the family, written plainly in PyTorch: what this library's family is compared with.

They share no code with the library, the shapes of the parameters included. It runs where PyTorch and NumPy are
installed; images are (N, C, H, W). Parameter counts::

    Ronneberger2015(1, 2)             31_030_658
    Milesial(3, 2)                    31_037_698
    Milesial(3, 2, bilinear=True)     17_263_042

Each has a ``path``: the name of a parameter here to its path in the library's network.
"""

import re
from collections.abc import Iterator
from functools import partial
from itertools import islice

import numpy as np
import torch
from torch import nn
from torch.nn import functional

# A thread more has less to do on these images than to wait for, where JAX has threads too.
torch.set_num_threads(1)


def crop(x, like):
    """The centre of ``x`` at the size of ``like``; the larger part of an odd difference is lost at the end."""
    (h, w), (th, tw) = x.shape[-2:], like.shape[-2:]
    top, left = (h - th) // 2, (w - tw) // 2
    return x[..., top : top + th, left : left + tw]


def pad(x, like):
    """``x`` with zeros around it at the size of ``like``; the larger part of an odd difference is at the end."""
    dh, dw = like.shape[-2] - x.shape[-2], like.shape[-1] - x.shape[-1]
    return functional.pad(x, [dw // 2, dw - dw // 2, dh // 2, dh - dh // 2])


class Ronneberger2015(nn.Module):
    """Ronneberger, Fischer, Brox (2015): unpadded convolutions with biases, 572 -> 388.

    With (1, 2) channels it has 31_030_658 parameters, named ``encoder.I.J``, ``bottom.J``, ``up.I``, ``decoder.I.J``
    and ``head``, each with ``.weight`` and ``.bias``: I in 0..3 is the level (0 is the finest, in the decoder too), J
    in (0, 2) the convolution of the block.
    """

    def __init__(self, in_channels=1, out_channels=2, width=64):
        super().__init__()
        ch = tuple(width * m for m in (1, 2, 4, 8, 16))
        entering = (in_channels, *ch)
        self.encoder = nn.ModuleList(self.block(entering[i], ch[i]) for i in range(4))
        self.bottom = self.block(ch[3], ch[4])
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * c, c, 2, stride=2) for c in ch[:4])
        self.decoder = nn.ModuleList(self.block(2 * c, c) for c in ch[:4])
        self.head = nn.Conv2d(ch[0], out_channels, 1)
        self.pool = nn.MaxPool2d(2)

    @staticmethod
    def block(c_in, c_out):
        return nn.Sequential(nn.Conv2d(c_in, c_out, 3), nn.ReLU(), nn.Conv2d(c_out, c_out, 3), nn.ReLU())

    @staticmethod
    def path(name):
        name = re.sub(r"((?:encoder|decoder)\.\d|bottom)\.(\d)", lambda m: f"{m[1]}.convs.{int(m[2]) // 2}", name)
        return TorchUNet.path(name)

    def forward(self, x):
        skips = []
        for block in self.encoder:
            skips.append(block(x))
            x = self.pool(skips[-1])
        x = self.bottom(x)
        for i in (3, 2, 1, 0):
            x = self.up[i](x)
            x = self.decoder[i](torch.cat([crop(skips[i], x), x], dim=1))
        return self.head(x)


class DoubleConv(nn.Module):
    def __init__(self, c_in, c_out, c_mid):
        super().__init__()
        self.double_conv = nn.Sequential(
            nn.Conv2d(c_in, c_mid, 3, padding=1, bias=False),
            nn.BatchNorm2d(c_mid),
            nn.ReLU(),
            nn.Conv2d(c_mid, c_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(c_out),
            nn.ReLU(),
        )

    def forward(self, x):
        return self.double_conv(x)


class Down(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()
        self.maxpool_conv = nn.Sequential(nn.MaxPool2d(2), DoubleConv(c_in, c_out, c_out))

    def forward(self, x):
        return self.maxpool_conv(x)


class Up(nn.Module):
    """``c_in`` counts the channels of the concatenation."""

    def __init__(self, c_in, c_out, bilinear):
        super().__init__()
        if bilinear:
            self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
            self.conv = DoubleConv(c_in, c_out, c_in // 2)
        else:
            self.up = nn.ConvTranspose2d(c_in, c_in // 2, 2, stride=2)
            self.conv = DoubleConv(c_in, c_out, c_out)

    def forward(self, x, skip):
        return self.conv(torch.cat([skip, pad(self.up(x), skip)], dim=1))


class OutConv(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, 1)

    def forward(self, x):
        return self.conv(x)


class Milesial(nn.Module):
    """The network of github.com/milesial/Pytorch-UNet, its parameters under that repository's names.

    ``inc.double_conv.K``, ``downI.maxpool_conv.1.double_conv.K``, ``upI.up`` (where transposed),
    ``upI.conv.double_conv.K`` and ``outc.conv``, with I in 1..4 (up1 is the coarsest) and K in (0, 3) for a
    convolution, without a bias, and in (1, 4) for its batch norm.
    """

    def __init__(self, n_channels, n_classes, bilinear=False, width=64):
        super().__init__()
        factor = 2 if bilinear else 1
        c1, c2, c3, c4, c5 = (width * m for m in (1, 2, 4, 8, 16))
        self.inc = DoubleConv(n_channels, c1, c1)
        self.down1 = Down(c1, c2)
        self.down2 = Down(c2, c3)
        self.down3 = Down(c3, c4)
        self.down4 = Down(c4, c5 // factor)
        self.up1 = Up(c5, c4 // factor, bilinear)
        self.up2 = Up(c4, c3 // factor, bilinear)
        self.up3 = Up(c3, c2 // factor, bilinear)
        self.up4 = Up(c2, c1, bilinear)
        self.outc = OutConv(c1, n_classes)

    @staticmethod
    def path(name):
        """Of the transposed one: the library has no bilinear one with these channels."""
        first, rest = name.split(".", 1)
        level = int(first[-1]) if first[-1].isdigit() else 0
        if first.startswith("up"):
            part = "up" if rest.startswith("up.") else "decoder"
            part = f"{part}.{4 - level}"
        else:
            part = {"outc": "head", "down4": "bottom"}.get(first, f"encoder.{level}")
        layer, array = rest.split(".")[-2:]
        conv = {"0": ".convs.0.conv", "1": ".convs.0.norm", "3": ".convs.1.conv", "4": ".convs.1.norm"}
        return TorchUNet.path(f"{part}{conv.get(layer, '')}.{array}")

    def forward(self, x):
        x1 = self.inc(x)
        x2 = self.down1(x1)
        x3 = self.down2(x2)
        x4 = self.down3(x3)
        x = self.down4(x4)
        x = self.up1(x, x4)
        x = self.up2(x, x3)
        x = self.up3(x, x2)
        x = self.up4(x, x1)
        return self.outc(x)


class NormedConv(nn.Module):
    """A convolution and its norm, which comes right behind it or later."""

    def __init__(self, conv, norm):
        super().__init__()
        self.conv = conv
        self.norm = norm

    def forward(self, x):
        return self.norm(self.conv(x))


def normalized(conv, norm, groups):
    """The convolution with its norm, or alone."""
    match norm:
        case "none":
            return conv
        case "batch":
            return NormedConv(conv, nn.BatchNorm2d(conv.out_channels))
        case "group":
            return NormedConv(conv, nn.GroupNorm(groups, conv.out_channels))
        case "instance":
            return NormedConv(conv, nn.InstanceNorm2d(conv.out_channels, affine=True))
    raise ValueError(norm)


ACTIVATIONS = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "gelu_tanh": partial(nn.GELU, approximate="tanh"),
    "silu": nn.SiLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "softplus": nn.Softplus,
    "prelu": nn.PReLU,
    "relu6": nn.ReLU6,
    "hardsigmoid": nn.Hardsigmoid,
    "hardswish": nn.Hardswish,
    "mish": nn.Mish,
    "selu": nn.SELU,
}
"""Each kind of activation that PyTorch has, but for those over channels."""


def of_level(value, i):
    """What a field says of level ``i``: one value is for all of them."""
    return value[i] if isinstance(value, tuple) else value


def beside(kernel, padding):
    """How many zeros a convolution adds on each side."""
    return {"same": kernel // 2, "none": 0}[padding]


class Block(nn.Module):
    """``convs_per_block`` times convolution, norm and activation, the last two in either order.

    A residual block adds the shortcut before its last activation. The shortcut is what the block is given, cropped to
    what it is added to; where the channels differ, then a 1x1 convolution and, if norms come before activations, a
    norm, whose statistics so are those of the pixels that are added.
    """

    def __init__(
        self, c_in, c_out, *, convs_per_block, conv_kernel, padding, norm, groups, activation, order, residual, bias
    ):
        super().__init__()
        self.residual = residual
        self.norm_last = order == "activation first" and norm != "none"

        def conv(c_in, kernel, around):
            return normalized(nn.Conv2d(c_in, c_out, kernel, padding=around, bias=bias), norm, groups)

        around = beside(conv_kernel, padding)
        self.convs = nn.ModuleList(conv(c_out if j else c_in, conv_kernel, around) for j in range(convs_per_block))
        self.shortcut = conv(c_in, 1, 0) if residual and c_in != c_out else nn.Identity()
        if self.norm_last and residual and c_in != c_out:
            self.shortcut.norm = nn.Identity()
        made = partial(nn.PReLU, c_out) if activation == "prelu_channels" else ACTIVATIONS[activation]
        self.acts = nn.ModuleList(made() for _ in range(convs_per_block))

    def forward(self, x):
        y = x
        for i, (conv, act) in enumerate(zip(self.convs, self.acts, strict=True)):
            y = conv.conv(y) if self.norm_last else conv(y)
            if self.residual and i == len(self.convs) - 1:
                y = y + self.shortcut(crop(x, y))
            y = conv.norm(act(y)) if self.norm_last else act(y)
        return y


class Resize(nn.Module):
    """Twice the size, then a convolution with the kernel and the padding of the blocks."""

    def __init__(self, c_in, c_out, mode, conv_kernel, padding):
        super().__init__()
        self.how = {"mode": mode} if mode == "nearest" else {"mode": mode, "align_corners": False}
        self.conv = nn.Conv2d(c_in, c_out, conv_kernel, padding=beside(conv_kernel, padding))

    def forward(self, x):
        return self.conv(functional.interpolate(x, scale_factor=2, **self.how))


class TorchUNet(nn.Module):
    """The family, by the fields of the library's config, all of them given.

    ``bias`` is for the convolutions of the blocks, the shortcuts' among them; the upsampling and the head always have
    one, and a resize's convolution has no norm and no activation. ``norm``, ``groups``, ``activation`` and ``order``
    may be tuples of one value for each level, and one for the bottom. Without a head the output has the channels of the
    first level, whatever ``out_channels``. Norms are in training mode: their statistics are of the image.

    Parameters, where I is the level (0 is the finest, in the decoder too), J the convolution in its block, and BLOCK is
    ``encoder.I``, ``bottom`` or ``decoder.I``: ``BLOCK.convs.J`` and ``BLOCK.shortcut`` (residual, where the channels
    differ), with a norm ``.conv`` and ``.norm`` of these; ``BLOCK.acts.J`` (PReLU);
    ``up.I`` (transposed) or ``up.I.conv`` (resize) from level I + 1 to I; ``head``.
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        *,
        levels,
        base_channels,
        multipliers,
        convs_per_block,
        conv_kernel,
        padding,
        norm,
        groups,
        residual,
        upsampling,
        join,
        concat,
        bias,
        head,
        activation,
        order,
    ):
        super().__init__()
        channels = [base_channels * m for m in multipliers or [2**level for level in range(levels + 1)]]
        if len(channels) != levels + 1:
            raise ValueError(f"{levels} levels take {levels + 1} channels, not {channels}")

        by_level = {"norm": norm, "groups": groups, "activation": activation, "order": order}
        for_all = {"convs_per_block": convs_per_block, "conv_kernel": conv_kernel, "residual": residual, "bias": bias}

        def block(i, c_in):
            given = {name: of_level(value, i) for name, value in by_level.items()}
            return Block(c_in, channels[i], padding=padding, **for_all, **given)

        def up(c_in, c_out):
            if upsampling == "transposed":
                return nn.ConvTranspose2d(c_in, c_out, 2, 2)
            return Resize(c_in, c_out, upsampling, conv_kernel, padding)

        self.levels, self.skip_first = levels, {"skip first": True, "upsampled first": False}[concat]
        self.join = join or {"same": "exact", "none": "even crop"}[padding]
        entering = (in_channels, *channels)
        self.encoder = nn.ModuleList(block(i, entering[i]) for i in range(levels))
        self.bottom = block(levels, entering[levels])
        self.up = nn.ModuleList(up(channels[i + 1], channels[i]) for i in range(levels))
        self.decoder = nn.ModuleList(block(i, 2 * channels[i]) for i in range(levels))
        self.head = nn.Conv2d(channels[0], out_channels, 1) if head else nn.Identity()
        self.pool = nn.MaxPool2d(2)

    @staticmethod
    def path(name):
        name = re.sub(r"\.(\d+)", r"[\1]", name)
        if ".norm." in name:
            return name.replace(".norm.", ".norm.norm.").replace("weight", "scale")
        if ".acts[" in name:
            return name.replace("weight", "slope")
        return name.replace("weight", "kernel")

    def joined(self, skip, up):
        lost = [a - b for a, b in zip(skip.shape[-2:], up.shape[-2:], strict=True)]
        allowed = {"exact": lost == [0, 0], "even crop": all(n % 2 == 0 for n in lost), "crop": True, "pad": True}
        if not allowed[self.join] or min(lost) < 0:
            raise ValueError(f"{self.join} join of {tuple(skip.shape)} and {tuple(up.shape)}")
        if self.join == "pad":
            up = pad(up, skip)
        else:
            skip = crop(skip, up)
        return torch.cat([skip, up] if self.skip_first else [up, skip], dim=1)

    def forward(self, x):
        skips = []
        for block in self.encoder:
            skips.append(block(x))
            x = self.pool(skips[-1])
        x = self.bottom(x)
        for i in reversed(range(self.levels)):
            x = self.decoder[i](self.joined(skips[i], self.up[i](x)))
        return self.head(x)


def parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters by their paths in the library's network."""
    return {model.path(name): parameter for name, parameter in model.named_parameters()}


def random_arrays(model: nn.Module, shape: tuple[int, int, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """An image ``x`` of a shape, and parameters by their paths, all float32."""
    arrays = {"x": rng.standard_normal(shape)}
    for path, parameter in parameters(model).items():
        if path.endswith(".kernel"):
            transposed = path.startswith("up[") and not path.endswith(".conv.kernel")
            inputs = parameter.shape[0] if transposed else parameter[0].numel()
            # He's scale and biases well above 0, so that no layer drowns the others and no ReLU closes a small network.
            arrays[path] = rng.standard_normal(parameter.shape) * (2 / inputs) ** 0.5
        else:
            arrays[path] = 0.5 + rng.random(parameter.shape)
    if "head.kernel" in arrays:
        # A head that only adds: an output that cancels to almost nothing would be no scale to measure differences by.
        arrays["head.kernel"] = np.abs(arrays["head.kernel"])
    return {path: rounded(array) for path, array in arrays.items()}


def rounded(array: np.ndarray) -> np.ndarray:
    """To 6 binary digits after the point: few bytes in the record."""
    return (np.round(64 * array) / 64).astype(np.float32)


def load(model: nn.Module, arrays: dict[str, np.ndarray]) -> torch.Tensor:
    """Give the model its parameters, in float64, and return ``x`` as a batch of one."""
    model.double().train()
    with torch.no_grad():
        for path, parameter in parameters(model).items():
            parameter.copy_(torch.from_numpy(arrays[path]))
    return torch.from_numpy(arrays["x"])[None].double()


def nearest_kink(model: nn.Module, arrays: dict[str, np.ndarray]) -> float:
    """How near an activation or a pooling comes to a kink, relative to the largest that it is given.

    At a kink (a ReLU's 0, a tie of two that are pooled) the gradient jumps: where it is no farther than rounding,
    either side is right. What is exactly 0 counts as no kink: it comes from zeros, and is so however it is computed.
    """
    distances = []

    def of_activation(_, inputs, __):
        z = inputs[0].abs()
        distances.append((z[z > 0].min() / z.max()).item())

    def of_pool(_, inputs, __):
        # As a batch of the channels.
        windows = functional.unfold(inputs[0].transpose(0, 1), 2, stride=2)
        first, second = windows.topk(2, dim=1).values.unbind(1)
        distances.append(((first - second)[first > 0].min() / first.max()).item())

    hooks = dict.fromkeys((nn.ReLU, nn.LeakyReLU, nn.PReLU), of_activation) | {nn.MaxPool2d: of_pool}
    handles = [m.register_forward_hook(hooks[type(m)]) for m in model.modules() if type(m) in hooks]
    with torch.no_grad():
        model(load(model, arrays))
    for handle in handles:
        handle.remove()
    return min(distances)


def run(model: nn.Module, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The output ``y``, and the gradients of ``<y, grad_output>`` as ``d x`` and ``d <path>``.

    Computed in float64 and then rounded to float32: of the differences none is PyTorch's own rounding.
    """
    x = load(model, arrays).requires_grad_()
    model.zero_grad()
    y = model(x)[0]
    y.backward(torch.from_numpy(arrays["grad_output"]).double())
    results = {"y": y.detach(), "d x": x.grad[0]}
    results |= {f"d {path}": parameter.grad for path, parameter in parameters(model).items()}
    return {name: value.float().numpy() for name, value in results.items()}


def draws(
    model: nn.Module, shape: tuple[int, int, int], rng: np.random.Generator
) -> Iterator[tuple[float, dict[str, np.ndarray]]]:
    """Some arrays, and how near they come to a kink. Where ReLUs shut a layer off there is no gradient to compare."""
    for _ in range(1000):
        arrays = random_arrays(model, shape, rng)
        with torch.no_grad():
            y = model(load(model, arrays))[0]
        arrays["grad_output"] = rounded(rng.standard_normal(y.shape))
        if all(gradient.any() for name, gradient in run(model, arrays).items() if name.endswith("kernel")):
            yield nearest_kink(model, arrays), arrays


def draw(model: nn.Module, shape: tuple[int, int, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """``x``, parameters by their paths, and ``grad_output``: of five draws the one farthest from any kink."""
    nearest, arrays = max(islice(draws(model, shape, rng), 5), key=lambda drawn: drawn[0])
    if nearest < 1e-6:
        raise ValueError(f"the draws come to {nearest:.1e} of a kink: rounding could decide the gradients")
    return arrays
