"""nnU-Net's two networks, for any plan: plain convolutions or residual blocks, with numbers for each stage and axis.

Source: github.com/MIC-DKFZ/dynamic-network-architectures, ``architectures/unet.py``. Nodes have the paths of
its modules.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..network.builder import NetworkBuilder
from ..network.fields import PerAxis, on_axis, shortest
from ..network.joins import Add, Concat
from ..network.network import Network
from ..network.values import Activation, Norm
from ..network.windows import AvgPool, Conv, ConvTranspose
from .style import Style

NNUNET = Style(norm=Norm("instance"), activation=Activation("leaky_relu", slope=0.01))
"""What follows each convolution of nnU-Net's networks, as nnU-Net plans them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StagePlan:
    """What a ``nnUNetPlans.json`` says of one configuration, with one entry for each stage, from the top.

    - ``features``, ``kernels``, ``strides``: of the stages. The first convolution of a stage has its stride.
    - ``counts``: the convolutions of each stage, or its residual blocks. ``decoder_counts``: the convolutions of each
      stage of the decoder, from the bottom.
    - ``heads``: whether the inner stages also have outputs, for deep supervision. The largest output comes first.
    - ``stem_channels`` and ``bottlenecks`` are for residual blocks: the width of the first convolution, and of the
      inner convolutions of each stage's blocks. Without ``bottlenecks``, a block has two convolutions.
    """

    features: Sequence[int]
    kernels: Sequence[PerAxis]
    strides: Sequence[PerAxis]
    counts: Sequence[int]
    decoder_counts: Sequence[int]
    in_channels: int = 1
    out_channels: int = 2
    axes: int = 3
    style: Style = NNUNET
    heads: bool = False
    stem_channels: int | None = None
    bottlenecks: Sequence[int] | None = None


Encode = Callable[[NetworkBuilder, StagePlan, str], list[str]]
"""Adds an encoder after a node, and returns the last node of each stage."""


def plain_conv_unet(plan: StagePlan) -> Network:
    """``PlainConvUNet``: each stage is a chain of convolutions.

    >>> plan = StagePlan(features=(8, 16), kernels=(3, 3), strides=(1, 2), counts=(2, 2), decoder_counts=(1,), axes=2)
    >>> plain_conv_unet(plan).nodes[-1].name
    'decoder.seg_layers.0'
    """
    return _unet(plan, _plain_encoder)


def residual_encoder_unet(plan: StagePlan) -> Network:
    """``ResidualEncoderUNet``: the stages of the encoder are residual blocks, whose shortcut is pooled by averages.

    >>> from wellshaped.spec import compatible_sizes
    >>> plan = StagePlan(features=(8, 16), kernels=(3, 3), strides=(1, 2), counts=(1, 1), decoder_counts=(1,), axes=2)
    >>> print(compatible_sizes(residual_encoder_unet(plan)))
    n ≡ 0 (mod 2), n ≥ 2
    """
    return _unet(plan, _residual_encoder)


def _unet(plan: StagePlan, encode: Encode) -> Network:
    net = NetworkBuilder({"x": plan.in_channels}, plan.axes)
    *skips, x = encode(net, plan, "x")
    heads: list[str] = []
    for i, skip in enumerate(reversed(skips)):
        level = len(skips) - 1 - i
        width, stride = plan.features[level], plan.strides[level + 1]
        up = ConvTranspose(stride, stride, channels=width, bias=plan.style.bias)
        x = net.add(f"decoder.transpconvs.{i}", up, x)
        x = net.add(f"decoder.joined.{i}", Concat(), x, skip)
        x = _stacked(net, plan, f"decoder.stages.{i}", x, width, plan.kernels[level], 1, plan.decoder_counts[i])
        if plan.heads or level == 0:
            heads.insert(0, net.add(f"decoder.seg_layers.{i}", Conv(1, channels=plan.out_channels), x))
    return net.network(*heads)


def _plain_encoder(net: NetworkBuilder, plan: StagePlan, x: str) -> list[str]:
    ends = []
    stages = zip(plan.features, plan.kernels, plan.strides, plan.counts, strict=True)
    for i, (width, kernel, stride, count) in enumerate(stages):
        x = _stacked(net, plan, f"encoder.stages.{i}.0", x, width, kernel, stride, count)
        ends.append(x)
    return ends


def _residual_encoder(net: NetworkBuilder, plan: StagePlan, x: str) -> list[str]:
    stem = plan.features[0] if plan.stem_channels is None else plan.stem_channels
    x = _stacked(net, plan, "encoder.stem", x, stem, plan.kernels[0], 1, 1)
    ends = []
    for i, count in enumerate(plan.counts):
        for j in range(count):
            x = _residual_block(net, plan, f"encoder.stages.{i}.blocks.{j}", x, i, plan.strides[i] if j == 0 else 1)
        ends.append(x)
    return ends


def _stacked(
    net: NetworkBuilder, plan: StagePlan, path: str, x: str, width: int, kernel: PerAxis, stride: PerAxis, count: int
) -> str:
    for i in range(count):
        x = _conv(net, plan, f"{path}.convs.{i}", x, width, kernel, stride if i == 0 else 1)
    return x


def _conv(
    net: NetworkBuilder,
    plan: StagePlan,
    path: str,
    x: str,
    width: int,
    kernel: PerAxis = 1,
    stride: PerAxis = 1,
    *,
    bias: bool | None = None,
    active: bool = True,
    drops: bool = True,
) -> str:
    """Add a convolution, then its dropout, norm and activation. ``bias`` is by default the plan's.

    Without ``drops`` there is no dropout; unless it is ``active``, neither dropout nor activation.
    """
    padding = tuple((on_axis(kernel, axis) - 1) // 2 for axis in range(plan.axes))
    bias = plan.style.bias if bias is None else bias
    parts = {"D": "dropout", "N": "norm", "A": "nonlin"}
    after = plan.style.after(**{letter: f"{path}.{of}" for letter, of in parts.items()})
    left_out = [f"{path}.dropout"] * (not (drops and active)) + [f"{path}.nonlin"] * (not active)
    after = {name: operation for name, operation in after.items() if name not in left_out}
    return net.chain(x, {f"{path}.conv": Conv(kernel, stride, padding=padding, channels=width, bias=bias), **after})


def _residual_block(net: NetworkBuilder, plan: StagePlan, path: str, given: str, stage: int, stride: PerAxis) -> str:
    """Add ``BasicBlockD``, or ``BottleneckD`` if the plan has bottlenecks."""
    width, kernel = plan.features[stage], plan.kernels[stage]
    if plan.bottlenecks is None:
        x = _conv(net, plan, f"{path}.conv1", given, width, kernel, stride)
        x = _conv(net, plan, f"{path}.conv2", x, width, kernel, active=False)
    else:
        inner = plan.bottlenecks[stage]
        x = _conv(net, plan, f"{path}.conv1", given, inner, drops=False)
        x = _conv(net, plan, f"{path}.conv2", x, inner, kernel, stride)
        x = _conv(net, plan, f"{path}.conv3", x, width, active=False)
    strided = shortest([on_axis(stride, axis) for axis in range(plan.axes)]) != 1
    projected = net.channels(given) != width
    if strided:
        given = net.add(f"{path}.skip.0", AvgPool(stride), given)
    if projected:
        given = _conv(net, plan, f"{path}.skip.{int(strided)}", given, width, bias=False, active=False)
    x = net.add(f"{path}.sum", Add(), x, given)
    return x if plan.style.activation is None else net.add(f"{path}.nonlin{_last(plan)}", plan.style.activation, x)


def _last(plan: StagePlan) -> int:
    """How many convolutions a residual block has."""
    return 2 if plan.bottlenecks is None else 3


def nnunet_3d_fullres(
    features: Sequence[int] = (32, 64, 128, 256, 320, 320),
    kernels: Sequence[PerAxis] = ((1, 3, 3), 3, 3, 3, 3, 3),
    strides: Sequence[PerAxis] = (1, (1, 2, 2), 2, 2, 2, 2),
    in_channels: int = 1,
    out_channels: int = 2,
) -> Network:
    """nnU-Net's ``PlainConvUNet`` with two convolutions a stage. The defaults are for volumes with a coarse first axis.

    ``features``, ``kernels`` and ``strides`` are those of a ``nnUNetPlans.json``, one for each stage. The heads of the
    inner stages are left out; only training uses them. Source: github.com/MIC-DKFZ/dynamic-network-architectures,
    ``architectures/unet.py``; the plan is the ``3d_fullres`` of github.com/PengchengShi1220/NexToU.

    >>> from wellshaped.spec import compatible_shapes
    >>> print([str(fit) for fit in compatible_shapes("nnunet_3d_fullres").axes])
    ['n ≡ 0 (mod 16), n ≥ 16', 'n ≡ 0 (mod 32), n ≥ 32', 'n ≡ 0 (mod 32), n ≥ 32']
    """
    plan = StagePlan(
        features=features,
        kernels=kernels,
        strides=strides,
        counts=(2,) * len(features),
        decoder_counts=(2,) * (len(features) - 1),
        in_channels=in_channels,
        out_channels=out_channels,
    )
    return plain_conv_unet(plan)


def nnunet_3d_resenc(
    features: Sequence[int] = (32, 64, 128, 256, 320, 320),
    kernels: Sequence[PerAxis] = (3, 3, 3, 3, 3, 3),
    strides: Sequence[PerAxis] = (1, 2, 2, 2, 2, 2),
    blocks: Sequence[int] = (1, 3, 4, 6, 6, 6),
    in_channels: int = 1,
    out_channels: int = 2,
) -> Network:
    """nnU-Net's ``ResidualEncoderUNet``. The defaults are those of the medium preset for volumes, ``ResEncM``.

    ``features``, ``kernels``, ``strides`` and ``blocks`` are those of a ``nnUNetPlans.json``, one for each stage. Each
    stage of the decoder has one convolution. The heads of the inner stages are left out; only training uses them.
    Source: github.com/MIC-DKFZ/dynamic-network-architectures, ``architectures/unet.py``; the numbers of blocks are in
    github.com/MIC-DKFZ/nnUNet, ``experiment_planners/residual_unets/residual_encoder_unet_planners.py``.

    >>> from wellshaped.spec import compatible_sizes
    >>> print(compatible_sizes("nnunet_3d_resenc"))
    n ≡ 0 (mod 32), n ≥ 32
    """
    plan = StagePlan(
        features=features,
        kernels=kernels,
        strides=strides,
        counts=blocks,
        decoder_counts=(1,) * (len(features) - 1),
        in_channels=in_channels,
        out_channels=out_channels,
    )
    return residual_encoder_unet(plan)
