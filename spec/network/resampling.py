"""Resizes, space to depth and depth to space (SPEC section 8)."""

from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from fractions import Fraction
from math import prod

from ..arithmetic.naturals import LARGEST, monus, quotient
from ..messages.report import ConfigError, UsageError
from ..messages.written import written_argument, written_number
from .fields import PerAxis, on_axis
from .operation import Fault, Operation, counted
from .requirement import MULTIPLE, Need

_MODES = {"mode": ("nearest", "nearest-exact", "linear")}


def _require_linear(operation: "Resize | ResizeTo") -> None:
    if operation.align_corners and operation.mode != "linear":
        says = f"align_corners is for linear resizing, and the mode is {operation.mode}"
        raise ConfigError.of(repr(operation), "align_corners", "", says, 'mode="linear"')


@dataclass(frozen=True, slots=True, repr=False)
class Resize(Operation):
    """Nearest or linear resizing by a factor: the size is ``floor(n·factor / over) ∸ less``.

    The modes are PyTorch's. For a factor that is not whole, ``"nearest"`` and ``"nearest-exact"`` differ: the second
    takes what is at the middle of a position, and is the nearest resize of ``jax.image.resize``.

    ``Resize(2)`` doubles, ``Resize(1, over=2)`` halves. ``Resize(2, mode="linear", align_corners=True, less=1)`` adds
    one position between each two neighbours: ``2n - 1``. A position is scaled by the factor, or with
    ``recompute_scale_factor`` by the ratio of the two sizes, as PyTorch and JAX do for a given size. Where the size
    stays the same, PyTorch may copy the axis; here it is resized.

    Raises :class:`ConfigError` for ``align_corners`` without the mode ``"linear"`` or with ``recompute_scale_factor``,
    :class:`UsageError` for a factor with a fraction, and the errors of :class:`Operation`.

    >>> Resize(2).size([151], 0), Resize(1, over=2).size([303], 0), Resize(2, less=1).size([151], 0)
    (302, 151, 301)
    """

    factor: PerAxis
    _: KW_ONLY
    mode: str = "nearest"
    align_corners: bool = False
    over: PerAxis = 1
    less: PerAxis = 0
    recompute_scale_factor: bool = False

    choices = _MODES

    def __post_init__(self) -> None:
        _reject_fractions(self.factor)
        Operation.__post_init__(self)
        _require_linear(self)
        if self.align_corners and self.recompute_scale_factor:
            says = "with align_corners, the scale already comes from the sizes"
            raise ConfigError.of(repr(self), "recompute_scale_factor", "", says, "align_corners=True alone")

    @property
    def called(self) -> str:
        """The mode of the resize."""
        return f"{self.mode} resize"

    def size(self, sizes: Sequence[int], axis: int) -> int:
        """``floor(n·factor / over) ∸ less``."""
        factor, over, less = (on_axis(v, axis) for v in (self.factor, self.over, self.less))
        return monus(quotient(sizes[0] * factor, over), less)


def _reject_fractions(factor: object) -> None:
    """Raise :class:`UsageError` for a factor with a fraction. The fix has the whole numbers that say the same."""
    of_axes = factor if isinstance(factor, tuple | list) else (factor,)
    known = [of for of in of_axes if isinstance(of, int | float) and 1e-6 <= of <= LARGEST]
    if len(known) < len(of_axes) or all(isinstance(of, int) or of.is_integer() for of in known):
        return
    ratios = [Fraction(of).limit_denominator(10**6) for of in known]
    whole = [(ratio.numerator, ratio.denominator) for ratio in ratios]
    numbers = whole[0] if of_axes is not factor else tuple(zip(*whole, strict=True))
    fix = ", ".join(map(written_argument, ("factor", "over"), numbers))
    given = written_argument("factor", factor)
    says = f"{given} has a fraction; write it as two whole numbers, factor / over"
    raise UsageError.of(given, "natural", "not a natural number", says, fix)


@dataclass(frozen=True, slots=True, repr=False)
class ResizeTo(Operation):
    """Nearest or linear resizing of the first input to the size of the second, larger or smaller.

    The modes are those of :class:`Resize`. Raises :class:`ConfigError` for ``align_corners`` without the mode
    ``"linear"``, and the errors of :class:`Operation`.

    >>> ResizeTo().size([151, 303], 0)
    303
    """

    _: KW_ONLY
    mode: str = "nearest"
    align_corners: bool = False

    input_count = (2, 2)
    choices = _MODES

    def __post_init__(self) -> None:
        Operation.__post_init__(self)
        _require_linear(self)

    @property
    def called(self) -> str:
        """The mode of the resize."""
        return f"{self.mode} resize"

    def size(self, sizes: Sequence[int], axis: int) -> int:
        """The size of the second input."""
        return sizes[1]


@dataclass(frozen=True, slots=True, repr=False)
class SpaceToDepth(Operation):
    """Turn blocks of ``block`` positions along each axis into channels: the size must be a multiple of ``block``.

    >>> SpaceToDepth(4).size([304], 0), SpaceToDepth(2).channels_after([3], axes=2)
    (76, 12)
    """

    block: PerAxis

    word = "space to depth"

    def size(self, sizes: Sequence[int], axis: int) -> int:
        """``n / block``."""
        return quotient(sizes[0], on_axis(self.block, axis))

    def needs(self, sizes: Sequence[int], axis: int) -> tuple[Need, ...]:
        """The size must be a multiple of the block."""
        return (Need("multiple", sizes[0], MULTIPLE, on_axis(self.block, axis)),)

    def channels_after(self, channels: Sequence[int], axes: int) -> int:
        """The input's channels, times the positions of a block."""
        return channels[0] * _positions(self.block, axes)


@dataclass(frozen=True, slots=True, repr=False)
class DepthToSpace(Operation):
    """Turn channels into blocks of ``block`` positions along each axis (pixel shuffle).

    The number of channels must be a multiple of the number of positions in a block.

    >>> DepthToSpace(2).size([151], 0), DepthToSpace(2).channels_after([12], axes=2)
    (302, 3)
    """

    block: PerAxis

    word = "depth to space"

    def size(self, sizes: Sequence[int], axis: int) -> int:
        """``n·block``."""
        return sizes[0] * on_axis(self.block, axis)

    def faults(self, channels: Sequence[int], axes: int) -> Iterator[Fault]:
        """The number of channels must be a multiple of the number of positions in a block."""
        positions = _positions(self.block, axes)
        if positions == 0 or channels[0] % positions:
            given = f"the input has {counted(channels[0], 'channel')}"
            says = (
                f"{given}, and their number must be a multiple of {written_number(positions)}, the positions in a block"
            )
            more = max(channels[0] // max(positions, 1), 1) * positions
            if positions == 0:
                yield Fault("block_divides", says, "block=2")
            else:
                yield Fault("block_divides", says, expected=(0, more))

    def channels_after(self, channels: Sequence[int], axes: int) -> int:
        """The input's channels, divided by the positions in a block."""
        return quotient(channels[0], _positions(self.block, axes))


def _positions(block: PerAxis, axes: int) -> int:
    return prod(on_axis(block, axis) for axis in range(axes))
