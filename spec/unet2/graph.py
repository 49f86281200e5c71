"""The two-level U-Net as a graph: the wiring of SPEC section 6, with the obligations of section 4 as requirements."""

from collections.abc import Iterator
from functools import lru_cache

from ..arithmetic.naturals import natural
from ..network.joins import Concat
from ..network.network import Input, Network, Node
from ..network.operation import Operation
from ..network.requiring import Require
from ..network.values import Activation
from ..network.windows import Conv, ConvTranspose, MaxPool
from .building import check_config
from .config import WELL_FORMED, UNet2Config
from .layers import LAYERS, channels

_LAYERS = {layer.name: layer for layer in LAYERS}


def unet2_graph(cfg: UNet2Config, in_channels: int = 1, out_channels: int = 1) -> Network:
    """Return the network of ``cfg``. Its nodes are the intermediates of the Lean specification, its rules the eight
    obligations.

    Raises :class:`ConfigError` if the config is not well-formed or there are no channels in or out.

    >>> network = unet2_graph(UNet2Config(), 3, 2)
    >>> [node.name for node in network.nodes if node.layer][:3], network.channels["merged"], network.outputs
    (['down1_1', 'down1_2', 'down2_1'], 128, ('y',))
    """
    return _graph(cfg, natural(in_channels, "in_channels"), natural(out_channels, "out_channels"))


@lru_cache(maxsize=256)
def _graph(cfg: UNet2Config, in_channels: int, out_channels: int) -> Network:
    if in_channels == 0 or out_channels == 0 or not all(condition.holds(cfg) for condition in WELL_FORMED):
        check_config(cfg, in_channels, out_channels).raise_if_failed()
    return unchecked_graph(cfg, in_channels, out_channels)


def unchecked_graph(cfg: UNet2Config, in_channels: int, out_channels: int) -> Network:
    """Return the network of a well-formed ``cfg``. Proofs call it with symbols, which can't be checked."""

    def operation(name: str) -> Operation:
        layer = _LAYERS[name]
        made = channels(layer.out_channels, cfg, in_channels, out_channels)
        kernel, stride, padding = layer.window(cfg).values()
        kind = Conv if layer.kind == "conv" else ConvTranspose
        return kind(kernel, stride, padding=padding, channels=made)

    def conv(name: str, given: str, rule: str, result: str) -> Iterator[Node]:
        yield Node(name, operation(name), given, layer=name)
        yield Node(f"{name} keeps", Require(equal=True), (name, given), rule=rule)
        if result != name:
            yield Node(result, Activation("relu"), name)

    nodes = (
        *conv("down1_1", "x", "h_conv{}", "s1"),
        *conv("down1_2", "s1", "h_conv{}", "skip1"),
        Node("pooled", MaxPool(cfg.pool_kernel, cfg.pool_stride), "skip1"),
        *conv("down2_1", "pooled", "h_conv{}_down", "b1"),
        *conv("down2_2", "b1", "h_conv{}_down", "bottleneck"),
        Node("up", operation("upT"), "bottleneck", layer="upT"),
        Node("merged", Concat(), ("skip1", "up"), rule="h_up{}"),
        *conv("up1_1", "merged", "h_conv{}", "u1"),
        *conv("up1_2", "u1", "h_conv{}", "u2"),
        Node("y", operation("out1x1"), "u2", layer="out1x1"),
        Node("y keeps", Require(equal=True), ("y", "u2"), rule="h_out{}"),
    )
    return Network((Input("x", in_channels, rule="h_in{}"),), nodes, "y")
