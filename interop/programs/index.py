"""What a file of programs says about itself: one JSON text beside the programs (SPEC section 11)."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from hashlib import sha256
from typing import Any

from ...spec.arithmetic.progression import Progression
from ...spec.files.disk import fault_of
from ...spec.files.formats import strict_json
from ...spec.messages.report import FileError
from ...spec.messages.written import clipped, written_value
from .archive import FIX
from .boxes import MAX_PROGRAMS, Box, text_of

FORM = "program 1"
"""The form of the text that is written and read."""

NAME = "index.json"

LETTERS = {1: "n", 2: "hw", 3: "dhw"}
"""The symbols of the sizes, by the number of axes. The number of images is ``b``."""

PLATFORMS = ("cpu", "cuda", "rocm", "tpu")

_MAX_BYTES = 2**22


@dataclass(frozen=True, slots=True)
class Input:
    """An input of the programs: an image, or one value for each channel if it is of a ``single`` position."""

    name: str
    channels: int
    single: bool


@dataclass(frozen=True, slots=True)
class Program:
    """One program: the combination of classes that it serves, and its name in the archive."""

    file: str
    box: Box

    def to_dict(self, letters: str) -> dict[str, Any]:
        """The program as plain data: ``(first, step)`` for each axis, with step 0 for a single size."""
        sizes = [[of_it.first, 0 if of_it.count == 1 else of_it.step] for of_it in self.box]
        return {"file": self.file, "classes": text_of(self.box, letters), "sizes": sizes}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramIndex:
    """What is in a file of programs.

    - ``network``: plain data of the config or graph, with ``in_channels`` and ``out_channels`` for a config.
    - ``axes``, ``inputs``, ``outputs``, ``dtype``: what the programs take and return. All images have the same sizes.
    - ``compatible``, ``served``: the sizes that fit along each axis, and those that some program serves.
    - ``programs``: one for each combination of classes.
    - ``platforms``: where they run.
    - ``version``, ``jax``: the versions that wrote them.
    - ``digests``: the SHA-256 of the other members of the archive.
    """

    version: str
    jax: str
    platforms: tuple[str, ...]
    network: Mapping[str, Any]
    in_channels: int | None
    out_channels: int | None
    axes: tuple[str, ...]
    inputs: tuple[Input, ...]
    outputs: tuple[str, ...]
    dtype: str
    dtypes: Mapping[str, str]
    compatible: tuple[str, ...]
    served: tuple[str, ...]
    programs: tuple[Program, ...]
    digests: Mapping[str, str] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """The index as plain data for JSON."""
        given = {f.name: getattr(self, f.name) for f in fields(self)}
        given["inputs"] = [{f.name: getattr(of_it, f.name) for f in fields(Input)} for of_it in self.inputs]
        given["programs"] = [program.to_dict(LETTERS[len(self.axes)]) for program in self.programs]
        return {"form": FORM, **given}

    def text(self) -> str:
        """The JSON text for the archive. Equal indices have equal texts."""
        return json.dumps(self.to_dict(), ensure_ascii=True, indent=1) + "\n"


_TEXTS = re.compile(r"[ -~]{1,100}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def read_index(raw: bytes, subject: str) -> ProgramIndex:
    """Return the index in a text. Raises :class:`FileError` about the ``subject`` if no index has exactly this text."""
    try:
        if len(raw) > _MAX_BYTES:
            raise ValueError(f"it has {len(raw)} bytes, and may have at most {_MAX_BYTES}")
        data = strict_json(raw.decode("ascii"))
        index = _index(data)
    except (ValueError, RecursionError) as error:
        raise wrong(subject, fault_of(error)) from None
    if index.text().encode() != raw:
        raise wrong(subject, "writing it again gives another text")
    return index


def _index(data: Any) -> ProgramIndex:
    """The index of plain data. Raises ``ValueError`` for other data."""
    names = ["form", *(f.name for f in fields(ProgramIndex))]
    _require(isinstance(data, dict) and list(data) == names, "its keys", data)
    _require(data["form"] == FORM, "form", data["form"])
    for name in ("version", "jax", "dtype"):
        _require(_is_text(data[name]), name, data[name])
    for name in ("platforms", "axes", "outputs", "compatible", "served"):
        _require(isinstance(data[name], list) and all(isinstance(of_it, str) for of_it in data[name]), name, data[name])
    for name in ("network", "dtypes", "digests"):
        _require(isinstance(data[name], dict), name, data[name])
    for name in ("in_channels", "out_channels"):
        _require(data[name] is None or _is_natural(data[name]), name, data[name])
    _require(data["platforms"] and set(data["platforms"]) <= set(PLATFORMS), "platforms", data["platforms"])
    _require(len(data["axes"]) in LETTERS, "axes", data["axes"])
    axes = len(data["axes"])
    for name in ("compatible", "served"):
        _require(len(data[name]) == axes, name, data[name])
    for name, digest in data["digests"].items():
        _require(isinstance(digest, str) and _DIGEST.fullmatch(digest), f"the digest of {clipped(name)}", digest)
    given: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in data.items() if key != "form"
    }
    given["inputs"] = tuple(map(_input, _listed(data, "inputs")))
    programs = _listed(data, "programs")
    _require(1 <= len(programs) <= MAX_PROGRAMS, "the number of programs", len(programs))
    given["programs"] = tuple(_program(of_it, axes) for of_it in programs)
    return ProgramIndex(**given)


def _listed(data: Mapping[str, Any], name: str) -> list[Any]:
    _require(isinstance(data[name], list), name, data[name])
    of_it: list[Any] = data[name]
    return of_it


def _input(data: Any) -> Input:
    _require(isinstance(data, dict) and list(data) == [f.name for f in fields(Input)], "an input", data)
    right = isinstance(data["name"], str) and _is_natural(data["channels"]) and isinstance(data["single"], bool)
    _require(right, "an input", data)
    return Input(**data)


def _program(data: Any, axes: int) -> Program:
    _require(isinstance(data, dict) and list(data) == ["file", "classes", "sizes"], "a program", data)
    sizes = data["sizes"]
    _require(isinstance(data["file"], str) and isinstance(sizes, list) and len(sizes) == axes, "a program", data)
    for of_it in sizes:
        right = isinstance(of_it, list) and len(of_it) == 2 and all(map(_is_natural, of_it)) and of_it[0] >= 1
        _require(right, "the sizes of a program", of_it)
    box = tuple(Progression(first, step or 1, None if step else 1) for first, step in sizes)
    return Program(data["file"], box)


def _is_natural(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and _TEXTS.fullmatch(value) is not None


def _require(holds: object, name: str, value: Any) -> None:
    if not holds:
        raise ValueError(f"{name} is {clipped(written_value(value))}")


def wrong(subject: str, says: str) -> FileError:
    """The error for an index that does not describe its archive."""
    return FileError.of(subject, "index", "its index is not one that export writes", says, FIX)


def digest_of(raw: bytes) -> str:
    """The SHA-256 of bytes, in hexadecimal."""
    return sha256(raw).hexdigest()
