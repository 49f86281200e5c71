"""The requirements of nodes as data: the node, the rule, the two numbers compared, and whose sizes these are."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from ..arithmetic.naturals import equal, monus, quotient
from ..messages.written import Written, written_number


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation that two numbers must meet.

    ``says`` words it for a number and a bound, ``together`` for the sizes of two nodes. ``fixed(left, right)`` returns
    a new left number that meets it: for a minimum, a multiple or an even difference, the next larger one. If the
    relation is ``mutual``, the right number may be changed instead.

    >>> AT_LEAST.says, AT_LEAST.holds(3, 2), EVEN.holds(3, 2), MULTIPLE.fixed(5, 4)
    ('must be at least', True, False, 8)
    """

    says: str
    holds: Callable[[int, int], bool] = field(repr=False)
    fixed: Callable[[int, int], int] = field(repr=False)
    together: str = ""
    mutual: bool = False


def _at_least(a: int, b: int) -> bool:
    return a >= b


def _at_most(a: int, b: int) -> bool:
    return a <= b


def _even(a: int, b: int) -> bool:
    return equal(quotient(a + b, 2) * 2, a + b)


def _multiple(a: int, b: int) -> bool:
    return equal(quotient(a, b) * b, a)


EQUAL = Relation("must be", equal, lambda a, b: b, "must be equal", mutual=True)
AT_LEAST = Relation("must be at least", _at_least, lambda a, b: b)
AT_MOST = Relation("must be at most", _at_most, lambda a, b: b)
EVEN = Relation("must differ by an even number from", _even, lambda a, b: a + 1, "must differ by an even number")
MULTIPLE = Relation("must be a multiple of", _multiple, lambda a, b: (quotient(a, b) + 1) * b)


@lru_cache(maxsize=256)
def within(most: int) -> Relation:
    """The relation between two numbers that differ by at most ``most``.

    >>> within(2).holds(5, 3), within(2).holds(3, 6)
    (True, False)
    """

    def holds(a: int, b: int) -> bool:
        return monus(a, b) + monus(b, a) <= most

    says = f"must differ by at most {written_number(most)}"
    return Relation(f"{says} from", holds, lambda a, b: b, says, mutual=True)


@dataclass(frozen=True, slots=True)
class Need:
    """A requirement of an operation, before it belongs to a node.

    ``left_of`` and ``right_of`` say what the numbers are: the size of an input (its index), or a phrase. ``about`` says
    why it is required, and ``fix`` how to write the operation so that it holds. A need over all axes together that only
    ``warns`` does not make an image unfit.
    """

    rule: str
    left: int
    relation: Relation
    right: int
    left_of: int | str = 0
    right_of: int | str = ""
    about: str = ""
    warns: bool = False
    fix: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Requirement(Written):
    """A requirement of one ``node``, judged for one input: ``left`` and ``right`` must meet ``relation``.

    ``left_of`` and ``right_of`` say what the numbers are: the size of the node or input of this name, a phrase, or
    ``""`` for a plain number. ``label`` is the rule's name in the Lean specification, if any. ``fix`` says how to write
    the operation so that the requirement holds, if another size does not help.

    >>> from wellshaped.spec.network.requirement import EQUAL
    >>> requirement = Requirement("joined", "equal", 303, EQUAL, 302, "encoder", "up")
    >>> requirement.holds, str(requirement)
    (False, 'joined: encoder is 303, up is 302, and they must be equal')
    """

    node: str
    rule: str
    left: int
    relation: Relation
    right: int
    left_of: str
    right_of: str = ""
    label: str = ""
    about: str = ""
    warns: bool = False
    fix: str = ""

    @property
    def holds(self) -> bool:
        """Whether the two numbers meet the relation."""
        return self.relation.holds(self.left, self.right)

    @property
    def says(self) -> str:
        """The two numbers, and the relation that they must meet."""
        return self.said("is", "is")

    def said(self, left_is: str, right_is: str) -> str:
        """:attr:`says`, with these verbs instead of "is"."""
        left, right = written_number(self.left), written_number(self.right)
        if self.relation.together and self.right_of:
            both = f"{self.left_of} {left_is} {left}, {self.right_of} {right_is} {right}"
            return f"{both}, and they {self.relation.together}"
        of = f" ({self.right_of})" if self.right_of else ""
        return f"{self.left_of} {left_is} {left}, and {self.relation.says} {right}{of}"

    def __str__(self) -> str:
        return f"{self.node}: {self.says}"
