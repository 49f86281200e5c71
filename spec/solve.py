"""The compatible sizes of any network along one axis, and why they are exactly these (SPEC section 5.3).

Every size ``f(n)`` on the way is *quasi-linear* in the input's size ``n``: there are a period ``P`` and a growth ``G``
with ``f(n + P) = f(n) + G``, wherever no window is too large for its image.

- The input itself is, with any ``P`` and ``G = P``.
- ``floor((f(n) + c) / s)`` is where ``s`` divides ``G``, since ``floor((m + s·j) / s) = floor(m / s) + j``; its growth
  is ``G / s``. Ceil mode takes the smaller of two such with the same growth. Multiples and sums are plain.
- A join leaves one of two quasi-linear sizes.

So let ``P`` be the least common multiple of the denominators of all slopes ``G / P``: then every size on the way grows
by a whole number when ``n`` grows by ``P``. All sizes grow with ``n``, and none ever falls: from one ``n`` on, all
windows fit, and below it some size is 0, which no network takes. From there, for each remainder ``r`` of the period,
both sides of every demand are linear in ``t`` along ``n = r + t·P``. So an equation holds for all ``t``, for one or for
none; an inequality on a half-line; and evenness and divisibility do not depend on ``t``, because ``P`` has their
factors too. The sizes that meet every demand are therefore, for each remainder, one run of a progression of step ``P``;
their union is the answer.
"""

from fractions import Fraction
from math import inf, lcm

from .network import AT_LEAST, EQUAL, AxisNetwork, Demand
from .progression import Progression
from .report import refuse
from .size_set import SizeSet
from .steps import Join, Resize, Save, SpaceToDepth, Transposed, Window
from .written import written_number

MAX_PERIOD = 20_000
"""A network with a longer period is refused: its remainders are tried one by one, which would take many seconds."""


def solve(network: AxisNetwork) -> SizeSet:
    """The sizes that meet every demand of ``network``.

    Raises :class:`ShapeError` for a period beyond :data:`MAX_PERIOD`.
    """
    period = period_of(network)
    if period is None:
        return SizeSet()
    if period > MAX_PERIOD:
        says = f"the period of its sizes is {written_number(period)}, and may be at most {MAX_PERIOD}"
        raise refuse("the network", "period", "too long to solve", says, "smaller strides or fewer levels")
    start = _all_windows_fit(network)
    runs = []
    for n in range(start, start + period):
        low, high = 0.0, inf
        for now, later in zip(network.run(n).demands, network.run(n + period).demands, strict=True):
            first, last = _turns(now, later)
            low, high = max(low, first), min(high, last)
            if low > high:
                break
        else:
            runs.append(Progression(n + int(low) * period, period, None if high == inf else int(high) - int(low) + 1))
    return SizeSet(runs)


def period_of(network: AxisNetwork) -> int | None:
    """By how much ``n`` must grow for every size on the way to grow by a whole number; ``None`` where sizes stay 0.

    >>> period_of(AxisNetwork((Window(2, 2), Window(3, 3), Transposed(2, 2))))
    6
    """
    slope = Fraction(1)
    saved: dict[str, Fraction] = {}
    slopes = [slope]
    for step in network.steps:
        match step:
            case Window(kernel, stride, dilation=dilation):
                if 0 in (kernel, stride, dilation):
                    return None
                slope /= stride
            case Transposed(kernel, stride, dilation=dilation):
                if 0 in (kernel, stride, dilation):
                    return None
                slope *= stride
            case Resize(factor):
                slope *= factor
            case SpaceToDepth(block):
                if block == 0:
                    return None
                slope /= block
            case Save(name):
                saved[name] = slope
            case Join(name, how):
                if how == "even crop":
                    slopes.append((saved[name] - slope) / 2)
                slope = saved[name] if how in ("pad", "resize") else slope
        if slope == 0:
            return None
        slopes.append(slope)
    return lcm(*(s.denominator for s in slopes))


def _all_windows_fit(network: AxisNetwork) -> int:
    """The first size from which every size on the way is at least 1."""

    def fits(n: int) -> bool:
        return all(size >= 1 for size in network.run(n).sizes)

    low, high = 0, 1  # 0 does not fit
    while not fits(high):
        low, high = high, high * high * 2  # in few turns, however large the windows are
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high


def _turns(now: Demand, later: Demand) -> tuple[float, float]:
    """The first and the last ``t ≥ 0`` for which a demand holds, from the demand at ``t = 0`` and at ``t = 1``."""
    apart = now.left - now.right
    growth = later.left - later.right - apart
    if now.relation is EQUAL and growth:
        t, rest = divmod(-apart, growth)
        return (t, t) if rest == 0 and t >= 0 else (inf, -inf)
    if now.relation is AT_LEAST and growth:
        # apart + t·growth ≥ 0
        return (max(-(apart // growth), 0), inf) if growth > 0 else (0, apart // -growth)
    return (0, inf) if now.holds else (inf, -inf)
