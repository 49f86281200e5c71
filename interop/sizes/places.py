"""Where in somebody's code an error arose: the last line that belongs to neither a framework nor this package."""

import linecache
import re
from functools import lru_cache
from pathlib import Path
from types import TracebackType

from ...spec.messages.report import WellshapedError
from ...spec.messages.written import clipped

FRAMEWORKS = (
    *(
        "beartype",
        "contextlib.py",
        "equinox",
        "flax",
        "functools.py",
        "haiku",
        "importlib",
        "jax",
        "jaxlib",
        "jaxtyping",
    ),
    *("keras", "numpy", "sympy", "torch"),
)
"""The packages and modules whose lines are not the user's."""

_ROOT = Path(__file__).resolve().parents[2]

_OURS = tuple(_ROOT / room for room in ("interop", "models", "proofs_of_shape", "spec"))


def own_frame(traceback: TracebackType | None) -> str:
    """The last line of the user's code, as ``nets.py:12: x = jnp.concatenate([skip, x])``; empty if there is none."""
    last = None
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if is_own(file) and not _is_python(file):
            last = traceback
        traceback = traceback.tb_next
    return written_line(last.tb_frame.f_code.co_filename, last.tb_lineno) if last else ""


def first_line(error: BaseException) -> str:
    """What an error says, in a line: of an error of this package, the first rule that is broken."""
    if isinstance(error, WellshapedError) and error.report.failures:
        broken = error.report.failures[0]
        return f"{error.report.subject.rstrip(',')}: {': '.join(of for of in (broken.about, broken.says) if of)}"
    lines = _COLOUR.sub("", str(error)).strip().splitlines()
    return "".join(letter for letter in lines[0] if letter.isprintable()) if lines else ""


_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
"""What turns a terminal's colours on and off."""


def written_line(file: str, line: int) -> str:
    """A line of a source file, as ``nets.py:12: x = jnp.concatenate([skip, x])``."""
    code = clipped(linecache.getline(file, line).strip(), 120)
    return f"{_short(Path(file))}:{line}" + (f": {code}" if code else "")


def quoted_place(at: str) -> str:
    """Return the line of :func:`own_frame` for a sentence, with its code in quotes; empty if there is none.

    >>> quoted_place("nets.py:12: x = f(x)")
    ' at nets.py:12, `x = f(x)`'
    """
    place, separator, code = at.partition(": ")
    return f" at {place}, `{clipped(code, 120)}`" if separator else f" at {at}" if at else ""


def line_of(at: str) -> str:
    """Return the file and the line of :func:`own_frame`, also behind the path of a module; empty if there is none.

    >>> line_of("decoder.up, nets.py:12: x = f(x)")
    'nets.py:12'
    """
    return at.partition(": ")[0].rpartition(", ")[2]


@lru_cache(maxsize=4096)
def is_own(file: str) -> bool:
    """Whether a source file belongs to the user: not to a framework, nor to this package."""
    path = Path(file)
    return not (
        any(room in path.resolve().parents for room in _OURS) or path.name.startswith("<") or _is_framework(path)
    )


def innermost(traceback: TracebackType | None) -> str:
    """The line that raised, whoever wrote it."""
    last = ""
    while traceback is not None:
        last = f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return last


@lru_cache(maxsize=4096)
def _is_python(file: str) -> bool:
    """Whether a source file is of Python's own library."""
    root = f"python{_version()}"
    parts = Path(file).parts
    return root in parts and not {"site-packages", "dist-packages"} & set(parts[parts.index(root) :])


def _is_framework(file: Path) -> bool:
    parts = file.parts
    for root in ("site-packages", "dist-packages", f"python{_version()}"):
        if root in parts:
            after = parts[len(parts) - parts[::-1].index(root) :]
            return bool(after) and after[0] in FRAMEWORKS
    return False


def _version() -> str:
    from sys import version_info

    return f"{version_info.major}.{version_info.minor}"


def _short(file: Path) -> str:
    """The path from the current directory or from the package's own folder."""
    try:
        return str(file.relative_to(Path.cwd()))
    except ValueError:
        parts = file.parts
        if "site-packages" in parts:
            return str(Path(*parts[parts.index("site-packages") + 1 :]))
        return file.name
