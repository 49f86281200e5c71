"""Which part of an output belongs to an image that was padded at its end."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from ..arithmetic.size_set import SizeSet
from ..network.network import Network
from ..network.running import sizes_along
from ..network.scale import slopes_of
from .compatibility import solved_axis


@dataclass(frozen=True, slots=True)
class Along:
    """An axis of an output that follows an axis of the image.

    ``axis`` is its position in the output's shape, ``name`` is the image's axis, and ``size`` is the output's size for
    the padded image. ``slope`` is how many positions the output gains for each position of a large image, and ``lost``
    is how many positions of the image have none in the output.
    """

    axis: int
    name: str
    size: int
    slope: Fraction = Fraction(1)
    lost: Fraction = Fraction(0)

    def kept(self, given: int) -> int:
        """The number of positions that belong to an image of size ``given``: the first ones, because padding follows.

        A position that stands for several of the image belongs to it if one of them does. A result of 0 or less means
        that none does. A network that keeps the size, one that halves it, and one that loses 184 positions:

        >>> Along(1, "H", 304).kept(303), Along(1, "H", 152, Fraction(1, 2)).kept(301)
        (303, 151)
        >>> Along(1, "H", 388, lost=Fraction(184)).kept(570), Along(1, "H", 4, lost=Fraction(184)).kept(100)
        (386, -84)
        """
        return min(self.size, ceil((given - self.lost) * self.slope))


MOST_SIZES = 128
"""The most sizes that :func:`lost_at` compares."""


def lost_at(fitting: int, output_of: Callable[[int], int], slope: Fraction, sizes: SizeSet) -> Fraction:
    """How many positions of an image have none in the output, for the size ``fitting``; negative for a wider output.

    A network that rounds sizes up has a wider output for some ``sizes`` only. The largest loss of these and larger ones
    then counts, but at most 0: what is beyond it is rounding, and does not belong to the image.

    >>> from wellshaped.spec import Progression
    >>> every = SizeSet([Progression(1, 1, None)])
    >>> lost_at(63, lambda n: (n + 1) // 2 * 2, Fraction(1), every), lost_at(63, lambda n: n + 2, Fraction(1), every)
    (Fraction(0, 1), Fraction(-2, 1))
    """
    lost = fitting - output_of(fitting) / slope
    near: int | None = fitting
    for _ in range(MOST_SIZES):
        near = sizes.above(near + 1) if lost < 0 and near is not None else None
        if near is None:
            break
        lost = max(lost, min(near - output_of(near) / slope, Fraction(0)))
    return lost


def along_of(network: Network, output: str, axis: int, size: int, *, place: int, name: str) -> Along:
    """How an ``output`` follows an axis of an image that was padded to ``size``; ``place`` is the axis in its shape.

    >>> from .any_network import graph_of
    >>> along_of(graph_of("ronneberger2015"), "y", 0, 572, place=1, name="H").kept(570)
    386
    """

    def output_of(n: int) -> int:
        return sizes_along(network, n, axis)[output]

    slope = slopes_of(network, axis)[output]
    if slope <= 0:  # an axis that is never padded
        return Along(place, name, output_of(size))
    return Along(place, name, output_of(size), slope, lost_at(size, output_of, slope, solved_axis(network, axis)))
