"""A value of a file that nobody checked, and the keys that lead to it: each mistake is one message with its place.

The fix of a message is a key with a value that the method accepts which raises the error. So it never leads back to
the same error. The value comes from the file as far as the file has it, else from the key's example.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from ...spec.messages.choices import near_name
from ...spec.messages.report import FileError, WellshapedError
from ...spec.messages.written import clipped, kind_of, written_value

MOST = 10**6
"""The largest number of channels, a kernel or a stride in a file. A larger one is a mistake."""

_LONGEST = 500
"""The most characters of a key with its value in a fix."""

_DEEPEST = 8
"""The most lists and objects around each other in a fix."""


def _as_it_is(entry: "Entry") -> "Entry":
    return entry


@dataclass(frozen=True, slots=True)
class Entry:
    """A ``value`` of the file that messages call ``subject``, and the keys that lead to it, as ``at``.

    - ``resolve`` turns an entry that refers to another one into that one.
    - ``key`` is the last key or index that leads here, and ``holder`` the entry of the object or list with it.
    - ``example`` is a value that an error may propose. It need not be one that is accepted here.
    - ``examples`` has the keys of such a file, with an example for each.
    - ``missing`` is true for a key that must be there, and isn't. Then each method that reads the value raises.
    - ``implied`` is true for a value that the file does not have, and that is read as if it had.

    >>> entry = Entry("plans file a.json", {"strides": [1, "two"]})
    >>> entry["strides"].list()[0].number()
    1
    >>> entry["strides"].list()[1].number()
    Traceback (most recent call last):
    ...
    wellshaped.spec.messages.report.FileError: plans file a.json can't be read.
      number: strides[1] is 'two', and must be an integer from 1 to 1000000.
      fix: "strides": [1, 1]
    """

    subject: str
    value: Any
    at: str = ""
    resolve: Callable[["Entry"], "Entry"] = _as_it_is
    key: str | int = field(default="", kw_only=True)
    holder: "Entry | None" = field(default=None, kw_only=True, repr=False)
    example: Any = field(default=1, kw_only=True, repr=False)
    examples: Mapping[str, Any] = field(default_factory=dict, kw_only=True, repr=False)
    missing: bool = field(default=False, kw_only=True)
    implied: bool = field(default=False, kw_only=True)

    error: ClassVar[type[WellshapedError]] = FileError
    words: ClassVar[Mapping[bool | None, str]] = {None: "null", True: "true", False: "false"}
    """How the place of the entry writes nothing, and truth values."""

    def wrong(self, rule: str, says: str, fix: str) -> WellshapedError:
        """Return the error for this entry. ``says`` goes on after its place. A missing key has its own words."""
        at = self.at
        if self.missing and self.holder is not None:
            rule, at, says = "key", self.holder.at, f"has no key {self.key!r}"
            unknown = [name for name in map(str, self.holder.value) if name.isprintable() and name not in self.examples]
            near = near_name(self.key, unknown)
            fix = f'{json.dumps(self.key)} in place of "{clipped(near)}"' if near else fix
        return self.error.of(self.subject, rule, "", f"{at or 'the file'} {says}", fix)

    def fix(self, value: Any) -> str:
        """Return the last key that leads here, with the ``value`` in this place.

        >>> Entry("plans file a.json", {"strides": [1, "two", 2]})["strides"].list()[1].fix(3)
        '"strides": [1, 3, 2]'
        """
        entry, whole = self, value
        while entry.holder is not None and (isinstance(entry.key, int) or entry.holder.implied):
            around = entry.holder.value
            whole = {**(around if isinstance(around, dict) else dict(enumerate(around))), entry.key: whole}
            whole = whole if isinstance(around, dict) else list(whole.values())
            entry = entry.holder
        text = f"{json.dumps(entry.key)}: {self.literal(whole)}"
        return text if len(text) <= _LONGEST else clipped(f"{self.literal(value)} for {self.at}", _LONGEST)

    def like(self, example: Any) -> "Entry":
        """Return this entry with another ``example``."""
        return replace(self, example=example)

    def as_if(self, value: Any) -> "Entry":
        """Return this entry with a ``value`` that it does not have. A fix for what is inside writes all of it."""
        return replace(self, value=value, missing=False, implied=True)

    def written(self) -> str:
        """The value as a message writes it."""
        if self.value is None or isinstance(self.value, bool):
            return self.words[self.value]
        simple = isinstance(self.value, str | int | float)
        return clipped(written_value(self.value)) if simple else kind_of(self.value)

    def literal(self, value: Any, depth: int = 0) -> str:
        """The value as it stands in the place of the entry. What is too deep is too long for a fix, too."""
        value = self._plain(value)
        if depth > _DEEPEST:
            return "…" * _LONGEST
        if value is None or isinstance(value, bool):
            return self.words[value]
        if isinstance(value, Mapping):
            return f"{{{', '.join(f'{json.dumps(str(k))}: {self.literal(v, depth + 1)}' for k, v in value.items())}}}"
        if isinstance(value, list | tuple):
            return f"[{', '.join(self.literal(each, depth + 1) for each in value)}]"
        return json.dumps(value) if isinstance(value, str | float) else written_value(value)

    def _plain(self, value: Any) -> Any:
        """Return a value as JSON would have it. A value inside it is converted when it is read."""
        return value

    def _child(self, value: Any, key: str | int) -> "Entry":
        if isinstance(key, int):
            at, given = f"{self.at}[{key}]", self.example
            example = given[min(key, len(given) - 1)] if isinstance(given, list) and given else given
        else:
            shown = clipped(key if key.isprintable() else repr(key), 40)
            at, example = f"{self.at} > {shown}" if self.at else shown, self.examples.get(key, 1)
        child = replace(self, value=self._plain(value), at=at, key=key, holder=self, example=example)
        return self.resolve(child)

    def object(self) -> Mapping[str, Any]:
        """Return the value, an object with keys."""
        if not isinstance(self.value, dict):
            says = f"is {self.written()}, and must be an object with keys"
            raise self.wrong("object", says, self.fix(self.example if isinstance(self.example, Mapping) else {}))
        return self.value

    def __getitem__(self, key: str) -> "Entry":
        """The entry with a key that must be there. If it is missing, the method that reads the entry raises."""
        found = self.nullable(key)
        return replace(self._child(None, key), missing=True) if found is None else found

    def get(self, key: str) -> "Entry | None":
        """The entry with a key, or ``None`` if it is not there or ``null``."""
        found = self.nullable(key)
        return None if found is None or found.value is None else found

    def nullable(self, key: str) -> "Entry | None":
        """The entry with a key, whose value may be ``null``, or ``None`` if it is not there."""
        return self._child(self.object()[key], key) if key in self.object() else None

    def list(self, least: int = 0, most: int = MOST, why: str = "") -> list["Entry"]:
        """Return the entries of a list, with ``least`` to ``most`` of them. ``why`` says the reason for the count."""
        if not isinstance(self.value, list):
            raise self.wrong("list", f"is {self.written()}, and must be a list", self.fix(self._entries(least, most)))
        if not least <= len(self.value) <= most:
            count = f"{least}" if least == most else f"at least {least}" if most == MOST else f"{least} to {most}"
            says = f"has {counted_entries(len(self.value))}, and must have {count}{why and f': {why}'}"
            raise self.wrong("list", says, self.fix(self._entries(least, most)))
        return [self._child(value, i) for i, value in enumerate(self.value)]

    def _entries(self, least: int, most: int) -> Sequence[Any]:
        """A list with a count that is accepted: the file's own values, cut or continued, else the example's."""
        example = self.example if isinstance(self.example, list) else [self.example]
        own = self.value if isinstance(self.value, list) else [self.value] if _is_number(self.value) else []
        entries = [*(own or example)]
        for i in range(len(entries), least):
            repeats = type(entries[-1]) in (int, list)
            entries.append(entries[-1] if repeats else example[min(i, len(example) - 1)])
        return entries[:most]

    def number(self, least: int = 1, most: int = MOST) -> int:
        """Return an integer from ``least`` to ``most``."""
        if type(self.value) is not int or not least <= self.value <= most:
            says = f"is {self.written()}, and must be an integer from {least} to {most}"
            example = _last(self.example)
            fits = type(example) is int and least <= example <= most
            raise self.wrong("number", says, self.fix(example if fits else min(max(1, least), most)))
        return self.value

    def real(self, least: float = -MOST, most: float = MOST) -> float:
        """Return a number from ``least`` to ``most``."""
        if type(self.value) not in (int, float) or not least <= self.value <= most:
            says = f"is {self.written()}, and must be a number from {least} to {most}"
            example = self.example if type(self.example) is float and least <= self.example <= most else least
            raise self.wrong("number", says, self.fix(example))
        return float(self.value)

    def flag(self) -> bool:
        """Return a truth value."""
        if not isinstance(self.value, bool):
            says = f"is {self.written()}, and must be {self.words[True]} or {self.words[False]}"
            raise self.wrong("flag", says, self.fix(self.example is not False))
        return self.value

    def text(self) -> str:
        """Return a text."""
        if not isinstance(self.value, str):
            says = f"is {self.written()}, and must be a text"
            raise self.wrong("text", says, self.fix(self.example if isinstance(self.example, str) else ""))
        return self.value

    def per_axis(self, axes: int, least: int = 1) -> int | tuple[int, ...]:
        """Return a number for all axes, or a tuple with one for each."""
        if not isinstance(self.value, list):
            return self.number(least)
        numbers = tuple(entry.number(least) for entry in self.list(axes, axes))
        return numbers[0] if len(set(numbers)) == 1 else numbers

    def per_stage(self, count: int) -> Iterator["Entry"]:
        """Yield an entry for each of ``count`` stages: those of a list, or this number again and again."""
        return iter([self] * count if type(self.value) is int else self.list(count, count))


def counted_entries(count: int) -> str:
    """Return ``count`` with the word for it: ``1 entry``, ``2 entries``."""
    return f"{count} {'entry' if count == 1 else 'entries'}"


def _is_number(value: object) -> bool:
    return type(value) is int and 0 < value <= MOST


def _last(example: Any) -> Any:
    """The last number of an example, which may be a list of numbers or of lists."""
    while isinstance(example, list) and example:
        example = example[-1]
    return example
