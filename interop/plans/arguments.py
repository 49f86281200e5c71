"""The arguments of a network's class in a file: which were read, and sentences about the others."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from ...spec.messages.written import clipped
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
    ('squeeze_excitation is true, and the network leaves it out',)
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
        """Return the entry of an argument that must be there. If it is missing, the method that reads it raises."""
        self._read.add(key)
        found = self._instead.nullable(key)
        return self._entry[key] if found is None else found

    def usual_count(self, counts: range, keys: Mapping[str, int], default: int) -> int:
        """Return the one of the ``counts`` that most lists of these arguments have, else the ``default``.

        The number of each key is how many entries more than the count its list has.
        """
        lists = {key: entry.value for key in keys if (entry := self.given(key)) and isinstance(entry.value, list)}
        return most_usual((len(value) - keys[key] for key, value in lists.items()), counts, default)

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


def most_usual(found: Iterable[int], counts: range, default: int) -> int:
    """Return the one of the ``counts`` that is ``found`` most often. Without any, the nearest one, or the ``default``.

    >>> most_usual([3, 2, 3, 0, 0, 0], range(1, 4), 1), most_usual([9, 9], range(1, 4), 1), most_usual([], range(4), 1)
    (3, 3, 1)
    """
    found = list(found)
    usual = Counter([count for count in found if count in counts] or found or [default]).most_common(1)[0][0]
    return min(max(usual, counts[0]), counts[-1])


def _require_texts(entry: Entry) -> None:
    for key in entry.object():
        if not isinstance(key, str):
            says = f"has the key {replace(entry, value=key).written()}, and the name of an argument must be a text"
            raise entry.wrong("key", says, "the name of an argument in place of the key")


_SHOWN = 10
