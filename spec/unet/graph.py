"""A U-Net of any number of levels as a graph. Its nodes and layers have the names that the code uses."""

from collections.abc import Iterator
from functools import lru_cache
from math import prod

from ..network.edges import CropTo
from ..network.fields import on_axis, shortest
from ..network.joins import Add, Concat
from ..network.network import Network, Node
from ..network.operation import Operation
from ..network.resampling import DepthToSpace, Resize
from ..network.skips import joined
from ..network.values import Activation, Norm
from ..network.windows import AvgPool, Conv, ConvTranspose, MaxPool
from .by_level import Sizes, values
from .config import UNetConfig
from .level import ALONE, Block, Level


@lru_cache(maxsize=256)
def unchecked_graph(cfg: UNetConfig, in_channels: int, out_channels: int) -> Network:
    """Return the network of a well-formed ``cfg``. Without a head, the output has the channels of the first level.

    >>> network = unchecked_graph(UNetConfig(levels=1, convs_per_block=1), 3, 2)
    >>> [node.name for node in network.nodes if node.name.endswith("]")][:4], network.outputs
    (['encoder[0].convs[0]', 'encoder[0]', 'pooled[0]', 'bottom.convs[0]'], ('y',))
    """
    return Network({"x": in_channels}, _nodes(cfg, out_channels, in_channels), axes=cfg.axes)


def _nodes(cfg: UNetConfig, out_channels: int, in_channels: int) -> Iterator[Node]:
    levels = [cfg.level(i) for i in range(cfg.levels)]
    now, ins = "x", in_channels
    stride: Sizes = 1  # of the next block
    for i, level in enumerate(levels):
        yield from _block(cfg, level.block, f"encoder[{i}]", now, ins, stride)
        now, ins, stride = f"encoder[{i}]", level.channels, level.stride
        if level.downsampling != "stride":
            yield Node(f"pooled[{i}]", MaxPool(stride) if level.downsampling == "max" else AvgPool(stride), now)
            now, stride = f"pooled[{i}]", 1
    yield from _block(cfg, cfg.bottom, "bottom", now, ins, stride)
    now, ins = "bottom", cfg.bottom.channels
    for i, level in reversed(list(enumerate(levels))):
        yield from _upsampling(cfg, level, f"up[{i}]", now)
        now, ins = f"up[{i}]", ins if level.upsampling in ALONE else level.channels
        if level.skip != "none":
            join: Operation = Concat() if level.skip == "concat" else Add()
            first = cfg.concat == "skip first"
            yield from joined(i, f"encoder[{i}]", now, cfg.joined_by, join, skip_first=first)
            now, ins = f"joined[{i}]", ins + level.channels if level.skip == "concat" else ins
        yield from _block(cfg, level.decoder, f"decoder[{i}]", now, ins, 1)
        now, ins = f"decoder[{i}]", level.channels
    if cfg.head:
        yield Node("y", Conv(1, channels=out_channels), now, layer="head")


def _block(cfg: UNetConfig, block: Block, name: str, given: str, ins: int, stride: Sizes) -> Iterator[Node]:
    """Yield convolutions, each with what follows it. A residual block adds its input before its last activation."""
    now = given
    for i in range(block.convs_per_block):
        conv = _conv(cfg, block.conv_kernel, block.channels, stride if i == 0 else 1)
        yield from _normed(block, f"{name}.convs[{i}]", now, conv)
        now, last = _result(block, f"{name}.convs[{i}]"), i == block.convs_per_block - 1
        if last and block.residual:
            yield from _shortcut(cfg, block, name, given, now, ins, stride)
            now = f"{name}.sum"
        yield from _activated(block, f"{name}.convs[{i}]", now, name if last else f"{name}.{i}", f"{name}.acts[{i}]")
        now = f"{name}.{i}"


def _shortcut(
    cfg: UNetConfig, block: Block, name: str, given: str, now: str, ins: int, stride: Sizes
) -> Iterator[Node]:
    """Yield the sum of a block's input, cropped and projected to the size and channels of ``now``, with ``now``."""
    if cfg.padding == "none":
        yield Node(f"{name}.cropped", CropTo(), (given, now))
        given = f"{name}.cropped"
    if ins != block.channels or any(n != 1 for n in values(stride)):
        yield from _normed(block, f"{name}.shortcut", given, _conv(cfg, 1, block.channels, stride))
        given = _result(block, f"{name}.shortcut")
    yield Node(f"{name}.sum", Add(), (now, given))


def _conv(cfg: UNetConfig, kernel: Sizes, channels: int, stride: Sizes) -> Conv:
    return Conv(kernel, stride, padding=cfg.padding_of(kernel), channels=channels, bias=cfg.bias)


def _normed(block: Block, name: str, given: str, conv: Conv) -> Iterator[Node]:
    """Yield a convolution, and its norm if that comes first."""
    if block.norm == "none":
        yield Node(name, conv, given)
        return
    yield Node(f"{name}.conv", conv, given)
    if block.norm_first:
        yield _norm(block, name, f"{name}.norm", f"{name}.conv")


def _result(block: Block, name: str) -> str:
    return f"{name}.norm" if block.norm_first else f"{name}.conv" if block.norm_last else name


def _activated(block: Block, conv: str, given: str, name: str, layer: str) -> Iterator[Node]:
    """Yield an activation, and the norm of the convolution if that comes last. The last node has the ``name``."""
    activation = Activation(block.activation)
    learned = layer if activation.parameters([block.channels], 1) else ""
    if not block.norm_last:
        yield Node(name, activation, given, layer=learned)
        return
    yield Node(f"{conv}.act", activation, given, layer=learned)
    yield _norm(block, conv, name, f"{conv}.act")


def _norm(block: Block, conv: str, name: str, given: str) -> Node:
    return Node(name, Norm(block.norm, groups=block.norm_groups), given, layer=f"{conv}.norm.norm")


def _upsampling(cfg: UNetConfig, level: Level, name: str, given: str) -> Iterator[Node]:
    kind, stride = level.upsampling, level.stride
    if kind == "transposed":
        yield Node(name, _transposed(level, cfg.axes), given)
        return
    kernel, channels = level.block.conv_kernel, level.channels
    if kind == "depth to space":
        channels *= prod(on_axis(stride, axis) for axis in range(cfg.axes))
    conv = Conv(kernel, padding=cfg.padding_of(kernel), channels=channels)
    if kind == "depth to space":
        yield Node(f"{name}.conv", conv, given)
        yield Node(name, DepthToSpace(stride), f"{name}.conv")
        return
    resize = Resize(stride, mode="nearest" if ALONE.get(kind, kind) == "nearest" else "linear")
    if kind in ALONE:
        yield Node(name, resize, given)
        return
    yield Node(f"{name}.resize", resize, given)
    yield Node(name, conv, f"{name}.resize", layer=f"{name}.conv")


def _transposed(level: Level, axes: int) -> ConvTranspose:
    """Return the transposed convolution that multiplies the size by the stride: PyTorch's numbers for its kernel."""
    more = [on_axis(level.kernel_up, axis) - on_axis(level.stride, axis) for axis in range(axes)]
    return ConvTranspose(
        level.kernel_up,
        level.stride,
        padding=shortest([(k + 1) // 2 for k in more]),
        output_padding=shortest([k % 2 for k in more]),
        channels=level.channels,
    )
