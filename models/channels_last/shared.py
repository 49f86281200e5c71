"""Shared by the channels-last systems (SPEC section 7): pooling, joining, and integers that may be given as floats."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ...spec.arithmetic.naturals import as_integer, natural
from ...spec.arithmetic.sizes import sliding_window_size
from ...spec.messages.report import UsageError
from ..functional.functional import SizeFunction, require_not_empty
from ..typed import remembered


@remembered
def max_pool_2x2(
    x: Float[Array, "*N H W C"], *, _size: SizeFunction = sliding_window_size
) -> Float[Array, "*N {_size(x.shape[-3],kernel=2,stride=2)} {_size(x.shape[-2],kernel=2,stride=2)} C"]:
    """The maximum of each 2×2 window, without padding; axes before ``(H, W, C)`` stay as they are.

    Raises :class:`ShapeError` if the array does not fit, or if the result would be empty.

    >>> max_pool_2x2(jnp.arange(20.0).reshape(4, 5, 1))[..., 0].tolist()
    [[6.0, 8.0], [16.0, 18.0]]
    """
    require_not_empty("max_pool_2x2", x, _size, {"kernel": 2, "stride": 2}, axes=(-3, -2))
    window = (1,) * (x.ndim - 3) + (2, 2, 1)
    y: Array = lax.reduce_window(x, -jnp.inf, lax.max, window, window, "VALID")
    return y


@remembered
def joined(first: Float[Array, "*N H W C1"], second: Float[Array, "*N H W C2"]) -> Float[Array, "*N H W C1+C2"]:
    """The channels of ``first``, then those of ``second``. Raises :class:`ShapeError` if their sizes differ.

    >>> joined(jnp.ones((4, 4, 2)), jnp.ones((4, 4, 3))).shape
    (4, 4, 5)
    """
    return jnp.concatenate((first, second), -1)


def integral(value: Any, name: str) -> int:
    """Return ``value`` as an int: 3.0 is 3. Raise :class:`UsageError` unless it is a natural number.

    >>> integral(3.0, "features"), integral(3, "features")
    (3, 3)
    """
    number = _whole(value)
    return natural(value if number is None else number, name)


def a_seed(value: Any) -> int:
    """Return the seed as an int: 3.0 is 3. Raise :class:`UsageError` unless it is a signed 64-bit integer.

    >>> a_seed(-1.0)
    -1
    """
    number = _whole(value)
    if number is None or not -(2**63) <= number < 2**63:
        says = "it must be a signed 64-bit integer, or a float without a fraction"
        raise UsageError.of(f"seed={value!r}", "seed", "", says, "seed=0")
    return number


def _whole(value: Any) -> int | None:
    if isinstance(value, jax.core.Tracer):
        says = "the layers are built from its value, which is not known while JAX traces the function"
        fix = "jax.jit(function, static_argnums=...) for every argument but the image"
        raise UsageError.of("a traced number", "static", "", says, fix)
    if as_integer(value) is not None:
        return as_integer(value)
    is_float = isinstance(value, float) or (jnp.issubdtype(getattr(value, "dtype", int), jnp.floating))
    if not is_float or getattr(value, "shape", ()) != ():
        return None
    return int(value) if float(value).is_integer() else None
