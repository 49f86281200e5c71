"""Operations with several inputs: concatenation, addition, multiplication (SPEC section 8).

The input sizes must be equal. A crop, pad or resize that makes them equal is a separate node before the join.
"""

from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass

from ..messages.written import written_number
from .operation import Fault, Operation, counted
from .requirement import EQUAL, Need


def _equal(sizes: Sequence[int]) -> Iterator[Need]:
    for i, size in enumerate(sizes[1:], 1):
        yield Need("equal", sizes[0], EQUAL, size, 0, i)


@dataclass(frozen=True, slots=True, repr=False)
class Concat(Operation):
    """Concatenate two or more inputs on channels. They must have equal sizes.

    >>> Concat().channels_after([16, 16], axes=2)
    32
    """

    input_count = (2, None)

    def needs(self, sizes: Sequence[int], axis: int) -> tuple[Need, ...]:
        """All inputs must have the size of the first."""
        return tuple(_equal(sizes))

    def channels_after(self, channels: Sequence[int], axes: int) -> int:
        """The sum of the channels."""
        return sum(channels)


@dataclass(frozen=True, slots=True, repr=False)
class _Elementwise(Operation):
    """An operation on values at the same position and channel.

    ``broadcast="positions"`` broadcasts the last input over positions: it must have one position. ``"channels"``
    broadcasts it over channels: it must have one channel. Otherwise sizes and channels must be equal: a size that is 1
    by accident is not broadcast.
    """

    _: KW_ONLY
    broadcast: str = "never"

    input_count = (2, None)
    choices = {"broadcast": ("never", "positions", "channels")}  # noqa: RUF012 never changed

    def needs(self, sizes: Sequence[int], axis: int) -> tuple[Need, ...]:
        """All inputs must have the size of the first, except a broadcast one, which must have one position."""
        if self.broadcast != "positions":
            return tuple(_equal(sizes))
        *others, last = sizes
        return (*_equal(others), Need("one_position", last, EQUAL, 1, len(others)))

    def faults(self, channels: Sequence[int], axes: int) -> Iterator[Fault]:
        """All inputs must have the channels of the first, except a broadcast one, which must have one channel."""
        last = len(channels) - 1
        for i, count in enumerate(channels[1:], 1):
            single = self.broadcast == "channels" and i == last
            if count == (1 if single else channels[0]):
                continue
            given = f"{{}} has {counted(count, 'channel')}"
            if single:
                says = f"{given}, and must have 1, because it is broadcast"
                yield Fault("channels_equal", says, inputs=(i,), expected=(i, 1))
                continue
            says = f"{given}, {{}} has {written_number(channels[0])}, and they must be equal"
            fix = 'broadcast="channels"' if count == 1 and i == last else ""
            yield Fault("channels_equal", says, fix, inputs=(i, 0), expected=None if fix else (i, channels[0]))


@dataclass(frozen=True, slots=True, repr=False)
class Add(_Elementwise):
    """The sum of its inputs. ``broadcast="positions"`` or ``"channels"`` broadcasts the last input over them.

    >>> [need.rule for need in Add(broadcast="positions").needs([303, 1], 0)]
    ['one_position']
    """


@dataclass(frozen=True, slots=True, repr=False)
class Multiply(_Elementwise):
    """The product of its inputs; ``broadcast`` is that of :class:`Add`.

    >>> [fault.rule for fault in Multiply().faults([16, 1], axes=2)]
    ['channels_equal']
    """
