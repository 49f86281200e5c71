"""Fixes as a file writes them: an error proposes ``bias=True`` for a call, and a TOML file has ``bias = true``."""

import ast
import re
from collections.abc import Iterator
from typing import Any

from ..network.data import OPERATIONS
from .formats import Format

_BETWEEN = re.compile(r"(; | or )")
"""What stands between several pieces of code in one fix."""

_CODE = re.compile(r"[A-Za-z_]\w*[=(]")
"""How a piece of code begins: an argument or a call."""


def in_file(fix: str, form: Format) -> str:
    """Return a fix for a call as one for a file of this format. Words stay as they are.

    The name of a node and a colon may stand before the code.

    >>> from wellshaped.spec.files.formats import FORMATS
    >>> in_file("node y: padding='SAME'", FORMATS[".toml"]), in_file("y: inputs=('a', 'b')", FORMATS[".json"])
    ('node y: padding = "SAME"', 'y: "inputs": ["a", "b"]')
    >>> in_file('Node("a_4", Conv(1, channels=4), "a")', FORMATS[".toml"])
    '{ name = "a_4", op = "Conv", kernel = 1, channels = 4, inputs = ["a"] }'
    """
    pieces = _BETWEEN.split(fix)  # every second piece is what stands between
    written = [_piece(piece, form) for piece in pieces[::2]]
    if None in written and (whole := _piece(fix, form)):  # the separator is part of a name
        return whole
    pieces[::2] = (new or piece for new, piece in zip(written, pieces[::2], strict=True))
    return "".join(pieces)


def _piece(text: str, form: Format) -> str | None:
    for at, code in _places(text):
        written = _code(code, form)
        if written is not None:
            return at + written
    return None


def _places(text: str) -> Iterator[tuple[str, str]]:
    """Every way to split the text into a place, with its colon, and code."""
    for start in (0, *(found.end() for found in re.finditer(": ", text))):
        if _CODE.match(text, start):
            yield text[:start], text[start:]


def _code(code: str, form: Format) -> str | None:
    """Return the code as in a file, or ``None`` for words."""
    try:
        call = ast.parse(f"_({code})", mode="eval").body
        if not isinstance(call, ast.Call):
            return None
        if len(call.args) == 1 and isinstance(call.args[0], ast.Call):
            return _call(call.args[0], form)
        return None if call.args else _entries(_keywords(call), form)
    except (SyntaxError, ValueError, KeyError):
        return None


def _call(call: ast.Call, form: Format) -> str | None:
    """Return a call that makes a node or an input, or an operation with keywords, as in a file."""
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    if name == "Node":
        of, operation, inputs = call.args
        row = {"name": ast.literal_eval(of), **_operation(operation), "inputs": [ast.literal_eval(inputs)]}
        return form.row(row)
    if name == "Input":
        return f"inputs: {form.entry(ast.literal_eval(call.args[0]), _keywords(call)['channels'])}"
    return None if call.args or name not in OPERATIONS else _entries(_keywords(call), form)


def _operation(call: ast.expr) -> dict[str, Any]:
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        raise ValueError
    names = OPERATIONS[call.func.id].__dataclass_fields__  # type: ignore[attr-defined]  # operations are dataclasses
    given = zip(names, map(ast.literal_eval, call.args), strict=False)  # the other fields have their defaults
    return {"op": call.func.id, **dict(given), **_keywords(call)}


def _keywords(call: ast.Call) -> dict[str, Any]:
    return {keyword.arg or "": ast.literal_eval(keyword.value) for keyword in call.keywords}


def _entries(values: dict[str, Any], form: Format) -> str:
    return ", ".join(
        f"leave out {key}" if value is None else form.entry(key, _plain(key, value)) for key, value in values.items()
    )


def _plain(key: str, value: Any) -> Any:
    """Return the value of a key with lists in place of tuples, and in place of a single name."""
    if key in ("inputs", "outputs") and isinstance(value, str):
        return [value]
    return [_plain("", entry) for entry in value] if isinstance(value, tuple) else value
