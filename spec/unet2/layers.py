"""The eight layers with parameters, as data (SPEC section 6).

All code that needs the parameters reads this list: the check of a config, :func:`.graph.unet2_graph`, and the typed
parameters and the network in ``models``. A channel count is a multiple of ``base_channels``, or ``"in"`` or ``"out"``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # avoids a circular import
    from .config import UNet2Config

Channels = int | str


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution (``kind="conv"``) or transposed convolution (``"conv_transpose"``) and its channels.

    ``part`` is the prefix of the config's fields for its geometry: ``"conv"``, ``"up"`` or ``"head"``.
    """

    name: str
    kind: str
    part: str
    in_channels: Channels
    out_channels: Channels

    def window(self, cfg: "UNet2Config") -> dict[str, int]:
        """Return its ``kernel``, ``stride`` and ``padding``, as arguments for the layers in ``models``."""
        return {name: getattr(cfg, f"{self.part}_{name}") for name in ("kernel", "stride", "padding")}


LAYERS: tuple[Layer, ...] = (
    Layer("down1_1", "conv", "conv", "in", 1),
    Layer("down1_2", "conv", "conv", 1, 1),
    Layer("down2_1", "conv", "conv", 1, 2),
    Layer("down2_2", "conv", "conv", 2, 2),
    Layer("upT", "conv_transpose", "up", 2, 1),
    Layer("up1_1", "conv", "conv", 2, 1),
    Layer("up1_2", "conv", "conv", 1, 1),
    Layer("out1x1", "conv", "head", 1, "out"),
)
"""The layers, and so their parameters, in the order of the Lean specification."""


def layer_shapes(
    cfg: "UNet2Config", in_channels: int, out_channels: int
) -> Iterator[tuple[Layer, tuple[int, int, int, int], tuple[int]]]:
    """Yield the same as :func:`layer_parameters`, without checking the config and the channels."""
    for layer in LAYERS:
        ins, outs = (channels(c, cfg, in_channels, out_channels) for c in (layer.in_channels, layer.out_channels))
        k = layer.window(cfg)["kernel"]
        yield layer, ((outs, ins, k, k) if layer.kind == "conv" else (ins, outs, k, k)), (outs,)


def channels(written: Channels, cfg: "UNet2Config", in_channels: int, out_channels: int) -> int:
    """Return the number of channels that an entry of :data:`LAYERS` stands for."""
    named = {"in": in_channels, "out": out_channels}
    return named[written] if isinstance(written, str) else written * cfg.base_channels
