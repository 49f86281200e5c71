"""Which programs a model needs: combinations of classes over the axes, split until JAX can decide each (SPEC 11).

JAX traces a combination at once, for all its sizes. It accepts it, rejects it, or can't decide: where the least sizes
are special, or where a network halves a size that may be odd. Then the combination is split: the least size of one axis
is set apart, or the class of one axis becomes two with twice the step. Each size stays in exactly one combination.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from math import prod
from typing import Any, Literal

from ...spec.arithmetic.progression import Progression
from ...spec.arithmetic.size_set import SizeSet
from ...spec.messages.report import UsageError
from .classes import class_text

MAX_PROGRAMS = 64
"""The most programs in a file."""

Box = tuple[Progression, ...]
"""A combination of classes: one for each axis."""

Verdict = Literal["rejected", "open"]

_FAR = 20
"""After so many members of a class, sizes are far from the least ones."""


def programs_of(classes: Sequence[Sequence[Progression]], traced: Callable[[Box], Any]) -> Iterator[tuple[Box, Any]]:
    """Yield the combinations that fit, disjoint, each with what ``traced`` makes of it.

    ``traced`` returns ``"rejected"`` if no size of a combination fits, and ``"open"`` if it can't decide. Raises
    :class:`UsageError` if more than :data:`MAX_PROGRAMS` programs are needed.

    >>> def traced(box):
    ...     if box[0].first * box[1].first > 1:
    ...         return "program"
    ...     return "rejected" if box[0].count == box[1].count == 1 else "open"
    >>> every = Progression(1, 1, None)
    >>> [text_of(box, "hw") for box, program in programs_of([[every], [every]], traced)]
    ['1 × w from 2', 'h from 2 × w']
    """
    count = prod(map(len, classes))
    if count > MAX_PROGRAMS:
        raise _too_many(classes, f"{count} combinations of classes")
    waiting: list[Box] = list(product(*classes))[::-1]
    made = tries = 0
    while waiting:
        box = waiting.pop()
        tries += 1
        found = traced(box)
        if found == "open":
            waiting += _split(box, traced)[::-1]
        elif found != "rejected":
            made += 1
            yield box, found
        if made + len(waiting) > MAX_PROGRAMS or tries > 4 * MAX_PROGRAMS:
            raise _too_many(classes, f"more than {MAX_PROGRAMS} programs")


def _split(box: Box, traced: Callable[[Box], Any]) -> list[Box]:
    """Two combinations with the same sizes: JAX can't decide them together."""
    open_axes = [axis for axis, of_it in enumerate(box) if of_it.count is None]
    far = tuple(
        Progression(of_it.first + _FAR * of_it.step, of_it.step, None) if of_it.count is None else of_it
        for of_it in box
    )
    near_only = traced(far) != "open"
    axis = min(open_axes, key=lambda axis: box[axis].first if near_only else box[axis].step)
    of_it = box[axis]
    rest = Progression(of_it.first + of_it.step, of_it.step, None)
    twice = 2 * of_it.step
    halves = (Progression(of_it.first, twice, None), Progression(rest.first, twice, None))
    parts = (Progression(of_it.first, 1, 1), rest) if near_only else halves
    return [(*box[:axis], part, *box[axis + 1 :]) for part in parts]


def _too_many(classes: Sequence[Sequence[Progression]], says: str) -> UsageError:
    texts = [class_text(of_it).partition(" from")[0] for of_it in classes[0]]
    shown = ", ".join(texts[:6]) + (", …" if len(texts) > 6 else "")
    one = texts[-1] if len(texts) > 1 else f"{max(2 * classes[0][0].step, 16)}*h"
    says = f"it needs {says}, and at most {MAX_PROGRAMS} are possible; the classes of an axis are {shown}"
    return UsageError.of("exporting all sizes", "programs", "", says, f'classes="{one}", or several of them')


def text_of(box: Box, letters: str) -> str:
    """A combination as a text.

    >>> text_of((Progression(16, 16, None), Progression(31, 32, None)), "hw")
    '16*h × 32*w + 31'
    """
    return " × ".join(class_text(of_it, letter) for of_it, letter in zip(box, letters, strict=True))


def contains(box: Box, sizes: Sequence[int]) -> bool:
    """Whether a combination has these sizes."""
    return all(n in of_it for n, of_it in zip(sizes, box, strict=True))


def served_by(boxes: Sequence[Box]) -> tuple[str, ...]:
    """The sizes along each axis that some combination has, as texts.

    >>> served_by([(Progression(16, 16, None), Progression(32, 32, None)), (Progression(16, 16, None),) * 2])
    ('n ≡ 0 (mod 16), n ≥ 16', 'n ≡ 0 (mod 16), n ≥ 16')
    """
    return tuple(str(SizeSet(set(of_axis))) for of_axis in zip(*boxes, strict=True))
