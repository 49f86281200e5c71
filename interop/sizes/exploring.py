"""All sizes along one axis, path by path: trace a sample, solve its conditions, and go on with a size not yet covered."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any, Protocol

from ...spec.arithmetic.progression import Progression
from ...spec.arithmetic.size_set import SizeSet
from .expressions import value
from .paths import ANY_ERROR, Accepted, End, Path, Rejected, Unknown, sizes_on

FIRST = 1_000
"""The first sample: larger than what small sizes need an exception for, and not a power of 2."""


class Tracer(Protocol):
    """A framework's reading of one network with one open axis."""

    def path(self, size: int) -> Path:
        """Trace symbolically, with ``size`` as the sample."""

    def trial(self, size: int) -> End:
        """Run the framework's own shape rules on this size alone. Its sizes are numbers."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The most work for one axis.

    ``traces`` symbolic traces are made, and at most ``trials`` sizes, and no size above ``up_to``, are tried one by
    one, for at most ``seconds``.
    """

    traces: int = 100
    trials: int = 2_000
    up_to: int = 1_024
    seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Region:
    """Sizes that take one path, and how it ends."""

    sizes: SizeSet
    end: End
    tried: bool = False


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


def explore(tracer: Tracer, axis: str, budget: Budget, progress: Callable[[str], None] = lambda said: None) -> Found:
    """Decide all sizes ``n ≥ 1`` of the ``axis``, as far as the ``budget`` reaches."""
    deadline = monotonic() + budget.seconds
    regions: list[Region] = []
    unknown: list[Region] = []
    left = SizeSet([Progression(1, 1, None)])
    traces = trials = 0
    while left and traces < budget.traces and monotonic() < deadline:
        sample = _next(left)
        progress(f"{axis} = {sample}")
        traces += 1
        path = tracer.path(sample)
        needed = path.end.needed if isinstance(path.end, Accepted) else ()
        on_it = sizes_on(path.conditions, axis)
        meant = sizes_on(path.conditions, axis, sorted(needed, key=str))
        end = path.end
        if on_it is None or meant is None or sample not in on_it:
            on_it, end = _one(sample), Unknown("the conditions of the trace are too hard to solve")
        on_it &= left
        if isinstance(end, Unknown):
            unknown.append(Region(on_it, end))
        else:
            trials += 1
            confirmed = _confirmed(tracer, axis, Region(on_it, end), sample)
            if isinstance(confirmed.end, Unknown):
                unknown.append(confirmed)
            elif isinstance(end, Accepted):
                regions.append(replace(confirmed, sizes=on_it & meant))
                hollow = on_it & meant.complement()
                if hollow:
                    regions.append(Region(hollow, replace(end, needed=frozenset({0}))))
            else:
                regions.append(confirmed)
        left &= on_it.complement()
    open_sizes = _union([left, *(region.sizes for region in unknown)])
    tried = []
    for size in _up_to(open_sizes, budget.up_to):
        if len(tried) >= budget.trials or monotonic() > deadline:
            break
        progress(f"{axis} = {size}")
        tried.append(size)
        trials += 1
        regions.append(Region(_one(size), tracer.trial(size), tried=True))
    tried_sizes = SizeSet([Progression(size, 1, 1) for size in tried])
    return Found(
        *(_union(region.sizes for region in regions if kind(region.end) == of) for of in KINDS),
        tried=tried_sizes,
        undecided=open_sizes & tried_sizes.complement(),
        regions=(*regions, *unknown),
        traces=traces,
        trials=trials,
    )


KINDS = ("fits", "rejected", "empty", "broadcast")
"""What a network does with a size: it fits, the framework raises, an image is empty, or a size of 1 is repeated."""


def kind(end: End) -> str:
    """One of :data:`KINDS`, or ``"unknown"``."""
    if isinstance(end, Accepted):
        if not all(size >= 1 for size in end.needed if isinstance(size, int)):
            return "empty"
        return "broadcast" if end.by_broadcasting else "fits"
    return "rejected" if isinstance(end, Rejected) else "unknown"


def _confirmed(tracer: Tracer, axis: str, region: Region, sample: int) -> Region:
    """The region, if the framework does the same with the sample as a plain number; otherwise its end is unknown."""
    end = tracer.trial(sample)
    if isinstance(region.end, Accepted) and isinstance(end, Accepted):
        at = {axis: sample}
        shapes = tuple(tuple(value(size, at) for size in shape) for shape in region.end.output)
        if shapes == end.output:
            return region
    elif isinstance(region.end, Rejected) and isinstance(end, Rejected):
        same_error = (region.end.error, region.end.raised) == (end.error, end.raised)
        if same_error or (region.end.error == ANY_ERROR and region.end.at == end.at):
            return Region(region.sizes, end)
    why = f"a run on {axis} = {sample} differs from the symbolic trace"
    return Region(region.sizes, Unknown(why))


def _next(left: SizeSet) -> int:
    """The next sample: a large one while infinitely many sizes are left, then the smallest."""
    sample = left.above(0 if left.is_finite else FIRST)
    assert sample is not None
    return sample


def _one(size: int) -> SizeSet:
    return SizeSet([Progression(size, 1, 1)])


def _union(sets: Any) -> SizeSet:
    return SizeSet([part for of_it in sets for part in (*of_it.head, *of_it.tail)])


def _up_to(sizes: SizeSet, most: int) -> Iterator[int]:
    for size in sizes:
        if size > most:
            return
        yield size
