"""The axes of a jaxtyping annotation as data, and the sizes that their names stand for.

jaxtyping decides whether an array fits. This reading of the same annotation says what the array should have been, for
:mod:`.diagnosis`, which has jaxtyping confirm it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Shape = tuple[int, ...]
Known = tuple[int, str]
"""A size, and where it comes from, in words."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis as it is written: ``kind`` is ``"fixed"``, ``"name"``, ``"any"``, ``"several"`` or ``"expression"``."""

    text: str
    kind: str
    size: int = 0
    may_be_one: bool = False

    @property
    def name(self) -> str:
        """What the axis is called: ``n`` for ``#n``, and nothing for ``...``."""
        return "" if self.text == "..." else self.text.lstrip("#*_?")


def axes_of(annotation: Any) -> tuple[Axis, ...] | None:
    """The axes of an array's annotation; ``None`` where they depend on a place in a PyTree (``?name``).

    >>> from jaxtyping import Array, Float
    >>> [axis.kind for axis in axes_of(Float[Array, "... #n h=3 _ 2*n"])]
    ['several', 'name', 'fixed', 'any', 'expression']
    """
    axes = []
    for index, (text, dim) in enumerate(zip(annotation.dim_str.split(), annotation.dims, strict=True)):
        may_be_one = getattr(dim, "broadcastable", False)
        if getattr(dim, "treepath", False):
            return None
        if index == annotation.index_variadic:
            axes.append(Axis(text, "several", may_be_one=may_be_one))
        elif hasattr(dim, "size"):
            axes.append(Axis(text.rpartition("=")[0].lstrip("#") or text.lstrip("#"), "fixed", dim.size, may_be_one))
        elif hasattr(dim, "elem"):
            axes.append(Axis(dim.elem, "expression", may_be_one=may_be_one))
        else:
            axes.append(Axis(text, "name" if hasattr(dim, "name") else "any", may_be_one=may_be_one))
    return tuple(axes)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one axis must be: its size where that is known, and where from; ``axis`` says how it is written.

    The size is known ``by_itself`` where another axis of the same array has the same name.
    """

    axis: Axis
    size: int | None
    source: str = ""
    by_itself: bool = False

    def fits(self, size: int) -> bool:
        """Whether an axis of this ``size`` will do."""
        return self.size in (None, size) or (self.axis.may_be_one and size == 1)


_ITSELF = ", as another axis of that name"


class Sizes:
    """The sizes that names stand for, learned from one array after the other; expressions read ``arguments``."""

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self._arguments = arguments
        self._names: dict[str, Known] = {}
        self._several: dict[str, tuple[Shape, str]] = {}

    def wanted(self, axes: tuple[Axis, ...], shape: Shape) -> list[Wanted]:
        """What each axis of an array must be. Axes without number are those known, or else as many as ``shape`` has."""
        here = self.beside(self._arguments)
        wanted: list[Wanted] = []
        rest = len(axes) - 1
        for axis in axes:
            at = len(wanted)
            if axis.kind == "several":
                given: tuple[Shape, str] | None = self._several.get(axis.name) if axis.name else None
                if given is None or axis.may_be_one:
                    wanted += [Wanted(Axis("…", "any"), None)] * max(len(shape) - rest, 0)
                else:
                    wanted += [Wanted(axis, size, given[1]) for size in given[0]]
                continue
            size, source = here._expected(axis) or (None, "")
            wanted.append(Wanted(axis, size, source, source is _ITSELF))
            if axis.kind == "name" and size is None and at < len(shape) and not (axis.may_be_one and shape[at] == 1):
                here._names[axis.name] = (shape[at], _ITSELF)
        return wanted

    def learn(self, axes: tuple[Axis, ...], shape: Shape, source: str) -> bool:
        """Whether an array of this ``shape`` fits what is known; if so, its names are known from now on."""
        wanted = self.wanted(axes, shape)
        if len(wanted) != len(shape) or not all(w.fits(size) for w, size in zip(wanted, shape, strict=True)):
            return False
        several = len(shape) - (len(axes) - 1)
        at = 0
        for axis in axes:
            if axis.kind == "several":
                if axis.name and not axis.may_be_one:
                    self._several.setdefault(axis.name, (shape[at : at + several], source))
                at += several
                continue
            if axis.kind == "name" and not (axis.may_be_one and shape[at] == 1):
                self._names.setdefault(axis.name, (shape[at], source))
            at += 1
        return True

    def _expected(self, axis: Axis) -> Known | None:
        if axis.kind == "fixed":
            return axis.size, ""
        if axis.kind == "name":
            return self._names.get(axis.name)
        if axis.kind != "expression":
            return None
        try:  # as jaxtyping does: the arguments are in scope inside braces, and the sizes that have names outside
            text = eval(f"f{axis.text!r}", dict(self._arguments))
            return int(eval(text, {name: size for name, (size, _) in self._names.items()})), ""
        except Exception:  # it reads a name that is not known here, or an argument that is at fault itself
            return None

    def beside(self, arguments: Mapping[str, Any]) -> "Sizes":
        """The same sizes, where expressions read other arguments."""
        copy = Sizes(arguments)
        copy._names, copy._several = dict(self._names), dict(self._several)
        return copy
