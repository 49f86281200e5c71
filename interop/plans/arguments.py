"""The arguments of a network's class in a file: which were read, and sentences about the others."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from ...spec.messages.written import clipped, kind_of, written_value
from .entry import Entry

Value = TypeVar("Value")


class Arguments:
    """The arguments in an object of a file. ``said`` collects what the network leaves out.

    The arguments of ``instead`` replace those of the file.

    Raises :class:`FileError` for a name that is not a text, as YAML can have it.

    >>> given = Arguments(Entry("plans file a.json", {"n_stages": 6, "squeeze_excitation": True}))
    >>> given.needed("n_stages").number(), given.flag("bias", False)
    (6, False)
    >>> given.not_supported()
    ('squeeze_excitation is True, and the network leaves it out',)
    """

    def __init__(self, entry: Entry, instead: Entry | None = None) -> None:
        self._entry = entry
        self._instead = replace(entry, value={}) if instead is None else instead
        for each in (self._entry, self._instead):
            _require_texts(each)
        self.said: list[str] = []
        self._read: set[str] = set()

    def place(self, *keys: str) -> Entry:
        """Return the object with these arguments: the one of the file, unless another one has any of them."""
        return self._instead if any(key in self._instead.object() for key in keys) else self._entry

    def needed(self, key: str) -> Entry:
        """Return the entry of an argument that must be there."""
        self._read.add(key)
        found = self._instead.nullable(key)
        return self._entry[key] if found is None else found

    def given(self, key: str) -> Entry | None:
        """Return the entry of an argument, or ``None`` if it is not there or ``null``."""
        self._read.add(key)
        return self.place(key).get(key)

    def nullable(self, key: str) -> Entry | None:
        """Return the entry of an argument, whose value may be ``null``, or ``None`` if it is not there."""
        self._read.add(key)
        return self.place(key).nullable(key)

    def read(self, key: str, read: Callable[[Entry], Value], default: Value) -> Value:
        """Return an argument as ``read`` returns it, or the ``default`` if it is not there. ``null`` is a value."""
        entry = self.nullable(key)
        return default if entry is None else read(entry)

    def flag(self, key: str, default: bool) -> bool:
        """Return a truth value, or the ``default`` if it is not there. ``null`` is false, as ``None`` is in Python."""
        return self.read(key, lambda entry: entry.value is not None and entry.flag(), default)

    def skip(self, *keys: str) -> None:
        """Leave out arguments that change no network."""
        self._read.update(keys)

    def leave_out(self, key: str, why: str) -> None:
        """Say that an argument is left out, unless it is not there, false or 0."""
        entry = self.given(key)
        if entry is not None and entry.value not in (False, 0):
            self.said.append(f"{key} is {entry.written()}, and {why}")

    def not_supported(self) -> tuple[str, ...]:
        """Return all sentences, also about the arguments that nothing read."""
        keys = {**self._entry.object(), **self._instead.object()}
        unread = [key for key in keys if key not in self._read and not key.startswith("_")]
        for key in unread[:_SHOWN]:
            entry = self.place(key).get(key)
            if entry is not None and entry.value not in (False, 0, ""):
                self.said.append(f"{clipped(key)} is {entry.written()}, and the network leaves it out")
        if len(unread) > _SHOWN:
            self.said.append(f"{len(unread) - _SHOWN} more arguments, and the network leaves them out")
        return tuple(self.said)


def _require_texts(entry: Entry) -> None:
    for key in entry.object():
        if not isinstance(key, str):
            shown = clipped(written_value(key)) if key is None or isinstance(key, int | float) else kind_of(key)
            says = f"has the key {shown}, and the name of an argument must be a text"
            raise entry.wrong("key", says, "the name of an argument in place of the key")


_SHOWN = 10
