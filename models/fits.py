"""Whether a layer can be built, and an image fits a network, asked before either is done."""

from functools import lru_cache

from ..spec.check import check
from ..spec.config import UNet2Config
from ..spec.naturals import LARGEST, judge_at_least_one
from ..spec.report import Report, Verdict
from ..spec.unet import UNetConfig


def refuse_unbuildable(of: str, numbers: dict[str, int], elements: int) -> None:
    """Refuse numbers of a layer that are 0, and a kernel of more ``elements`` than can be meant."""
    says = f"{elements} elements, at most {LARGEST}"
    large = Verdict("elements", elements <= LARGEST, says, "the kernel is too large")
    fix = ", ".join(f"{name}=1" for name, number in numbers.items() if number == 0) or "fewer channels"
    given = ", ".join(f"{name}={number}" for name, number in numbers.items())
    Report(f"{of}({given})", (*judge_at_least_one(numbers), large), (fix,)).raise_if_failed()


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
