"""TOML and JSON: how plain data of a network is read and written, one node a line."""

import json
import re
import tomllib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ..messages.report import FileError
from .disk import wrong_suffix

MAX_DOTS = 200
"""The most dots in a line of TOML. The parser's time grows with the square of the dots in a key."""


@dataclass(frozen=True, slots=True)
class Format:
    """How to read and write a file of one suffix, and how it writes a row and a key with its value.

    ``example`` is a whole file, for a text that holds something else.
    """

    name: str
    example: str
    read: Callable[[str], Any]
    write: Callable[[dict[str, Any]], str]
    row: Callable[[dict[str, Any]], str]
    entry: Callable[[str, Any], str]


def format_of(path: Path, subject: str, error: type[FileError] = FileError) -> Format:
    """Return the format of a path by its suffix. Raise ``error`` about the ``subject`` for another suffix."""
    try:
        return FORMATS[path.suffix]
    except KeyError:
        raise wrong_suffix(subject, path, FORMATS, error) from None


def no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object from its pairs, for ``object_pairs_hook``. Raise ``ValueError`` for a repeated key."""
    for key, times in Counter(key for key, _ in pairs).items():
        if times > 1:
            raise ValueError(f"the key {key!r} occurs {times} times")
    return dict(pairs)


def no_constant(name: str) -> float:
    """Raise ``ValueError`` for ``NaN`` and infinity, for ``parse_constant``."""
    raise ValueError(f"{name} is not a number")


strict_json = partial(json.loads, object_pairs_hook=no_duplicates, parse_constant=no_constant)
"""Read JSON that anybody may have written: a repeated key, ``NaN`` and infinity raise ``ValueError``."""


def _from_toml(text: str) -> dict[str, Any]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.count(".") > MAX_DOTS:
            raise ValueError(f"line {number} has {line.count('.')} dots, and may have at most {MAX_DOTS}")
    return tomllib.loads(text)


def _to_toml(data: dict[str, Any]) -> str:
    return "".join(f"{key} = {_toml_rows(value)}\n" for key, value in data.items())


def _toml_rows(value: Any) -> str:
    """Write a value. A list of tables has one table a line."""
    if not _is_rows(value):
        return _toml_value(value)
    return "\n".join(["[", *(f"    {_toml_value(row)}," for row in value), "]"])


def _toml_value(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_toml_key(key)} = {_toml_value(v)}' for key, v in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml_value, value))}]"
    return json.dumps(value, ensure_ascii=False)  # the same in TOML, for printable text


def _toml_key(key: str) -> str:
    return key if re.fullmatch("[A-Za-z0-9_-]+", key) else _toml_value(key)


def _to_json(data: dict[str, Any]) -> str:
    lines = ",\n".join(f"  {json.dumps(key)}: {_json_rows(value)}" for key, value in data.items())
    return f"{{\n{lines}\n}}\n"


def _json_rows(value: Any) -> str:
    """Write a value. A list of objects has one object a line."""
    if not _is_rows(value):
        return json.dumps(value)
    lines = ",\n".join(f"    {json.dumps(row)}" for row in value)
    return f"[\n{lines}\n  ]"


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(row, dict) for row in value)


def _toml_entry(key: str, value: Any) -> str:
    return f"{_toml_key(key)} = {_toml_value(value)}"


def _json_value(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _json_entry(key: str, value: Any) -> str:
    return f"{_json_value(key)}: {_json_value(value)}"


_read_json = partial(json.loads, object_pairs_hook=no_duplicates)

FORMATS = {
    ".toml": Format(
        "TOML",
        "pool_kernel = 2, for example",
        _from_toml,
        _to_toml,
        _toml_value,
        _toml_entry,
    ),
    ".json": Format(
        "JSON",
        '{"pool_kernel": 2}, for example',
        _read_json,
        _to_json,
        _json_value,
        _json_entry,
    ),
}
