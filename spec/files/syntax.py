"""The fix for a file that is not TOML or JSON: an edit after which the parser gets further.

Every edit is tried on the text. So a fix that is proposed does what it says.
"""

import ast
import json
import re
from collections.abc import Callable, Iterator
from warnings import catch_warnings

from ..messages.written import clipped
from .formats import Format

_Edit = tuple[str, str]
"""The text after an edit, and the edit in words."""


def syntax_fix(text: str, form: Format, error: ValueError | RecursionError) -> str:
    r"""Return the fix for a ``text`` in which the parser found this ``error``.

    >>> from wellshaped.spec.files.formats import FORMATS
    >>> def fix(text, suffix):
    ...     try:
    ...         FORMATS[suffix].read(text)
    ...     except ValueError as error:
    ...         return syntax_fix(text, FORMATS[suffix], error)
    >>> fix("levels = 3\nnorm: group", ".toml"), fix('{"levels": 3,}', ".json")
    ('norm = "group"', 'leave out the comma before the } of line 1')
    """
    text = text.replace("\r\n", "\n")
    if isinstance(error, RecursionError):
        return "fewer brackets inside each other"
    if fix := unclosed(text, form):
        unfinished = _unfinished(text, form)
        return f"{unfinished}; then add `{_ends_of(text)}`" if unfinished else fix
    if repeated := re.search(r"the key '(.*)' occurs|^Duplicate inline table key '(.*?)'", str(error)):
        return f"write {clipped(next(filter(None, repeated.groups()), ''))} once"
    if dots := re.match(r"(line \d+) has \d+ dots", str(error)):
        return f"fewer dots in {dots[1]}"
    if str(error).startswith("Exceeds the limit"):
        return "a shorter number"
    at = _position(text, error)
    if at is None or (not text[:at].strip() and form.name == "JSON"):
        return form.example
    if str(error).startswith("Cannot overwrite a value"):
        return f"write {clipped(_line(text, at).partition('=')[0])} once"
    for edit in _EDITS:
        for changed, words in edit(text, at, form):
            if _further(changed, form, at, len(changed) - len(text)):
                return words
    return _unfinished(text, form) or f"correct line {_number(text, at)}"


def _position(text: str, error: ValueError) -> int | None:
    """Return where the parser stopped. TOML's says so only in its text."""
    at = getattr(error, "pos", None)
    if at is None and (found := re.search(r"\(at line (\d+), column (\d+)\)", str(error))):
        lines = text.split("\n")
        at = sum(len(line) + 1 for line in lines[: int(found[1]) - 1]) + int(found[2]) - 1
    return len(text.rstrip()) if at is None and "(at end of document)" in str(error) else at


def _further(text: str, form: Format, at: int, longer: int) -> bool:
    """Whether the parser reads the text, or stops after ``at``, in a text that is ``longer`` than it was."""
    try:
        form.read(text)
    except RecursionError:
        return False
    except ValueError as error:
        stop = _position(text, error)
        return stop is not None and stop > at + max(longer, 0)
    return True


def _number(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _line(text: str, at: int) -> str:
    return text[text.rfind("\n", 0, at) + 1 :].partition("\n")[0]


_VALUE = r""""[^"\n]*"|'[^'\n]*'|\[[^\[\]{}\n]*\]|\([^()\n]*\)|[^\s,;=:\[\](){}"'#][^,;=:\[\](){}"'#\n]*"""
_ENTRY = re.compile(rf"""(["']?)\b([A-Za-z_][\w-]*)\1[ \t]*(?:[:=][ \t]*|[ \t])({_VALUE})(?=\s*(?:[,\]}}#\n]|$))""")
"""A key and its value, whatever stands between them and however they are quoted."""


_NEAR = 200
"""How many letters before and after the error an entry may have."""


def _entries(text: str, at: int, form: Format) -> Iterator[_Edit]:
    """Write a key and its value as the format does."""
    start, end = max(at - _NEAR, 0), min(at + _NEAR, len(text))
    for found in _ENTRY.finditer(text, start, end):
        if found.start() <= at <= found.end() and (found.end() < end or end == len(text)):
            value = _value(found[3].strip())
            written = form.entry(found[2], value)
            words = written
            if value is None:  # a file leaves such a key out
                words, written = f"leave out {found[2]}", written if form.name == "JSON" else ""
            yield text[: found.start()] + written + text[found.end() :], words


def _value(word: str) -> object:
    """Return the value that a word means in Python, TOML or JSON; a word of its own is a string."""
    try:
        with catch_warnings(action="ignore"):  # for an escape that Python does not know
            value = ast.literal_eval({"true": "True", "false": "False"}.get(word, word.lstrip("0") or word))
        value = list(value) if isinstance(value, tuple) else value
        json.dumps(value)
    except (SyntaxError, TypeError, ValueError):
        return word.strip("\"'")
    return value


def _last_commas(text: str, at: int, form: Format) -> Iterator[_Edit]:
    """Leave out the comma before a bracket that closes."""
    for found in re.finditer(r",(\s*)([\]}])", text):
        if found.start() <= at <= found.end():
            words = f"leave out the comma before the {found[2]} of line {_number(text, found.end() - 1)}"
            yield text[: found.start()] + found[1] + text[found.start(2) :], words


def _commas(text: str, at: int, form: Format) -> Iterator[_Edit]:
    """Add a comma before what follows."""
    before = text[:at].rstrip()
    end = _number(text, len(before))
    follows = re.match(r"[\w\"'-]+|.", text[at:]) if end == _number(text, at) else None
    words = f"add a comma before {follows[0]} in line {end}" if follows else f"add a comma at the end of line {end}"
    yield f"{before},{text[len(before) :]}", words


def _ends(text: str, at: int, form: Format) -> Iterator[_Edit]:
    """Leave out what other languages write at the end of a statement."""
    if text[at : at + 1] in (",", ";"):
        yield f"{text[:at]} {text[at + 1 :]}", f"leave out the {text[at]} of line {_number(text, at)}"


_NODE = '{ name = "pooled", op = "MaxPool", kernel = 2 }'


def _one_line(text: str, at: int, form: Format) -> Iterator[_Edit]:
    """Write each table in one line: TOML's have no line breaks."""
    yield (
        re.sub(r"\{[^{}]*\}", lambda table: table[0].replace("\n", " "), text),
        f"write each node in one line, like {_NODE},",
    )


def _comments(text: str, at: int, form: Format) -> Iterator[_Edit]:
    """Leave out comments, which JSON does not have."""
    line = _number(text, at)
    yield re.sub(r"(#|//)[^\n]*", lambda comment: " " * len(comment[0]), text), f"leave out the comment of line {line}"


_EDITS: tuple[Callable[[str, int, Format], Iterator[_Edit]], ...] = (
    _last_commas,
    _ends,
    _entries,
    _commas,
    _one_line,
    _comments,
)


_TOKEN = re.compile(
    r"""\"{3}.*?(?:\"{3}|\Z)|'{3}.*?(?:'{3}|\Z)|"(?:[^"\\\n]|\\.)*"?|'[^'\n]*'?|\#[^\n]*|[\[\]{}]""", re.DOTALL
)
"""A string, a comment of TOML, or a bracket."""


def unclosed(text: str, form: Format) -> str:
    r"""Return the fix for a bracket or quote of a file that is not closed; "" if all are closed.

    >>> from wellshaped.spec.files.formats import FORMATS
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


_LAST = re.compile(r"""(?:,\s*|(?<=[{\[\n])\s*)("?[\w-]+"?\s*[:=]?)\s*\Z""")
"""The last key of a file, without a value, and the comma before it."""


def _unfinished(text: str, form: Format) -> str:
    r"""Return the fix for a text that ends with a key before its value, or a comma; "" if closing brackets is enough.

    >>> from wellshaped.spec.files.formats import FORMATS
    >>> _unfinished('nodes = [{ kernel = 3, padd', FORMATS[".toml"]), _unfinished("a = [1, 2", FORMATS[".toml"])
    ('line 1 ends in the middle of a key, `padd`: finish it, or delete `, padd`', '')
    >>> _unfinished('{"levels": 3,', FORMATS[".json"]), _unfinished('{"levels":', FORMATS[".json"])
    ('delete the comma at the end of line 1', 'line 1 ends before a value: write it, or delete `"levels":`')
    """
    last, ends = _LAST.search(text), _ends_of(text)
    line = f"line {_number(text, len(text.rstrip()))}"
    bare = text.rstrip().removesuffix(",")
    if bare != text.rstrip() and not _reads(text + ends, form) and _reads(bare + ends, form):
        return f"delete the comma at the end of {line}"
    if last is None or _reads(text + ends, form) or not _reads(text[: last.start()] + ends, form):
        return ""
    whole = f"delete `{clipped(' '.join(last[0].split()))}`"
    if last[1].endswith(("=", ":")):
        return f"{line} ends before a value: write it, or {whole}"
    where = "after the key" if last[1].endswith('"') else "in the middle of a key,"
    return f"{line} ends {where} `{clipped(last[1])}`: finish it, or {whole}"


def _ends_of(text: str) -> str:
    """Return the brackets that close those of the text that are open."""
    waiting: list[str] = []
    for found in _TOKEN.finditer(text):
        if found[0] in ("[", "{"):
            waiting.append("]" if found[0] == "[" else "}")
        elif found[0] in ("]", "}") and waiting:
            waiting.pop()
    return "".join(reversed(waiting))


def _reads(text: str, form: Format) -> bool:
    try:
        form.read(text)
    except (ValueError, RecursionError):
        return False
    return True
