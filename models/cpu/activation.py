"""ReLU, whose result is written once and read by all: the next layer, its gradient, and ReLU's own.

XLA's CPU compiler computes cheap arithmetic again inside each of its readers, and keeps alive all that it reads: of a
sum of two convolutions, both. Between the layers of a network that is most of the memory of a gradient. And the
derivative is where the result is above zero, so nothing else of the forward pass need be kept.
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
    """``max(x, 0)``, with derivative 0 at 0; on a CPU written to memory once, and not computed again where it is read.

    >>> rectified(jnp.array([1.5, -2.0])).tolist()
    [1.5, 0.0]
    """
    y: Array = _relu.bind(x, backend=forced_backend())
    return y


def _maximum(x: Array) -> Array:
    return lax.max(x, lax.full_like(x, 0))


def _written(x: Array) -> Array:
    """``max(x, 0) / 1``, exactly: XLA computes a division once, and cannot know that this ``1`` is one."""
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
