"""A U-Net of any number of levels as a graph. Its nodes and layers have the names that the code uses."""

from collections.abc import Iterator
from functools import lru_cache

from ..network.edges import CropTo
from ..network.joins import Add, Concat
from ..network.network import Network, Node
from ..network.resampling import Resize
from ..network.skips import joined
from ..network.values import Activation, Norm
from ..network.windows import Conv, ConvTranspose, MaxPool
from .config import UNetConfig


@lru_cache(maxsize=256)
def unchecked_graph(cfg: UNetConfig, in_channels: int, out_channels: int) -> Network:
    """Return the network of a well-formed ``cfg``. Without a head, the output has the channels of the first level.

    >>> network = unchecked_graph(UNetConfig(levels=1, convs_per_block=1), 3, 2)
    >>> [node.name for node in network.nodes if node.name.endswith("]")][:4], network.outputs
    (['encoder[0].convs[0]', 'encoder[0]', 'pooled[0]', 'bottom.convs[0]'], ('y',))
    """
    return Network({"x": in_channels}, _nodes(cfg, out_channels, in_channels))


def _nodes(cfg: UNetConfig, out_channels: int, in_channels: int) -> Iterator[Node]:
    now, ins, widths = "x", in_channels, cfg.channels
    for level, outs in enumerate(widths[:-1]):
        yield from _block(cfg, f"encoder[{level}]", now, ins, outs)
        now, ins = f"pooled[{level}]", outs
        yield Node(now, MaxPool(2), f"encoder[{level}]")
    yield from _block(cfg, "bottom", now, ins, widths[-1])
    now = "bottom"
    for level in reversed(range(cfg.levels)):
        outs = widths[level]
        yield from _upsampling(cfg, f"up[{level}]", now, outs)
        skip, up = f"encoder[{level}]", f"up[{level}]"
        first = cfg.concat == "skip first"
        yield from joined(level, skip, up, cfg.joined_by, Concat(), skip_first=first)
        now = f"decoder[{level}]"
        yield from _block(cfg, now, f"joined[{level}]", 2 * outs, outs)
    if cfg.head:
        yield Node("y", Conv(1, channels=out_channels), now, layer="head")


def _block(cfg: UNetConfig, name: str, given: str, ins: int, outs: int) -> Iterator[Node]:
    now, last = given, cfg.convs_per_block - 1
    for i in range(cfg.convs_per_block):
        yield from _normed(cfg, f"{name}.convs[{i}]", now, outs, cfg.conv_kernel)
        now = _result(cfg, f"{name}.convs[{i}]")
        if i < last or not cfg.residual:
            result = name if i == last else f"{name}.{i}"
            yield Node(result, Activation("relu"), now)
            now = result
    if cfg.residual:
        if cfg.padding == "none":
            yield Node(f"{name}.cropped", CropTo(), (given, now))
            given = f"{name}.cropped"
        if ins != outs:
            yield from _normed(cfg, f"{name}.shortcut", given, outs, 1)
            given = _result(cfg, f"{name}.shortcut")
        yield Node(f"{name}.sum", Add(), (now, given))
        yield Node(name, Activation("relu"), f"{name}.sum")


def _normed(cfg: UNetConfig, name: str, given: str, outs: int, kernel: int) -> Iterator[Node]:
    """Yield a convolution, and its norm if there is one."""
    conv = Conv(kernel, padding=cfg.padding_of(kernel), channels=outs, bias=cfg.bias)
    if cfg.norm == "none":
        yield Node(name, conv, given)
        return
    yield Node(f"{name}.conv", conv, given)
    norm = Norm(cfg.norm, groups=cfg.groups if cfg.norm == "group" else 1)
    yield Node(f"{name}.norm", norm, f"{name}.conv", layer=f"{name}.norm.norm")


def _result(cfg: UNetConfig, name: str) -> str:
    return name if cfg.norm == "none" else f"{name}.norm"


def _upsampling(cfg: UNetConfig, name: str, given: str, outs: int) -> Iterator[Node]:
    if cfg.upsampling == "transposed":
        yield Node(name, ConvTranspose(2, 2, channels=outs), given)
        return
    yield Node(f"{name}.resize", Resize(2, mode="nearest" if cfg.upsampling == "nearest" else "linear"), given)
    half = cfg.padding_of(cfg.conv_kernel)
    yield Node(name, Conv(cfg.conv_kernel, padding=half, channels=outs), f"{name}.resize", layer=f"{name}.conv")
