"""What commands print: text, tables, JSON and progress. Colours and lines are for terminals alone."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, TextIO, TypeVar

from cyclopts import Parameter

from ..spec.messages.report import FileError, UsageError, WellshapedError

T = TypeVar("T")

AsJson = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON, for programs.")]


def print_json(data: object) -> None:
    """Print ``data`` as JSON."""
    print(json.dumps(data, indent=2, ensure_ascii=False))


def status_of(error: type[WellshapedError]) -> int:
    """The exit status of a program that ends with ``error``: 2 if the question can't be read, 1 if the answer is no."""
    return 2 if issubclass(error, UsageError | FileError) else 1


def say(text: str, colour: str = "green", stream: TextIO | None = None) -> None:
    """Print ``text``, by default to the output, its first line in ``colour`` where the stream is a terminal."""
    stream = sys.stdout if stream is None else stream
    if not is_terminal(stream):
        print(text, file=stream)
        return
    from rich.console import Console
    from rich.text import Text

    first, _, rest = text.partition("\n")
    styled = Text(first, style=f"bold {colour}"), Text(rest)
    Console(file=stream).print(*styled, sep="\n" if rest else "", soft_wrap=True)  # a broken line cannot be pasted


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person reads the ``stream``."""
    return stream is not None and stream.isatty()  # it is None where the caller has closed it


def table(header: tuple[str, ...], rows: Sequence[tuple[object, ...]], total: tuple[object, ...] | None) -> None:
    """Print a table whose columns of numbers stand to the right, with lines on a terminal; the ``total`` comes last."""
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
        column.min_width = width  # a narrow terminal may break a line, but no digit goes
    for i, line in enumerate(cells):
        made.add_row(
            *map(Text, line),  # a name may have brackets
            style="bold" if total and i == len(rows) else None,
            end_section=bool(total) and i == len(rows) - 1,
        )
    Console().print(made, crop=False)


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show on a terminal that something goes on, for what may take more than a second."""
    if not is_terminal(sys.stderr):
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield


def with_progress(tasks: Sequence[T], what: str) -> Iterable[T]:
    """The ``tasks``, one after the other, with a bar on a terminal that shows how many are done."""
    if not is_terminal(sys.stderr):
        return tasks
    from rich.console import Console
    from rich.progress import track

    return track(tasks, what, transient=True, console=Console(stderr=True))
