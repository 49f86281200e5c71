"""What links open sizes: conditions on several of them at once, found from sizes that fit alone and not together."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, product
from random import Random

from ...spec.arithmetic.progression import Progression
from ...spec.arithmetic.size_set import EVERY_SIZE, SizeSet
from ...spec.messages.report import WellshapedError
from .expressions import holds, names_in
from .paths import Condition, kind, sizes_on
from .shapes import equalities
from .simplifying import simplified
from .tracer import Tracer, as_meant

Sizes = dict[str, int]
Sets = dict[str, SizeSet]


@dataclass(frozen=True, slots=True)
class Links:
    """The conditions that link several sizes, as far as they are known.

    ``sets`` are the sizes of each axis that fit while the others are held ``at`` sizes.
    """

    tracer: Tracer
    at: Mapping[str, int]
    sets: Mapping[str, SizeSet]
    broken: list[Condition] = field(default_factory=list)
    forbidden: list[Sets] = field(default_factory=list)
    rejected: list[Sets] = field(default_factory=list)
    examples: list[tuple[Sizes, str]] = field(default_factory=list)

    def add(self, sizes: Sizes) -> None:
        """Find why these sizes do not fit, though each does alone."""
        self.examples.append((sizes, f"{equalities(sizes)} do not fit together, and each does alone"))
        self._explain(sizes, self.sets, self.forbidden)

    def add_one(self, sizes: Sizes) -> None:
        """Find why a size of these was rejected where the others were held; these sizes fit together."""
        for name, size in sizes.items():
            if size not in self.sets[name]:
                held = {**self.at, name: size}
                self.examples.append((held, f"{equalities(sizes)} fit together, and {equalities(held)} do not"))
                self._explain(held, dict.fromkeys(sizes, EVERY_SIZE), self.rejected)

    def _explain(self, sizes: Sizes, sets: Mapping[str, SizeSet], found: list[Sets]) -> None:
        """Find why sizes fail, from their path: by sizes of single axes, or by a condition on several."""
        conditions = _in_parts(self.tracer.path_of(sizes, {}).conditions)
        linking = [c for c in conditions if len(names_in(c.statement)) > 1]
        alone = _alone(conditions, sets)
        if alone and not any(self._may_fit({**sizes, **of}) for of in _corners(alone)):
            found.append(alone)
        elif linking:
            self.broken.append(replace(linking[-1], held=not linking[-1].held))

    def said(self, recorded: Iterable[Condition]) -> tuple[tuple[str, ...], str]:
        """The conditions that all sizes have to meet, of those ``recorded`` in a trace and those that were found.

        If they do not say why some sizes do not fit, there is a sentence with these sizes, too.
        """
        simple = (self._simplified(c) for c in (*self.broken, *recorded))
        required = [c for c in dict.fromkeys(filter(None, simple)) if self._is_required(c)]
        forbidden, rejected = (
            [sets for sets in of if self._says_more(sets, required)] for of in (self.forbidden, self.rejected)
        )
        written = _written(required, forbidden, self.sets)
        others = _written((), rejected, dict.fromkeys(self.sets, EVERY_SIZE))
        conditions = tuple(dict.fromkeys((*written, *others)))
        unexplained = (says for sizes, says in self.examples if not self._is_broken(required, sizes))
        return conditions, next(unexplained, "")

    def _simplified(self, condition: Condition) -> Condition | None:
        """The condition in its shortest form; ``None`` if it is no condition on several sizes."""
        try:
            simple = simplified(condition.statement, self.at)
        except ZeroDivisionError:  # it divides by a size that is 0 there
            return condition
        if isinstance(simple, bool) or len(names_in(simple)) < 2:
            return None
        is_negated = simple.op == "not"
        return Condition(simple.args[0] if is_negated else simple, condition.held != is_negated)

    def _says_more(self, sets: Sets, required: Iterable[Condition]) -> bool:
        """Whether some sizes of these, which do not fit together, meet all conditions."""
        some = (*_corners(sets), *islice(at_random(sets, 0), _RUNS))
        return any(all(meets(c, {**self.at, **sizes}) for c in required) for sizes in some)

    def _is_broken(self, required: Iterable[Condition], sizes: Sizes) -> bool:
        """Whether one of the conditions says that these sizes do not fit."""
        if not all(meets(condition, sizes) for condition in required):
            return True
        return any(all(sizes[name] in of for name, of in sets.items()) for sets in (*self.forbidden, *self.rejected))

    def _is_required(self, condition: Condition) -> bool:
        """Whether sizes that break a condition do not fit. A few such sizes are run, also the smallest and the largest.

        If there are axes beside those of the condition, they are run with two sizes of these.
        """
        names = sorted(names_in(condition.statement))
        breaking = self._breaking(condition, names)
        beside = {name: of.above(2 * self.at[name]) for name, of in self.sets.items() if name not in names}
        larger = {name: size for name, size in beside.items() if size is not None}
        breaking += [sizes | larger for sizes in breaking] if larger else []
        return bool(breaking) and not any(self._may_fit(sizes) for sizes in breaking)

    def _breaking(self, condition: Condition, names: Sequence[str]) -> list[Sizes]:
        """A few sizes that break a condition. Sizes that fit one by one are preferred.

        A size that breaks it whatever the others are is left out: this is no condition on several. An equality is met
        by few sizes, so this is not asked of it.
        """
        first, *others = names
        some_of = {name: dict.fromkeys((self.at[name], *islice(self.sets[name], 2), *_BESIDE)) for name in others}
        numbers = islice(product(*some_of.values()), _MOST_BESIDE)
        drawn = [{**self.at, first: n, **dict(zip(others, of, strict=True))} for of in numbers for n in range(1, 250)]
        linked = {name: self.sets[name] for name in names}
        drawn += ({**self.at, **of} for of in islice(at_random(linked, 0), _AT_RANDOM))
        breaking = [sizes for sizes in drawn if not meets(condition, sizes)]
        breaking = [sizes for sizes in breaking if is_inside(sizes, self.sets)] or breaking
        ends = [of(breaking, key=lambda sizes: sizes[name]) for name in names for of in (min, max) if breaking]

        def tells(sizes: Sizes) -> bool:
            is_equality = condition.held and condition.statement.op == "=="
            return is_equality or _can_meet(condition, sizes, names)

        spread = [sizes for sizes in _spread(breaking, 10 * _RUNS) if tells(sizes)]
        some = [*filter(tells, ends), *_spread(spread, _RUNS)]
        return [sizes for i, sizes in enumerate(some) if sizes not in some[:i]]

    def _may_fit(self, sizes: Sizes) -> bool:
        return kind(as_meant(self.tracer, sizes)) in ("fits", "unknown")


_BESIDE = (1, 2, 3, 7, 20, 64, 200)
"""Values of the other sizes in the search for sizes that break a condition."""

_MOST_BESIDE = 60
"""At most this many combinations of these values are searched."""

_RUNS = 5
"""So many sizes that break a condition are run, beside the smallest and the largest."""

_AT_RANDOM = 300
"""So many combinations of sizes that fit one by one are searched, too."""


def _spread(of: Sequence[Sizes], most: int) -> Sequence[Sizes]:
    return of[:: max(len(of) // most, 1)][:most]


def _can_meet(condition: Condition, sizes: Sizes, names: Sequence[str]) -> bool:
    """Whether each of the sizes can meet the condition, with other sizes of the other axes."""
    for name in names:
        others = [of for of in names if of != name]
        values = islice(product(*([sizes[of], *_BESIDE, 1_000] for of in others)), _MOST_BESIDE)
        if not any(meets(condition, {**sizes, **dict(zip(others, of, strict=True))}) for of in values):
            return False
    return True


def by_axis(conditions: Sequence[Condition], sets: Mapping[str, SizeSet]) -> Sets:
    """The sizes of each axis that meet the conditions on it alone. Those of an axis that is too hard are left out."""
    found = {name: sizes_on([c for c in conditions if names_in(c.statement) == {name}], name) for name in sets}
    return {name: sets[name] & of for name, of in found.items() if of is not None}


def at_random(sets: Mapping[str, SizeSet], seed: int) -> Iterator[Sizes]:
    """Sizes at random from these sets, small and large ones."""
    draw = Random(seed)
    while all(sets.values()):
        least = {name: draw.randrange(1, draw.choice((20, 300, 3_000))) for name in sets}
        found = {name: of.above(least[name]) or of.maximum for name, of in sets.items()}
        yield {name: size for name, size in found.items() if size is not None}


def is_inside(sizes: Mapping[str, int], sets: Mapping[str, SizeSet]) -> bool:
    """Whether each of the sizes is in the set of its axis."""
    return all(size in sets[name] for name, size in sizes.items())


def meets(condition: Condition, sizes: Mapping[str, int]) -> bool:
    """Whether the sizes meet the condition."""
    return holds(condition.statement, sizes, condition.held)


def _in_parts(conditions: Sequence[Condition]) -> list[Condition]:
    """The conditions; of one that says several things, each."""
    found: list[Condition] = []
    for condition in conditions:
        statement, held = condition.statement, condition.held
        several = statement.op == ("and" if held else "or")
        found += (Condition(of, held) for of in statement.args) if several else [condition]
    return found


def _alone(conditions: Sequence[Condition], sets: Mapping[str, SizeSet]) -> Sets:
    """The sizes of each axis on a path that ends after a condition on one size; empty if fewer than two axes matter.

    Earlier conditions on several sizes are not regarded.
    """
    if not conditions or len(names_in(conditions[-1].statement)) != 1:
        return {}
    found = {name: of for name, of in by_axis(conditions, sets).items() if of != sets[name]}
    return found if len(found) > 1 else {}


def _corners(sets: Mapping[str, SizeSet]) -> Iterator[Sizes]:
    """The smallest and the largest sizes, or large ones, each with those of the other axes."""
    ends = ({of.minimum or 1, of.maximum or of.above(500) or 1} for of in sets.values())
    return (dict(zip(sets, sizes, strict=True)) for sizes in product(*map(sorted, ends)))


def _written(conditions: Iterable[Condition], forbidden: Sequence[Sets], sets: Mapping[str, SizeSet]) -> list[str]:
    """The conditions, and the ``forbidden`` sizes of several axes. One that says less than another is left out.

    That some sizes of one axis do not fit together with some of another is written with the others:
    ``"H ≥ 17 or W ≥ 17"``.
    """
    texts = []
    forbidden = [*forbidden]
    for condition in conditions:
        if (sizes := _forbidden(condition, sets)) is None:
            texts.append(str(condition))
        elif all(sizes.values()):
            forbidden.append(sizes)
    forbidden = _merged(forbidden)
    strongest = [of for of in forbidden if not any(_is_part(of, other) for other in forbidden if other != of)]
    others = ({axis: _others(axis, sizes, sets[axis]) for axis, sizes in of.items()} for of in strongest)
    return [*filter(None, (" or ".join(filter(None, of.values())) for of in others)), *texts]


def _merged(forbidden: Sequence[Sets]) -> list[Sets]:
    """The forbidden sizes; two that differ along one axis only are one."""
    left = [*forbidden]
    found: list[Sets] = []
    while left:
        one = left.pop(0)
        for other in left:
            if (both := _as_one(one, other)) is not None:
                left[left.index(other)] = both
                break
        else:
            found.append(one)
    return found


def _as_one(one: Sets, other: Sets) -> Sets | None:
    """Both together, if they differ along one axis only."""
    differing = [axis for axis in one if one[axis] != other.get(axis)]
    if len(differing) != 1 or one.keys() != other.keys():
        return None
    (axis,) = differing
    try:
        return {**one, axis: SizeSet([p for of in (one[axis], other[axis]) for p in (*of.head, *of.tail)])}
    except WellshapedError:  # they are too many progressions
        return None


def _forbidden(condition: Condition, sets: Mapping[str, SizeSet]) -> Sets | None:
    """The sizes of each axis that do not fit together, or ``None`` if the condition is no such statement."""
    if condition.statement.op != ("or" if condition.held else "and"):
        return None
    found: Sets = {}
    for statement in condition.statement.args:
        axes = sorted(names_in(statement))
        of_it = Condition(statement, held=not condition.held)
        sizes = sizes_on([of_it], axes[0]) if len(axes) == 1 and axes[0] not in found else None
        if sizes is None:
            return None
        found[axes[0]] = sizes & sets[axes[0]]
    return found


def _is_part(one: Mapping[str, SizeSet], other: Mapping[str, SizeSet]) -> bool:
    return one.keys() == other.keys() and all(not sizes & other[axis].complement() for axis, sizes in one.items())


def _others(axis: str, forbidden: SizeSet, fitting: SizeSet) -> str:
    """That a size that fits is none of the forbidden ones; empty if they are all."""
    allowed = fitting & forbidden.complement()
    if not allowed:
        return ""
    if allowed.count == 1:
        return f"{axis} = {allowed.minimum}"
    if allowed and forbidden.maximum is not None and _from_to(fitting, forbidden.maximum + 1, None) == allowed:
        return f"{axis} ≥ {allowed.minimum}"
    if allowed.maximum is not None and _from_to(fitting, 1, allowed.maximum) == allowed:
        return f"{axis} ≤ {allowed.maximum}"
    if allowed.count is not None and allowed.count <= _FEW:
        return f"{axis} in {allowed}"
    if forbidden.count == 1:
        return f"{axis} ≠ {forbidden.minimum}"
    return f"{axis} not in {forbidden}" if forbidden.is_finite else f"{axis} not in ({forbidden})"


_FEW = 6
"""At most this many sizes are listed."""


def _from_to(sizes: SizeSet, least: int, most: int | None) -> SizeSet:
    return sizes & SizeSet([Progression(least, 1, None if most is None else most - least + 1)])
