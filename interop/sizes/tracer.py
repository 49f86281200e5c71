"""What a framework must be able to do, so that its networks can be read."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from .overtime import limited
from .paths import Accepted, End, Path, kind


class Tracer(Protocol):
    """A framework's reading of a network. ``sizes`` and ``samples`` have the open sizes by name."""

    def path_of(self, samples: Mapping[str, int], held: Mapping[str, int]) -> Path:
        """Trace with a symbol for each sample, and plain numbers for the ``held`` sizes."""

    def trial_of(self, sizes: Mapping[str, int]) -> End:
        """Run the framework's own shape rules on plain numbers."""

    def prepare(self, sizes: Mapping[str, int]) -> object:
        """Let the network choose its parameters by images of these sizes, if it does so. Raises what it raises.

        The result differs if the parameters have other shapes.
        """


def as_meant(tracer: Tracer, sizes: Mapping[str, int]) -> End:
    """Run the framework's own shape rules on plain numbers. A trace then tells whether a size of 1 was repeated."""
    end = tracer.trial_of(sizes)
    if not isinstance(end, Accepted) or kind(end) != "fits":
        return end
    traced = tracer.path_of(sizes, {}).end
    return replace(end, by_broadcasting=isinstance(traced, Accepted) and traced.by_broadcasting)


class AxisTracer:
    """The reading along one open ``axis``, while the others are ``held``."""

    def __init__(self, tracer: Tracer, axis: str, held: Mapping[str, int]) -> None:
        self.tracer, self.axis, self.held = tracer, axis, held

    def path(self, size: int) -> Path:
        """Trace symbolically, with ``size`` as the sample."""
        return self.tracer.path_of({self.axis: size}, self.held)

    def trial(self, size: int) -> End:
        """Run the framework's own shape rules on this size alone. Its sizes are numbers."""
        return self.tracer.trial_of({**self.held, self.axis: size})


@dataclass(frozen=True, slots=True)
class LimitedTracer:
    """A tracer that stops each run after so many ``seconds``. Its end is then ``Unknown``, and ``endless``."""

    tracer: Tracer
    seconds: float

    def prepare(self, sizes: Mapping[str, int]) -> object:
        """Let the network choose its parameters. Raises :class:`Overtime` if that takes longer."""
        with limited(self.seconds):
            return self.tracer.prepare(sizes)

    def path_of(self, samples: Mapping[str, int], held: Mapping[str, int]) -> Path:
        """The trace of these samples."""
        with limited(self.seconds):
            return self.tracer.path_of(samples, held)

    def trial_of(self, sizes: Mapping[str, int]) -> End:
        """What the framework does with these sizes."""
        with limited(self.seconds):
            return self.tracer.trial_of(sizes)


@dataclass(frozen=True, slots=True)
class RememberingTracer:
    """A tracer that runs each combination of sizes once, for questions that meet the same sizes again."""

    tracer: Tracer
    _paths: dict[object, Path] = field(default_factory=dict)
    _ends: dict[object, End] = field(default_factory=dict)

    def prepare(self, sizes: Mapping[str, int]) -> object:
        """Let the network choose its parameters."""
        return self.tracer.prepare(sizes)

    def path_of(self, samples: Mapping[str, int], held: Mapping[str, int]) -> Path:
        """The trace of these samples, or the one that was made before."""
        key = tuple(samples.items()), tuple(held.items())
        if key not in self._paths:
            self._paths[key] = self.tracer.path_of(samples, held)
        return self._paths[key]

    def trial_of(self, sizes: Mapping[str, int]) -> End:
        """What the framework does with these sizes, or did before."""
        key = frozenset(sizes.items())
        if key not in self._ends:
            self._ends[key] = self.tracer.trial_of(sizes)
        return self._ends[key]
