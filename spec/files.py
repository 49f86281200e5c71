"""Configs in files: TOML or JSON, one key for each field that is not left at its default.

The structuring is done by cattrs, which is loaded on the first call, so that importing the specification needs nothing
beyond the standard library.
"""

import json
import os
import shutil
import tomllib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from threading import get_ident
from typing import Any

from .naturals import natural
from .report import Report, ShapeError, Verdict, refuse
from .unet2.config import FIELDS, UNet2Config
from .written import clipped, kind_of

MAX_BYTES = 64 * 1024
"""A config file has twelve short lines; a file larger than this is another file, given by mistake."""

MAX_DIGITS = 99
"""A longer number, in a file or a flag, is a slip; and Python does not print what a network would make of it."""


def load_config(path: str | os.PathLike[str]) -> UNet2Config:
    """The config in the file at ``path``, TOML or JSON by its suffix; keys left out take their defaults.

    Raises :class:`ShapeError`, with the path and all that is wrong: a missing file, a folder, another suffix, a file
    that does not parse or is larger than 64 KiB, an unknown key (with the nearest known one), a value that is not a
    natural number or has more than 99 digits.

    >>> import tempfile; folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "unet.toml").write_text("base_channels = 16")
    >>> load_config(folder / "unet.toml")
    UNet2Config(base_channels=16)
    """
    path = Path(path)
    text = read_text(path, "config", f"config file {path}", most=MAX_BYTES, suffixes=_FORMATS)
    return _structure(path, _parse(path, text))


def save_config(cfg: UNet2Config, path: str | os.PathLike[str]) -> None:
    """Write ``cfg`` to ``path``, TOML or JSON by its suffix, all twelve fields; ``load_config`` gives it back.

    A file that already says this config is left as it is, with its comments. Otherwise the new file replaces the old
    one in a single step, so that an interrupted save loses neither.

    Raises :class:`ShapeError` for a suffix that is neither, a folder that is not there, a file that may not be
    written, or a number that ``load_config`` would refuse.
    """
    if not isinstance(cfg, UNet2Config):
        says = f"it is {kind_of(cfg)}, and a file holds a UNet2Config"
        raise refuse("the config", "config", "not what files are for", says, "UNet2Config(...)")
    path = Path(path)
    write = _format(path)[1]
    text = write({name: short_natural(value, name) for name, value in asdict(cfg).items()})
    try:
        if path.is_file() and load_config(path) == cfg:
            return
    except (ShapeError, OSError):
        pass  # whatever the file said, it does not say this config
    with replacing(path) as new:
        new.write_text(text, encoding="utf-8")


def short_natural(value: object, name: str) -> int:
    """The natural number ``value``, if it is short enough to be meant; else it is refused under its ``name``.

    >>> short_natural(10**99, "stride")
    Traceback (most recent call last):
    ...
    wellshaped.spec.report.ShapeError: stride does not fit.
      digits: the number is too long: stride has more than 99 digits.
      fix: stride=1, say
    """
    number = natural(value, name)
    if number >= 10**MAX_DIGITS:
        raise refuse(
            name, "digits", "the number is too long", f"{name} has more than {MAX_DIGITS} digits", f"{name}=1, say"
        )
    return number


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file to write beside ``path``, which takes its place when the block ends, or goes if the block fails.

    Raises :class:`ShapeError` where ``path`` cannot be a file, or not be written.
    """

    def refused(says: str) -> ShapeError:
        fix = "the path of a file, in a folder that exists"
        return refuse(f"output {path}", "file", "it cannot be written", says, fix)

    try:
        if path.is_dir():
            raise refused(f"{path} is a folder")
        if not path.parent.is_dir():
            raise refused(f"there is no folder {path.parent}")
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
        raise refused(error.strerror or str(error)) from None


def refuse_suffix(subject: str, path: Path, known: Iterable[str]) -> ShapeError:
    """The error for a ``path`` whose suffix is none of the ``known`` ones, of which the first is proposed."""
    first, *_ = known = tuple(known)
    says = f"its suffix is {path.suffix!r}, and must be one of {', '.join(known)}"
    return refuse(subject, "file", "its format is unknown", says, str(path.parent / f"{path.stem or 'unet'}{first}"))


def read_text(path: Path, what: str, subject: str, *, most: int, suffixes: Collection[str]) -> str:
    """The text of the file at ``path``, a ``what`` ("config") of at most ``most`` bytes with one of the ``suffixes``.

    Raises :class:`ShapeError` about the ``subject`` for what is not such a file: a folder, a pipe, a device, a missing
    file (with the nearest name), another suffix, a larger file, bytes that are not UTF-8.
    """

    def refused(says: str, fix: str) -> ShapeError:
        return refuse(subject, "file", "it cannot be read", says, fix)

    try:
        if not path.exists():
            siblings = [p.name for p in path.parent.glob("*") if p.suffix in suffixes and p.is_file()]
            near = get_close_matches(path.name, siblings, n=1)
            fix = str(path.parent / near[0]) if near else "the path of an existing file"
            raise refused("there is no such file", fix)
        if not path.is_file():
            kind = "a folder" if path.is_dir() else "not a regular file"
            raise refused(f"it is {kind}", f"the path of a {' or '.join(suffixes)} file")
        if path.suffix not in suffixes:
            raise refuse_suffix(subject, path, suffixes)
        with path.open("rb") as file:
            raw = file.read(most + 1)
        if len(raw) > most:
            says = f"it has {max(path.stat().st_size, len(raw))} bytes, and a {what} has at most {most}"
            raise refused(says, f"the path of a {what} file")
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refused(f"byte {error.start} is not UTF-8 text", "save it as UTF-8") from None
    except OSError as error:
        raise refused(error.strerror or str(error), "a file that you may read") from None


def fault_of(error: ValueError | RecursionError) -> str:
    """What a parser found wrong, in words for the author of the file, and in at most 200 characters."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return clipped(str(error).partition("; use sys.")[0], 200)  # Python's advice about long numbers is for programmers


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        data = _format(path)[0](text)
    except (ValueError, RecursionError) as error:
        kind, fix = path.suffix[1:].upper(), _EXAMPLE[path.suffix]
        raise refuse(f"config file {path}", "syntax", f"it is not {kind}", fault_of(error), fix) from None
    if not isinstance(data, dict):
        says = f"it holds {kind_of(data)}, and must hold one object of fields"
        raise refuse(f"config file {path}", "syntax", "it is not a config", says, _EXAMPLE[path.suffix])
    return data


def _structure(path: Path, data: dict[str, Any]) -> UNet2Config:
    from cattrs import ClassValidationError, Converter, ForbiddenExtraKeysError

    converter = Converter(forbid_extra_keys=True)
    # The default hook would turn 2.5 into 2 and true into 1.
    converter.register_structure_hook(int, lambda value, _: short_natural(value, "value"))
    try:
        return converter.structure(data, UNet2Config)
    except ClassValidationError as group:
        verdicts = []
        for error in group.exceptions:
            if isinstance(error, ForbiddenExtraKeysError):
                verdicts += _unknown(sorted(error.extra_fields))
            else:
                note: Any = error.__notes__[0]  # where cattrs says which attribute it was at
                verdicts += _unnatural(note.name, data)
        fix = f"the keys are {', '.join(FIELDS)}, each a natural number"
        raise ShapeError(Report(f"config file {path}", tuple(verdicts), (fix,))) from None


def _unknown(keys: list[str]) -> list[Verdict]:
    verdicts = []
    for key in keys[:3]:
        near = get_close_matches(key.lower(), FIELDS, n=1, cutoff=0.5)
        hint = f" (did you mean {near[0]}?)" if near else ""
        verdicts.append(Verdict("key", False, f"{key[:60]!r}{hint}", "it has unknown keys"))
    if len(keys) > 3:
        verdicts.append(Verdict("key", False, f"and {len(keys) - 3} more", "it has unknown keys"))
    return verdicts


def _unnatural(key: str, data: dict[str, Any]) -> list[Verdict]:
    try:
        short_natural(data[key], key)
    except ShapeError as error:
        return list(error.report.conditions)
    return []


def _format(path: Path) -> tuple[Callable[[str], Any], Callable[[dict[str, int]], str]]:
    """How to read and how to write a file of this suffix."""
    try:
        return _FORMATS[path.suffix]
    except KeyError:
        raise refuse_suffix(f"config file {path}", path, _FORMATS) from None


def no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object from its pairs, for ``object_pairs_hook``; a key that stands twice is a ``ValueError``."""
    for key, times in Counter(key for key, _ in pairs).items():
        if times > 1:
            raise ValueError(f"the key {key!r} stands there {times} times")
    return dict(pairs)


_EXAMPLE = {".toml": "pool_kernel = 2, say", ".json": '{"pool_kernel": 2}, say'}

_FORMATS: dict[str, tuple[Callable[[str], Any], Callable[[dict[str, int]], str]]] = {
    ".toml": (tomllib.loads, lambda data: "".join(f"{name} = {value}\n" for name, value in data.items())),
    ".json": (
        partial(json.loads, object_pairs_hook=no_duplicates),
        lambda data: json.dumps(data, indent=2) + "\n",
    ),
}
