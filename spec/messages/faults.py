"""Collects the faults of a file into one report. It fits on a screen, however many faults there are."""

from collections import Counter
from collections.abc import Callable

from .report import Report, Verdict

Said = tuple[str, str]
"""The text of a fault, and a fix."""

FEW = 3
"""The most fixes to show, and by default the most faults of each kind."""

_LINES = 5  # the most kinds of faults to show


class Faults:
    """Collected faults, in order. The report shows the first ``shown`` of each kind and counts the others.

    >>> from wellshaped.spec import FileError
    >>> faults = Faults()
    >>> for key in "abcde":
    ...     faults.add("key", "there is no such key", (f"'{key}'", "other keys"))
    >>> print(FileError(faults.report("file a.toml")))
    file a.toml can't be read.
      key: there is no such key: 'a'; 'b'; 'c'; and 2 more.
      fix: other keys
    """

    def __init__(self, shown: int = FEW) -> None:
        self._shown = shown
        self._met: Counter[str] = Counter()
        self._verdicts: dict[str, list[Verdict]] = {}
        self._fixes: dict[str, None] = {}

    def __len__(self) -> int:
        return self._met.total()

    def add(self, rule: str, about: str, said: Said | Callable[[], Said], most: int | None = None) -> None:
        """Add a fault. ``said`` is its text and a fix, or a function that returns both if the fault is shown.

        ``about`` is the kind of the fault. ``most`` replaces ``shown`` for this kind.
        """
        self._met[about] += 1
        if self._met[about] > (self._shown if most is None else most) or len(self._met) > _LINES:
            return
        says, fix = said() if callable(said) else said
        self._verdicts.setdefault(about, []).append(Verdict(rule, False, says, about))
        if self._met[about] == 1:
            self._fixes[fix] = None

    def report(self, subject: str) -> Report:
        """Return the report on ``subject`` with all faults."""
        verdicts = []
        for about, shown in self._verdicts.items():
            verdicts += shown
            if self._met[about] > len(shown):
                verdicts.append(Verdict(shown[0].name, False, f"and {self._met[about] - len(shown)} more", about))
        others = sum(list(self._met.values())[_LINES:])
        if others:
            verdicts.append(Verdict("more", False, f"{others} of another kind", "it has more faults"))
        return Report(subject, tuple(verdicts), tuple(self._fixes)[:FEW])
