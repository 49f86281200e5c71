"""The answer about somebody's network: which sizes it takes, how that is known, and what breaks for another size."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from html import escape

from ...spec.arithmetic.naturals import natural
from ...spec.arithmetic.size_set import SizeSet
from ...spec.messages.report import FileError, Report, ShapeError, UsageError, Verdict, WellshapedError, wrapped
from ...spec.messages.written import clipped, in_words
from .exploring import SETS, Found, Region
from .linear import on_sets
from .paths import Accepted, End, Rejected, Unknown, kind
from .shapes import OpenShape, equalities


class UndecidedError(FileError):
    """Code was run on shapes, and a size can't be decided: it asks for the values of an image, for example."""

    says = "can't be decided"


@dataclass(frozen=True, slots=True)
class AxisSizes:
    """The sizes along one open axis, while the other open sizes are ``held`` at these numbers.

    ``found`` has the exact sets. ``sizes`` is the set of those that fit; :meth:`evidence` says how it is known.
    ``held_fits`` is false if no sizes were found that fit together: more sizes may then fit with other held ones.
    """

    axis: str
    held: Mapping[str, int]
    found: Found = field(repr=False)
    held_fits: bool = True

    @property
    def sizes(self) -> SizeSet:
        """The sizes that fit: the network runs, and every intermediate array has at least one position."""
        return self.found.fits

    @property
    def decided(self) -> bool:
        """Whether every size is decided by traces that hold for all sizes of a class, none by trying it."""
        return self.held_fits and not self.found.undecided and not self.found.tried

    def evidence(self) -> str:
        """How the set is known: what is decided for all sizes, what was tried, and what is not known.

        If not ``held_fits``, all this holds only while the other sizes are ``held``. The trials include one or two
        sizes of each class, which confirm its trace.
        """
        found = self.found
        traces, runs = ("s" * (n != 1) for n in (found.traces, found.trials))
        work = f"{found.traces} symbolic trace{traces}, {found.trials} size{runs} traced"
        if not found.tried and not found.undecided:
            return f"decided for every size ({work})"
        parts = []
        if found.tried:
            parts.append(f"tried one by one: {found.tried}")
        if found.undecided:
            why = next((region.end.why for region in found.regions if isinstance(region.end, Unknown)), "")
            parts.append(f"not known: {found.undecided}" + (f", because {clipped(why, 120)}" if why else ""))
        known = any(kind(region.end) != "unknown" and region.sizes.count != 1 for region in found.regions)
        text = "; ".join([*(["decided for the other sizes"] if known else []), *parts])
        return f"{text} ({work})"

    def region_of(self, size: int) -> Region | None:
        """The class of sizes that ``size`` belongs to, or ``None`` if it was neither traced nor tried."""
        of_it = (region for region in self.found.regions if size in region.sizes)
        return next((region for region in of_it if kind(region.end) != "unknown"), None)


@dataclass(frozen=True, slots=True)
class ModelSizes:
    """Which sizes a network takes, and how that is known. ``print`` it, or use it as data.

    - ``axes``: an :class:`AxisSizes` for each open size, by name.
    - ``independent``: whether sizes that fit, one for each axis, fit together. ``None`` if there is only one open size,
      and if too few sizes of one axis are known.
    - ``together``: if ``independent`` is false, the conditions that link several sizes.
    - ``output``: the shape of each output, as a function of the open sizes, for large images. An output in a dictionary
      or an object has its name before it: ``"mask: (1, H, W)"``.
    - ``notes``: sentences about what could not be done.
    """

    model: str
    framework: str
    shapes: tuple[OpenShape, ...]
    axes: Mapping[str, AxisSizes]
    independent: bool | None = None
    together: tuple[str, ...] = ()
    output: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    trial: Callable[[Mapping[str, int]], End] = field(default=lambda sizes: Accepted(()), repr=False, compare=False)

    @property
    def reader(self) -> str:
        """The function that read it."""
        return "read_torch" if self.framework.startswith("torch") else "read_jax"

    def __getitem__(self, axis: str) -> SizeSet:
        """The sizes that fit along an open axis, by its name."""
        return self.axes[self._known(axis)].sizes

    def check(self, **sizes: int) -> Report:
        """Run the framework's shape rules on these sizes. The report has its error, where it arose, and sizes that fit.

        Open sizes that are not given are held at sizes that fit. Raises :class:`UsageError` for an unknown name, and
        for a size that is not at least 1.
        """
        given = {self._known(name): natural(size, name) for name, size in sizes.items()}
        held = next(iter(self.axes.values())).held if self.axes else {}
        others = {name: of.sizes.above(64) or of.sizes.maximum or 64 for name, of in self.axes.items()}
        at = {name: given.get(name, held.get(name, others[name])) for name in self.axes}
        verdicts = tuple(
            Verdict("positive", size >= 1, f"{name} is {size}, and must be at least 1", "", at=name)
            for name, size in given.items()
        )
        accepted = ""
        error: type[WellshapedError] = ShapeError
        if all(verdict.holds for verdict in verdicts):
            end = self._as_meant(self.trial(at), at)
            verdicts = (_verdict(end),)
            accepted = self._accepted(end)
            error = UndecidedError if isinstance(end, Unknown) else ShapeError
        subject = f"{self.model} on {self._shapes(at)}"
        return Report(subject, verdicts, tuple(self._fixes(given, at)), error=error, holds=accepted)

    def _accepted(self, end: End) -> str:
        """That the framework accepts these sizes, and the shapes that it returns."""
        shapes = output_text(end, {}) if isinstance(end, Accepted) else ()
        name = self.framework.partition(" ")[0]
        accepts = f"{_NAMES.get(name, name)} accepts it"
        return f"{accepts}. Output{'s' * (len(shapes) > 1)} {in_words(shapes)}" if shapes else accepts

    def _as_meant(self, end: End, at: Mapping[str, int]) -> End:
        """The end; a run that repeats a size of 1 is told from others by the class of this size."""
        if not isinstance(end, Accepted) or kind(end) != "fits":
            return end
        repeats = any(
            at[name] in of.found.broadcast
            and (self.independent or all(at[other] == size for other, size in of.held.items()))
            for name, of in self.axes.items()
        )
        return replace(end, by_broadcasting=repeats or (end.by_broadcasting and not self.independent))

    def _fixes(self, given: Mapping[str, int], at: Mapping[str, int]) -> list[str]:
        fixes = []
        for name, size in given.items():
            fitting = self.axes[name].sizes
            if size in fitting:
                continue
            near = [(fitting.below(size), "crop"), (fitting.above(size), "pad")]
            ways = [
                f"{to} ({way} {abs(to - size)})"
                for to, way in near
                if to is not None and (self.independent is not False or kind(self.trial({**at, name: to})) == "fits")
            ]
            if not ways and self.independent is False:
                continue
            known = " as far as known" if self.axes[name].found.undecided else ""
            fixes.append(
                f"{name} {' or '.join(ways)}; all that fit{known}: {fitting}"
                if ways
                else f"{name}: no size fits{known}"
            )
        if not fixes and not self.independent and self.together:
            fixes.append(f"sizes with {self.together[0]}")
        return fixes

    def _known(self, axis: str) -> str:
        if axis in self.axes:
            return axis
        says = f"the open sizes are {', '.join(self.axes) or 'none'}"
        raise UsageError.of(f"the axis {clipped(axis)}", "axis", "no such axis", says, next(iter(self.axes), "none"))

    def _shapes(self, at: Mapping[str, int] = {}) -> str:
        return ", ".join("(" + ", ".join(str(at.get(str(n), n)) for n in shape) + ")" for shape in self.shapes)

    def to_dict(self) -> dict[str, object]:
        """The answer as plain data for JSON."""
        return {
            "model": self.model,
            "framework": self.framework,
            "input": [list(shape) for shape in self.shapes],
            "axes": {name: _axis_data(of) for name, of in self.axes.items()},
            "independent": self.independent,
            "together": list(self.together),
            "output": list(self.output),
            "notes": list(self.notes),
        }

    def lines(self, example: Report | None = None) -> list[str]:
        """The lines of the text, before long ones are wrapped.

        Errors that differ only in numbers are said once, and not at all if the ``example`` says them.
        """
        errors = [_without_numbers(of.says) for of in example.failures] if example else []
        lines = [f"{self.model} on {self._shapes()} ({self.framework})"]
        notes = [f"  note: {note}" for note in self.notes if not _without_numbers(note).endswith(tuple(errors))]
        if not any(of.sizes for of in self.axes.values()):  # the notes may say why
            lines, notes = [*lines, *notes], []
        said: list[tuple[list[str], list[str]]] = []
        if self._nothing_found():
            names = in_words(list(self.axes))
            tried = ", and ".join(f"{name} with {equalities(of.held)}" for name, of in self.axes.items())
            return [*lines, f"  {names}: no size was found; {tried.replace(' with', ' was tried with', 1)}"]
        for name, of in self.axes.items():  # axes that differ only in the work are said together
            alone = self.independent is False or not of.held_fits  # it was read while the others were held
            alike = (names for _, names in said if not alone and _same(self.axes[names[0]], of))
            if (group := next(alike, None)) is None:
                said.append((_axis_lines(of, errors), [name]))
            else:
                group.append(name)
        if self.independent is False:
            lines.append(f"  {in_words(list(self.axes))} depend on each other")
            lines += [f"    required together: {clipped(text, 200)}" for text in self.together[:_SHOWN]]
            more = len(self.together) - _SHOWN
            lines += [f"    and {more} more condition{'s' * (more > 1)}, in .together"] if more > 0 else []
        for (first, *others), group in said:
            held = f"with {equalities(self.axes[group[0]].held)}, " if self.independent is False else ""
            lines += [f"  {held}{in_words(group)}: {first}", *(f"    {line}" for line in others)]
        if self.independent:
            lines.append(f"  {in_words(list(self.axes))} are independent: any sizes that fit do so together")
        lines += [f"  output: {text}" if text.startswith("(") else f"  output {text}" for text in self.output]
        return [*lines, *notes]

    def _nothing_found(self) -> bool:
        """Whether each of several axes has no size while the others are held, and all of this is decided."""
        found = self.axes.values()
        return bool(found) and not any(of.held_fits or of.sizes or of.found.undecided for of in found)

    @property
    def held(self) -> dict[str, int]:
        """The sizes at which open sizes were held while the others were read. They fit together, if any do."""
        return {name: size for of in self.axes.values() for name, size in of.held.items()}

    def __str__(self) -> str:
        return "\n".join(map(wrapped, self.lines()))

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


_SHOWN = 3
"""So many of the conditions on several sizes are printed."""

_NAMES = {
    "flax": "Flax",
    "jax": "JAX",
    "torch": "PyTorch",
    "equinox": "Equinox",
    "haiku": "Haiku",
    "keras": "Keras",
}
"""What the frameworks call themselves, by the first word of :attr:`ModelSizes.framework`."""

_NOT_MEANT = {
    "empty": "runs, but an intermediate array is empty",
    "broadcast": "runs, but only because a size of 1 is repeated",
}
"""Why a network that runs does not count as one that fits, by the kind of its end."""


def _without_numbers(error: str) -> str:
    """The error with the same letter for each number but those of dimensions: ``4D`` stays."""
    return re.sub(r"\d+(?!D)", "n", error)


def _axis_lines(of: AxisSizes, said: list[str]) -> list[str]:
    """The lines about an axis, without an error that was ``said``. Another is added to these."""
    first = str(of.sizes) if of.sizes or not of.found.undecided else "no size is known"
    lines = [first if of.held_fits else f"{first} while {equalities(of.held)}", of.evidence()]
    if not of.sizes and (end := _usual_error(of.found)) and _without_numbers(end.says) not in said:
        said.append(_without_numbers(end.says))
        lines.append(end.says)
    for name, says in _NOT_MEANT.items():
        sizes = getattr(of.found, name)
        if sizes:
            which = f"size {sizes.minimum} is" if sizes.count == 1 else f"sizes {sizes} are"
            lines.append(f"{which} not counted: the code {says}")
    return lines


def _usual_error(found: Found) -> Rejected | None:
    """The error of the largest class of sizes that the framework rejects."""
    errors = [(region.sizes, region.end) for region in found.regions if isinstance(region.end, Rejected)]
    return max(errors, key=lambda of: (not of[0].is_finite, of[0].count or 0))[1] if errors else None


def _same(a: AxisSizes, b: AxisSizes) -> bool:
    """Whether two axes have the same sets."""
    return all(getattr(a.found, name) == getattr(b.found, name) for name in SETS)


def _axis_data(of: AxisSizes) -> dict[str, object]:
    found = of.found
    sets = {name: getattr(found, name).to_dict() for name in SETS if name != "fits"}
    work = {"traces": found.traces, "trials": found.trials}
    return {**of.sizes.to_dict(), "decided": of.decided, "held": dict(of.held), **sets, **work}


def _verdict(end: End) -> Verdict:
    if isinstance(end, Rejected):
        return Verdict("framework", False, end.says, "")
    if isinstance(end, Accepted):
        says = _NOT_MEANT.get(kind(end))
        return Verdict("meant", says is None, f"it {says}" if says else "it runs", "")
    return Verdict("known", False, clipped(end.why, 300), "")


def output_text(end: Accepted, sets: Mapping[str, SizeSet]) -> tuple[str, ...]:
    """The shape of each output, as functions of the open sizes, which are in these sets."""
    shapes = [f"({', '.join(str(on_sets(size, sets)) for size in shape)})" for shape in end.output]
    names = [f"{name}: " if name else "" for name in end.names or [""] * len(shapes)]
    return tuple(f"{name}{shape}" for name, shape in zip(names, shapes, strict=True))
