"""The axes of a jaxtyping annotation as data, and the sizes that their names stand for.

jaxtyping decides whether an array fits. This module reads the same annotation to say which shape would fit.
:mod:`.diagnosis` confirms that shape with jaxtyping.
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...spec.arithmetic.naturals import equal
from ..symbolic import Inconclusive, any_symbolic

Shape = tuple[int, ...]
Known = tuple[int, str]
"""A size, and its source in words."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of an annotation: ``kind`` is ``"fixed"``, ``"name"``, ``"any"``, ``"several"`` or ``"expression"``."""

    text: str
    kind: str
    size: int = 0
    may_be_one: bool = False

    @property
    def name(self) -> str:
        """The name of the axis: ``n`` for ``#n``, and ``""`` for ``...``."""
        return "" if self.text == "..." else self.text.lstrip("#*_?")


def axes_of(annotation: Any) -> tuple[Axis, ...] | None:
    """The axes of an array's annotation; ``None`` if they depend on a place in a PyTree (``?name``).

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
class Expected:
    """The size that one axis must have, or ``None`` if any will do, with the ``source`` of that size.

    ``by_itself`` is true if the size comes from another axis of the same array, with the same name.
    """

    axis: Axis
    size: int | None
    source: str = ""
    by_itself: bool = False

    def fits(self, size: int) -> bool:
        """Whether an axis may have this ``size``."""
        return self.size is None or equal(self.size, size) or (self.axis.may_be_one and equal(size, 1))


_ITSELF = ", like another axis of that name"


class Sizes:
    """The sizes that names stand for, learned from one array after another. Expressions read ``arguments``."""

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self._arguments = arguments
        self._names: dict[str, Known] = {}
        self._several: dict[str, tuple[Shape, str]] = {}

    def expected(self, axes: tuple[Axis, ...], shape: Shape) -> list[Expected]:
        """The size that each axis of an array must have.

        ``...``, or a ``*name`` whose sizes are not known yet, takes all remaining axes of ``shape``.
        """
        here = self.beside(self._arguments)
        expected: list[Expected] = []
        rest = len(axes) - 1
        for axis in axes:
            at = len(expected)
            if axis.kind == "several":
                given: tuple[Shape, str] | None = self._several.get(axis.name) if axis.name else None
                if given is None or axis.may_be_one:
                    expected += [Expected(Axis("…", "any"), None)] * max(len(shape) - rest, 0)
                else:
                    expected += [Expected(axis, size, given[1]) for size in given[0]]
                continue
            size, source = here._known_size(axis) or (None, "")
            expected.append(Expected(axis, size, source, source is _ITSELF))
            if axis.kind == "name" and size is None and at < len(shape) and not (axis.may_be_one and shape[at] == 1):
                here._names[axis.name] = (shape[at], _ITSELF)
        return expected

    def learn(self, axes: tuple[Axis, ...], shape: Shape, source: str) -> bool:
        """Whether an array of this ``shape`` fits the known sizes. If it does, learn the sizes of its names."""
        expected = self.expected(axes, shape)
        if len(expected) != len(shape) or not all(w.fits(size) for w, size in zip(expected, shape, strict=True)):
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

    def _known_size(self, axis: Axis) -> Known | None:
        if axis.kind == "fixed":
            return axis.size, ""
        if axis.kind == "name":
            return self._names.get(axis.name)
        if axis.kind != "expression":
            return None
        try:
            return self._value(axis.text), ""
        except Inconclusive:
            raise
        except Exception:  # it reads an unknown name, or an argument that is itself wrong
            return None

    def _value(self, expression: str) -> int:
        """The value of an expression, as in jaxtyping: braces read the arguments, and the text around them the names.

        A symbolic size in braces keeps its value. Anything else becomes text, which is read again.
        """
        names: dict[str, Any] = {name: size for name, (size, _) in self._names.items()}

        def kept(value: Any) -> Any:
            if not any_symbolic((value,)):
                return value
            name = f"_symbolic_{len(names)}"
            names[name] = value
            return name

        text = ast.parse(f"f{expression!r}", mode="eval")
        for node in ast.walk(text):
            if isinstance(node, ast.FormattedValue):
                node.value = ast.Call(ast.Name(".kept", ast.Load()), [node.value], [])
        ast.fix_missing_locations(text)
        whole = eval(compile(text, "<axis>", "eval"), {".kept": kept, **self._arguments})
        value = eval(whole, dict(names))
        return value if any_symbolic((value,)) else int(value)

    def beside(self, arguments: Mapping[str, Any]) -> "Sizes":
        """A copy whose expressions read other arguments."""
        copy = Sizes(arguments)
        copy._names, copy._several = dict(self._names), dict(self._several)
        return copy
