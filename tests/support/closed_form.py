"""An oracle: the sizes of a two-level config by a closed form, from the obligations of SPEC section 4 alone.

Nothing of the library's solver is in this file. Write ``d = down(n)`` and ``m = d - 1``. For ``n ≥ 1`` the obligations
force every size on the way to be at least 1, so the total forms may be replaced by the plain integer formulas, and each
obligation of a well-formed config is a linear condition on ``m``:

- ``up(n) = n`` says ``n = up_stride·m + c`` with ``c = up_kernel - 2·up_padding``. So ``m`` numbers the sizes.
- ``d = down(n)`` says ``0 ≤ n - pool_kernel - pool_stride·m < pool_stride``. With the first, that is
  ``0 ≤ (up_stride - pool_stride)·m + (c - pool_kernel) < pool_stride``: an interval of ``m``.
- A convolution of kernel ``k``, stride ``s``, padding ``p`` keeps ``n`` iff ``0 ≤ n + 2p - k - s(n - 1) < s``: an
  interval of ``n``, hence of ``m``. It is required of ``n`` (blocks and head) and of ``d = m + 1`` (blocks).

An intersection of intervals of ``m`` is an interval, so the sizes are one arithmetic progression of step ``up_stride``.
"""

from math import inf


def interval(slope, offset, width):
    """The smallest and the largest integer ``m`` with ``0 ≤ slope·m + offset < width``; crossed where there is none."""
    if slope == 0:
        return (-inf, inf) if 0 <= offset < width else (inf, -inf)
    last = width - 1 - offset
    if slope > 0:
        return -(offset // slope), last // slope
    return -(last // -slope), offset // -slope


def keeps(kernel, stride, padding, slope, offset):
    """The interval of ``m`` for which a convolution keeps the size ``slope·m + offset``."""
    of_size, rest = 1 - stride, 2 * padding - kernel + stride
    return interval(of_size * slope, of_size * offset + rest, stride)


def progression(cfg):
    """The sizes of a well-formed ``cfg``: the first, the step, and their count; ``inf`` where they have no end."""
    step, start = cfg.up_stride, cfg.up_kernel - 2 * cfg.up_padding
    block = cfg.conv_kernel, cfg.conv_stride, cfg.conv_padding
    head = cfg.head_kernel, cfg.head_stride, cfg.head_padding
    intervals = [
        (0, inf),  # d is at least 1
        interval(step - cfg.pool_stride, start - cfg.pool_kernel, cfg.pool_stride),
        keeps(*block, step, start),
        keeps(*block, 1, 1),
        keeps(*head, step, start),
    ]
    low, high = max(low for low, _ in intervals), min(high for _, high in intervals)
    return (0, step, 0) if low > high else (start + low * step, step, high - low + 1)
