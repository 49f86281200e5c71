"""The kinds of numbers in an array: exact numbers as Python's objects, or floating point.

An operation computes exactly on exact numbers. With one array in floating point, it computes in floating point.
"""

from fractions import Fraction

import numpy as np

from .operations import Array


def is_exact(x: Array) -> bool:
    """Whether an array holds exact numbers: integers, fractions or duals, as objects.

    >>> is_exact(np.array([1, Fraction(1, 3)])), is_exact(np.array([1.0]))
    (True, False)
    """
    return x.dtype == object


def alike(*arrays: Array) -> list[Array]:
    """Return the arrays, all exact, or all in floating point if one is.

    >>> [x.dtype.name for x in alike(np.array([1], object), np.array([0.5], "float32"))]
    ['float64', 'float64']
    """
    if all(map(is_exact, arrays)):
        return list(arrays)
    kind = np.result_type(*(float if is_exact(x) else x for x in arrays))
    return [x.astype(kind, copy=False) for x in arrays]


def in_floats(*arrays: Array) -> list[Array]:
    """Return the arrays in float64.

    >>> in_floats(np.array([Fraction(1, 4)]))[0].tolist()
    [0.25]
    """
    return [x.astype(float) for x in arrays]


def divided(x: Array, counts: Array) -> Array:
    """Return ``x / counts``, exact for exact numbers. ``counts`` are integers.

    >>> divided(np.array([1, 3], object), np.array([3])).tolist()
    [Fraction(1, 3), Fraction(1, 1)]
    """
    if not is_exact(x):
        quotient: Array = x / counts.astype(x.dtype)
        return quotient
    return times(x, [Fraction(1, int(count)) for count in counts.flat], counts.shape)


def times(x: Array, weights: list[Fraction], shape: tuple[int, ...]) -> Array:
    """Return ``x`` times an array of this ``shape`` with exact ``weights``. For floats, the weights are rounded once.

    >>> times(np.array([2, 3], object), [Fraction(1, 2)], (1,)).tolist()
    [Fraction(1, 1), Fraction(3, 2)]
    """
    factors = np.array(weights, object).reshape(shape)
    y: Array = x * (factors if is_exact(x) else factors.astype(x.dtype))
    return y


def over_positions(vector: Array, x: Array) -> Array:
    """Return a vector as an array that broadcasts its numbers, one for each channel, over the positions of ``x``.

    >>> over_positions(np.array([1, 2]), np.ones((2, 3, 4))).shape
    (2, 1, 1)
    """
    return vector.reshape(-1, *(1,) * (x.ndim - 1))
