"""What a node requires of sizes, as data: which node, which rule, which two numbers, and whose sizes they are."""

from collections.abc import Callable
from dataclasses import dataclass

from ..naturals import quotient
from ..written import Written, written_number


@dataclass(frozen=True, slots=True)
class Relation:
    """How two numbers are required to stand to each other: in words, and when it ``holds``.

    >>> AT_LEAST.says, AT_LEAST.holds(3, 2), EVEN.holds(3, 2)
    ('must be at least', True, False)
    """

    says: str
    holds: Callable[[int, int], bool]


EQUAL = Relation("must be", lambda a, b: a == b)
AT_LEAST = Relation("must be at least", lambda a, b: a >= b)
EVEN = Relation("must differ by an even number from", lambda a, b: quotient(a + b, 2) * 2 == a + b)
MULTIPLE = Relation("must be a multiple of", lambda a, b: quotient(a, b) * b == a)


@dataclass(frozen=True, slots=True)
class Need:
    """A requirement of an operation, before its node has a name.

    ``left_of`` and ``right_of`` say whose sizes the numbers are: the index of an input, or a phrase.
    """

    rule: str
    left: int
    relation: Relation
    right: int
    left_of: int | str = 0
    right_of: int | str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Requirement(Written):
    """A requirement of one ``node``, judged for one input: ``left`` must stand in ``relation`` to ``right``.

    ``left_of`` and ``right_of`` say whose sizes these are: the name of a node or of an input, a phrase (the number of
    positions over all axes, say), or nothing for a plain number.

    >>> requirement = Requirement("joined", "equal", 303, EQUAL, 302, "encoder", "up")
    >>> requirement.holds, str(requirement)
    (False, 'joined: encoder is 303, and must be 302 (up)')
    """

    node: str
    rule: str
    left: int
    relation: Relation
    right: int
    left_of: str
    right_of: str = ""

    @property
    def holds(self) -> bool:
        """Whether the two numbers stand so."""
        return self.relation.holds(self.left, self.right)

    def __str__(self) -> str:
        left, right = written_number(self.left), written_number(self.right)
        of = f" ({self.right_of})" if self.right_of else ""
        return f"{self.node}: {self.left_of} is {left}, and {self.relation.says} {right}{of}"
