"""The arguments that say how a layer computes: its dtypes, and the precision of its convolutions.

Every layer and every network reads them here, so that each rejects the same values with the same messages.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from ..spec.messages.choices import near_name
from ..spec.messages.report import UsageError
from ..spec.messages.written import clipped, written_argument

_DTYPES = {"bf16": "bfloat16", "fp16": "float16", "half": "float16", "fp32": "float32", "fp64": "float64"}
"""What users call dtypes, with JAX's names."""

_NAMES = ("float32", "bfloat16", "float16", "float64")
_PRECISIONS = ("highest", "high", "default")
_MOST = 60  # letters of a wrong value in a message


def dtypes_of(dtype: Any, param_dtype: Any) -> dict[str, Any]:
    """Return both arguments by name, as dtypes; ``dtype`` may be ``None``.

    Raises :class:`UsageError`, naming the argument, for a dtype that is not floating-point.

    >>> dtypes_of("bfloat16", jnp.float32)
    {'dtype': dtype(bfloat16), 'param_dtype': dtype('float32')}
    >>> dtypes_of(jnp.int32, jnp.float32)
    Traceback (most recent call last):
    ...
    wellshaped.spec.messages.report.UsageError: dtype=int32 can't be used.
      dtype: the dtype of a layer must be floating-point.
      fix: dtype=jnp.float32
    """
    of_result = None if dtype is None else _floating(dtype, "dtype")
    return {"dtype": of_result, "param_dtype": _floating(param_dtype, "param_dtype")}


def _floating(dtype: Any, name: str) -> Any:
    try:
        kind = None if dtype is None else jnp.dtype(dtype)  # NumPy reads None as float64
    except (TypeError, ValueError):
        kind = None
    if kind is not None and jnp.issubdtype(kind, jnp.floating):
        return kind
    given = clipped(written_argument(name, dtype), _MOST) if kind is None else f"{name}={kind.name}"
    near = _DTYPES.get(dtype) or near_name(dtype, _NAMES) if isinstance(dtype, str) and kind is None else None
    says = "the dtype of a layer must be floating-point"
    raise UsageError.of(given, "dtype", "", says, f"{name}=jnp.{near or 'float32'}")


def in_32_bits(operate: Callable[..., Array], *arrays: Array) -> Array:
    """The result of ``operate`` on these arrays, rounded to their dtype; numbers of 16 bits are computed with 32.

    The gradient of a value that many positions share is a sum. In bfloat16 it would stop growing at the 256th term.

    >>> in_32_bits(lambda x, y: x + y, jnp.bfloat16(256), jnp.bfloat16(1)).dtype
    dtype(bfloat16)
    """
    if all(array.dtype.itemsize >= 4 for array in arrays):
        return operate(*arrays)
    dtype = jnp.result_type(*arrays)
    wide = jnp.promote_types(dtype, jnp.float32)
    return operate(*(array.astype(wide) for array in arrays)).astype(dtype)


def precision_of(precision: Any) -> Any:
    """Return the argument as a layer stores it: a list as a tuple.

    Raises :class:`UsageError` for a precision that a convolution of JAX does not take.

    >>> precision_of(["high", "highest"])
    ('high', 'highest')
    """
    if precision is None:
        return None
    precision = tuple(precision) if isinstance(precision, list) else precision
    image = jax.ShapeDtypeStruct((1, 1, 1), jnp.float32)
    try:
        jax.eval_shape(lambda x: lax.conv_general_dilated(x, x, (1,), "VALID", precision=precision), image)
    except (TypeError, ValueError):
        near = near_name(precision, _PRECISIONS) or "highest"
        says = (
            f"it must be None, a jax.lax.Precision, its name ({', '.join(map(repr, _PRECISIONS))}), or a pair of them"
        )
        given = clipped(written_argument("precision", precision), _MOST)
        raise UsageError.of(given, "precision", "", says, f"precision={near!r}") from None
    return precision
