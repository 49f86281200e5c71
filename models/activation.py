"""ReLU, whose result is written once and read by all: the next layer, its gradient, and ReLU's own.

XLA's CPU compiler computes cheap arithmetic again inside each of its readers, and keeps alive all that it reads: of a
sum of two convolutions, both. Between the layers of a network that is most of the memory of a gradient. And the
derivative is where the result is above zero, so nothing else of the forward pass need be kept.
"""

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching
from jaxtyping import Array

from .ways import forced_way, lower_by_way


@jax.custom_jvp
def rectified(x: Array) -> Array:
    """``max(x, 0)``, with derivative 0 at 0."""
    return kept(lax.max(x, jnp.zeros_like(x)))


@rectified.defjvp
def _(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    y = rectified(*primals)
    return y, lax.select(y > 0, tangents[0], jnp.zeros_like(tangents[0]))


def kept(x: Array) -> Array:
    """``x``, written to memory once on a CPU, and not computed again where it is read.

    >>> kept(jnp.array([1.5, -0.0])).tolist()
    [1.5, -0.0]
    """
    result: Array = x if forced_way() == "stock" else _kept.bind(x, way=forced_way())
    return result


def _divided(x: Array) -> Array:
    """``x / 1``, exactly: XLA computes a division once, and cannot know that this ``1`` is one."""
    bits = lax.bitcast_convert_type(x, f"int{8 * x.dtype.itemsize}")
    zero = jnp.zeros_like(bits)
    return x / (1 + lax.clamp(zero, bits, zero).astype(x.dtype))


_kept = Primitive("kept")
_kept.def_impl(lambda x, *, way: x)
_kept.def_abstract_eval(lambda x, *, way: x)
ad.primitive_jvps[_kept] = lambda primals, tangents, *, way: (_kept.bind(*primals, way=way), *tangents)
batching.defvectorized(_kept)
lower_by_way(_kept, explicit=_divided, stock=lambda x: x)
