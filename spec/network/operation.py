"""The methods of every operation: its step, its channels, its parameters, its rules (SPEC section 8).

An operation is a small frozen value. It has no name and knows no nodes: its methods take the sizes and the channels of
its inputs, in order. The methods here are those of an operation that changes nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import ClassVar

from ..messages.written import Written, written_number, written_value
from .fields import axes_of, read_field
from .requirement import Need

Shapes = dict[str, tuple[int, ...]]
"""The shapes of an operation's parameters, by name."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is wrong with an operation at its place in the network, for every size.

    ``inputs`` are inputs by their numbers; each ``{}`` in ``says`` is the name of one. ``fix`` is an argument of the
    operation, such as ``groups=1``, or a function that returns the whole fix, called only if the fix is shown. With
    ``expected=(i, count)`` the fix gives the input ``i`` that many channels.
    """

    rule: str
    says: str
    fix: str | Callable[[], str] = ""
    inputs: tuple[int, ...] = ()
    expected: tuple[int, int] | None = None


class Operation(Written):
    """The base class of all operations. Annotations and ``choices`` say which values the fields take.

    ``input_count`` is the least and the greatest number of inputs (``None`` for any number). An operation that
    ``shares_row`` changes only values; a table shows it in the row of the node before it. One that ``only_checks``
    returns its input. ``nonzero`` names the fields that must not be 0; a network rejects an operation that breaks this.

    Raises :class:`UsageError` for a number that is not natural, and :class:`ConfigError` for another wrong value.

    >>> from wellshaped.spec.network import MaxPool
    >>> operation = MaxPool(2)
    >>> operation.size([303], axis=0), operation.channels_after([16], axes=2), operation.parameters([16], axes=2)
    (151, 16, {})
    """

    __slots__ = ()
    input_count: ClassVar[tuple[int, int | None]] = (1, 1)
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    nonzero: ClassVar[tuple[str, ...]] = ()
    shares_row: ClassVar[bool] = False
    only_checks: ClassVar[bool] = False
    word: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for f in fields(self):  # type: ignore[arg-type]  # each operation is a dataclass
            value = read_field(getattr(self, f.name), f.name, f.type, self.choices.get(f.name))
            object.__setattr__(self, f.name, value)

    def axes(self) -> dict[str, int]:
        """How many axes each field with a number for each axis has, by the field's name."""
        counts = {f.name: axes_of(getattr(self, f.name)) for f in fields(self)}  # type: ignore[arg-type]  # as above
        return {name: count for name, count in counts.items() if count is not None}

    @property
    def called(self) -> str:
        """The name of the operation in a table or a picture."""
        return self.word or type(self).__name__.lower()

    def size(self, sizes: Sequence[int], axis: int) -> int:
        """The step: the output size along ``axis`` for these input ``sizes``, computed in natural arithmetic."""
        return sizes[0]

    def needs(self, sizes: Sequence[int], axis: int) -> tuple[Need, ...]:
        """The requirements on the sizes along ``axis``."""
        return ()

    def needs_together(self, sizes: Sequence[Sequence[int]], channels: Sequence[int]) -> tuple[Need, ...]:
        """The requirements over all axes together; ``sizes`` has the sizes of each input, one for each axis.

        Each requires that the product of the sizes of the first input, times some factor, is at least some number.
        """
        return ()

    def faults(self, channels: Sequence[int], axes: int) -> Iterator[Fault]:
        """Everything that is wrong for inputs with these ``channels``."""
        yield from ()

    def channels_after(self, channels: Sequence[int], axes: int) -> int:
        """The output channels; only called if there are no :meth:`faults`."""
        return channels[0]

    def parameters(self, channels: Sequence[int], axes: int) -> Shapes:
        """The shapes of the parameters."""
        return {}

    def arrays(self, channels: Sequence[int], axes: int) -> Shapes:
        """The shapes of all arrays of its layer: the parameters, and those that are not learned."""
        return self.parameters(channels, axes)

    def layer(self, channels: Sequence[int], axes: int) -> Mapping[str, object]:
        """What its layer holds. It must be the same for all nodes that share the layer."""
        return self.parameters(channels, axes)

    def multiply_adds(self, given: Sequence[Sequence[int]], made: Sequence[int], channels: Sequence[int]) -> int:
        """The number of multiply-adds, for input sizes ``given`` and output sizes ``made``; 0 except for windows."""
        return 0


def counted(count: int, what: str) -> str:
    """Return ``count`` with the word for it: ``1 channel``, ``2 channels``."""
    return f"{written_number(count)} {what}{'' if count == 1 else 's'}"


def changes_size(operation: Operation) -> bool:
    """Whether the output size can differ from that of the first input."""
    return type(operation).size is not Operation.size


def requires_size(operation: Operation) -> bool:
    """Whether the operation has requirements on sizes along an axis."""
    return type(operation).needs is not Operation.needs


def requires_together(operation: Operation) -> bool:
    """Whether the operation has requirements over all axes together."""
    return type(operation).needs_together is not Operation.needs_together


SIZE_FACTORS = ("kernel", "stride", "dilation", "factor", "over", "block", "multiple")
"""The fields that make every size 0 if they are 0."""


def numbers_in(operation: Operation) -> dict[str, int]:
    """The largest number in each field of an operation. XLA has to hold it.

    >>> from wellshaped.spec.network import MaxPool
    >>> numbers_in(MaxPool((2, 3), padding=((0, 1), (0, 0))))["padding"]
    1
    """
    numbers: dict[str, int] = {}
    for f in fields(operation):  # type: ignore[arg-type]  # each operation is a dataclass
        value = getattr(operation, f.name)
        of_axes = value if isinstance(value, tuple) else (value,)
        sides = [n for of in of_axes for n in (of if isinstance(of, tuple) else (of,)) if type(n) is int]
        numbers |= {f.name: max(sides)} if sides else {}
    return numbers


def zero_faults(operation: Operation, names: Sequence[str]) -> Iterator[Fault]:
    """A fault for each of the fields ``names`` that is 0 along an axis. Open numbers and symbols are not 0.

    >>> from wellshaped.spec.network import Conv
    >>> [(fault.rule, fault.fix) for fault in zero_faults(Conv(3, (2, 0)), Conv.nonzero)]
    [('stride_pos', 'stride=(2, 1)')]
    """
    for name in names:
        value = getattr(operation, name, None)
        numbers = value if isinstance(value, tuple) else (value,)
        if any(type(number) is int and number == 0 for number in numbers):
            given, fixed = written_value(value), tuple(1 if number == 0 else number for number in numbers)
            fix = written_value(fixed if isinstance(value, tuple) else fixed[0])
            yield Fault(f"{name}_pos", f"{name}={given} must be at least 1", f"{name}={fix}")


def of_at_least_one(name: str, value: int) -> Iterator[Fault]:
    """A fault if the count ``value`` is 0."""
    if value < 1:
        yield Fault(f"{name}_pos", f"{name}=0 must be at least 1", f"{name}=1")
