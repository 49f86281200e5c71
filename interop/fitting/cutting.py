"""Which part of an output belongs to an image that was padded at its end."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from ...spec.arithmetic.size_set import SizeSet
from ...spec.messages.report import UsageError


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


def require_slope(slope: Fraction | None, output: str, name: str) -> None:
    """Raise :class:`UsageError` if an output with this slope along the axis ``name`` can't be cut."""
    if slope is None:
        raise not_known(f"the size of {output} is no linear function of {name}")
    if slope <= 0:
        raise not_known(f"{output} has no axis that follows {name}, so padding changes all of it")


def not_known(says: str) -> UsageError:
    """The error for an output if it is not known which part of it belongs to a padded image."""
    about = "it is not known which part of the output belongs to the image"
    fix = 'policy="crop", or a function that returns only images'
    return UsageError.of("the output", "output", about, says, fix)
