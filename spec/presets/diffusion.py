"""Networks for image diffusion. Their residual blocks normalise before they convolve."""

from collections.abc import Sequence

from ..network.builder import NetworkBuilder
from ..network.edges import Pad
from ..network.joins import Add, Concat
from ..network.network import Input, Network
from ..network.resampling import Resize
from ..network.values import Activation, Norm, Slice
from ..network.windows import Conv
from .blocks import same_conv

_SILU = Activation("silu")


def ddpm(
    channels: Sequence[int] = (128, 256, 256, 256), groups: int = 32, in_channels: int = 3, out_channels: int = 3
) -> Network:
    """The U-Net of google/ddpm-cifar10-32, with the time vector as its second input, ``t``.

    A zero is added after the image, then a convolution of stride 2 halves it and rounds odd sizes down. The result of
    every block and every such convolution is a skip. ``t`` is the sinusoidal embedding of the time. The attention at
    one level and in the middle is left out; it keeps sizes. Source: the ``config.json`` of that model;
    github.com/huggingface/diffusers, ``models/unets/unet_2d.py`` and ``unet_2d_blocks.py``.

    >>> from wellshaped.spec import compatible_sizes
    >>> print(compatible_sizes("ddpm"))
    n ≡ 0 (mod 8), n ≥ 8
    """
    net = NetworkBuilder([Input("x", in_channels), Input("t", channels[0], single=True)])
    linear, norm = Conv(1, channels=4 * channels[0]), Norm("group", groups=groups, epsilon=1e-6)
    time = {"time_embedding.linear_1": linear, "time_embedding.act": _SILU, "time_embedding.linear_2": linear}
    t = net.chain("t", time)
    x = net.add("conv_in", same_conv(channels[0]), "x")
    skips, last = [x], len(channels) - 1
    for i, width in enumerate(channels):
        for j in range(2):
            x = _resnet(net, f"down_blocks.{i}.resnets.{j}", x, width, norm, t)
            skips.append(x)
        if i < last:
            x = _halved(net, f"down_blocks.{i}.downsamplers.0", x)
            skips.append(x)
    for j in range(2):
        x = _resnet(net, f"mid_block.resnets.{j}", x, channels[-1], norm, t)
    for i, width in enumerate(reversed(channels)):
        for j in range(3):
            path = f"up_blocks.{i}.resnets.{j}"
            x = _resnet(net, path, net.add(f"{path}.joined", Concat(), x, skips.pop()), width, norm, t)
        x = _doubled(net, f"up_blocks.{i}.upsamplers.0", x) if i < last else x
    net.chain(x, {"conv_norm_out": norm, "conv_act": _SILU, "conv_out": same_conv(out_channels)})
    return net.network()


def stable_diffusion_vae(
    channels: Sequence[int] = (128, 256, 512, 512), groups: int = 32, latent: int = 4, in_channels: int = 3
) -> Network:
    """The autoencoder of Stable Diffusion: an image to its latent, eight times smaller, and back.

    Only the mean of the latent is decoded: the first half of its channels. The attention in the middle of each half is
    left out; it keeps sizes. Source: the ``vae/config.json`` of Stable Diffusion;
    github.com/huggingface/diffusers, ``models/autoencoders/autoencoder_kl.py`` and ``vae.py``.

    >>> from wellshaped.spec import compatible_sizes

    >>> from wellshaped.spec import explain
    >>> print(compatible_sizes("stable_diffusion_vae"), explain("stable_diffusion_vae", (512, 519)).output)
    n ≥ 8 (512, 512)
    """
    net, norm = NetworkBuilder({"x": in_channels}), Norm("group", groups=groups, epsilon=1e-6)
    x = net.add("encoder.conv_in", same_conv(channels[0]))
    for i, width in enumerate(channels):
        for j in range(2):
            x = _resnet(net, f"encoder.down_blocks.{i}.resnets.{j}", x, width, norm)
        x = _halved(net, f"encoder.down_blocks.{i}.downsamplers.0", x) if i < len(channels) - 1 else x
    x = _end(net, "encoder", _middle(net, "encoder", x, norm), norm, 2 * latent)
    net.add("quant_conv", Conv(1), x)
    net.add("mean", Slice(0, latent))
    net.add("post_quant_conv", Conv(1))
    x = net.add("decoder.conv_in", same_conv(channels[-1]))
    x = _middle(net, "decoder", x, norm)
    for i, width in enumerate(reversed(channels)):
        for j in range(3):
            x = _resnet(net, f"decoder.up_blocks.{i}.resnets.{j}", x, width, norm)
        x = _doubled(net, f"decoder.up_blocks.{i}.upsamplers.0", x) if i < len(channels) - 1 else x
    _end(net, "decoder", x, norm, in_channels)
    return net.network()


def _middle(net: NetworkBuilder, path: str, given: str, norm: Norm) -> str:
    for j in range(2):
        given = _resnet(net, f"{path}.mid_block.resnets.{j}", given, net.channels(given), norm)
    return given


def _end(net: NetworkBuilder, path: str, given: str, norm: Norm, channels: int) -> str:
    end = {"conv_norm_out": norm, "conv_act": _SILU, "conv_out": same_conv(channels)}
    return net.chain(given, {f"{path}.{name}": operation for name, operation in end.items()})


def _resnet(net: NetworkBuilder, path: str, given: str, width: int, norm: Norm, time: str = "") -> str:
    """Add a residual block. It adds a ``time`` vector between its convolutions if there is one."""
    first = {"norm1": norm, "act1": _SILU, "conv1": same_conv(width)}
    x = net.chain(given, {f"{path}.{name}": operation for name, operation in first.items()})
    if time:
        projected = {f"{path}.time_emb_act": _SILU, f"{path}.time_emb_proj": Conv(1, channels=width)}
        x = net.add(f"{path}.timed", Add(broadcast="positions"), x, net.chain(time, projected))
    second = {"norm2": norm, "act2": _SILU, "conv2": same_conv(width)}
    x = net.chain(x, {f"{path}.{name}": operation for name, operation in second.items()})
    if net.channels(given) != width:
        given = net.add(f"{path}.conv_shortcut", Conv(1, channels=width), given)
    return net.add(f"{path}.sum", Add(), x, given)


def _halved(net: NetworkBuilder, path: str, given: str) -> str:
    """Add one zero after each axis, then an unpadded convolution of stride 2."""
    return net.chain(given, {f"{path}.padded": Pad(((0, 1),)), f"{path}.conv": Conv(3, 2)})


def _doubled(net: NetworkBuilder, path: str, given: str) -> str:
    return net.chain(given, {f"{path}.resized": Resize(2), f"{path}.conv": same_conv(net.channels(given))})
