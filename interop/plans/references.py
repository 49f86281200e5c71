"""References within a bundle's config: ``"@key"`` is the value of another key. Expressions are never evaluated.

Source: github.com/Project-MONAI/MONAI, ``docs/source/config_syntax.md``.
"""

import re
from dataclasses import dataclass, replace

from ...spec.messages.written import clipped
from .entry import Entry

MAX_STEPS = 20
"""The most references from one to the next."""

_REFERENCE = re.compile(r"@([\w.\-/]+(?:(?:::|#)[\w.\-/]+)*)")


@dataclass(frozen=True, slots=True)
class References:
    """Resolves the references of one file, whose content is ``root``. ``call`` is how the user gives a value.

    >>> root = Entry("bundle config a.json", {"width": "@net#first", "net": {"first": 16}})
    >>> References(root, "monai_bundle(path, arguments={...})")(root["width"]).number()
    16
    """

    root: Entry
    call: str

    def __call__(self, entry: Entry) -> Entry:
        """Return the entry that ``entry`` refers to, or ``entry`` itself if it is not a reference.

        Raises :class:`FileError` for an expression, a macro, an unknown key, and references that go round.
        """
        for _ in range(MAX_STEPS):
            text = entry.value
            if not isinstance(text, str) or not text.startswith(("@", "$", "%")):
                return entry
            entry = replace(entry, value=self._value(entry, text))
        raise entry.wrong("reference", f"refers to itself, by {entry.written()}", self._fix(entry))

    def _value(self, entry: Entry, text: str) -> object:
        found = _REFERENCE.fullmatch(text)
        if found is None:
            what = "a macro, which is not read" if text.startswith("%") else "an expression, which is not evaluated"
            raise entry.wrong("expression", f"is {entry.written()}, {what}", self._fix(entry))
        value: object = self.root.value
        for key in re.split("::|#", found[1]):
            if isinstance(value, dict) and key in value:
                value = value[key]
            elif isinstance(value, list) and key.isdecimal() and len(key) < 6 and int(key) < len(value):
                value = value[int(key)]
            else:
                says = f"is {entry.written()}, and the config has no {clipped(found[1])}"
                raise entry.wrong("reference", says, self._fix(entry))
        return value

    def _fix(self, entry: Entry) -> str:
        while isinstance(entry.key, int) and entry.holder is not None:
            entry = entry.holder
        return f"{self.call}, with {entry.key!r} in arguments"
