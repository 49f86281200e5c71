"""All sizes that fit a config or a network along one axis, solved exactly (SPEC section 5.3).

A network in general is solved by :mod:`.graph.solving`. A :class:`UNet2Config` has a closed form.

Write ``d = down(n)`` and ``m = d - 1``. For ``n ≥ 1`` the obligations force every size on the way to be at least 1, so
the total forms may be replaced by the plain integer formulas, and each obligation is a linear condition on ``m``:

- ``up(n) = n`` says ``n = up_stride·m + c`` with ``c = up_kernel - 2·up_padding``. So the sizes are numbered by ``m``.
- ``d = down(n)`` says ``0 ≤ n - pool_kernel - pool_stride·m < pool_stride``. With the first, that is
  ``0 ≤ (up_stride - pool_stride)·m + (c - pool_kernel) < pool_stride``: an interval of ``m``.
- A convolution of kernel ``k``, stride ``s``, padding ``p`` keeps ``n`` iff ``0 ≤ n + 2p - k - s(n - 1) < s``: an
  interval of ``n``, hence of ``m``. It is wanted for ``n`` (blocks and head) and for ``d = m + 1`` (blocks).

An intersection of intervals of ``m`` is an interval: the sizes are one arithmetic progression of step ``up_stride``,
finite or not, possibly empty. Where one of the eight nonzero facts fails, some size on the way is 0 and no size fits.
"""

from dataclasses import dataclass
from math import inf

from .config import WELL_FORMED, UNet2Config
from .graph import compatible_sizes as sizes_of_graph
from .graph.door import graph_of
from .network import AxisNetwork, axis_network
from .progression import Progression
from .size_set import SizeSet
from .unet import UNetConfig

Network = UNet2Config | UNetConfig | AxisNetwork


@dataclass(frozen=True, slots=True)
class _Within:
    """The condition ``0 ≤ slope·m + offset < width`` on an integer ``m``."""

    slope: int
    offset: int
    width: int

    def of(self, slope: int, offset: int) -> "_Within":
        """The same condition on ``m`` where this one is on ``slope·m + offset``."""
        return _Within(self.slope * slope, self.slope * offset + self.offset, self.width)

    def interval(self) -> tuple[int | float, int | float]:
        """The smallest and the largest ``m``; the smallest is the larger where no ``m`` will do."""
        if self.slope == 0:
            return (-inf, inf) if 0 <= self.offset < self.width else (inf, -inf)
        last = self.width - 1 - self.offset
        if self.slope > 0:
            return -(self.offset // self.slope), last // self.slope
        return -(last // -self.slope), self.offset // -self.slope


def _kept(kernel: int, stride: int, padding: int) -> _Within:
    """When a convolution keeps ``n``: the third item above."""
    return _Within(1 - stride, 2 * padding - kernel + stride, stride)


def compatible_sizes(network: Network) -> SizeSet:
    """The sizes ``n ≥ 1`` of one axis, height or width, that meet every demand: exact for every config and network.

    The set is about the sizes of one axis alone. Whether a network can be built (its channels, the elements of its
    arrays) is for :func:`check_config`, and what height and width owe together, statistics of more than one number for
    a norm, is for :func:`check`: it can reject an image whose height and width are both in the set.
    Raises :class:`ShapeError` for what is no network, for a :class:`UNetConfig` that is not well-formed, and for a
    network that is beyond the limit of :mod:`.graph.solving`.

    >>> compatible_sizes(UNet2Config())
    <SizeSet n ≡ 0 (mod 2), n ≥ 2>
    >>> print(compatible_sizes(UNet2Config(pool_kernel=3, up_kernel=3)))
    n ≡ 1 (mod 2), n ≥ 3
    >>> print(compatible_sizes(UNet2Config(conv_padding=0)))
    no size
    """
    if isinstance(network, UNet2Config):
        return SizeSet([_closed_form(network)])
    return sizes_of_graph(graph_of(axis_network(network)))


def _closed_form(cfg: UNet2Config) -> Progression:
    nothing = Progression(0, 1, 0)
    if any(not condition.holds(cfg) for condition in WELL_FORMED if condition.field != "base_channels"):
        return nothing
    step, start = cfg.up_stride, cfg.up_kernel - 2 * cfg.up_padding
    block = _kept(cfg.conv_kernel, cfg.conv_stride, cfg.conv_padding)
    head = _kept(cfg.head_kernel, cfg.head_stride, cfg.head_padding)
    conditions = (
        _Within(step - cfg.pool_stride, start - cfg.pool_kernel, cfg.pool_stride),
        block.of(step, start),
        block.of(1, 1),
        head.of(step, start),
    )
    lows, highs = zip(*(condition.interval() for condition in conditions), strict=True)
    low, high = max(0, *lows), min(highs)  # m ≥ 0, since d ≥ 1
    if low > high:
        return nothing
    return Progression(start + low * step, step, None if high == inf else high - low + 1)
