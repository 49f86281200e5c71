"""The search for all sizes that a chain of steps accepts: parts of a box, cut until each is decided.

It solves networks (:mod:`.solving`, which says why the answer is exact) and the conditions that a framework recorded
while it traced somebody's network (``interop``).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import Any

from ..arithmetic.progression import Progression
from ..arithmetic.size_set import MAX_PARTS
from ..messages.report import WellshapedError
from .affine import Affine, Blocks, Bounds, Box, Line, NotAffineError, Restrict, Undecided, affine

NOT_SOLVED = "not_solved"
"""The rule of the error if the search gives up."""

Step = tuple[Callable[[list[Any]], Any], Sequence[int]]
"""A function of earlier sizes, and the indices of these. It returns the next size, or ``None`` to reject them.

The sizes begin with ``n`` and 1; the first step computes number 2. Functions run on affine functions of the box's
numbers (:mod:`.affine`) as on integers.
"""

Raw = int | tuple[int, tuple[int, ...]]
"""A size without its box: a number, or the constant and the coefficients of an affine function."""


@dataclass(frozen=True, slots=True)
class Part:
    """A box, and the sizes computed so far: ``n``, 1 (of a single position), then the nodes' in order."""

    box: Box
    sizes: list[Raw]

    def size(self, i: int) -> Affine | int:
        """The size number ``i`` as an affine function over the box."""
        raw = self.sizes[i]
        return raw if isinstance(raw, int) else affine(self.box, *raw)

    def narrowed(self, cut: Restrict | Blocks | Line) -> "Part":
        """The part of this part that the cut describes."""
        if isinstance(cut, Line):
            return self.on(cut)
        v = cut.v
        if isinstance(cut, Restrict):
            return replace(self, box=(*self.box[:v], (cut.least, cut.most), *self.box[v + 1 :]), sizes=[*self.sizes])
        blocks = (0, None if cut.count is None else cut.count - 1)
        box = (*self.box[:v], blocks, *self.box[v + 1 :], (0, cut.step - 1))
        return Part(box, [_in_blocks(raw, cut) for raw in self.sizes])

    def on(self, line: Line) -> "Part":
        """The points of this part on a line, in the direction in which ``n`` grows."""
        n = self.sizes[0]
        if not isinstance(n, int) and n[1][line.v] * line.v_step + n[1][line.w] * line.w_step < 0:
            line = line.reversed()
        box = list(self.box)
        box[line.v], box[line.w] = (0, None if line.count is None else line.count - 1), (0, 0)
        return Part(tuple(box), [_on_line(raw, line) for raw in self.sizes])


def _on_line(raw: Raw, line: Line) -> Raw:
    if isinstance(raw, int):
        return raw
    constant, coefficients = raw
    of_v, of_w = coefficients[line.v], coefficients[line.w]
    changed = list(coefficients)
    changed[line.v], changed[line.w] = of_v * line.v_step + of_w * line.w_step, 0
    return constant + of_v * line.v_start + of_w * line.w_start, tuple(changed)


def _in_blocks(raw: Raw, cut: Blocks) -> Raw:
    if isinstance(raw, int):
        return raw
    constant, coefficients = raw
    c = coefficients[cut.v]
    by_step = (*coefficients[: cut.v], c * cut.step, *coefficients[cut.v + 1 :], c)
    return constant + c * cut.start, by_step


def search(steps: Sequence[Step], bounds: Bounds, most: int) -> list[Progression] | None:
    """The sizes ``n`` within the bounds that every step accepts, or ``None`` if that takes more than ``most`` work.

    Raises :class:`WellshapedError` (rule ``not_solved``) if a step multiplies sizes, or the sizes are more than
    :data:`MAX_PARTS` progressions.

    >>> half = lambda sizes: sizes[0] if sizes[0] >= 3 else None
    >>> search([(half, (0,))], (1, 9), 100)
    [Progression(first=3, step=1, count=7)]
    """
    found: list[Progression] = []
    for part in accepted(steps, [whole(bounds)], most):
        if part is None:
            return None
        found += members(part)
        if len(found) > MAX_PARTS:
            raise not_solved(f"the sizes that fit are more than {MAX_PARTS} progressions")
    return found


def whole(bounds: Bounds) -> Part:
    """All sizes ``n`` within the bounds."""
    return Part((bounds,), [(0, (1,)), 1])


def accepted(steps: Sequence[Step], parts: Sequence[Part], most: int) -> Iterator[Part | None]:
    """Yield the parts of these parts that every step accepts; ``None`` at the end if more than ``most`` work is left.

    A part that was accepted may be given again with further steps. It goes on after those that it has taken.
    """
    left = [*reversed(parts)]
    work = 0
    while left:
        part = left.pop()
        done = len(part.sizes)
        try:
            fits = _fits(part, steps)
        except Undecided as undecided:
            fits = False
            left += (part.narrowed(cut) for cut in reversed(undecided.cuts))
        except NotAffineError:
            raise not_solved("an operation multiplies or divides a size by another size") from None
        work += len(part.sizes) - done + 1
        if work > most:
            yield None
            return
        if fits:
            yield part


def _fits(part: Part, steps: Sequence[Step]) -> bool:
    """Take the remaining steps; return whether the part fits. Raises :class:`Undecided` if only some points do."""
    for function, sources in steps[len(part.sizes) - 2 :]:
        size = function([part.size(i) for i in sources])
        if size is None:
            return False
        part.sizes.append((size.constant, size.coefficients) if isinstance(size, Affine) else size)
    return True


def members(part: Part) -> Iterator[Progression]:
    """The sizes ``n`` of a part as progressions.

    Numbers with the coefficients ``c`` and ``c·count`` form one longer run. The longest run gives a progression for
    each choice of the others.
    """
    n = part.size(0)
    if isinstance(n, int):
        yield Progression(n, 1, 1)
        return
    first = n.constant + sum(c * least for c, (least, _) in zip(n.coefficients, n.box, strict=True))
    by_step = sorted((c, bounds) for c, bounds in zip(n.coefficients, n.box, strict=True) if c)  # no two c are equal
    runs: list[tuple[int, int | None]] = []
    for step, (least, most) in by_step:
        count = None if most is None else most - least + 1
        if runs and runs[-1][1] is not None and runs[-1][0] * runs[-1][1] == step:
            runs[-1] = runs[-1][0], None if count is None else runs[-1][1] * count
        else:
            runs.append((step, count))
    longest = max(runs, key=lambda run: (run[1] is None, run[1] or 0))
    others = [(step, count) for step, count in runs if (step, count) != longest and count is not None]
    if prod(count for _, count in others) > MAX_PARTS:
        raise not_solved(f"the sizes that fit are more than {MAX_PARTS} progressions")
    for places in product(*(range(0, step * count, step) for step, count in others)):
        yield Progression(first + sum(places), *longest)


def not_solved(says: str) -> WellshapedError:
    """The error if the search gives up."""
    fix = "smaller strides or fewer levels"
    return WellshapedError.of("solving the network", NOT_SOLVED, "too hard to solve", says, fix)
