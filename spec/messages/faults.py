"""The faults of a file, collected into one report that fits on a screen, however many there are."""

from collections import Counter
from collections.abc import Callable

from .report import Report, Verdict

Said = tuple[str, str]
"""What a fault says, and a fix."""

FEW = 3
"""Faults that are about the same are shown, and fixes."""

_LINES = 5  # of what faults are about


class Faults:
    """Faults in the order in which they were met: the first ``shown`` of each kind are shown, the others are counted.

    >>> faults = Faults()
    >>> for key in "abcde":
    ...     faults.add("key", "it has unknown keys", (f"'{key}'", "other keys"))
    >>> print(faults.report("file a.toml"))
    file a.toml does not fit.
      key: it has unknown keys: 'a'; 'b'; 'c'; and 2 more.
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
        """A fault. ``said`` is what it says, and a fix, or a function that finds these for a fault that is shown.

        ``most`` is how many of its kind are shown, if not ``shown``.
        """
        self._met[about] += 1
        if self._met[about] > (self._shown if most is None else most) or len(self._met) > _LINES:
            return
        says, fix = said() if callable(said) else said
        self._verdicts.setdefault(about, []).append(Verdict(rule, False, says, about))
        if self._met[about] == 1:
            self._fixes[fix] = None

    def report(self, subject: str) -> Report:
        """All of them as the report on a ``subject``."""
        verdicts = []
        for about, shown in self._verdicts.items():
            verdicts += shown
            if self._met[about] > len(shown):
                verdicts.append(Verdict(shown[0].name, False, f"and {self._met[about] - len(shown)} more", about))
        others = sum(list(self._met.values())[_LINES:])
        if others:
            verdicts.append(Verdict("more", False, f"{others} of another kind", "it has more faults"))
        return Report(subject, tuple(verdicts), tuple(self._fixes)[:FEW])
