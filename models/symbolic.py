"""JAX's symbolic sizes, such as ``16*h``, as a reading of the natural numbers (SPEC section 1).

``jax.export`` and ``jax.eval_shape`` trace a function with them. Importing this module registers the reading, so that
the size functions, and so our layers and networks, take symbolic sizes.

JAX decides a comparison of symbolic sizes from the bounds of their variables, and raises
``InconclusiveDimensionOperation`` if these do not decide it. Its ``==`` never raises: it is false unless the two are
certainly equal. :func:`~wellshaped.spec.arithmetic.naturals.equal` raises for them instead.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, SupportsIndex

import jax
from jax import export
from jax._src import core

from ..spec.arithmetic.naturals import Reading, read_as

SYMBOL: type = type(export.symbolic_shape("h")[0])
"""The type of JAX's symbolic sizes, which has no public name."""

if TYPE_CHECKING:
    Size = int
    GivenSize = SupportsIndex
else:
    Size = int | SYMBOL
    GivenSize = SupportsIndex | SYMBOL
"""The annotations of a size, and of a size as an argument: an integer, or a symbolic size."""

Inconclusive = core.InconclusiveDimensionOperation  # its public name differs by version
"""JAX's error for a comparison of symbolic sizes that it can't decide."""


def any_symbolic(sizes: Iterable[object]) -> bool:
    """Whether any of the ``sizes`` is symbolic.

    >>> (h,) = export.symbolic_shape("16*h")
    >>> any_symbolic((3, h, 64)), any_symbolic((3, 16, 64))
    (True, False)
    """
    return any(type(size) is SYMBOL for size in sizes)


def _monus(a: Any, b: Any) -> Any:
    if type(a) is int and a == 1:  # a guard, 0 or 1: as a number, it makes no product of sizes
        with suppress(Inconclusive):
            return 0 if b >= 1 else 1
    return jax.core.max_dim(a - b, 0)


def _quotient(a: Any, b: Any) -> Any:
    return 0 if type(b) is int and b == 0 else a // b


def _equal(a: Any, b: Any) -> bool:
    # Together, the two comparisons decide what `==` leaves open.
    return bool(a == b or (a <= b and a >= b))


read_as(Reading(SYMBOL, _monus, _quotient, _equal))
