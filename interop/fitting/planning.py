"""What ``fitted`` does with images of given shapes, as a value: ``FittedPlan``."""

from collections.abc import Iterable
from dataclasses import dataclass

from ...spec.answers.planning import Plan
from ...spec.messages.report import Report, ShapeError, Verdict
from ...spec.messages.written import Written, in_words
from .sources import Source


@dataclass(frozen=True, slots=True, repr=False)
class Kept(Written):
    """The part of one axis of an output that belongs to the image: the first ``size`` of ``of`` positions.

    ``axis`` is the position in the output's shape; a negative one counts from the end. ``name`` is the image's axis.
    """

    axis: int
    name: str
    size: int
    of: int


@dataclass(frozen=True, slots=True, repr=False)
class FittedPlan(Written):
    """What a fitted model does with images of these sizes. ``print`` shows it in a line.

    - ``axes``: the names of the axes. ``given`` and ``fitting`` are their sizes before and after.
    - ``outputs``: for each output, the part of each axis that belongs to the image; empty if nothing is cut.

    >>> from wellshaped.interop import fitted
    >>> plan = fitted(lambda x: x, "tiny", policy="pad").plan((3, 302, 384))
    >>> plan.fitting, plan.pads, plan.outputs
    ((304, 384), ((0, 2), (0, 0)), ((Kept(axis=-2, name='height', size=302, of=304),),))
    """

    policy: str
    mode: str
    axes: tuple[str, ...]
    given: tuple[int, ...]
    fitting: tuple[int, ...]
    outputs: tuple[tuple[Kept, ...], ...]

    @property
    def pads(self) -> tuple[tuple[int, int], ...]:
        """The positions added before and after, for each axis: none before, as in :attr:`wellshaped.spec.Plan.pads`."""
        return Plan(self.policy, self.given, self.fitting).pads

    @property
    def changes(self) -> bool:
        """Whether the image is padded or cropped."""
        return self.given != self.fitting

    def __str__(self) -> str:
        if not self.changes:
            return f"nothing to do for {_listed(f'{name} {n}' for name, n in zip(self.axes, self.given, strict=True))}"
        pairs = [(name, n, m) for name, n, m in zip(self.axes, self.given, self.fitting, strict=True) if n != m]
        change = _listed(f"{name} {n} to {m}" for name, n, m in pairs)
        if self.policy == "crop":
            return f"crop {change} at the end; the result belongs to the crop"
        keeps = [
            _listed(f"{cut.name} {cut.size} of {cut.of}" for cut in of if cut.size < cut.of) for of in self.outputs
        ]
        whose = ["the result"] if len(keeps) == 1 else [f"output {number}" for number in range(len(keeps))]
        cuts = "; ".join(f"of {of}, keep {text or 'all'}" for of, text in zip(whose, keeps, strict=True))
        return f"pad {change} at the end with {_CONTENT[self.mode]}; {cuts}"


_CONTENT = {"zeros": "zeros", "reflect": "the image reflected", "edge": "its last position"}


def plan_of(source: Source, shapes: tuple[tuple[int, ...], ...], policy: str, mode: str) -> FittedPlan:
    """The plan for images of these shapes, one for each image of the ``source``.

    Raises :class:`ShapeError` if an image does not belong to the source, is empty, or too small to reflect; if no size
    fits; and if nothing of an output belongs to the image.
    """
    given = _given(source, shapes)
    sizes = tuple(given[name] for name in source.names)
    fitting = source.plan(sizes, policy).fitting
    if policy == "crop" or sizes == fitting:
        return FittedPlan(policy, mode, source.names, sizes, fitting, ())
    padded = {name: m for name, n, m in zip(source.names, sizes, fitting, strict=True) if n != m}
    if mode == "reflect":
        _require_reflected(source, given, padded)
    outputs = tuple(
        tuple(Kept(of.axis, of.name, of.kept(given[of.name]), of.size) for of in output if of.name in padded)
        for output in source.outputs(fitting)
    )
    for cut in (cut for output in outputs for cut in output if cut.size < 1):
        n, m = given[cut.name], padded[cut.name]
        says = f"{cut.name} is {n}, padded to {m}; the output has {cut.of}, and each of its positions reads the padding"
        raise ShapeError.of(f"an image for {source.title}", "output", "", says, f"{cut.name} of at least {m}")
    return FittedPlan(policy, mode, source.names, sizes, fitting, outputs)


def _given(source: Source, shapes: tuple[tuple[int, ...], ...]) -> dict[str, int]:
    """The sizes of the open axes, by name."""
    given: dict[str, int] = {}
    for number, (shape, places) in enumerate(zip(shapes, source.images, strict=True)):
        if places is None:
            continue
        source.require_shape(shape, number)
        for place, name in places:
            if given.setdefault(name, shape[place]) != shape[place]:
                says = f"{name} is {given[name]} and {shape[place]}, and must be the same"
                fix = f"pad or crop it to one size of {name}"
                raise ShapeError.of(f"an image for {source.title}", "equal", "", says, fix)
    empty = tuple(name for name, n in given.items() if n < 1)
    if empty:
        verdicts = tuple(Verdict("positive", False, f"{name} is 0, and must be at least 1", "") for name in empty)
        raise ShapeError(Report(f"an image for {source.title}", verdicts, ("an image that is not empty",)))
    return given


def _require_reflected(source: Source, given: dict[str, int], padded: dict[str, int]) -> None:
    """Raise :class:`ShapeError` if an axis has too few positions to reflect."""
    short = tuple(
        Verdict(
            "reflect",
            False,
            f"{name} is {given[name]} and needs {m - given[name]} more; reflecting can add at most {given[name] - 1}",
            "",
        )
        for name, m in padded.items()
        if m - given[name] > given[name] - 1
    )
    if short:
        raise ShapeError(Report(f"an image for {source.title}", short, ('mode="edge" or mode="zeros"',)))


def _listed(words: Iterable[str]) -> str:
    words = list(words)
    return in_words(words) if words else ""
