"""One operation that a framework recorded, as the rules of this folder read it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Equation:
    """An operation with JAX's name and numbers. A rule of another framework writes its own operation in this way.

    ``operands`` are the shapes of its operands, and ``shape`` is that of its first result. ``source`` is what the
    framework recorded, and ``path`` the path of the layer that it stands in.
    """

    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    operands: Sequence[Sequence[int]] = ()
    shape: Sequence[int] = ()
    source: Any = None
    path: tuple[str | int, ...] = ()
