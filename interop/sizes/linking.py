"""What links open sizes: conditions on several of them at once, found from sizes that fit alone and not together."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, product
from typing import Protocol

from ...spec.arithmetic.progression import Progression
from ...spec.arithmetic.size_set import SizeSet
from .exploring import kind
from .expressions import holds, names_in
from .paths import Condition, End, Path, sizes_on

Sizes = dict[str, int]
Sets = dict[str, SizeSet]


class Tracer(Protocol):
    """A framework's reading of a network, with all sizes open."""

    def path_of(self, samples: Mapping[str, int], held: Mapping[str, int]) -> Path:
        """Trace with a symbol for each sample."""

    def trial_of(self, sizes: Mapping[str, int]) -> End:
        """Run the framework's own shape rules on plain numbers."""


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
    pairs: list[str] = field(default_factory=list)

    def add(self, sizes: Sizes) -> None:
        """Find why these sizes do not fit, though each does alone."""
        conditions = _in_parts(self.tracer.path_of(sizes, {}).conditions)
        linking = [c for c in conditions if len(names_in(c.statement)) > 1]
        alone = _alone(conditions, self.sets)
        if alone and not any(self._may_fit({**sizes, **of}) for of in _corners(alone)):
            self.forbidden.append(alone)
        elif linking:
            self.broken.append(replace(linking[-1], held=not linking[-1].held))
        else:
            self.pairs.append(" or ".join(f"{name} ≠ {size}" for name, size in sizes.items()))

    def texts(self, recorded: Iterable[Condition]) -> tuple[str, ...]:
        """The conditions that all sizes have to meet, of those ``recorded`` in a trace and those that were found."""
        required = [c for c in dict.fromkeys((*self.broken, *recorded)) if self._is_required(c)]
        return tuple(dict.fromkeys((*_written(_each_once(required), self.forbidden, self.sets), *self.pairs)))

    def _is_required(self, condition: Condition, most: int = 5) -> bool:
        """Whether sizes that break a condition do not fit. Up to ``most`` such sizes are run.

        Sizes that fit one by one are preferred. If one of the sizes breaks the condition whatever the others are, it
        is no condition on several. This is not asked of an equality, which few sizes meet.
        """
        first, *others = sorted(names_in(condition.statement))
        numbers = islice(product(*([self.at[name], *_BESIDE] for name in others)), _MOST_BESIDE)
        drawn = [{**self.at, first: n, **dict(zip(others, of, strict=True))} for of in numbers for n in range(2, 250)]
        breaking = [sizes for sizes in drawn if not meets(condition, sizes)]
        if not (condition.held and condition.statement.op == "=="):
            meeting = [sizes for sizes in drawn if meets(condition, sizes)]
            able = {name: {sizes[name] for sizes in meeting} for name in (first, *others)}
            breaking = [sizes for sizes in breaking if all(sizes[name] in of for name, of in able.items())]
        breaking = [sizes for sizes in breaking if is_inside(sizes, self.sets)] or breaking
        some = breaking[:: max(len(breaking) // most, 1)][:most]
        beside = {name: of.above(2 * self.at[name]) for name, of in self.sets.items() if name not in (first, *others)}
        larger = {name: size for name, size in beside.items() if size is not None}
        some += [sizes | larger for sizes in some] if larger else []
        return bool(some) and not any(self._may_fit(sizes) for sizes in some)

    def _may_fit(self, sizes: Sizes) -> bool:
        return kind(self.tracer.trial_of(sizes)) in ("fits", "unknown")


_BESIDE = (2, 3, 7, 20, 64, 200)
"""Values of the other sizes in the search for sizes that break a condition. 1 is left out: it may be repeated."""

_MOST_BESIDE = 60
"""At most this many combinations of these values are searched."""


def by_axis(conditions: Sequence[Condition], sets: Mapping[str, SizeSet]) -> Sets:
    """The sizes of each axis that meet the conditions on it alone. Those of an axis that is too hard are left out."""
    found = {name: sizes_on([c for c in conditions if names_in(c.statement) == {name}], name) for name in sets}
    return {name: sets[name] & of for name, of in found.items() if of is not None}


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


def _each_once(conditions: Iterable[Condition]) -> Iterable[Condition]:
    """The conditions, each once: an equality is often recorded both ways round."""
    found: dict[frozenset[str], Condition] = {}
    for condition in conditions:
        found.setdefault(frozenset((str(condition.held), *map(str, condition.statement.args))), condition)
    return found.values()


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
    strongest = [of for of in forbidden if not any(_is_part(of, other) for other in forbidden if other != of)]
    return [" or ".join(_others(axis, sizes, sets[axis]) for axis, sizes in of.items()) for of in strongest] + texts


def _forbidden(condition: Condition, sets: Mapping[str, SizeSet]) -> Sets | None:
    """The sizes of each axis that do not fit together, or ``None`` if the condition is no such statement."""
    if condition.held or condition.statement.op != "and":
        return None
    found: Sets = {}
    for statement in condition.statement.args:
        axes = sorted(names_in(statement))
        sizes = sizes_on([Condition(statement)], axes[0]) if len(axes) == 1 and axes[0] not in found else None
        if sizes is None:
            return None
        found[axes[0]] = sizes & sets[axes[0]]
    return found


def _is_part(one: Mapping[str, SizeSet], other: Mapping[str, SizeSet]) -> bool:
    return one.keys() == other.keys() and all(not sizes & other[axis].complement() for axis, sizes in one.items())


def _others(axis: str, forbidden: SizeSet, fitting: SizeSet) -> str:
    """That a size that fits is none of the forbidden ones."""
    most = forbidden.maximum
    above = SizeSet() if most is None else fitting & SizeSet([Progression(most + 1, 1, None)])
    is_above = above and above == fitting & forbidden.complement()
    return f"{axis} ≥ {above.minimum}" if is_above else f"{axis} not in {forbidden}"
