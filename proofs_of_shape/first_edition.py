"""The size formulas of the source's first edition. They accept sizes that no tensor library does, as theorems show.

They were written without guards, and one of them subtracts too early (SPEC section 2).
"""

from ..spec.arithmetic.naturals import monus, quotient
from ..spec.unet2.config import UNet2Config


def sliding_window_size_1(n: int, *, kernel: int, stride: int = 1, padding: int = 0) -> int:
    """``(n + 2·padding ∸ kernel) / stride + 1``.

    >>> sliding_window_size_1(2, kernel=3), sliding_window_size_1(5, kernel=2, stride=0)
    (1, 1)
    """
    return quotient(monus(n + 2 * padding, kernel), stride) + 1


def conv_transpose_size_1(n: int, *, kernel: int, stride: int = 1, padding: int = 0) -> int:
    """``((n ∸ 1)·stride ∸ 2·padding) + kernel``.

    >>> conv_transpose_size_1(1, kernel=1, stride=1, padding=1)
    1
    """
    return monus(monus(n, 1) * stride, 2 * padding) + kernel


def obligations_1(cfg: UNet2Config, n: int) -> tuple[bool, ...]:
    """Return whether each of the four obligations of one axis holds, by the formulas of this module."""
    conv = {"kernel": cfg.conv_kernel, "stride": cfg.conv_stride, "padding": cfg.conv_padding}
    up = {"kernel": cfg.up_kernel, "stride": cfg.up_stride, "padding": cfg.up_padding}
    head = {"kernel": cfg.head_kernel, "stride": cfg.head_stride, "padding": cfg.head_padding}
    down = sliding_window_size_1(n, kernel=cfg.pool_kernel, stride=cfg.pool_stride)
    return (
        sliding_window_size_1(n, **conv) == n,
        sliding_window_size_1(down, **conv) == down,
        conv_transpose_size_1(down, **up) == n,
        sliding_window_size_1(n, **head) == n,
    )
