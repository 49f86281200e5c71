"""Convolution as one trilinear form, whose three faces are primitives (SPEC section 6).

An image ``x``, a kernel ``k`` and an output ``y`` meet in one sum, over all positions with
``i + padding = p · stride + a`` on both axes::

    Σ x[n, c, i] · k[o, c, a] · y[n, o, p]

Each face leaves one of the three out, and computes an array of its shape from the other two. Without ``y`` it is the
convolution. Without ``x`` it is the transposed convolution, which is the gradient of the input. Without ``k`` it is the
gradient of the kernel. Each face is bilinear, and its transposes are the other two. So ``jax.grad``, ``jax.jvp``,
``jax.linearize``, ``vmap`` and their compositions, to any order, need only these three primitives and one rule.
``jax.experimental.jet`` needs another rule (:mod:`.taylor`).

The backend is chosen when a face is lowered: our algorithms on a CPU (:mod:`.algorithms`), and the platform's own
convolution elsewhere. :func:`.backend.convolutions` forces either.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import ad, batching
from jaxtyping import Array

from . import algorithms
from .backend import forced_backend, lower_by_backend, over_devices
from .blocks import side_by_side
from .taylor import of_product, taylor_primitive
from .trilinear import SLOTS, Geometry, Slot, stock


def contract(missing: Slot, a: Array, b: Array, geometry: Geometry, precision: Any = None) -> Array:
    """The face that computes ``missing``, given the other two arrays in the order of :data:`SLOTS`.

    ``x`` is ``(N, H, W, C)``, ``k`` is ``(O, C, kernel, kernel)`` and ``y`` is ``(N, *geometry.out, O)``, all of one
    dtype. All three may have one more axis in front: then each entry along it is computed alone.
    """
    if over_devices() and missing == "x" and _makes_blocks(geometry):
        blocks = partial(side_by_side, precision=precision)
        return blocks(a, b) if a.ndim == 4 else jax.vmap(blocks)(a, b)
    if forced_backend() == "stock" or over_devices():
        return stock(missing, a, b, geometry, precision)
    params = {"geometry": geometry, "precision": precision, "backend": forced_backend()}
    result: Array = _FACES[missing].bind(a, b, **params)
    return result


def _makes_blocks(g: Geometry) -> bool:
    """Whether each position of ``y`` meets a block of ``x``, beside those of the others."""
    return g.kernel == g.stride and g.padding == 0 and g.size == tuple(m * g.stride for m in g.out)


def _others(missing: Slot) -> tuple[Slot, Slot]:
    first, second = (slot for slot in SLOTS if slot != missing)
    return first, second


def _shape(missing: Slot, a: tuple[int, ...], b: tuple[int, ...], geometry: Geometry) -> tuple[int, ...]:
    if len(a) == 5:
        return (a[0], *_shape(missing, a[1:], b[1:], geometry))
    shapes = dict(zip(_others(missing), (a, b), strict=True))
    match missing:
        case "x":
            return (shapes["y"][0], *geometry.size, shapes["k"][1])
        case "k":
            return (shapes["y"][3], shapes["x"][3], geometry.kernel, geometry.kernel)
        case "y":
            return (shapes["x"][0], *geometry.out, shapes["k"][0])


def _transposed(missing: Slot, operand: int, cotangent: Array, a: Any, b: Any, **params: Any) -> Array:
    """The cotangent of one operand: its face, given the cotangent of the result and the other operand."""
    others = _others(missing)
    known = {missing: cotangent, others[1 - operand]: (a, b)[1 - operand]}
    target = others[operand]
    result: Array = _FACES[target].bind(*(known[slot] for slot in _others(target)), **params)
    return result


def _batched(
    missing: Slot, operands: tuple[Array, Array], axes: tuple[int | None, int | None], **params: Any
) -> tuple[Array, int]:
    """Compute two batches pair by pair, many images with one kernel as one batch, and anything else by JAX's rules."""
    of_each = operands[0].ndim - (axes[0] is not None) == 5
    moved = [o if axis is None else jnp.moveaxis(o, axis, 0) for o, axis in zip(operands, axes, strict=True)]
    if None not in axes and not of_each:
        return _FACES[missing].bind(*moved, **params), 0
    one_kernel = missing != "k" and axes[_others(missing).index("k")] is None and not of_each
    if None in axes and not one_kernel:
        by = partial(stock, missing, geometry=params["geometry"], precision=params["precision"])
        return jax.vmap(by, in_axes=axes)(*operands), 0
    merged = [o if axis is None else lax.collapse(o, 0, 2) for o, axis in zip(moved, axes, strict=True)]
    result = _FACES[missing].bind(*merged, **params)
    batch = next(o.shape[:2] for o, axis in zip(moved, axes, strict=True) if axis is not None)
    return result.reshape(*batch, *result.shape[1:]), 0


def _by_algorithms(missing: Slot, a: Array, b: Array, *, geometry: Geometry, precision: Any) -> Array:
    return algorithms.contract(missing, a, b, geometry, precision)


_LOOKING_INSIDE = ("jax_disable_jit", "jax_debug_nans", "jax_debug_infs")
"""Flags that make JAX run eagerly. Compiling here would recurse forever."""


def _evaluated(a: Array, b: Array, *, missing: Slot, **params: Any) -> Array:
    if any(getattr(jax.config, name) for name in _LOOKING_INSIDE):
        return stock(missing, a, b, params["geometry"], params["precision"])
    result: Array = _compiled(a, b, missing=missing, **params)
    return result


@partial(jax.jit, static_argnames=("missing", "geometry", "precision", "backend"))
def _compiled(a: Array, b: Array, *, missing: Slot, **params: Any) -> Array:
    result: Array = _FACES[missing].bind(a, b, **params)
    return result


def _face(missing: Slot, name: str) -> Primitive:
    face = taylor_primitive(name, of_product)
    face.def_abstract_eval(
        lambda a, b, *, geometry, **_: ShapedArray(_shape(missing, a.shape, b.shape, geometry), a.dtype)
    )
    face.def_impl(partial(_evaluated, missing=missing))
    ad.defbilinear(face, partial(_transposed, missing, 0), partial(_transposed, missing, 1))
    batching.primitive_batchers[face] = partial(_batched, missing)
    lower_by_backend(face, cpu=partial(_by_algorithms, missing), stock=partial(stock, missing))
    return face


_FACES = {
    "y": _face("y", "convolution"),
    "x": _face("x", "transposed_convolution"),
    "k": _face("k", "kernel_gradient"),
}
