"""A size of an output, written as simply as the sizes that fit allow."""

from collections.abc import Mapping
from typing import Any

from ...spec.arithmetic.size_set import SizeSet
from .expressions import Statement, name, names_in, plus, times, value
from .paths import Condition, sizes_on

LARGE = 10_000
"""A size above which an output is a simple function of it, if it is one."""


def on_sets(size: Any, sets: Mapping[str, SizeSet]) -> Any:
    """The size as ``a·n + b``, if it is that for every open size ``n`` that is in its set; else the size itself.

    >>> from wellshaped.interop.sizes.expressions import parsed
    >>> from wellshaped.spec.arithmetic.progression import Progression
    >>> even = {"H": SizeSet([Progression(2, 2, None)])}
    >>> print(on_sets(parsed("2*floordiv(H, 2) - 1"), even), "and", on_sets(parsed("floordiv(H, 4)"), even))
    H - 1 and floor(H/4)
    """
    if len(names_in(size)) != 1:
        return size
    (axis,) = names_in(size)
    first = sets[axis].above(LARGE)
    second = None if first is None else sets[axis].above(first + 1)
    if first is None or second is None:
        return size
    low, high = (value(size, {axis: n}) for n in (first, second))
    slope, rest = divmod(high - low, second - first)
    linear = plus(times(name(axis), slope), low - slope * first)
    if rest or linear == size:
        return size
    same = sizes_on([Condition(Statement("==", (size, linear)))], axis)
    return size if same is None or sets[axis] & same.complement() else linear
