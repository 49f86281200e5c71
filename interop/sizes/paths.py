"""Paths through somebody's network: what one symbolic trace says, and for which sizes it says it.

A trace runs the network with a symbol for each open size, and a *sample* number behind it. Wherever the framework
compares sizes, the comparison is decided for the sample and written down as a *condition*. The network's Python code
is a function of these answers, so every size that meets all conditions takes the same path to the same end.
:func:`sizes_on` solves the conditions exactly. A few traces, one for each path, then cover all sizes.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...spec.arithmetic.size_set import SizeSet
from ...spec.messages.report import WellshapedError
from ...spec.messages.written import clipped, kind_of
from ...spec.network.searching import Part, Step, accepted, members, whole
from .expressions import Statement, holds, is_positive, value
from .overtime import Overtime
from .places import own_frame, quoted_place
from .products import Product

MAX_WORK = 5_000
"""The search for the sizes on a path stops after this many steps, which takes about a second."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A statement about the open sizes, and whether it held for the sample."""

    statement: Statement
    held: bool = True

    def __str__(self) -> str:
        return str(self.statement if self.held else Statement("not", (self.statement,)))


@dataclass(frozen=True, slots=True)
class Accepted:
    """The network ran: the shape of each output, and the sizes that must be at least 1.

    ``needed`` are the sizes of images that an operation computes something from. ``by_broadcasting`` says that it ran
    only because a size of 1 was repeated to the size of another image. ``repeats`` says for each elementwise
    operation whether it repeated a size of 1, on purpose or not. ``names`` has the key of each output in a dictionary
    or an object, and is empty elsewhere.
    """

    output: tuple[tuple[Any, ...], ...]
    needed: frozenset[Any] = frozenset()
    by_broadcasting: bool = False
    repeats: tuple[bool, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejected:
    """The framework's own error: its class and text, the user's line ``at`` which it arose, and where it was raised."""

    error: str
    text: str
    at: str = ""
    raised: str = ""

    @property
    def says(self) -> str:
        """The error for a sentence.

        >>> Rejected("NameError", "name 'nn' is not defined.", "nets.py:3: x = nn.relu").says
        "NameError at nets.py:3, `x = nn.relu`: name 'nn' is not defined"
        """
        return f"{self.error}{quoted_place(self.at)}: {clipped(self.text.rstrip('.'), 300)}".rstrip(": ")


def names_of_outputs(paths: Sequence[Sequence[str | int]]) -> tuple[str, ...]:
    """The names of the arrays in an output, by the keys (text) and positions (numbers) that lead to each.

    Positions alone give no names.

    >>> names_of_outputs([["inner", 0], [1]]), names_of_outputs([[0], [1]])
    (('inner.0', '1'), ('', ''))
    """
    if all(isinstance(part, int) for path in paths for part in path):
        return ("",) * len(paths)
    return tuple(".".join(clipped(str(part), 40) for part in path) for path in paths)


_ABOUT_AXES = re.compile(r"\b\dD\b|\brank\b|\bnumber of (spatial )?(axes|dimensions)\b", re.IGNORECASE)
"""In the text of a framework's error about a wrong number of axes."""


def is_about_axes(end: "End") -> bool:
    """Whether this is an error about the number of axes, so that no other size helps."""
    return isinstance(end, Rejected) and _ABOUT_AXES.search(end.text) is not None


def is_recursion(end: "End") -> bool:
    """Whether the code called itself more often than Python lets it. Where exactly this is raised is chance."""
    return isinstance(end, Rejected) and end.error == RecursionError.__name__


def fail_alike(end: "End", other: "End") -> bool:
    """Whether two runs fail with the same error. If it is about the number of axes, the sizes in its text may differ.

    Two recursions that are too deep are alike, wherever they were raised.

    >>> ends = [Rejected("RuntimeError", f"Expected 4D input, got [1, 3, {n}, {n}, {n}]") for n in (64, 96)]
    >>> fail_alike(*ends), fail_alike(Rejected("ValueError", "got 64"), Rejected("ValueError", "got 96"))
    (True, False)
    """
    if is_recursion(end):
        return is_recursion(other)
    if not (isinstance(end, Rejected) and isinstance(other, Rejected) and is_about_axes(end)):
        return isinstance(end, Rejected) and end == other
    texts = {re.sub(r"\d+(?!D)", "n", of.text) for of in (end, other)}
    return len(texts) == 1 and (end.error, end.raised) == (other.error, other.raised)


ANY_ERROR = "any error"
"""In the place of an error's class: a plain size raises an error at the same line, or anywhere if no line is given."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The trace says nothing about other sizes than the sample: ``why``.

    ``of_values`` says that the code asked for the values of an image: then no trace can decide a size that does so.
    ``changed`` says that the model keeps something from one call to the next: then no run says anything about another.
    ``endless`` says that the run was stopped, because it took longer than it may: then others would do the same.
    """

    why: str
    of_values: bool = False
    changed: bool = False
    endless: bool = False


End = Accepted | Rejected | Unknown

KINDS = ("fits", "rejected", "empty", "broadcast")
"""What a network does with a size: it fits, the framework raises, an image is empty, or a size of 1 is repeated."""


def kind(end: End) -> str:
    """One of :data:`KINDS`, or ``"unknown"``."""
    if isinstance(end, Accepted):
        if not all(size >= 1 for size in end.needed if isinstance(size, int)):
            return "empty"
        return "broadcast" if end.by_broadcasting else "fits"
    return "rejected" if isinstance(end, Rejected) else "unknown"


def asks_for_values(does: str, at: str) -> Unknown:
    """Return the end of a trace in which the code needs the values of an image, at this line of the user's.

    >>> asks_for_values("branches on values", "fn.py:6: if x.sum() > 0:").why
    'fn.py:6, `if x.sum() > 0:`, branches on values, and wellshaped sees only shapes'
    """
    place = quoted_place(at).removeprefix(" at ")
    return Unknown(f"{f'{place},' if place else 'the code'} {does}, and wellshaped sees only shapes", of_values=True)


def stopped(error: Overtime) -> Unknown:
    """Return the end of a run that was stopped. It names the line of the user's that was running."""
    place = quoted_place(own_frame(error.__traceback__)).removeprefix(" at ")
    return Unknown(f"{f'{place},' if place else 'the code'} {error}", endless=True)


@dataclass(frozen=True, slots=True)
class Path:
    """One trace: the conditions in the order in which they were recorded, and how it ended."""

    conditions: tuple[Condition, ...]
    end: End


def sizes_on(conditions: Sequence[Condition], axis: str, needed: Sequence[Any] = ()) -> SizeSet | None:
    """The exact set of sizes ``n ≥ 1`` of the open size ``axis`` that meet all conditions.

    The sizes ``needed`` must also be at least 1. Returns ``None`` if the set is too hard to compute.

    >>> from wellshaped.interop.sizes.expressions import Expression
    >>> H = Expression("name", ("H",))
    >>> even = Condition(Statement("==", (Expression("mod", (H, 2)), 0)))
    >>> sizes_on([even], "H"), sizes_on([even], "H", [Expression("//", (H, 4))])
    (<SizeSet n ≡ 0 (mod 2), n ≥ 2>, <SizeSet n ≡ 0 (mod 2), n ≥ 4>)
    """
    return solved(conditions, axis, needed)[1]


def require_arrays(result: object, arrays: Sequence[object]) -> None:
    """Raise :class:`TypeError` for what a model returns if no ``arrays`` are in it, or if it is a model.

    >>> require_arrays("a text", [])
    Traceback (most recent call last):
    ...
    TypeError: it returns a str, and must return an array for an image
    """
    if callable(result) or not arrays:
        what = "no array" if result is None else kind_of(result)
        raise TypeError(f"{RETURNS} {what}, and must return an array for an image")


RETURNS = "it returns"
"""How the error begins for a model that returns no array."""


def solved(
    conditions: Sequence[Condition], axis: str, needed: Sequence[Any] = ()
) -> tuple[SizeSet | None, SizeSet | None]:
    """The sizes that meet all conditions, and those of them for which the sizes ``needed`` are at least 1."""

    def judged(condition: Condition) -> Any:
        statement, truth = condition.statement, condition.held
        while statement.op == "not":
            statement, truth = statement.args[0], not truth
        if statement.op == "==" and truth:
            # At the top an equality may cut the box to the line on which it holds.
            left, right = statement.args

            def equal(sizes: Sequence[Any]) -> int | None:
                try:
                    a, b = (value(of, {axis: sizes[0]}) for of in (left, right))
                except ZeroDivisionError:
                    return None
                if isinstance(a, Product) or isinstance(b, Product):
                    return 0 if holds(statement, {axis: sizes[0]}) else None
                return 0 if a == b else None

            return equal
        return lambda sizes: 0 if holds(statement, {axis: sizes[0]}, truth) else None

    def at_least_one(size: Any) -> Any:
        return lambda sizes: 0 if is_positive(size, {axis: sizes[0]}) else None

    steps = [(judged(condition), (0,)) for condition in dict.fromkeys(conditions)]
    parts = _accepted(steps, [whole((1, None))])
    if parts is None or not needed:
        return (_union(parts),) * 2
    meant = _accepted([*steps, *((at_least_one(size), (0,)) for size in dict.fromkeys(needed))], parts)
    return _union(parts), _union(meant)


def _accepted(steps: Sequence[Step], parts: Sequence[Part]) -> list[Part] | None:
    try:
        found = [*accepted(steps, parts, MAX_WORK)]
    except WellshapedError:
        return None
    return None if None in found else [part for part in found if part is not None]


def _union(parts: Sequence[Part] | None) -> SizeSet | None:
    try:
        return None if parts is None else SizeSet([p for part in parts for p in members(part)])
    except WellshapedError:  # they are too many progressions
        return None
