"""Whether an image fits a network, asked before it runs."""

from functools import lru_cache

from ..spec.check import check
from ..spec.config import UNet2Config
from ..spec.report import Report
from ..spec.unet import UNetConfig


def refuse_unfit(
    cfg: UNet2Config | UNetConfig, in_channels: int, out_channels: int, shape: tuple[int, ...], layout: str = "CHW"
) -> None:
    """Refuse an image of this ``shape``, in this ``layout``, with the explanation of :func:`wellshaped.spec.check`."""
    sizes = dict(zip(layout, shape, strict=True))
    _report(cfg, in_channels, out_channels, sizes["H"], sizes["W"], layout).raise_if_failed()


@lru_cache(maxsize=256)
def _report(
    cfg: UNet2Config | UNetConfig, in_channels: int, out_channels: int, height: int, width: int, layout: str
) -> Report:
    """Kept: an eager training loop asks the same at every step."""
    return check(cfg, in_channels, out_channels, height, width, layout=layout)
