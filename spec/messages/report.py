"""Reports and error classes: what was given, which rule it breaks, the sizes along the path, and what to do.

Every error of this library has a :class:`Report` with a failure in it. The exception, the command line, a notebook and
the docs all print the text that is written here. It has at most ten lines, before long ones are wrapped.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from html import escape
from shutil import get_terminal_size
from textwrap import fill
from typing import Self

from .written import kind_of


class WellshapedError(ValueError):
    """Something is wrong with what you gave; ``str(error)`` says what, and how to fix it.

    Catch this class to catch every error that wellshaped raises on purpose. ``error.report`` is the :class:`Report`
    behind the text. An error of exactly this class means that your request can't be met, for example because a network
    is too hard to solve.

    >>> from wellshaped.spec import check
    >>> try:
    ...     check("no such preset", (1, 304, 384))
    ... except WellshapedError as error:
    ...     print(type(error).__name__, [failure.name for failure in error.report.failures])
    UsageError ['preset']
    """

    says = "is not possible"
    """The end of the first line of the text, after the subject."""

    def __init__(self, report: "Report") -> None:
        self.report = replace(report, error=type(self))
        super().__init__(self.report)

    @classmethod
    def of(cls, subject: str, rule: str, about: str, says: str, fix: str) -> Self:
        """Return the error for one broken ``rule``."""
        return cls(Report(subject, (Verdict(rule, False, says, about),), (fix,)))


class ShapeError(WellshapedError):
    """A size, a number of channels, a rank or a dtype does not fit.

    >>> from wellshaped.spec import check
    >>> check("tiny", (1, 302, 384)).raise_if_failed()
    Traceback (most recent call last):
    ...
    wellshaped.spec.messages.report.ShapeError: input (1, 302, 384) of tiny does not fit.
      joined[1]: height: up[1] is 150, encoder[1] is 151, and they must be equal.
        x 302 → pooled[0] 151 → pooled[1] 75 → up[1] 150
        x 302 → pooled[0] 151 → encoder[1] 151
      fix: height 300 (crop 2) or 304 (pad 2); all heights that fit: n ≡ 0 (mod 4), n ≥ 4
      fix: x[:, :300, :384] or jnp.pad(x, ((0, 0), (0, 2), (0, 0)))
    """

    says = "does not fit"


class ConfigError(WellshapedError):
    """A config, an operation or a graph is not well-formed: nothing can be built from it.

    >>> from wellshaped.spec import Conv
    >>> Conv(3, padding="half")
    Traceback (most recent call last):
    ...
    wellshaped.spec.messages.report.ConfigError: padding='half' is not well-formed.
      padding: no such choice: padding='half' must be one of 'SAME', 'VALID'.
      fix: padding='VALID'
    """

    says = "is not well-formed"


class FileError(WellshapedError):
    """A file can't be read or written, or its content is not what it should be.

    >>> from wellshaped.spec import load_network
    >>> load_network("no such folder/unet.toml")
    Traceback (most recent call last):
    ...
    wellshaped.spec.messages.report.FileError: network file no such folder/unet.toml can't be read.
      file: there is no such file.
      fix: the path of an existing .toml or .json file
    """

    says = "can't be read"


class UsageError(WellshapedError):
    """An argument of a function, or an option of a command, has a value that can't be used.

    >>> from wellshaped.spec import UNet2Config
    >>> UNet2Config(pool_stride=-1)
    Traceback (most recent call last):
    ...
    wellshaped.spec.messages.report.UsageError: pool_stride=-1 can't be used.
      natural: not a natural number: pool_stride=-1 is negative, and must be an integer ≥ 0.
      fix: pool_stride=2
    """

    says = "can't be used"


@contextmanager
def all_at_once(errors: list[WellshapedError]) -> Iterator[None]:
    """Keep the error of the block among the ``errors``, so that others are found as well (:func:`raise_all`)."""
    try:
        yield
    except WellshapedError as error:
        errors.append(error)


def raise_all(errors: Sequence[WellshapedError]) -> None:
    """Raise one error that says what all of these say; nothing if there is none. Of many, the first are said.

    >>> errors = []
    >>> for name in ("pool_stride", "up_stride"):
    ...     with all_at_once(errors):
    ...         raise UsageError.of(f"{name}=-1", name, "not natural", f"{name}=-1 is negative", f"{name}=2")
    >>> raise_all(errors)
    Traceback (most recent call last):
    ...
    wellshaped.spec.messages.report.UsageError: pool_stride=-1, up_stride=-1 can't be used.
      pool_stride, up_stride: not natural: pool_stride=-1 is negative; up_stride=-1 is negative.
      fix: pool_stride=2
      fix: up_stride=2
    """
    if len(errors) <= 1:
        for error in errors:
            raise error
        return
    said = [error.report for error in errors[:_FIRST]]
    verdicts = tuple(replace(of, about=of.about or report.subject) for report in said for of in report.verdicts)
    if more := len(errors) - len(said):
        verdicts += (Verdict("more", False, f"{more} more can't be used", ""),)
    fixes = tuple(dict.fromkeys(fix for report in said for fix in report.fixes[:1]))
    kind = type(errors[0])
    raise kind(Report(", ".join(report.subject for report in said), verdicts, fixes, error=kind))


_FIRST = 3
"""The most errors to say together."""


def reject_class(model: object) -> None:
    """Raise :class:`UsageError` for a class in the place of a model.

    >>> reject_class(dict)
    Traceback (most recent call last):
    ...
    wellshaped.spec.messages.report.UsageError: the model can't be used.
      model: a class: it is the class dict, and must be a model: a call of the class makes one.
      fix: dict(…)
    """
    if isinstance(model, type):
        says = f"it is {kind_of(model)}, and must be a model: a call of the class makes one"
        raise UsageError.of("the model", "model", "a class", says, f"{model.__name__}(…)")


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule, judged: its ``name``, whether it ``holds``, and ``says``, the sentence with its numbers.

    ``about`` follows the rule's name in the line of a failure. For a config's rules, failures with the same ``about``
    share a line. For the rule of a node, ``at`` is the node, ``about`` is the axis, and ``paths`` are lines that show
    how its sizes came about.
    """

    name: str
    holds: bool
    says: str
    about: str
    at: str = ""
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """Every rule judged at once, for one ``subject``, with ``fixes`` to paste if one fails.

    ``warnings`` are broken rules that do not stop the network: it runs, but the result is often not what you meant.
    ``holds`` is what the text says after "fits" if no rule is broken; by default, how many rules there are.

    >>> from wellshaped.spec import Verdict
    >>> verdict = Verdict("enough", False, "2 must be at least 3", "too few apples")
    >>> report = Report("a basket of 2 apples", (verdict,), ("add 1 apple",))
    >>> report.ok, [failure.name for failure in report.failures]
    (False, ['enough'])
    >>> print(report)
    a basket of 2 apples does not fit.
      enough: too few apples: 2 must be at least 3.
      fix: add 1 apple
    """

    subject: str
    verdicts: tuple[Verdict, ...]
    fixes: tuple[str, ...] = ()
    warnings: tuple[Verdict, ...] = ()
    error: type[WellshapedError] = field(default=ShapeError, kw_only=True, repr=False)
    holds: str = field(default="", kw_only=True, repr=False)

    @property
    def failures(self) -> tuple[Verdict, ...]:
        """The rules that do not hold, in the order of the specification."""
        return tuple(verdict for verdict in self.verdicts if not verdict.holds)

    @property
    def ok(self) -> bool:
        """Whether every rule holds; warnings do not count."""
        return not self.failures

    def raise_if_failed(self) -> None:
        """Raise this report as its ``error`` if a rule fails."""
        if not self.ok:
            raise self.error(self)

    def to_dict(self) -> dict[str, object]:
        """Return the report as plain data for JSON: ``subject``, ``ok``, ``verdicts``, ``fixes`` and ``warnings``."""
        verdicts = [{of: getattr(v, of) for of in ("name", "holds", "says", "about", "at")} for v in self.verdicts]
        warnings = [{"name": v.name, "says": v.says} for v in self.warnings]
        lists = {"verdicts": verdicts, "fixes": list(self.fixes), "warnings": warnings}
        return {"subject": self.subject, "ok": self.ok, **lists}

    def __str__(self) -> str:
        return "\n".join(map(wrapped, self.lines()))

    def lines(self) -> list[str]:
        """The lines of the text, at most ten, before long ones are wrapped."""
        warnings = [
            f"  warning: {': '.join(part for part in (it.name, it.about, it.says) if part)}." for it in self.warnings
        ]
        if self.ok:
            fits = "is well-formed" if self.error is ConfigError else "fits"
            lead = f"{self.subject} {fits}{f': {self.holds}' if self.holds else _all_hold(len(self.verdicts))}."
            return [lead, *warnings]
        room = _LINES - 1 - len(warnings) - len(self.fixes)
        lines = _failed(self.failures, room)
        axes = _axes_with_paths(lines)
        first = len(next((paths for _, paths, _ in lines if paths), ()))
        if len(lines) + max(first, axes) > room:  # show fewer failures, to leave room for a path of each axis
            fewer = _failed(self.failures, room - max(first, axes))
            lines = fewer if _axes_with_paths(fewer) == axes else _failed(self.failures, room - first)
        shown = [f"{self.subject} {self.error.says}."]
        for (line, _, _), paths in zip(lines, _fitting(lines, room - len(lines)), strict=True):
            shown += [line, *paths]
        return [*shown, *warnings, *(f"  fix: {fix}" for fix in self.fixes)]

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def _all_hold(count: int) -> str:
    if count <= 2:
        return ("", ": the rule holds", ": both rules hold")[count]
    return f": all {count} rules hold"


_LINES = 10
"""A text has at most this many lines before long ones are wrapped: it fits on a screen."""

WIDTH = 100
"""Longer lines are wrapped between words, and so are those that are wider than a terminal. A word stays whole."""

_NARROW = 40
"""No line is wrapped to fewer columns."""

_CAUSES = 3
"""The most failing nodes to show in full. The others are only named."""


def wrapped(line: str) -> str:
    """Return the line, wrapped between words if it is longer than :data:`WIDTH`, or than the terminal is wide.

    >>> print(wrapped("  fix: " + "far " * 30))
      fix: far far far far far far far far far far far far far far far far far far far far far far far
          far far far far far far far
    """
    is_terminal = sys.stdout is not None and sys.stdout.isatty()  # COLUMNS may be set where there is none
    width = max(min(WIDTH, get_terminal_size((WIDTH, 1)).columns), _NARROW) if is_terminal else WIDTH
    if len(line) <= width:
        return line
    start = " " * (len(line) - len(line.lstrip()) + 4)
    return fill(line.rstrip(), width, subsequent_indent=start, break_long_words=False, break_on_hyphens=False)


_Line = tuple[str, tuple[str, ...], str]
"""The line of a failure, the lines for its paths, and its axes."""


def _axes_with_paths(lines: Sequence[_Line]) -> int:
    return len({about for _, paths, about in lines if paths})


def _fitting(lines: Sequence[_Line], room: int) -> list[tuple[str, ...]]:
    """Return the paths to show for each line, at most ``room`` in all: one for each axis, then more from the top."""
    fitting: list[tuple[str, ...]] = [()] * len(lines)
    axes = set()
    for i, (_, paths, about) in enumerate(lines):
        if paths and about not in axes and room:
            axes.add(about)
            fitting[i] = (max(paths, key=lambda path: path.count("→")),)
            room -= 1
    for i, (_, paths, _) in enumerate(lines):
        if len(paths) - len(fitting[i]) <= room:
            room -= len(paths) - len(fitting[i])
            fitting[i] = paths
    return fitting


def _failed(failures: Sequence[Verdict], room: int) -> list[_Line]:
    """Return a line for each group of failures, at most ``room`` lines. Their paths are not counted.

    Failures at a node form a group if they say the same for several axes. Other failures form a group by ``about``.
    """
    groups: dict[tuple[object, ...], list[Verdict]] = {}
    for verdict in failures:
        groups.setdefault((verdict.at, verdict.says, verdict.paths) if verdict.at else ("", verdict.about), []).append(
            verdict
        )
    lines = []
    nodes = [group for group in groups.values() if group[0].at]
    # Show the first failure of each axis before the second ones.
    of_axes = [[verdict.about for verdict in group] for group in nodes]
    ranks = [of_axes[:i].count(of_it) for i, of_it in enumerate(of_axes)]
    by_rank = [nodes[i] for i in sorted(range(len(nodes)), key=ranks.__getitem__)]
    room = max(room - (len(groups) - len(nodes)), 1)
    shown = len(nodes) if len(nodes) <= min(room, _CAUSES + 1) else max(min(room - 1, _CAUSES), 1)
    hidden = by_rank[shown:]
    last = 0  # how many lines there are up to the last failure at a node
    for group in groups.values():
        if any(group is other for other in hidden):
            continue
        names, abouts, says = (list(dict.fromkeys(getattr(v, of) for v in group)) for of in ("name", "about", "says"))
        at = group[0].at
        lead = ", ".join(names) if not at else f"{at} ({', '.join(names)})" if names != [at] else at
        about = " and ".join(about for about in abouts if about)
        line = ": ".join(part for part in (f"  {lead}", about, "; ".join(says)) if part)
        lines.append((f"{line}.", group[0].paths, about))
        last = len(lines) if at else last
    if hidden:
        names = list(dict.fromkeys(group[0].at for group in hidden))
        others = len(names) - _CAUSES
        more = f" and {others} other{'s' * (others > 1)}" if others > 0 else ""
        text = f"and {len(hidden)} more, at {', '.join(names[:_CAUSES])}{more}."
        if room == 1:  # append to the line of the failure that is shown
            line, paths, about = lines[last - 1]
            lines[last - 1] = (f"{line[:-1]}; {text}", paths, about)
        else:
            lines.insert(last, (f"  {text}", (), ""))
    return lines
