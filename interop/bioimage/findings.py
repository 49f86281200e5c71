"""What a comparison finds: broken rules, warnings and right numbers, grouped by what they say about several axes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ...spec.messages.report import Verdict
from .description import axes_in_words


@dataclass(frozen=True, slots=True)
class Finding:
    """A broken rule, or a warning, about one axis of a tensor. ``axis`` is ``""`` if it is about the whole tensor."""

    name: str
    tensor: str
    axis: str
    says: str


@dataclass(slots=True)
class Found:
    """What was found so far: ``faults``, ``notes``, and the ``right`` numbers of tensors and axes."""

    faults: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    right: list[tuple[str, str, str]] = field(default_factory=list)

    def fault(self, name: str, tensor: str, axis: str, says: str) -> None:
        """Add a broken rule."""
        self.faults.append(Finding(name, tensor, axis, says))

    def note(self, name: str, tensor: str, axis: str, says: str) -> None:
        """Add a warning."""
        self.notes.append(Finding(name, tensor, axis, says))

    def fixes(self) -> Iterator[str]:
        """Yield the right numbers, once for all axes of a tensor that share them; inputs first."""
        groups: dict[tuple[str, str], list[str]] = {}
        for tensor, axis, says in sorted(self.right, key=lambda of: of[0].startswith("output")):
            groups.setdefault((tensor, says), []).append(axis)
        for (tensor, says), axes in groups.items():
            yield f"{_place(tensor, axes)}: {says}"


def verdicts_of(findings: Sequence[Finding]) -> Iterator[Verdict]:
    """Yield a verdict for each group of findings that say the same about several axes."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for of in findings:
        groups.setdefault((of.name, of.tensor, of.says), []).append(of.axis)
    for (name, tensor, says), axes in groups.items():
        yield Verdict(name, False, says, _place(tensor, axes))


def _place(tensor: str, axes: Sequence[str]) -> str:
    named = [axis for axis in axes if axis]
    return f"{tensor}, {axes_in_words(named)}" if named else tensor
