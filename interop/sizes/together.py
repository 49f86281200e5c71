"""Whether open sizes depend on each other, and on what: conditions on several sizes at once (SPEC section 11).

Each axis is read alone, while the others are held. If the axes are independent, an image fits exactly if each of its
sizes does. This is tested: by combinations of sizes, by traces with all sizes open, and by sizes that meet or break the
conditions on several sizes that such a trace recorded.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice, product
from math import prod
from random import Random
from time import monotonic
from typing import Any

from ...spec.arithmetic.progression import Progression
from ...spec.arithmetic.size_set import SizeSet
from ...spec.messages.report import WellshapedError
from .expressions import is_positive, names_in
from .linking import Links, Sizes, at_random, by_axis, is_inside, meets
from .paths import Accepted, Condition, Path, kind, sizes_on
from .tracer import RememberingTracer, Tracer, as_meant

_PAIRS = 12
"""How many combinations of sizes are tried."""

_CONFIRMED = 2
"""How many combinations are tried that the trace with all sizes open proves to fit."""

_DRAWS = 3_000
"""How many sizes are drawn to find some that meet, or break, the conditions on several sizes."""


def general_path(tracer: Tracer, usual: Mapping[str, int], at: Mapping[str, int]) -> Path:
    """A trace of sizes that fit, with all sizes open: of the ``usual`` ones, if they fit together.

    Sizes that are equal, or that equal a number in the network, can take a path of their own. So another multiple is
    tried of each size at which it was held.
    """
    first = path = tracer.path_of(usual, {})
    multiples = {name: size * prime for (name, size), prime in zip(at.items(), cycle(_PRIMES), strict=False)}
    equal = dict.fromkeys(usual, max(usual.values()))
    for samples in (equal, multiples, dict(at)):
        if kind(path.end) == "fits":
            return path
        path = tracer.path_of(samples, {})
    return path if kind(path.end) == "fits" else first


_PRIMES = (11, 13, 17, 19, 23, 29, 31)


@dataclass(frozen=True, slots=True)
class Dependence:
    """Whether axes depend on each other; ``None`` if no sizes show it, and some could not be decided.

    If they do, there are the ``conditions`` that link them. A sentence with an ``example`` says which sizes do not fit
    together, if the conditions do not say it.
    """

    depends: bool | None
    conditions: tuple[str, ...] = ()
    example: str = ""


def dependence(
    tracer: Tracer,
    sets: Mapping[str, SizeSet],
    rejected: Mapping[str, SizeSet],
    undecided: Mapping[str, SizeSet],
    at: Mapping[str, int],
    path: Path,
    seconds: float,
) -> Dependence:
    """Whether the axes depend on each other, as far as it shows.

    ``sets``, ``rejected`` and ``undecided`` are the sizes of each axis that fit, that do not, and that are not known,
    while the others are held ``at`` sizes. ``path`` is a trace with all sizes open. No trace of another path
    begins after these ``seconds``.
    """
    tracer = RememberingTracer(tracer)
    joint = _joint(path)
    links = Links(tracer, at, sets)
    depends, decided = False, True
    combined = [*islice(_combinations(sets, rejected), _PAIRS), *((sizes, True) for sizes in _all_of(sets))]
    sure = [sizes for sizes, fits in combined if fits and not joint and _covers(path, sizes)][_CONFIRMED:]
    tried = [*(of for of in combined if of[0] not in sure), *_telling(path, joint, sets)]
    for sizes, other in _other_paths(tracer, sets, path, seconds):
        tried += [] if _covers(other, sizes) else [(sizes, True)]
        tried += _telling(other, _joint(other), sets, _DRAWS // 10)
    tried += ((sizes, False) for sizes in _in_gaps(tracer, sets, rejected, at))
    alike = [dict.fromkeys(at, max(at.values()) + more) for more in (1, 7)]
    tried += ((sizes, is_inside(sizes, sets)) for sizes in (*alike, *_solutions(tracer, joint, at, rejected)))
    for sizes, fits in tried:
        if any(size in undecided[name] for name, size in sizes.items()):
            continue
        end = kind(tracer.trial_of(sizes) if fits else as_meant(tracer, sizes))
        decided = decided and end != "unknown"
        if end == "unknown" or (end == "fits") == fits:
            continue
        depends = True
        if fits:
            links.add(sizes)
        elif not is_inside(sizes, sets):
            links.add_one(sizes)
    if not depends:
        return Dependence(False if decided else None)
    return Dependence(True, *links.said(joint))


def _all_of(sets: Mapping[str, SizeSet]) -> Iterator[Sizes]:
    """All combinations of sizes that fit one by one, if they are few."""
    counts = [of.count for of in sets.values()]
    if None not in counts and prod(count or 0 for count in counts) <= _PATHS:
        yield from (dict(zip(sets, sizes, strict=True)) for sizes in product(*sets.values()))


_PATHS = 16
"""At most this many combinations of sizes are traced because no other trace took their path."""


def _other_paths(
    tracer: Tracer, sets: Mapping[str, SizeSet], path: Path, seconds: float
) -> Iterator[tuple[Sizes, Path]]:
    """The other paths of sizes that fit one by one, each with sizes that take it.

    The sizes of each axis are split into those that take a path and the others. One of each part is combined with
    those of the other axes. Where no trace has taken these sizes, there is another.
    """
    parts = {name: [of] for name, of in sets.items()}
    paths = [path]
    seen: set[tuple[int, ...]] = set()
    deadline = monotonic() + seconds
    while len(paths) <= _PATHS and monotonic() < deadline:
        for name, of_it in by_axis(paths[-1].conditions, sets).items():
            try:
                split = [half for part in parts[name] for half in (part & of_it, part & of_it.complement())]
            except WellshapedError:  # sets with too many parts to be written
                continue
            parts[name] = [part for part in split if part]
        # Sizes that differ, if they can: equal ones may take a path of their own.
        members = [
            [next(islice(part, i, None), part.minimum or 1) for part in of] for i, of in enumerate(parts.values())
        ]
        points = (point for point in islice(product(*members), _POINTS) if point not in seen)
        new = next((of for of in points if not any(_covers(p, dict(zip(parts, of, strict=True))) for p in paths)), None)
        if new is None:
            return
        seen.add(new)
        sizes = dict(zip(parts, new, strict=True))
        paths.append(tracer.path_of(sizes, {}))
        yield sizes, paths[-1]


_POINTS = 256
"""At most this many combinations are compared with the traces at a time."""


def _in_gaps(
    tracer: Tracer, sets: Mapping[str, SizeSet], rejected: Mapping[str, SizeSet], at: Mapping[str, int]
) -> Iterator[Sizes]:
    """A few sizes that are rejected, together with others that may make them fit.

    A network made for 8×8 may stretch a table for every other size, and so reject 8×64.
    """
    finite = {name: of for name, of in rejected.items() if of.is_finite}
    between = {}
    for name, of in finite.items():
        larger = of & SizeSet([Progression((sets[name].minimum or 0) + 1, 1, None)])
        if sets[name] and larger:
            between[name] = [*islice(larger, _GAPS)]
    if len(between) > 1:
        yield from ({**at, **dict(zip(between, sizes, strict=True))} for sizes in product(*between.values()))
    for name, of in finite.items():
        for size in between.get(name, [*islice(of, _GAPS)]):
            here = {**at, name: size}
            for other, on_it in by_axis(tracer.path_of(here, {}).conditions, sets).items():
                rest = sets[other] & on_it.complement()
                if other != name and rest:
                    yield {**here, other: rest.minimum or 1}


_GAPS = 3
"""So many sizes in the gaps of an axis are looked at."""


def _covers(path: Path, sizes: Sizes) -> bool:
    """Whether a trace shows that the network runs on these sizes, and that no image on the way is empty."""
    if not isinstance(path.end, Accepted) or path.end.by_broadcasting:
        return False
    return all(meets(c, sizes) for c in path.conditions) and all(is_positive(of, sizes) for of in path.end.needed)


def _joint(path: Path) -> list[Condition]:
    """The conditions of an accepted trace on several sizes that can fail where those on one size all hold."""
    if kind(path.end) != "fits":
        return []
    several = [c for c in dict.fromkeys(path.conditions) if len(names_in(c.statement)) > 1]
    names = sorted({name for c in several for name in names_in(c.statement)})
    drawn = list(islice(_drawn(path, names, 1), 60))
    return [c for c in several if not all(meets(c, sizes) for sizes in drawn) or any(_unequal(path, c))]


def _unequal(path: Path, condition: Condition) -> Iterator[Sizes]:
    """Small sizes at which two sizes are related as they must not be: those with ``H*W = 24`` for ``H*W ≠ 24``.

    They meet the conditions on a single size. Sizes at random hardly ever are such.
    """
    names = sorted(names_in(condition.statement))
    if condition.held or condition.statement.op != "==" or len(names) != 2:
        return
    members = ([*islice(of, _SMALL)] for of in _alone(path, names).values())
    yield from (sizes for of in product(*members) if not meets(condition, sizes := dict(zip(names, of, strict=True))))


_SMALL = 24
"""So many small sizes of an axis are combined with those of another."""


def _telling(
    path: Path, joint: Sequence[Condition], sets: Mapping[str, SizeSet], draws: int = _DRAWS
) -> Iterator[tuple[Sizes, bool]]:
    """Sizes that tell whether the axes depend on each other, and whether they fit if they do not.

    First some that take the path, and are outside of the sets of single axes; then some inside, which break a condition
    on several sizes. They are looked for among this many ``draws``.
    """
    if not joint:
        return
    outside: list[Sizes] = []
    breaking: dict[Condition, list[Sizes]] = {c: [] for c in joint}
    for sizes in islice(_drawn(path, list(sets), 2), draws):
        fits = is_inside(sizes, sets)
        broken = [c for c in joint if not meets(c, sizes)]
        if fits and broken and len(breaking[broken[0]]) < 2:  # such sizes leave the path at the first
            breaking[broken[0]].append(sizes)
        if not fits and len(outside) < 2 and not broken:
            outside.append(sizes)
        if len(outside) == 2 and all(len(of) == 2 for of in breaking.values()):
            break
    usual = next(_drawn(path, list(sets), 2), {})
    for condition in [c for c, of in breaking.items() if not of]:
        small = ({**usual, **sizes} for sizes in islice(_unequal(path, condition), _SMALL))
        breaking[condition] = [*islice((sizes for sizes in small if is_inside(sizes, sets)), 2)]
    yield from ((sizes, False) for sizes in outside)
    yield from ((sizes, True) for of in breaking.values() for sizes in of)


def _solutions(
    tracer: Tracer, joint: Sequence[Condition], at: Mapping[str, int], rejected: Mapping[str, SizeSet]
) -> Iterator[Sizes]:
    """Sizes that meet an equality of several sizes, other than those at which the axes were held.

    One size is changed, also to one that is rejected alone, and the equality is solved for another.
    """
    for condition in [c for c in joint if c.held and c.statement.op == "=="][:3]:
        changed, solved, *_ = sorted(names_in(condition.statement))
        alone = [*islice(rejected[changed], 1)]
        for size in (*alone, at[changed] + 1, 2 * at[changed], max(at[changed] // 2, 1)):
            held = {**at, changed: size}
            sample = held.pop(solved)
            conditions = tracer.path_of({solved: sample}, held).conditions
            broken = [replace(c, held=True) for c in conditions if not c.held and c.statement.op == "=="]
            found = sizes_on(broken[-1:], solved) if broken else None
            if found:
                yield {**held, solved: found.above(sample) or found.minimum or sample}


def _drawn(path: Path, names: Sequence[str], seed: int) -> Iterator[Sizes]:
    """Sizes at random that meet all conditions on a single size. Half of the time they are small."""
    return at_random(_alone(path, names), seed)


def _alone(path: Path, names: Sequence[str]) -> dict[str, SizeSet]:
    """The sizes of each axis that meet the conditions of a trace on this size alone."""
    return {
        name: sizes_on([c for c in path.conditions if names_in(c.statement) == {name}], name) or SizeSet()
        for name in names
    }


def _combinations(sets: Mapping[str, SizeSet], rejected: Mapping[str, SizeSet]) -> Iterator[tuple[Sizes, bool]]:
    """Sizes for all axes, and whether they fit if the axes are independent: all fit, or one does not."""
    draw = Random(0)
    kinds: dict[str, dict[bool, list[int]]] = {
        name: {True: _some(sets[name], draw), False: _some(rejected[name], draw)} for name in sets
    }
    if not all(of[True] for of in kinds.values()):
        return
    names = list(sets)
    for turn in range(4 * _PAIRS):
        wrong = names[turn // 2 % len(names)] if turn % 2 and kinds[names[turn // 2 % len(names)]][False] else None
        yield {name: draw.choice(kinds[name][name != wrong]) for name in names}, wrong is None


def _some(sizes: SizeSet, draw: Random) -> list[int]:
    """A few members of a set, small and large."""
    some: list[Any] = [*islice(sizes, 3), sizes.maximum, *(sizes.above(draw.randrange(1, 2_000)) for _ in range(5))]
    return [size for size in dict.fromkeys(some) if size is not None]
