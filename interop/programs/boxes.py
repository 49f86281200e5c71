"""Which programs a model needs: combinations of classes over the axes, split until JAX can decide each (SPEC 11).

JAX traces a combination at once, for all its sizes. It accepts it, rejects it, or can't decide: where the least sizes
are special, or where a network halves a size that may be odd. Then the combination is split: the least size of one axis
is set apart, or classes get longer steps. Each size stays in exactly one combination.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import product
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
    waiting = [(box, False) for box in reversed(_few([*product(*classes)]))]
    made = tries = 0
    while waiting:
        box, is_near = waiting.pop()
        tries += 1
        found = traced(box)
        if found == "open":
            is_near = is_near or traced(tuple(map(_far, box))) != "open"
            parts = _least_apart(box) if is_near else _finer(box, traced)
            waiting += [(part, is_near) for part in reversed(parts)]
        elif found != "rejected":
            made += 1
            yield box, found
        _few([box, *(of_it for of_it, _ in waiting)], made - 1, tries)


_TRIES = 3 * MAX_PROGRAMS


def _least_apart(box: Box) -> list[Box]:
    """The combination in two: the least size of the axis where it is smallest, and the others."""
    axis = min((axis for axis, of_it in enumerate(box) if of_it.count is None), key=lambda axis: box[axis].first)
    of_it = box[axis]
    parts = Progression(of_it.first, 1, 1), Progression(of_it.first + of_it.step, of_it.step, None)
    return [(*box[:axis], part, *box[axis + 1 :]) for part in parts]


def _finer(box: Box, traced: Callable[[Box], Any]) -> list[Box]:
    """The combination in several, whose classes have steps so long that JAX can decide about each axis alone."""
    far = tuple(map(_far, box))
    factors = [_factor(far, axis, traced) for axis in range(len(box))]
    return _few([*product(*(_parts(of_it, factor) for of_it, factor in zip(box, factors, strict=True)))])


def _far(of_it: Progression) -> Progression:
    return of_it if of_it.count == 1 else Progression(of_it.first + _FAR * of_it.step, of_it.step, None)


def _parts(of_it: Progression, factor: int) -> list[Progression]:
    """The class as ``factor`` classes with larger steps."""
    if of_it.count == 1:
        return [of_it]
    return [Progression(of_it.first + i * of_it.step, factor * of_it.step, None) for i in range(factor)]


def _factor(far: Box, axis: int, traced: Callable[[Box], Any]) -> int:
    """How often a step must be multiplied, a power of two, until JAX can decide about an axis alone."""
    factor = 1
    if far[axis].count == 1:
        return factor
    others = [Progression(of_it.first, 1, 1) for of_it in far]
    while factor < MAX_PROGRAMS:
        part = Progression(far[axis].first, factor * far[axis].step, None)
        if traced((*others[:axis], part, *others[axis + 1 :])) != "open":
            return factor
        factor *= 2
    return factor


def _few(boxes: list[Box], made: int = 0, tries: int = 0) -> list[Box]:
    """The combinations. Raises :class:`UsageError` if they are too many, or if too many were tried."""
    if made + len(boxes) <= MAX_PROGRAMS and tries <= _TRIES:
        return boxes
    count = f"{made + len(boxes)}" if tries <= _TRIES else f"more than {MAX_PROGRAMS}"
    on_axis = sorted({box[0] for box in boxes}, key=lambda of_it: (of_it.first, of_it.step))
    texts = list(dict.fromkeys(class_text(of_it).partition(" from")[0] for of_it in on_axis))
    shown = ", ".join(texts[:6]) + (", …" if len(texts) > 6 else "")
    says = f"it needs {count} programs, and at most {MAX_PROGRAMS} are possible; the classes of an axis are {shown}"
    step = max(of_it.step for of_it in on_axis)
    fewer = Progression(on_axis[0].first, step if len(texts) > 2 else 16 * step, None)
    fix = f'classes="{class_text(fewer).partition(" from")[0]}"'
    raise UsageError.of("exporting all sizes", "programs", "", says, f"{fix}, or several of them")


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
