"""The output of commands: text, tables, JSON and progress. Only terminals get colours and lines."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, TextIO, TypeVar

from cyclopts import Parameter

from ..spec.messages.report import ConfigError, FileError, UsageError, WellshapedError, wrapped

T = TypeVar("T")

AsJson = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON, for programs.")]


def print_json(data: object) -> None:
    """Print ``data`` as JSON."""
    print(json.dumps(data, indent=2, ensure_ascii=False))


def status_of(error: type[WellshapedError]) -> int:
    """Return the exit status for ``error``: 2 if the question can't be read, 1 if the answer is no.

    The words of the error agree with it: what "is not well-formed" was read, also from a file.
    """
    return 2 if issubclass(error, UsageError | FileError) and error.says != ConfigError.says else 1


def say(text: str, colour: str = "green", stream: TextIO | None = None) -> None:
    """Print ``text``, by default to standard output. On a terminal the first line has the ``colour``.

    Lines that are wider than the terminal are wrapped.
    """
    stream = sys.stdout if stream is None else stream
    if not is_terminal(stream):
        print(text, file=stream)
        return
    from rich.console import Console
    from rich.text import Text

    first, _, rest = "\n".join(map(wrapped, text.split("\n"))).partition("\n")
    styled = Text(first, style=f"bold {colour}"), Text(rest)
    Console(file=stream).print(*styled, sep="\n" if rest else "", soft_wrap=True)  # a word that is cut can't be pasted


def is_terminal(stream: TextIO | None) -> bool:
    """Whether the ``stream`` is a terminal."""
    return stream is not None and stream.isatty()  # it is None if the caller has closed it


def table(header: tuple[str, ...], rows: Sequence[tuple[object, ...]], total: tuple[object, ...] | None) -> None:
    """Print a table, with lines on a terminal. Numbers are aligned to the right; the ``total`` comes last."""
    all_rows = [*rows, total] if total else rows
    cells = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in all_rows]
    right = [isinstance(cell, int) for cell in all_rows[-1]]
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    if not is_terminal(sys.stdout):
        for line in (header, *cells):
            aligned = (c.rjust(w) if r else c.ljust(w) for c, w, r in zip(line, widths, right, strict=True))
            print("  ".join(aligned).rstrip())
        return
    from rich.box import HORIZONTALS
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    made = Table(*header, box=HORIZONTALS, padding=(0, 1, 0, 0), header_style="bold")
    for column, number, width in zip(made.columns, right, widths, strict=True):
        column.justify = "right" if number else "left"
        column.min_width = width  # a narrow terminal may wrap a line, but never cut a digit
    for i, line in enumerate(cells):
        made.add_row(
            *map(Text, line),  # a name may contain brackets, which are markup in Rich
            style="bold" if total and i == len(rows) else None,
            end_section=bool(total) and i == len(rows) - 1,
        )
    Console().print(made, crop=False)


@contextmanager
def working(what: str) -> Iterator[Callable[[str], None]]:
    """Show on a terminal that a task is running, if it may take more than a second.

    The value is a function that shows another text, for a task of several parts.
    """
    if not is_terminal(sys.stderr):
        yield lambda said: None
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status(Text(what)) as status:  # as Text, because a name may contain brackets
        yield lambda said: status.update(Text(said))


def with_progress(tasks: Sequence[T], what: str) -> Iterable[T]:
    """Return the ``tasks`` to iterate over. On a terminal, a bar shows how many are done."""
    if not is_terminal(sys.stderr):
        return tasks
    from rich.console import Console
    from rich.progress import track

    return track(tasks, what, transient=True, console=Console(stderr=True))
