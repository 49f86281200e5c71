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

    ``example`` is an example of a config, and ``node`` of a node in a graph.
    """

    name: str
    example: str
    node: str
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

_TOKEN = re.compile(
    r"""\"{3}.*?(?:\"{3}|\Z)|'{3}.*?(?:'{3}|\Z)|"(?:[^"\\\n]|\\.)*"?|'[^'\n]*'?|\#[^\n]*|[\[\]{}]""", re.DOTALL
)
"""A string, a comment of TOML, or a bracket."""


def unclosed(text: str, form: Format) -> str:
    r"""Return the fix for a bracket or quote of a file that is not closed; "" if all are closed.

    >>> unclosed('nodes = [\n{ name = "y", op =', FORMATS[".toml"])
    'close the { that line 2 opens, then the [ of line 1'
    """
    waiting: list[tuple[str, int]] = []
    line, before = 1, 0
    for found in _TOKEN.finditer(text):
        line, before = line + text.count("\n", before, found.start()), found.start()
        token = found[0]
        if token in ("[", "{"):
            waiting.append((token, line))
        elif token in ("]", "}"):
            if not waiting:
                return f"leave out the {token} of line {line}"
            if waiting[-1][0] + token not in ("[]", "{}"):
                break
            waiting.pop()
        elif token[0] in "\"'" and (len(token) == 1 or token[-1] != token[0]):
            return f"close the {token[0]} that line {line} opens"
        elif token[0] == "#" and form.name == "JSON":
            return ""
    if not waiting:
        return ""
    (bracket, line), *others = reversed(waiting)
    then = f", then the {others[0][0]} of line {others[0][1]}" if others else ""
    return f"close the {bracket} that line {line} opens{then}"


FORMATS = {
    ".toml": Format(
        "TOML",
        "base_channels = 16, say",
        'write each node in one line, like { name = "pooled", op = "MaxPool", kernel = 2 },',
        _from_toml,
        _to_toml,
        _toml_value,
        _toml_entry,
    ),
    ".json": Format(
        "JSON",
        '{"base_channels": 16}, say',
        'write each node like {"name": "pooled", "op": "MaxPool", "kernel": 2}',
        _read_json,
        _to_json,
        _json_value,
        _json_entry,
    ),
}
