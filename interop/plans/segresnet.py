"""MONAI's ``SegResNet``: residual blocks with the norm first, and sums in place of joins.

Source: github.com/Project-MONAI/MONAI, ``monai/networks/nets/segresnet.py`` and ``blocks/segresnet_block.py``. Nodes
have the paths of its modules.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ...spec.network.builder import NetworkBuilder
from ...spec.network.joins import Add
from ...spec.network.network import Network
from ...spec.network.values import Activation, Dropout, Norm
from ...spec.network.windows import Conv
from ...spec.presets.blocks import same_conv
from ...spec.presets.upsampling import monai_upsample


@dataclass(frozen=True, slots=True, kw_only=True)
class SegResNetPlan:
    """The arguments of a ``SegResNet``: ``down`` and ``up`` are the blocks of each level."""

    filters: int
    down: Sequence[int]
    up: Sequence[int]
    in_channels: int
    out_channels: int
    axes: int
    norm: Norm | None
    dropout: Dropout | None = None
    activation: Activation | None
    final: bool = True
    upsample: str = "nontrainable"


def segresnet(plan: SegResNetPlan) -> Network:
    """Return the network. Each level has twice the channels of the level above.

    >>> plan = SegResNetPlan(filters=8, down=(1, 1), up=(1,), in_channels=1, out_channels=2, axes=2,
    ...                      norm=Norm("group", groups=8), activation=Activation("relu"))
    >>> segresnet(plan).channels["down_layers.1.0.conv"]
    16
    """
    net = NetworkBuilder({"x": plan.in_channels}, plan.axes)
    x = net.add("convInit.conv", same_conv(plan.filters, bias=False), "x")
    x = x if plan.dropout is None else net.add("dropout", plan.dropout, x)
    skips = []
    for i, count in enumerate(plan.down):
        if i:
            x = net.add(f"down_layers.{i}.0.conv", same_conv(plan.filters * 2**i, stride=2, bias=False), x)
        for j in range(count):
            x = _block(net, plan, f"down_layers.{i}.{j + 1}", x)
        skips.append(x)
    skips.pop()
    for i, count in enumerate(plan.up):
        path, width = f"up_samples.{i}", net.channels(x) // 2
        x = net.add(f"{path}.0.conv", Conv(1, channels=width, bias=False), x)
        x = monai_upsample(net, f"{path}.1", x, width, plan.axes, plan.upsample, align_corners=False)
        x = net.add(f"{path}.sum", Add(), x, skips.pop())
        for j in range(count):
            x = _block(net, plan, f"up_layers.{i}.{j}", x)
    if plan.final:
        x = _normed(net, plan, "conv_final.0", "conv_final.1", x, "act_mod")
        net.add("conv_final.2.conv", Conv(1, channels=plan.out_channels), x)
    return net.network()


def _block(net: NetworkBuilder, plan: SegResNetPlan, path: str, given: str) -> str:
    x = given
    for i in (1, 2):
        x = _normed(net, plan, f"{path}.norm{i}", f"{path}.act{i}", x, f"{path}.act")
        x = net.add(f"{path}.conv{i}.conv", same_conv(net.channels(given), bias=False), x)
    return net.add(f"{path}.sum", Add(), x, given)


def _normed(net: NetworkBuilder, plan: SegResNetPlan, norm: str, active: str, x: str, layer: str) -> str:
    x = x if plan.norm is None else net.add(norm, plan.norm, x)
    return x if plan.activation is None else net.add(active, plan.activation, x, layer=layer)
