"""MONAI's ``DynUNet``: nnU-Net's network with strides, kernels and residual blocks as arguments.

Source: github.com/Project-MONAI/MONAI, ``monai/networks/nets/dynunet.py`` and ``blocks/dynunet_block.py``. Nodes have
the paths of its modules.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ...spec.network.builder import NetworkBuilder
from ...spec.network.fields import PerAxis, on_axis, shortest
from ...spec.network.joins import Add, Concat
from ...spec.network.network import Network
from ...spec.network.values import Activation, Dropout, Norm
from ...spec.network.windows import Conv, ConvTranspose


@dataclass(frozen=True, slots=True, kw_only=True)
class DynUNetPlan:
    """The arguments of a ``DynUNet``, with one entry for each stage, from the top."""

    features: Sequence[int]
    kernels: Sequence[PerAxis]
    strides: Sequence[PerAxis]
    up_kernels: Sequence[PerAxis]
    in_channels: int
    out_channels: int
    axes: int
    norm: Norm | None
    activation: Activation | None
    dropout: Dropout | None = None
    residual: bool = False
    up_bias: bool = False


def dynunet(plan: DynUNetPlan) -> Network:
    """Return the network. The last stage is the bottom.

    >>> plan = DynUNetPlan(features=(4, 8, 8), kernels=(3, 3, 3), strides=(1, 2, 2), up_kernels=(2, 2), in_channels=1,
    ...                    out_channels=2, axes=2, norm=Norm("instance"), activation=Activation("relu"))
    >>> [node.name for node in dynunet(plan).nodes][:3]
    ['input_block.conv1.conv', 'input_block.norm1', 'input_block.lrelu1']
    """
    net = NetworkBuilder({"x": plan.in_channels}, plan.axes)
    count = len(plan.features)
    names = ["input_block", *(f"downsamples.{i}" for i in range(count - 2)), "bottleneck"]
    x, skips = "x", []
    for i, name in enumerate(names):
        x = _block(net, plan, name, x, i, plan.strides[i], plan.residual)
        skips.append(x)
    skips.pop()
    for i, skip in enumerate(reversed(skips)):
        level, name = count - 2 - i, f"upsamples.{i}"
        kernel = plan.up_kernels[level]
        up = ConvTranspose(kernel, kernel, channels=plan.features[level], bias=plan.up_bias)
        x = _dropped(net, plan, f"{name}.transp_conv", net.add(f"{name}.transp_conv.conv", up, x))
        x = net.add(f"{name}.joined", Concat(), x, skip)
        # MONAI gives this block the kernel of the stage below.
        x = _block(net, plan, f"{name}.conv_block", x, level, 1, False, plan.kernels[level + 1])
    x = net.add("output_block.conv.conv", Conv(1, channels=plan.out_channels), x)
    _dropped(net, plan, "output_block.conv", x)
    return net.network()


def _block(
    net: NetworkBuilder,
    plan: DynUNetPlan,
    path: str,
    given: str,
    stage: int,
    stride: PerAxis,
    residual: bool,
    kernel: PerAxis | None = None,
) -> str:
    """Add two convolutions. If the block is ``residual``, its input is added before the last activation."""
    width, kernel = plan.features[stage], plan.kernels[stage] if kernel is None else kernel
    x = _conv(net, plan, path, 1, given, width, kernel, stride)
    x = _activated(net, plan, path, 1, x)
    x = _conv(net, plan, path, 2, x, width, kernel, 1)
    if residual:
        if net.channels(given) != width or any(on_axis(stride, axis) != 1 for axis in range(plan.axes)):
            given = _conv(net, plan, path, 3, given, width, 1, stride)
        x = net.add(f"{path}.sum", Add(), x, given)
    return _activated(net, plan, path, 2, x)


def _conv(
    net: NetworkBuilder, plan: DynUNetPlan, path: str, i: int, given: str, width: int, kernel: PerAxis, stride: PerAxis
) -> str:
    both = [(on_axis(kernel, axis), on_axis(stride, axis)) for axis in range(plan.axes)]
    padding = shortest([max(k - s + 1, 0) // 2 for k, s in both])
    conv = Conv(kernel, stride, padding=padding, channels=width, bias=False)
    x = _dropped(net, plan, f"{path}.conv{i}", net.add(f"{path}.conv{i}.conv", conv, given))
    return x if plan.norm is None else net.add(f"{path}.norm{i}", plan.norm, x)


def _dropped(net: NetworkBuilder, plan: DynUNetPlan, path: str, x: str) -> str:
    """Add the dropout, which is after every convolution."""
    return x if plan.dropout is None else net.add(f"{path}.adn.D", plan.dropout, x)


def _activated(net: NetworkBuilder, plan: DynUNetPlan, path: str, i: int, x: str) -> str:
    """Add the activation, which both convolutions of a block share."""
    if plan.activation is None:
        return x
    return net.add(f"{path}.lrelu{i}", plan.activation, x, layer=f"{path}.lrelu")
