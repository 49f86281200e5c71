"""What every operation of a network answers: its step, its channels, its parameters, its rules (SPEC section 8).

An operation is a small frozen value. It has no name and knows no other node: what it is given are the sizes and the
channels of its inputs, in order. The defaults here are those of an operation that changes nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import ClassVar

from ..messages.written import Written
from .fields import axes_of, read_field
from .requirement import Need

Shapes = dict[str, tuple[int, ...]]
"""The shapes of an operation's parameters, by name."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with an operation where it stands, whatever the size: a rule, what it says, and a fix."""

    rule: str
    says: str
    fix: str


class Operation(Written):
    """The base of all operations. A field takes what its annotation and ``choices`` say, or raises :class:`ShapeError`.

    ``takes`` are the least and the greatest number of inputs; ``None`` is any number. An operation that ``follows``
    works on values alone, and is shown with the operation before it; one that ``hands_on`` only requires something.

    >>> from wellshaped.spec.network import MaxPool
    >>> operation = MaxPool(2)
    >>> operation.size([303], axis=0), operation.channels_after([16], axes=2), operation.parameters([16], axes=2)
    (151, 16, {})
    """

    __slots__ = ()
    takes: ClassVar[tuple[int, int | None]] = (1, 1)
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    follows: ClassVar[bool] = False
    hands_on: ClassVar[bool] = False
    word: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for f in fields(self):  # type: ignore[arg-type]  # each operation is a dataclass
            value = read_field(getattr(self, f.name), f.name, f.type, self.choices.get(f.name))
            object.__setattr__(self, f.name, value)

    @property
    def inputs_taken(self) -> tuple[int, int | None]:
        """The least and the greatest number of inputs of this very operation."""
        return self.takes

    def axes(self) -> dict[str, int]:
        """For how many axes each field has numbers, of the fields that have one for each."""
        counts = {f.name: axes_of(getattr(self, f.name)) for f in fields(self)}  # type: ignore[arg-type]  # as above
        return {name: count for name, count in counts.items() if count is not None}

    @property
    def called(self) -> str:
        """What the operation is called, in a table or a picture."""
        return self.word or type(self).__name__.lower()

    def size(self, sizes: Sequence[int], axis: int) -> int:
        """The step: the size of the result along ``axis``, from those of the inputs. A function over the naturals."""
        return sizes[0]

    def needs(self, sizes: Sequence[int], axis: int) -> tuple[Need, ...]:
        """What is required of the sizes along ``axis``."""
        return ()

    def needs_together(self, sizes: Sequence[Sequence[int]], channels: Sequence[int]) -> tuple[Need, ...]:
        """What is required over all axes together; ``sizes`` are those of each input, one for each axis."""
        return ()

    def faults(self, channels: Sequence[int], axes: int) -> Iterator[Fault]:
        """What is wrong, given the channels of the inputs."""
        yield from ()

    def channels_after(self, channels: Sequence[int], axes: int) -> int:
        """The channels of the result; only asked where there are no :meth:`faults`."""
        return channels[0]

    def parameters(self, channels: Sequence[int], axes: int) -> Shapes:
        """The shapes of what is learned."""
        return {}

    def multiply_adds(self, given: Sequence[Sequence[int]], made: Sequence[int], channels: Sequence[int]) -> int:
        """How many products it adds up; ``given`` and ``made`` are sizes along all axes. Only windows count."""
        return 0


def changes_size(operation: Operation) -> bool:
    """Whether the size of the result can be another one than that of the first input."""
    return type(operation).size is not Operation.size


def requires_size(operation: Operation) -> bool:
    """Whether something is required of sizes along an axis."""
    return type(operation).needs is not Operation.needs


def of_at_least_one(name: str, value: int) -> Iterator[Fault]:
    """The fault of a count that is 0."""
    if value < 1:
        yield Fault(f"{name}_pos", f"{name}=0 must be at least 1", f"{name}=1")
