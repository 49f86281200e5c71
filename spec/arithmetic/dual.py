"""Dual numbers: a value with its derivative in one direction, over any scalar (forward-mode differentiation).

A function made of sums and products, run on duals, returns its derivative beside its value. Over fractions both are
exact. So duals check the backward passes of :mod:`.reference`, which are written by hand.
"""

from dataclasses import dataclass
from numbers import Number
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Dual:
    """A ``value`` and its ``derivative``: ``a + a'ε`` with ``ε² = 0``, so that a product is ``ab + (ab' + a'b)ε``.

    ``+``, ``-`` and ``*`` take plain numbers on either side, as duals with derivative 0. ``<`` and ``>`` compare the
    values alone, so that a program takes the same branch as without duals. ``==`` compares the derivatives too. An
    operand that is neither a dual nor a :class:`numbers.Number` raises ``TypeError``, as with Python's own numbers.

    >>> x = Dual(3, 1)
    >>> x * x + 2
    Dual(value=11, derivative=6)
    >>> x > 2, x == Dual(3, 5), Dual(3) == 3
    (True, False, True)
    """

    value: Any
    derivative: Any = 0

    def __add__(self, other: object) -> "Dual":
        b = _dual(other)
        return NotImplemented if b is None else Dual(self.value + b.value, self.derivative + b.derivative)

    def __mul__(self, other: object) -> "Dual":
        b = _dual(other)
        if b is None:
            return NotImplemented
        return Dual(self.value * b.value, self.value * b.derivative + self.derivative * b.value)

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self) -> "Dual":
        return Dual(-self.value, -self.derivative)

    def __sub__(self, other: object) -> "Dual":
        b = _dual(other)
        return NotImplemented if b is None else self + -b

    def __rsub__(self, other: object) -> "Dual":
        return -self + other

    def __lt__(self, other: object) -> bool:
        b = _dual(other)
        return NotImplemented if b is None else self.value < b.value

    def __le__(self, other: object) -> bool:
        b = _dual(other)
        return NotImplemented if b is None else self.value <= b.value

    def __gt__(self, other: object) -> bool:
        b = _dual(other)
        return NotImplemented if b is None else self.value > b.value

    def __ge__(self, other: object) -> bool:
        b = _dual(other)
        return NotImplemented if b is None else self.value >= b.value

    def __eq__(self, other: object) -> bool:
        b = _dual(other)
        return NotImplemented if b is None else (self.value, self.derivative) == (b.value, b.derivative)

    def __hash__(self) -> int:
        return hash(self.value)  # with derivative 0 a dual equals its value, so it must have the same hash


def _dual(number: object) -> Dual | None:
    if isinstance(number, Dual):
        return number
    return Dual(number) if isinstance(number, Number) else None


def as_duals(values: "NDArray[Any]", derivatives: "NDArray[Any]") -> "NDArray[Any]":
    """The array of each value with its derivative. The two arrays have the same shape, or broadcast as in NumPy.

    >>> import numpy as np
    >>> as_duals(np.array([3, 4]), np.array([1, 0])).tolist()
    [Dual(value=3, derivative=1), Dual(value=4, derivative=0)]
    """
    import numpy as np

    duals: NDArray[Any] = np.frompyfunc(Dual, 2, 1)(values, derivatives)
    return duals


def parts(duals: "NDArray[Any]") -> "tuple[NDArray[Any], NDArray[Any]]":
    """The values and the derivatives of an array of duals. A plain number in it has derivative 0.

    >>> import numpy as np
    >>> values, derivatives = parts(np.array([Dual(3, 1), 4]) * 2)
    >>> values.tolist(), derivatives.tolist()
    ([6, 8], [2, 0])
    """
    import numpy as np

    def both(number: object) -> tuple[Any, Any]:
        return (number.value, number.derivative) if isinstance(number, Dual) else (number, 0)

    values, derivatives = np.frompyfunc(both, 1, 2)(duals)
    return values, derivatives
