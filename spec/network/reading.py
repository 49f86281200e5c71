"""The positions that each operation reads (SPEC section 9).

Along one axis every operation reads in the same manner. Position ``p`` of the output reads the positions from
``floor((p·step + first) / over)`` to ``floor((p·step + last) / over)`` of an input, counted from ``outside`` positions
before it. So five numbers say what an operation reads, and :data:`READS` has a line for each operation. Positions
outside of the input are its padding. All numbers are natural, so the theorems and certificates about tiles read these
functions as they are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from typing import Any

from ..arithmetic.naturals import monus, quotient
from .arithmetic import rounded_up, same_padding, smaller, transposed_padding
from .edges import Crop, CropTo, CropToSmallest, Pad, PadTo, PadToMultiple
from .fields import on_axis, sides_on
from .joins import Add, Concat, Multiply
from .operation import Operation
from .requiring import Require
from .resampling import DepthToSpace, Resize, ResizeTo, SpaceToDepth
from .values import Activation, Dropout, Mean, Norm, Scale, Slice
from .windows import AvgPool, Conv, ConvTranspose, MaxPool, TransposedWindow, Window


@dataclass(frozen=True, slots=True)
class Reads:
    """What an operation reads of one input: five natural numbers, along one axis and for given sizes.

    ``step / over`` is the number of input positions for each output position. It is 0 if every position reads the same.
    What is read is counted from ``outside`` positions before the input. ``repeats`` says which positions inside of the
    image the padding around it repeats: ``"mirrored"``, ``"replicated"``, or none (``""``).

    >>> three = Reads(last=2, outside=1)  # a window of three positions, padded by one
    >>> three.interval(0, 5), Reads(over=2).interval(0, 5)
    ((-1, 6), (0, 3))
    """

    step: int = 1
    over: int = 1
    first: int = 0
    last: int = 0
    outside: int = 0
    repeats: str = ""

    def from_position(self, position: int) -> int:
        """The first position that an output ``position`` reads, counted from ``outside`` before the input."""
        return quotient(position * self.step + self.first, self.over)

    def to_position(self, position: int) -> int:
        """The last position that an output ``position`` reads, counted from ``outside`` before the input."""
        return quotient(position * self.step + self.last, self.over)

    def interval(self, start: int, stop: int) -> tuple[int, int]:
        """The input positions ``[lo, hi)`` that the output positions ``[start, stop)`` read: their hull."""
        return self.from_position(start) - self.outside, self.to_position(stop - 1) - self.outside + 1

    def start_after(self, start: int) -> int:
        """The first output position that reads nothing before the input position ``start``.

        >>> Reads(last=2, outside=1).start_after(5)
        6
        """
        return quotient(monus((start + self.outside) * self.over, self.first) + monus(self.step, 1), self.step)

    def stop_before(self, stop: int) -> int:
        """The end of the output positions that read only before the input position ``stop``.

        >>> Reads(last=2, outside=1).stop_before(5)
        4
        """
        return quotient(monus((stop + self.outside) * self.over + self.step, self.last + 1), self.step)

    @property
    def everything(self) -> bool:
        """Whether each position reads the whole input, which has more than one position."""
        return self.step == 0 and self.last > 0


Sizes = Sequence[int]


def reads_of(operation: Operation, sizes: Sizes, axis: int) -> tuple[Reads | None, ...]:
    """What the operation reads of each input along ``axis``, for inputs of these sizes; ``None`` for only its size.

    An operation of your own is taken to read everything.

    >>> reads_of(MaxPool(2), [303], axis=0) == (Reads(step=2, last=1),)
    True
    >>> reads_of(CropTo(), [303, 300], axis=0) == (Reads(first=1, last=1), None)
    True
    """
    return READS.get(type(operation), _everything)(operation, sizes, axis)


def depends_on_size(operation: Operation) -> bool:
    """Whether the five numbers depend on the sizes, as in a centred crop.

    >>> depends_on_size(CropTo()), depends_on_size(Crop(2))
    (True, False)
    """
    if isinstance(operation, CropTo | CropToSmallest | PadTo | PadToMultiple):
        return True
    rounds_up = getattr(operation, "padding", "") == "SAME" or getattr(operation, "rounding", "") == "same"
    return rounds_up or scales_by_sizes(operation)


def scales_by_sizes(operation: Operation) -> bool:
    """Whether a resize scales positions by the ratio of its sizes, and not by a factor.

    >>> scales_by_sizes(ResizeTo()), scales_by_sizes(Resize(2))
    (True, False)
    """
    if isinstance(operation, Resize):
        return operation.align_corners or operation.recompute_scale_factor
    return isinstance(operation, ResizeTo)


def _window(operation: Any, sizes: Sizes, axis: int) -> tuple[Reads, ...]:
    kernel = on_axis(operation.kernel, axis)
    stride = kernel if operation.stride is None else on_axis(operation.stride, axis)
    reach = on_axis(getattr(operation, "dilation", 1), axis) * monus(kernel, 1)
    return (Reads(step=stride, last=reach, outside=_padding_before(operation, sizes[0], stride, reach, axis)),)


def _padding_before(operation: Any, n: int, stride: int, reach: int, axis: int) -> int:
    if operation.padding == "SAME" or getattr(operation, "rounding", "") == "same":
        return same_padding(n, reach + 1, stride)[0]
    return 0 if operation.padding == "VALID" else sides_on(operation.padding, axis)[0]


def _transposed(operation: Any, sizes: Sizes, axis: int) -> tuple[Reads, ...]:
    kernel, stride, dilation = (on_axis(v, axis) for v in (operation.kernel, operation.stride, operation.dilation))
    reach = dilation * monus(kernel, 1)
    before = _cut_before(operation, stride, reach, axis)
    outside = quotient(monus(reach, before), stride)
    last = before + outside * stride
    return (Reads(over=stride, first=monus(last + monus(stride, 1), reach), last=last, outside=outside),)


def _cut_before(operation: Any, stride: int, reach: int, axis: int) -> int:
    """How many positions a transposed window cuts off before its result: its padding."""
    if isinstance(operation.padding, str):
        return reach - transposed_padding(reach + 1, stride, operation.padding)[0]
    return sides_on(operation.padding, axis)[0]


def _resize(operation: Resize, sizes: Sizes, axis: int) -> tuple[Reads, ...]:
    step, over = on_axis(operation.over, axis), on_axis(operation.factor, axis)
    if operation.align_corners:
        return (_aligned(sizes[0], operation.size(sizes, axis), Fraction(step, over)),)
    if operation.recompute_scale_factor:
        ratio = Fraction(sizes[0], max(operation.size(sizes, axis), 1))
        step, over = ratio.numerator, ratio.denominator
    return (_resized(operation.mode, step, over),)


def _resize_to(operation: ResizeTo, sizes: Sizes, axis: int) -> tuple[Reads | None, ...]:
    n, to = sizes
    if n == 1:  # a mean over all positions: every position reads it
        return Reads(step=0), None
    ratio = Fraction(n, max(to, 1))
    if operation.align_corners:
        return _aligned(n, to, ratio), None
    return _resized(operation.mode, ratio.numerator, ratio.denominator), None


def _resized(mode: str, step: int, over: int) -> Reads:
    """What a resize reads that takes ``step / over`` input positions for each of its own."""
    if mode == "nearest":
        return Reads(step, over)
    if mode == "nearest-exact":
        return Reads(2 * step, 2 * over, step, step)
    return Reads(2 * step, 2 * over, step + over, step + 2 * over + monus(over, 1), outside=1)


def _aligned(n: int, to: int, ratio: Fraction) -> Reads:
    """What a linear resize with aligned corners reads; ``ratio`` is that of sizes of 1, which have one corner."""
    if n > 1 and to > 1:
        ratio = Fraction(n - 1, to - 1)
    return Reads(ratio.numerator, ratio.denominator, last=ratio.denominator - 1)


def _space_to_depth(operation: SpaceToDepth, sizes: Sizes, axis: int) -> tuple[Reads, ...]:
    block = on_axis(operation.block, axis)
    return (Reads(step=block, last=monus(block, 1)),)


def _depth_to_space(operation: DepthToSpace, sizes: Sizes, axis: int) -> tuple[Reads, ...]:
    return (Reads(over=on_axis(operation.block, axis)),)


def _crop(operation: Crop, sizes: Sizes, axis: int) -> tuple[Reads, ...]:
    return (_shifted(sides_on(operation.amounts, axis)[0]),)


def _crop_to(operation: CropTo, sizes: Sizes, axis: int) -> tuple[Reads | None, ...]:
    n, to = sizes
    return _shifted(operation.parts(n, to, axis)[0]), None


def _crop_to_smallest(operation: CropToSmallest, sizes: Sizes, axis: int) -> tuple[Reads | None, ...]:
    lost = monus(sizes[0], reduce(smaller, sizes))
    before = rounded_up(lost, 2) if operation.odd == "before" else quotient(lost, 2)
    return _shifted(before), *(None for _ in sizes[1:])


def _pad(operation: Pad, sizes: Sizes, axis: int) -> tuple[Reads, ...]:
    return (_padded(operation.mode, sides_on(operation.amounts, axis)[0]),)


def _pad_to(operation: PadTo | PadToMultiple, sizes: Sizes, axis: int) -> tuple[Reads | None, ...]:
    lacking = monus(operation.size(sizes, axis), sizes[0])
    before = quotient(lacking, 2) if operation.where == "both" else 0
    return _padded(operation.mode, before), *(None for _ in sizes[1:])


def _padded(mode: str, before: int) -> Reads:
    return Reads(outside=before, repeats="" if mode == "zeros" else mode.split(",")[0])


def _shifted(by: int) -> Reads:
    return Reads(first=by, last=by)


def _same(operation: Operation, sizes: Sizes, axis: int) -> tuple[Reads, ...]:
    return tuple(Reads() for _ in sizes)


def _elementwise(operation: Add | Multiply, sizes: Sizes, axis: int) -> tuple[Reads, ...]:
    same = _same(operation, sizes, axis)
    return (*same[:-1], Reads(step=0)) if operation.broadcast == "positions" else same


def _norm(operation: Norm, sizes: Sizes, axis: int) -> tuple[Reads, ...]:
    of_image = operation.kind in ("instance", "group")
    return _everything(operation, sizes, axis) if of_image else _same(operation, sizes, axis)


def _require(operation: Require, sizes: Sizes, axis: int) -> tuple[Reads | None, ...]:
    return Reads(), *(None for _ in sizes[1:])


def _everything(operation: Operation, sizes: Sizes, axis: int) -> tuple[Reads, ...]:
    return tuple(Reads(step=0, last=monus(smaller(n, 2), 1)) for n in sizes)


READS: dict[type[Operation], Callable[[Any, Sizes, int], tuple[Reads | None, ...]]] = {
    Conv: _window,
    MaxPool: _window,
    AvgPool: _window,
    Window: _window,
    ConvTranspose: _transposed,
    TransposedWindow: _transposed,
    Resize: _resize,
    ResizeTo: _resize_to,
    SpaceToDepth: _space_to_depth,
    DepthToSpace: _depth_to_space,
    Crop: _crop,
    CropTo: _crop_to,
    CropToSmallest: _crop_to_smallest,
    Pad: _pad,
    PadTo: _pad_to,
    PadToMultiple: _pad_to,
    Concat: _same,
    Add: _elementwise,
    Multiply: _elementwise,
    Norm: _norm,
    Activation: _same,
    Dropout: _same,
    Scale: _same,
    Slice: _same,
    Mean: _everything,
    Require: _require,
}
"""What each operation reads: the table of SPEC section 9. Batch norms are those of evaluation."""
