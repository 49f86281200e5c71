"""The nearest two-level config that infinitely many sizes fit."""

from dataclasses import replace

from .config import UNet2Config


def repaired_config(cfg: UNet2Config) -> UNet2Config:
    """Return the nearest config that infinitely many sizes fit, for a well-formed ``cfg``. Reports propose it.

    Convolutions get stride 1 and the padding that keeps sizes. An even kernel has no such padding and grows by 1. The
    upsampling gets the stride of the pooling and, if that is not enough, the kernel that undoes it.

    >>> repaired_config(UNet2Config(conv_padding=0, up_stride=3))
    UNet2Config()
    """
    changes: dict[str, int] = {}
    for part in ("conv", "head"):
        kernel = getattr(cfg, f"{part}_kernel") // 2 * 2 + 1
        changes |= {f"{part}_kernel": kernel, f"{part}_stride": 1, f"{part}_padding": kernel // 2}
    rest = cfg.up_kernel - 2 * cfg.up_padding - cfg.pool_kernel
    if not 0 <= rest < cfg.pool_stride:
        changes["up_kernel"] = cfg.pool_kernel + 2 * cfg.up_padding
    return replace(cfg, **changes, up_stride=cfg.pool_stride)
