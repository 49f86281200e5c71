"""ReLU that writes its result to memory once, for all its readers: the next layer and both gradients.

XLA's CPU compiler computes cheap arithmetic again in every reader, and keeps its inputs alive. After a sum of two
convolutions it would keep both, which is most of the memory of a network's gradient. The derivative depends only on the
sign of the result, so nothing else of the forward pass is kept.
"""

from functools import partial
from typing import Any

import jax.numpy as jnp
from jax import lax
from jax.interpreters import ad, batching
from jaxtyping import Array

from .backend import forced_backend, lower_by_backend
from .taylor import of_piecewise_linear, taylor_primitive


def rectified(x: Array) -> Array:
    """``max(x, 0)``, with derivative 0 at 0. On a CPU it is written to memory once, and never computed again.

    >>> rectified(jnp.array([1.5, -2.0])).tolist()
    [1.5, 0.0]
    """
    y: Array = _relu.bind(x, backend=forced_backend())
    return y


def _maximum(x: Array) -> Array:
    return lax.max(x, lax.full_like(x, 0))


def _written(x: Array) -> Array:
    """``max(x, 0) / 1``, exactly. XLA computes a division only once, and can't see that the divisor is 1."""
    size = jnp.finfo(x.dtype).bits  # type: ignore[no-untyped-call]  # JAX leaves it untyped
    bits = lax.bitcast_convert_type(x, f"int{size}")
    zero = jnp.zeros_like(bits)
    return _maximum(x) / (1 + lax.clamp(zero, bits, zero).astype(x.dtype))


def _derivative(tangent: Array, y: Array, x: Array, **_: Any) -> Array:
    return lax.select(lax.gt(y, lax.full_like(y, 0)), tangent, lax.full_like(tangent, 0))


_relu = taylor_primitive("relu", partial(of_piecewise_linear, _derivative))
_relu.def_impl(lambda x, **_: _maximum(x))
_relu.def_abstract_eval(lambda x, **_: x)
ad.defjvp2(_relu, _derivative)
batching.defvectorized(_relu)
lower_by_backend(_relu, cpu=_written, stock=_maximum)
