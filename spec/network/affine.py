"""Unknown sizes as affine functions of bounded numbers. The size functions run on them, as they do on integers.

While :mod:`.solving` solves a network, a size is ``constant + Σ coefficient·v`` over whole numbers ``v``. Each number
has bounds, and at most one number has no upper bound. Addition and multiplication by a constant keep this form. A
truncated subtraction, a division or a comparison keeps it if the bounds decide the result:

- ``a ∸ b`` is ``a - b`` or 0 if the bounds determine the sign of ``a - b``.
- ``(s·A + R) / s`` is ``A + R / s``, and ``R / s`` is constant if the bounds of ``R`` lie in one block of ``s``.
- ``a = b`` and ``a ≥ b`` are decided if the bounds of ``a - b`` decide them. ``a = b`` also fails if the common divisor
  of the coefficients of ``a - b`` does not divide its constant.

Otherwise :class:`Undecided` is raised. It says how to cut the box of bounds into parts, or how to write one number as
``v = start + step·v' + r`` with ``0 ≤ r < step`` (:class:`Blocks`). Both ways, the parts together are the whole box. An
equality of two numbers holds on a line (:class:`Line`), and points off the line are rejected.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd, inf
from typing import Any

from ..arithmetic.naturals import Reading, read_as

Bounds = tuple[int, int | None]
Box = tuple[Bounds, ...]


@dataclass(frozen=True, slots=True)
class Restrict:
    """The number ``v`` is at least ``least`` and at most ``most`` (no upper bound for ``None``)."""

    v: int
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Blocks:
    """The number ``v`` is ``start + step·v' + r``; ``0 ≤ v' < count`` (unbounded for ``None``), and ``0 ≤ r < step``.

    ``v'`` replaces ``v``, and ``r`` is added as the last number.
    """

    v: int
    start: int
    step: int
    count: int | None


@dataclass(frozen=True, slots=True)
class Line:
    """Two numbers lie on a line: ``v = v_start + v_step·t`` and ``w = w_start + w_step·t`` for ``0 ≤ t < count``.

    ``t`` (unbounded for ``count=None``) replaces ``v``, and ``w`` is removed.
    """

    v: int
    w: int
    v_start: int
    v_step: int
    w_start: int
    w_step: int
    count: int | None

    def reversed(self) -> "Line":
        """The same line, starting from its other end."""
        last = (self.count or 1) - 1
        v_end, w_end = self.v_start + self.v_step * last, self.w_start + self.w_step * last
        return Line(self.v, self.w, v_end, -self.v_step, w_end, -self.w_step, self.count)


Cuts = list[Restrict | Blocks | Line]


class Undecided(Exception):  # noqa: N818 not an error: it says how to go on
    """The box does not decide the answer. Each of the ``cuts`` is a part of the box, and together they cover it.

    For an equality, they cover only the points at which it can hold.
    """

    def __init__(self, cuts: Cuts) -> None:
        super().__init__(cuts)
        self.cuts = cuts


class NotAffineError(Exception):
    """A product of two unknown sizes, or a division by one that :func:`floor_ratio` can't do."""


@dataclass(frozen=True, slots=True, eq=False)
class Affine:
    """``constant + Σ coefficients[v]·v`` for numbers within a ``box``."""

    box: Box
    constant: int
    coefficients: tuple[int, ...]

    def __add__(self, other: "Affine | int") -> Any:
        if isinstance(other, int):
            return Affine(self.box, self.constant + other, self.coefficients)
        pairs = zip(self.coefficients, other.coefficients, strict=True)
        return affine(self.box, self.constant + other.constant, tuple(a + b for a, b in pairs))

    __radd__ = __add__

    def __mul__(self, other: "Affine | int") -> Any:
        if not isinstance(other, int):
            raise NotAffineError
        return affine(self.box, self.constant * other, tuple(c * other for c in self.coefficients))

    __rmul__ = __mul__

    def __eq__(self, other: object) -> bool:
        return _is_zero(_difference(self, other))

    def __ge__(self, other: "Affine | int") -> bool:
        return _is_natural(_difference(self, other))

    def __le__(self, other: "Affine | int") -> bool:
        return _is_natural(_difference(other, self))

    __hash__ = object.__hash__


def affine(box: Box, constant: int, coefficients: tuple[int, ...]) -> Affine | int:
    """The affine function, with the numbers that the box fixes replaced by their values; an ``int`` if it is constant.

    >>> affine(((3, 3), (0, None)), 1, (2, 0)), affine(((3, 3), (0, None)), 1, (2, 1)).constant
    (7, 7)
    """
    left = False
    for v, (least, most) in enumerate(box):
        if coefficients[v]:
            if least == most:
                constant += coefficients[v] * least
                coefficients = (*coefficients[:v], 0, *coefficients[v + 1 :])
            else:
                left = True
    return Affine(box, constant, coefficients) if left else constant


def _difference(a: Any, b: Any) -> Affine | int:
    result: Affine | int = a + b * -1
    return result


def _length(bounds: Bounds) -> int | float:
    return inf if bounds[1] is None else bounds[1] - bounds[0] + 1


def range_of(form: Affine) -> tuple[int | float, int | float]:
    """The least and the greatest value within the box."""
    low = high = form.constant
    endless = 0  # the sign of the unbounded number; infinity is added last, because inf + a huge integer overflows
    for c, (least, most) in zip(form.coefficients, form.box, strict=True):
        if most is None:
            endless = endless or c
        ends = c * least, c * (least if most is None else most)
        low, high = low + min(ends), high + max(ends)
    return -inf if endless < 0 else low, inf if endless > 0 else high


def _without(form: Affine, v: int) -> Affine:
    return Affine(form.box, form.constant, (*form.coefficients[:v], 0, *form.coefficients[v + 1 :]))


def _by_reach(form: Affine) -> Iterator[int]:
    """The numbers in the form: the unbounded one first, then by how much they change the form, the largest first."""

    def reach(v: int) -> int | float:
        length = _length(form.box[v])
        return inf if length == inf else abs(form.coefficients[v]) * (int(length) - 1)

    yield from sorted((v for v, c in enumerate(form.coefficients) if c), key=reach, reverse=True)


def _cut(box: Box, v: int, cuts: list[int]) -> Cuts:
    """The bounds of ``v`` in parts; a new part begins at each of the ``cuts``."""
    least, most = box[v]
    starts = [least, *sorted({cut for cut in cuts if least < cut and (most is None or cut <= most)})]
    ends = [*(start - 1 for start in starts[1:]), most]
    return [Restrict(v, start, end) for start, end in zip(starts, ends, strict=True)]


def _halves(form: Affine) -> Cuts:
    """Two halves of the number that changes the form the most; used if there is no better cut."""
    v = next(v for v in _by_reach(form) if form.box[v][1] is not None)
    least, most = form.box[v]
    return _cut(form.box, v, [(least + (most or 0) + 1) // 2])


def _is_natural(form: Affine | int) -> bool:
    """Whether the form is at least 0."""
    if isinstance(form, int):
        return form >= 0
    low, high = range_of(form)
    if low >= 0 or high < 0:
        return low >= 0
    for v in _by_reach(form):
        low, high = range_of(_without(form, v))
        c = form.coefficients[v]
        if not isinstance(low, int) or not isinstance(high, int):
            continue
        # c·v + rest ≥ 0 is certain on one side, impossible on the other, and undecided between the two ends.
        ends = [-(low // c), -(high // c)] if c > 0 else [low // -c + 1, high // -c + 1]
        cuts = _cut(form.box, v, ends)
        if len(cuts) > 1:
            raise Undecided(cuts)
    raise Undecided(_halves(form))


def _is_zero(form: Affine | int) -> bool:
    """Whether the form is 0."""
    if isinstance(form, int):
        return form == 0
    low, high = range_of(form)
    if low > 0 or high < 0 or form.constant % gcd(*form.coefficients):
        return False
    numbers = [v for v, c in enumerate(form.coefficients) if c]
    if len(numbers) == 2:
        line = _line(form, *numbers)
        if line is None:
            return False
        raise Undecided([line])
    for v in _by_reach(form):
        low, high = range_of(_without(form, v))
        c = form.coefficients[v]
        if isinstance(low, int) and isinstance(high, int):
            # c·v = -rest is possible only between these two ends.
            first, last = (-(high // c), -low // c) if c > 0 else (-(-low // -c), high // -c)
            if first > last:
                return False
            cuts = _cut(form.box, v, [first, last + 1])
            if len(cuts) > 1:
                raise Undecided(cuts)
    for v in _by_reach(form):
        c, others = form.coefficients[v], gcd(*_without(form, v).coefficients)
        shared = gcd(c, others)
        step = others // shared
        if step > 1:
            # c·v = -constant modulo the common divisor of the other coefficients determines the remainder of v.
            remainder = -(form.constant // shared) * pow(c // shared, -1, step) % step
            least, most = form.box[v]
            first = least + (remainder - least) % step
            if most is not None and first > most:
                return False
            if _length(form.box[v]) >= 2 * step:
                raise Undecided(blocks(form.box, v, first, step))
            raise Undecided(_cut(form.box, v, [first, first + 1, first + step, first + step + 1]))
    raise Undecided(_halves(form))


def _line(form: Affine, v: int, w: int) -> Line | None:
    """The points of the box at which a form of two numbers is 0. They are on a line; ``None`` if there are none."""
    c, d = form.coefficients[v], form.coefficients[w]
    shared = gcd(c, d)
    c, d, constant = c // shared, d // shared, form.constant // shared
    # c·v + d·w + constant = 0 determines the remainder of v modulo d.
    v_step, w_step = abs(d), -c if d > 0 else c
    v_start = -constant * pow(c, -1, v_step) % v_step if v_step > 1 else 0
    w_start = -(constant + c * v_start) // d
    first, last = -inf, inf
    for start, step, (least, most) in ((v_start, v_step, form.box[v]), (w_start, w_step, form.box[w])):
        # least ≤ start + step·t ≤ most
        ends = [-((start - least) // step) if step > 0 else (start - least) // -step]
        if most is not None:
            ends.append((most - start) // step if step > 0 else -((most - start) // -step))
        low, high = (
            (ends[0], ends[1] if most is not None else inf)
            if step > 0
            else (ends[1] if most is not None else -inf, ends[0])
        )
        first, last = max(first, low), min(last, high)
    if first > last:
        return None
    t = int(first)
    count = None if last == inf else int(last) - t + 1
    return Line(v, w, v_start + v_step * t, v_step, w_start + w_step * t, w_step, count)


def blocks(box: Box, v: int, start: int, step: int) -> Cuts:
    """Return the cuts of ``v`` into blocks of ``step`` from ``start`` on, and the parts before and after them."""
    least, most = box[v]
    count = None if most is None else (most - start + 1) // step
    cuts: Cuts = [Restrict(v, least, start - 1)] if start > least else []
    cuts.append(Blocks(v, start, step, count))
    if count is not None and most is not None and start + count * step <= most:
        cuts.append(Restrict(v, start + count * step, most))
    return cuts


def _monus(a: Any, b: Any) -> Any:
    difference = _difference(a, b)
    if isinstance(difference, int):
        return max(difference, 0)
    if range_of(difference)[1] <= 0:
        return 0
    return difference if _is_natural(difference) else 0


def _quotient(a: Any, divisor: Any) -> Any:
    if not isinstance(divisor, int):
        raise NotAffineError
    if divisor == 0:
        return 0
    box = a.box
    whole = affine(box, a.constant // divisor, tuple(c // divisor for c in a.coefficients))
    rest = affine(box, a.constant % divisor, tuple(c % divisor for c in a.coefficients))
    if isinstance(rest, int):
        return whole + rest // divisor
    low, high = range_of(rest)
    if isinstance(low, int) and isinstance(high, int) and low // divisor == high // divisor:
        return whole + low // divisor
    raise Undecided(_one_block_each(rest, divisor))


def floor_ratio(a: Affine | int, b: Affine) -> int:
    """Return ``floor(a / b)``, where ``b`` is at least 1 in the whole box.

    Raises :class:`Undecided` if it is not one number in the whole box, and :class:`NotAffineError` if it grows without
    bound.

    >>> box = ((100, None),)
    >>> floor_ratio(Affine(box, 7, (3,)), Affine(box, 0, (2,)))
    1
    """
    endless = next((v for v, (_, most) in enumerate(b.box) if most is None and b.coefficients[v]), None)
    if endless is not None:  # what it is for large numbers; the box is cut where it becomes so
        found = (a.coefficients[endless] if isinstance(a, Affine) else 0) // b.coefficients[endless]
    elif isinstance(a, Affine) and any(a.coefficients[v] for v, (_, most) in enumerate(a.box) if most is None):
        raise Undecided(_halves(b))  # until it is a number
    else:
        found = _at_start(a) // _at_start(b)
    rest = _difference(a, b * found)
    if not _is_natural(rest):
        found, rest = found - 1, rest + b
    if _is_natural(rest) and _is_natural(_difference(b, rest + 1)):
        return found
    raise NotAffineError


def _at_start(form: Affine | int) -> int:
    """The value where each number is the least within the box."""
    if isinstance(form, int):
        return form
    return form.constant + sum(c * least for c, (least, _) in zip(form.coefficients, form.box, strict=True))


def _one_block_each(rest: Affine, divisor: int) -> Cuts:
    """Parts of the box in which ``rest / divisor`` takes fewer values. Coefficients are from 0 to the divisor."""
    v = max((v for v, c in enumerate(rest.coefficients) if c), key=lambda v: _length(rest.box[v]))
    c, least = rest.coefficients[v], rest.box[v][0]
    shared = gcd(c, divisor)
    step = divisor // shared  # c·v modulo the divisor repeats with this period
    low = int(range_of(_without(rest, v))[0])
    # A block begins at a v for which c·v + low is a multiple of the divisor, or just above one.
    remainder = -(low // shared) * pow(c // shared, -1, step) % step if step > 1 else 0
    start = least + (remainder - least) % step
    most = rest.box[v][1]
    if most is None or most - start + 1 >= 2 * step:
        return blocks(rest.box, v, start, step)
    v = next(_by_reach(rest))
    c, least = rest.coefficients[v], rest.box[v][0]
    low = int(range_of(_without(rest, v))[0]) + c * least
    further = -(-((low // divisor + 1) * divisor - low) // c)  # steps of v to the next multiple of the divisor
    cuts = _cut(rest.box, v, [least + further])
    return cuts if len(cuts) > 1 else _halves(rest)


read_as(Reading(Affine, _monus, _quotient))
