"""Text files: one is read within limits, and written in one step, so that nothing is lost or half-written."""

import os
import shutil
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from threading import get_ident

from ..messages.report import FileError, UsageError
from ..messages.written import clipped, in_words, kind_of, written_value


class OutputError(FileError):
    """A file can't be written."""

    says = "can't be written"


def path_of(given: object, what: str, suffixes: Iterable[str], error: type[FileError] = FileError) -> Path:
    """Return a path that a caller gave. Raise :class:`UsageError` if it is no path, and ``error`` if it can't be one.

    ``what`` says what the file is, and ``suffixes`` are those that it can have.

    >>> path_of(None, "model file", (".safetensors",))
    Traceback (most recent call last):
    ...
    wellshaped.spec.messages.report.UsageError: model file None can't be used.
      path: it is a NoneType, and must be a path.
      fix: the path of a .safetensors file
    """
    path = os.fspath(given) if isinstance(given, str | os.PathLike) else None
    fix = f"the path of a {in_words([*suffixes], 'or')} file"
    if not isinstance(path, str):
        says = f"it is {kind_of(given)}, and must be a path"
        raise UsageError.of(f"{what} {clipped(written_value(given))}", "path", "", says, fix)
    if not path:  # Python reads it as a folder
        raise error.of(f"{what} ''", "file", "", "its path is empty", fix)
    if "\0" in path:
        raise error.of(f"{what} {path}", "file", "", "its path has a null character", fix)
    return Path(path)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a new file beside ``path``. It replaces ``path`` when the block ends, and is removed if the block fails.

    Raises :class:`OutputError` if ``path`` can't be a file or can't be written.
    """

    def failed(says: str) -> FileError:
        fix = "the path of a file, in a folder that exists"
        return OutputError.of(f"output {path}", "file", "", says, fix)

    try:
        if path.is_dir():
            raise failed(f"{path} is a folder")
        if not path.parent.is_dir():
            raise failed(f"there is no folder {path.parent}")
        target = Path(os.path.realpath(path))  # a link stays a link
        new = target.with_name(f".{os.getpid()}.{get_ident()}.part")
        try:
            yield new
            if target.exists():
                shutil.copymode(target, new)
            os.replace(new, target)
        finally:
            new.unlink(missing_ok=True)
    except OSError as error:
        raise failed(error.strerror or str(error)) from None


def wrong_suffix(subject: str, path: Path, known: Iterable[str], error: type[FileError] = OutputError) -> FileError:
    """Return the error for a ``path`` with another suffix than the ``known`` ones.

    Its fix has the first suffix for an output, and an existing file of a close name for a file to read.
    """
    first, *_ = known = tuple(known)
    says = f"its suffix is {path.suffix!r}, and must be {' or '.join(known)}"
    fix = str(path.parent / f"{path.stem or 'unet'}{first}") if error is OutputError else _existing(path, known)
    return error.of(subject, "file", "", says, fix)


def _existing(path: Path, suffixes: Collection[str]) -> str:
    """Return the fix for a ``path`` that can't be read: the path of an existing file of a close name, if there is one.

    Names are compared without their suffix, which would make all of them alike.
    """
    try:
        siblings = [p for p in path.parent.glob("*") if p.suffix in suffixes and p.is_file()]
    except OSError:  # for example, a folder that you may not read
        siblings = []
    names = {p.stem.lower(): p for p in sorted(siblings, key=lambda p: p.suffix == path.suffix)}
    near = get_close_matches(path.stem.lower(), list(names), n=1)
    kinds = in_words([*suffixes], "or")
    return str(path.parent / names[near[0]].name) if near else f"the path of an existing {kinds} file"


def read_text(path: Path, what: str, subject: str, *, most: int, suffixes: Collection[str]) -> str:
    """Return the text of a file of at most ``most`` bytes with one of the ``suffixes``. ``what`` names its content.

    Raises :class:`FileError` about the ``subject`` as :func:`reading` does, for a larger file, and for bytes that are
    not UTF-8.
    """

    def failed(says: str, fix: str) -> FileError:
        return FileError.of(subject, "file", "", says, fix)

    with reading(path, subject, suffixes):
        with path.open("rb") as file:
            raw = file.read(most + 1)
        if len(raw) > most:
            says = f"it has {max(path.stat().st_size, len(raw))} bytes, and a {what} has at most {most}"
            raise failed(says, f"the path of a {what.removesuffix(' file')} file")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise failed(f"byte {error.start} is not UTF-8 text", "save the file as UTF-8") from None


@contextmanager
def reading(path: Path, subject: str, suffixes: Collection[str]) -> Iterator[None]:
    """Read a regular file with one of the ``suffixes`` inside. An :class:`OSError` there becomes a :class:`FileError`.

    Raises :class:`FileError` about the ``subject`` for a missing file (with the nearest name), a folder, a pipe, a
    device and an unknown suffix.
    """

    def failed(says: str, fix: str) -> FileError:
        return FileError.of(subject, "file", "", says, fix)

    try:
        if not path.exists():
            raise failed("there is no such file", _existing(path, suffixes))
        if not path.is_file():
            kind = "a folder" if path.is_dir() else "not a regular file"
            raise failed(f"it is {kind}", f"the path of a {in_words([*suffixes], 'or')} file")
        if path.suffix not in suffixes:
            raise wrong_suffix(subject, path, suffixes, FileError)
        yield
    except OSError as error:
        raise failed(error.strerror or str(error), "a file that you may read") from None


def fault_of(error: ValueError | RecursionError) -> str:
    """Return what a parser found wrong, for the author of the file, in at most 200 characters."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return clipped(str(error).partition("; use sys.")[0], 200)  # Python's advice about long numbers does not help here
