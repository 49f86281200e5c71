"""All sizes along one axis, path by path: trace a sample, solve its conditions, go on with a size not yet covered."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

from ...spec.arithmetic.progression import Progression
from ...spec.arithmetic.size_set import EVERY_SIZE, SizeSet
from ...spec.messages.report import WellshapedError
from .expressions import is_positive, value
from .paths import (
    ANY_ERROR,
    KINDS,
    Accepted,
    End,
    Rejected,
    Unknown,
    fail_alike,
    is_about_axes,
    is_recursion,
    kind,
    solved,
)
from .tracer import AxisTracer

Progress = Callable[[str], None]
"""It gets what is done next, in words."""

FIRST = 1_000
"""The first sample: larger than what small sizes need an exception for, and not a power of 2."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The most work for one axis.

    At most ``traces`` symbolic traces are begun, within ``seconds``. Then at most ``trials`` sizes, and none above
    ``up_to``, are tried one by one, in what is left of the seconds. If less than half is left, they have half. A trace
    or a run that has begun may end later, but it is stopped after ``run_seconds``: the code may have an endless loop.
    It stops at the next operation of the framework. A loop without operations does not stop.
    """

    traces: int = 100
    trials: int = 2_000
    up_to: int = 1_024
    seconds: float = 30.0
    run_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Region:
    """Sizes that take one path, how it ends, and which of them were run as plain numbers."""

    sizes: SizeSet
    end: End
    runs: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """The sizes along one axis.

    ``fits``, ``rejected``, ``empty`` and ``broadcast`` are disjoint. ``tried`` is the part of these that was tried one
    size at a time, and ``undecided`` has the remaining sizes. ``regions`` has the paths in the order in which they were
    found, and ``traces`` and ``trials`` count the work.
    """

    fits: SizeSet
    rejected: SizeSet
    empty: SizeSet
    broadcast: SizeSet
    tried: SizeSet
    undecided: SizeSet
    regions: tuple[Region, ...] = field(repr=False)
    traces: int
    trials: int

    @property
    def not_counted(self) -> SizeSet:
        """The sizes that are known not to fit."""
        return _union([self.rejected, self.empty, self.broadcast])


def explore(
    tracer: AxisTracer,
    axis: str,
    budget: Budget,
    progress: Progress = lambda said: None,
    known: int | None = None,
) -> Found:
    """Decide all sizes ``n ≥ 1`` of the ``axis``, as far as the ``budget`` reaches.

    ``known`` is a size that fits, by an earlier run. A path that rejects it decides nothing.
    """
    deadline = monotonic() + budget.seconds
    regions, left, traces = _by_traces(tracer, axis, budget, deadline, progress)
    trials = sum(len(region.runs) for region in regions)
    if known is not None:
        regions = _without_contradiction(tracer, axis, known, regions)
    unknown = _union([left, *(region.sizes for region in regions if kind(region.end) == "unknown")])
    deadline = max(deadline, monotonic() + budget.seconds / 2)
    to_try = () if _is_of_no_use(regions) else _to_try(unknown, known)
    tried: list[Region] = []
    for size in to_try:
        if (size > budget.up_to and size != known) or len(tried) >= budget.trials or monotonic() > deadline:
            break
        progress(f"{axis} = {size}")
        end = tracer.trial(size)
        if isinstance(end, Unknown):
            break
        tried.append(Region(_one(size), end, (size,)))
        if known is None and len(tried) == ALIKE and _all_alike([*regions, *tried]):
            break  # no size will do
    regions = _without_chance_repeats([*regions, *tried])
    tried_sizes = _union(region.sizes for region in tried)
    return Found(
        **{of: _union(region.sizes for region in regions if kind(region.end) == of) for of in KINDS},
        tried=tried_sizes,
        undecided=unknown & tried_sizes.complement(),
        regions=tuple(regions),
        traces=traces,
        trials=trials + len(tried),
    )


def _by_traces(
    tracer: AxisTracer, axis: str, budget: Budget, deadline: float, progress: Progress
) -> tuple[list[Region], SizeSet, int]:
    """The regions that traces find, the sizes that are in none of them, and how many traces there were."""
    regions: list[Region] = []
    left = EVERY_SIZE
    traces = 0
    for _ in range(budget.traces):
        if not left or monotonic() > deadline:
            break
        sample = _next(left)
        progress(f"{axis} = {sample}")
        alone = _tried_alone(tracer, sample, regions) if left.is_finite else None
        traces += alone is None
        try:
            found = [alone] if alone else _traced(tracer, axis, sample)
            found = [replace(region, sizes=region.sizes & left) for region in found]
            after = left & _union(region.sizes for region in found).complement()
        except WellshapedError:  # of a SizeSet
            regions.append(Region(left, Unknown("its sizes are in too many classes")))
            break
        regions += found
        left = after
    return regions, left, traces


_SINGLE = 2
"""If the last paths, this many, have one size each, the next size is not traced. It is run as a plain number."""


def _tried_alone(tracer: AxisTracer, size: int, regions: list[Region]) -> Region | None:
    """The size by itself, if the last paths had one size each, and it ends as they do: then a trace says no more."""
    last = regions[-_SINGLE:]
    kinds = {kind(region.end) for region in last}
    if len(last) < _SINGLE or len(kinds) > 1 or kinds == {"unknown"} or any(of.sizes.count != 1 for of in last):
        return None
    end = tracer.trial(size)
    return Region(_one(size), end, (size,)) if kind(end) in kinds else None


ALIKE = 48
"""If this many tried sizes raise the same error about the number of axes, and none fits, no others are tried."""


def _all_alike(regions: list[Region]) -> bool:
    """Whether every known end is the same error about the number of axes."""
    known = [region.end for region in regions if not isinstance(region.end, Unknown)]
    return bool(known) and is_about_axes(known[0]) and all(fail_alike(known[0], end) for end in known)


def _to_try(unknown: SizeSet, known: int | None) -> Iterator[int]:
    """The sizes from the smallest on, but first the one that is known to fit."""
    if known is not None and known in unknown:
        yield known
    yield from (size for size in unknown if size != known)


def _traced(tracer: AxisTracer, axis: str, sample: int) -> list[Region]:
    """The regions of the path that the sample takes, confirmed by running a few of their sizes."""
    path = tracer.path(sample)
    end = path.end
    if is_recursion(end):
        end = Unknown("the code calls itself too often, and how often it may differs with symbols")
    needed = sorted(end.needed, key=str) if isinstance(end, Accepted) else []
    on_it, meant = solved(path.conditions, axis, needed)
    if on_it is None or sample not in on_it:
        return [Region(_one(sample), Unknown("the conditions of the trace are too hard to solve"))]
    if not isinstance(end, Accepted):
        return _each_confirmed(tracer, axis, Region(on_it, end), sample)
    if meant is None:
        return [Region(on_it, Unknown("the intermediate sizes are too hard to solve"))]
    parts = [Region(meant, end), Region(on_it & meant.complement(), replace(end, needed=frozenset({0})))]
    return [of for part in parts if part.sizes for of in _each_confirmed(tracer, axis, part, sample)]


def _without_contradiction(tracer: AxisTracer, axis: str, known: int, regions: list[Region]) -> list[Region]:
    """The regions; one that rejects a size that an earlier run has shown to fit decides nothing.

    A run of the size is made again. If it does not fit now, the model is no function of its images, and nothing is
    known.
    """
    if not any(known in region.sizes and kind(region.end) == "rejected" for region in regions):
        return regions
    end = tracer.trial(known)
    if kind(end) != "fits":
        why = f"a run on {axis} = {known} fits at first, and later {_ends(end)}: "
        why += "the model keeps something from one call to the next"
        return [Region(_union(region.sizes for region in regions), Unknown(why, changed=True))]
    why = f"a run on {axis} = {known} fits, unlike the symbolic trace"
    return [replace(region, end=Unknown(why)) if known in region.sizes else region for region in regions]


def _is_of_no_use(regions: list[Region]) -> bool:
    """Whether runs say nothing: the model keeps something from one call to the next, or does not end."""
    return any(isinstance(region.end, Unknown) and (region.end.changed or region.end.endless) for region in regions)


def _without_chance_repeats(regions: list[Region]) -> list[Region]:
    """The regions; one that repeats a size of 1 where the largest sizes do not fits only by broadcasting."""
    fitting = [(region, region.end) for region in regions if isinstance(region.end, Accepted)]
    if not fitting:
        return regions
    _, usual = max(fitting, key=lambda of: (not of[0].sizes.is_finite, of[0].sizes.maximum or 0))
    return [
        replace(region, end=replace(region.end, by_broadcasting=True))
        if isinstance(region.end, Accepted) and _repeats_by_chance(region.end, usual)
        else region
        for region in regions
    ]


def _repeats_by_chance(end: Accepted, usual: Accepted) -> bool:
    """Whether an operation repeats a size of 1 that is not 1 for usual sizes. Other programs are not compared."""
    if len(end.repeats) != len(usual.repeats):
        return False
    return any(here and not there for here, there in zip(end.repeats, usual.repeats, strict=True))


SETS = (*KINDS, "tried", "undecided")
"""The names of the sets of :class:`Found`."""


_FEW = 4
"""So many sizes on one path are run as plain numbers, each for itself, if a run is unlike the trace."""


def _each_confirmed(tracer: AxisTracer, axis: str, region: Region, sample: int) -> list[Region]:
    """The region confirmed, or its sizes one by one if they are few and a run is unlike the trace."""
    confirmed = _confirmed(tracer, axis, region, sample)
    differs = isinstance(confirmed.end, Unknown) and confirmed.runs
    if differs and region.sizes.count is not None and region.sizes.count <= _FEW:
        return [_confirmed(tracer, axis, replace(region, sizes=_one(size)), size) for size in region.sizes]
    return [confirmed]


def _confirmed(tracer: AxisTracer, axis: str, region: Region, sample: int) -> Region:
    """The region, if the framework does the same with a few of its sizes as numbers; otherwise its end is unknown.

    If it has only one size, what the framework does with this number is the answer.
    """
    sizes = region.sizes
    if isinstance(region.end, Unknown):
        return replace(region, end=tracer.trial(sample), runs=(sample,)) if sizes.count == 1 else region
    runs = _to_confirm(region, sample)
    end = region.end
    for size in runs:
        alone = tracer.trial(size)
        if not _agree(region.end, alone, {axis: size}):
            if sizes.count == 1:
                return Region(sizes, alone, runs)
            return Region(sizes, Unknown(f"a run on {axis} = {size} {_ends(alone)}, unlike the symbolic trace"), runs)
        if isinstance(alone, Rejected):
            end = alone  # its text has numbers
    return Region(sizes, end, runs)


def _to_confirm(region: Region, sample: int) -> tuple[int, ...]:
    """The sizes to run: if they are accepted, the smallest and a large one; otherwise the ``sample``.

    Code may treat a plain number differently from a symbol.
    """
    sizes = region.sizes
    accepted = isinstance(region.end, Accepted)
    sizes_to_run = (sizes.minimum, _far(sizes)) if accepted else (sample if sample in sizes else sizes.minimum,)
    return tuple(dict.fromkeys(n for n in sizes_to_run if n is not None))


def _agree(traced: End, alone: End, at: Mapping[str, int]) -> bool:
    """Whether a run on plain numbers ends as the trace says."""
    if isinstance(traced, Accepted) and isinstance(alone, Accepted):
        try:
            shapes = tuple(tuple(value(size, at) for size in shape) for shape in traced.output)
        except ZeroDivisionError:
            return False
        empty = not all(is_positive(size, at) for size in traced.needed)
        return shapes == alone.output and empty == (kind(alone) == "empty")
    if isinstance(traced, Rejected) and isinstance(alone, Rejected):
        same_error = (traced.error, traced.raised) == (alone.error, alone.raised)
        return same_error or (traced.error == ANY_ERROR and traced.at in ("", alone.at))
    return False


def _ends(alone: End) -> str:
    if isinstance(alone, Rejected):
        return f"raises {alone.error}"
    return f"has the output {alone.output}" if isinstance(alone, Accepted) else "can't be decided"


def _far(sizes: SizeSet) -> int | None:
    """A large member. Counted in periods it is a prime number, so that no further divisibility holds by chance.

    It is not much larger than the set's start: images of this size must still have fewer elements than an array may.
    """
    if sizes.period is None:
        return sizes.maximum
    period, start = sizes.period, sizes.start
    return next((sizes.residues[0] + period * prime for prime in _PRIMES if prime * period > start), None)


_PRIMES = (
    *(10_007, 20_021, 40_063, 80_141, 160_309, 320_627, 641_261, 1_282_529, 2_565_061, 5_130_143, 10_260_301),
    *(20_520_629, 41_041_267, 82_082_537, 164_165_083, 328_330_169, 656_660_401, 1_313_320_807),
)
"""Primes, each about twice the last."""


def _next(left: SizeSet) -> int:
    """The next sample: a large one while infinitely many sizes are left, then the largest."""
    sample = left.maximum if left.is_finite else left.above(FIRST)
    assert sample is not None
    return sample


def _one(size: int) -> SizeSet:
    return SizeSet([Progression(size, 1, 1)])


def _union(sets: Any) -> SizeSet:
    return SizeSet([part for of_it in sets for part in (*of_it.head, *of_it.tail)])
