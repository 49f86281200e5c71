"""What a table of names says, and how its patterns are read.

In a pattern, ``{i}`` stands for a number and ``{path}`` (any longer word) for any text. The replacement beside it may
have the same fields, and those that the table's ``fields`` computes of them.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

Rows = tuple[tuple[str, str], ...]
"""Patterns, each with its replacement."""


def _no_fields(depth: int, numbers: Mapping[str, int]) -> Mapping[str, object]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class NameTable:
    """How PyTorch calls the layers of a family of networks.

    - ``title``: the family, for people. ``level``: the pattern of a layer that each level has; ``{i}`` is the level.
    - ``layers``: pairs of our name of a layer and PyTorch's. A layer that no row matches keeps its name.
    - ``copies``: PyTorch's names of arrays, with another name of the same array. Rows apply in order, also to the
      names that earlier rows added.
    - ``unused``: names of arrays that the network of PyTorch holds and does not use for the output.
    - ``fields``: a function of the number of levels and of the numbers in a match. It returns more fields for the
      replacements.

    >>> table = NameTable(title="a family", level="up[{i}]", layers=(("up[{i}]", "ups.{i}.conv"),))
    >>> table.layer("up[2]", 4), table.layer("head", 4), table.levels(["up[0]", "up[1]", "head"])
    ('ups.2.conv', 'head', 2)
    """

    title: str
    level: str
    layers: Rows = ()
    copies: Rows = ()
    unused: tuple[str, ...] = ()
    fields: Callable[[int, Mapping[str, int]], Mapping[str, object]] = _no_fields

    def levels(self, layers: Iterable[str]) -> int:
        """How many levels a network with these layers has."""
        found = (matched(self.level, layer) for layer in layers)
        return max((of_it["i"] + 1 for of_it in found if of_it is not None), default=0)

    def layer(self, layer: str, levels: int) -> str:
        """PyTorch's name of a layer."""
        return next(self._replaced(self.layers, layer, levels), layer)

    def names(self, name: str, levels: int) -> tuple[str, ...]:
        """All names of an array, the given one first."""
        names = [name]
        for row in self.copies:
            names += [copy for of_it in list(names) for copy in self._replaced((row,), of_it, levels)]
        return tuple(names)

    def _replaced(self, rows: Rows, name: str, levels: int) -> Iterator[str]:
        for pattern, replacement in rows:
            found = matched(pattern, name)
            if found is not None:
                numbers = {field: n for field, n in found.items() if isinstance(n, int)}
                yield replacement.format(**{**found, **self.fields(levels, numbers)})


def matched(pattern: str, name: str) -> dict[str, Any] | None:
    """The fields of a pattern in a name, or ``None`` if it does not match.

    >>> matched("{path}.convs[{k}]", "encoder.convs[1]"), matched("up[{i}]", "down[1]")
    ({'path': 'encoder', 'k': 1}, None)
    """
    found = _regex(pattern).fullmatch(name)
    return found and {field: int(text) if len(field) == 1 else text for field, text in found.groupdict().items()}


@lru_cache(maxsize=256)
def _regex(pattern: str) -> re.Pattern[str]:
    texts = re.split(r"\{(\w+)\}", pattern)
    fields = [f"(?P<{field}>{'[0-9]+' if len(field) == 1 else '.+'})" for field in texts[1::2]]
    return re.compile(
        "".join(part for i, text in enumerate(texts[::2]) for part in (re.escape(text), *fields[i : i + 1]))
    )
