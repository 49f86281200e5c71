"""Crops and pads: by fixed amounts, up to a multiple, or to the size of another node (SPEC section 8).

An operation whose name ends in ``To`` changes its first input to the size of its second.
"""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass

from ..arithmetic.naturals import monus, quotient
from ..messages.report import ConfigError
from ..messages.written import written_number
from .arithmetic import rounded_up, smaller
from .fields import PerAxis, Sides, on_axis, sides_on
from .operation import Operation
from .requirement import AT_LEAST, EVEN, Need

_MODE = ("zeros", "mirrored", "replicated", "mirrored, extended")
_ODD = {"odd": ("after", "before", "never")}


@dataclass(frozen=True, slots=True, repr=False)
class Crop(Operation):
    """Crop by fixed ``amounts``: a number for all sides, one for each axis, or a pair (before, after) for each.

    >>> Crop(2).size([303], 0), Crop(((0, 5),)).size([303], 0)
    (299, 298)
    """

    amounts: Sides

    def size(self, sizes: Sequence[int], axis: int) -> int:
        """``n ∸ (before + after)``."""
        before, after = sides_on(self.amounts, axis)
        return monus(sizes[0], before + after)


@dataclass(frozen=True, slots=True, repr=False)
class CropTo(Operation):
    """Crop the first input to the size of the second, which must not be larger.

    It crops both sides equally. If the number to crop is odd, one more position is cropped at the end (``odd="after"``)
    or at the start (``"before"``); ``odd="never"`` requires an even number. With an ``offset``, it crops that many
    positions at the start and the rest at the end; ``offset=0`` keeps the start.

    >>> CropTo().size([303, 300], 0), CropTo().parts(303, 300, 0), CropTo(offset=0).parts(303, 300, 0)
    (300, (1, 2), (0, 3))
    """

    offset: PerAxis | None = None
    _: KW_ONLY
    odd: str = "after"

    input_count = (2, 2)
    choices = _ODD

    word = "crop"

    def __post_init__(self) -> None:
        Operation.__post_init__(self)
        if self.offset is not None and self.odd != "after":
            says = "offset already fixes where to crop, so odd must be left out"
            raise ConfigError.of(repr(self), "odd", "", says, 'odd="after"')

    def size(self, sizes: Sequence[int], axis: int) -> int:
        """The size of the second input."""
        return sizes[1]

    def parts(self, n: int, to: int, axis: int) -> tuple[int, int]:
        """How many positions are lost before and after."""
        lost = monus(n, to)
        half = rounded_up(lost, 2) if self.odd == "before" else quotient(lost, 2)
        before = half if self.offset is None else on_axis(self.offset, axis)
        return before, monus(lost, before)

    def needs(self, sizes: Sequence[int], axis: int) -> tuple[Need, ...]:
        """The first input must be large enough; with ``odd="never"`` the difference must be even."""
        n, to = sizes
        if self.offset is not None:
            offset = on_axis(self.offset, axis)
            of = f"the other input is {written_number(to)}, and the offset {written_number(offset)}"
            return (Need("room", n, AT_LEAST, to + offset, 0, of),)
        room = Need("room", n, AT_LEAST, to, 0, 1)
        return (room, Need("even", n, EVEN, to, 0, 1)) if self.odd == "never" else (room,)


@dataclass(frozen=True, slots=True, repr=False)
class CropToSmallest(Operation):
    """Crop the first input on both sides to the smallest size of all inputs; ``odd`` is that of :class:`CropTo`.

    >>> CropToSmallest().size([303, 302], 0)
    302
    """

    _: KW_ONLY
    odd: str = "after"

    input_count = (2, None)
    choices = _ODD

    word = "crop"

    def size(self, sizes: Sequence[int], axis: int) -> int:
        """The smallest size of all inputs."""
        least = sizes[0]
        for other in sizes[1:]:
            least = smaller(least, other)
        return least

    def needs(self, sizes: Sequence[int], axis: int) -> tuple[Need, ...]:
        """With ``odd="never"`` the difference must be even."""
        least = self.size(sizes, axis)
        return (Need("even", sizes[0], EVEN, least, 0, "the smallest"),) if self.odd == "never" else ()


def _mirror_needs(mode: str, n: int, before: int, after: int) -> tuple[Need, ...]:
    """Mirrored padding must be smaller than the size, unless the image is extended by zeros first."""
    if mode != "mirrored":
        return ()
    larger = before + monus(after, before)
    return (Need("mirrored", n, AT_LEAST, larger + 1, 0, "the padding, and one more"),)


@dataclass(frozen=True, slots=True, repr=False)
class Pad(Operation):
    """Pad by fixed ``amounts``, which are those of :class:`Crop`, with zeros, mirrored or replicated positions.

    Mirrored padding must be smaller than the size. ``"mirrored, extended"`` is EnCodec's: it first extends an image
    that is too small by zeros.

    >>> Pad(((0, 1),)).size([303], 0)
    304
    """

    amounts: Sides
    _: KW_ONLY
    mode: str = "zeros"

    choices = {"mode": _MODE}  # noqa: RUF012 never changed

    def size(self, sizes: Sequence[int], axis: int) -> int:
        """``n + before + after``."""
        before, after = sides_on(self.amounts, axis)
        return sizes[0] + before + after

    def needs(self, sizes: Sequence[int], axis: int) -> tuple[Need, ...]:
        """Mirrored padding must be smaller than the size."""
        return _mirror_needs(self.mode, sizes[0], *sides_on(self.amounts, axis))


@dataclass(frozen=True, slots=True, repr=False)
class PadToMultiple(Operation):
    """Pad to the next multiple of ``multiple``. A size that is a multiple stays as it is.

    ``where="after"`` pads at the end. ``where="both"`` pads on both sides; if the number to add is odd, the extra
    position goes at the end. ``mode`` is that of :class:`Pad`.

    >>> PadToMultiple(16).size([303], 0), PadToMultiple(16).size([304], 0)
    (304, 304)
    """

    multiple: PerAxis
    _: KW_ONLY
    where: str = "after"
    mode: str = "zeros"

    choices = {"mode": _MODE, "where": ("after", "both")}  # noqa: RUF012 never changed

    word = "pad"

    def size(self, sizes: Sequence[int], axis: int) -> int:
        """``ceil(n / multiple)·multiple``."""
        multiple = on_axis(self.multiple, axis)
        return rounded_up(sizes[0], multiple) * multiple

    def needs(self, sizes: Sequence[int], axis: int) -> tuple[Need, ...]:
        """Mirrored padding must be smaller than the size."""
        return _mirror_needs(self.mode, sizes[0], *_lacking(sizes[0], self.size(sizes, axis), self.where))


@dataclass(frozen=True, slots=True, repr=False)
class PadTo(Operation):
    """Pad the first input to the size of the second, which must not be smaller.

    ``where="both"`` pads on both sides; if the number to add is odd, the extra position goes at the end.
    ``where="after"`` pads only at the end. ``mode`` is that of :class:`Pad`.

    >>> PadTo().size([302, 303], 0)
    303
    """

    _: KW_ONLY
    where: str = "both"
    mode: str = "zeros"

    input_count = (2, 2)
    choices = {"mode": _MODE, "where": ("both", "after")}  # noqa: RUF012 never changed

    word = "pad"

    def size(self, sizes: Sequence[int], axis: int) -> int:
        """The size of the second input."""
        return sizes[1]

    def needs(self, sizes: Sequence[int], axis: int) -> tuple[Need, ...]:
        """The second input must not be smaller, and mirrored padding must be smaller than the size."""
        n, to = sizes
        return (Need("room", to, AT_LEAST, n, 1, 0), *_mirror_needs(self.mode, n, *_lacking(n, to, self.where)))


def _lacking(n: int, to: int, where: str) -> tuple[int, int]:
    lacking = monus(to, n)
    before = quotient(lacking, 2) if where == "both" else 0
    return before, monus(lacking, before)
