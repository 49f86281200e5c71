"""Convolution as one trilinear form, and its three faces as primitives of our own (SPEC section 6).

An image ``x``, a kernel ``k`` and an output ``y`` meet in one sum, over all positions with
``i + padding = p · stride + a`` on both axes::

    Σ x[n, c, i] · k[o, c, a] · y[n, o, p]

Leave one of the three out of the sum, and what remains is a linear map to it: without ``y`` it is the convolution,
without ``x`` the transposed convolution, which is the gradient of the input, and without ``k`` the gradient of the
kernel. Each is bilinear, and transposing it gives the other two. So these three primitives and one rule are all that
``jax.grad``, ``jax.jvp``, ``jax.linearize``, ``vmap`` and their compositions need, to any order; for
``jax.experimental.jet`` a bilinear map has a rule of its own (:mod:`.taylor`).

How a face is computed is chosen when it is lowered: explicitly on a CPU (:mod:`.explicit`), and by the platform's own
convolution elsewhere. :func:`.ways.convolutions` forces either.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
from jax import lax
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import ad, batching
from jaxtyping import Array

from ...spec.arithmetic.sizes import sliding_window_size
from .taylor import of_product, taylor_primitive
from .ways import forced_way, lower_by_way, over_devices

Slot = Literal["x", "k", "y"]

SLOTS: tuple[Slot, ...] = get_args(Slot)


@dataclass(frozen=True, slots=True)
class Geometry:
    """The numbers of one convolution: the image's height and width, and the square window's numbers."""

    size: tuple[int, ...]
    kernel: int
    stride: int
    padding: int

    @property
    def out(self) -> tuple[int, ...]:
        """Height and width of the output."""
        window = {"kernel": self.kernel, "stride": self.stride, "padding": self.padding}
        return tuple(sliding_window_size(n, **window) for n in self.size)


def contract(missing: Slot, a: Array, b: Array, geometry: Geometry, precision: Any = None) -> Array:
    """The form without ``missing``, as an array of its shape, given the other two in the order of :data:`SLOTS`.

    ``x`` is ``(N, H, W, C)``, ``k`` is ``(O, C, kernel, kernel)`` and ``y`` is ``(N, *geometry.out, O)``, all of one
    dtype. With one axis more, in front of all three, there is a form for each.
    """
    if forced_way() == "stock" or over_devices():
        return stock(missing, a, b, geometry, precision)
    params = {"geometry": geometry, "precision": precision, "way": forced_way()}
    result: Array = _FACES[missing].bind(a, b, **params)
    return result


def stock(missing: Slot, a: Array, b: Array, geometry: Geometry, precision: Any) -> Array:
    """The same by JAX's own convolution, channels first: each face as JAX's gradients write it."""
    g = geometry
    if a.ndim == 5:
        each: Array = jax.vmap(partial(stock, missing, geometry=g, precision=precision))(a, b)
        return each
    step = (g.stride,) * 2
    if missing == "y":
        y = lax.conv_general_dilated(_first(a), b, step, ((g.padding,) * 2,) * 2, precision=precision)
        return lax.transpose(y, (0, 2, 3, 1))
    # What the last window leaves of the padded image, at the far edges.
    left = [n + 2 * g.padding - g.kernel - (m - 1) * g.stride for n, m in zip(g.size, g.out, strict=True)]
    if missing == "x":
        around = g.kernel - 1 - g.padding
        edges = [(around, around + rest) for rest in left]
        orders = ("NCHW", "IOHW", "NCHW")
        turned = lax.rev(a, (2, 3))
        x = lax.conv_general_dilated(_first(b), turned, (1, 1), edges, step, None, orders, precision=precision)
        return lax.transpose(x, (0, 2, 3, 1))
    edges = [(g.padding, g.padding - rest) for rest in left]
    orders = ("CNHW", "IOHW", "CNHW")
    return lax.conv_general_dilated(_first(a), _first(b), (1, 1), edges, None, step, orders, precision=precision)


def _first(image: Array) -> Array:
    return lax.transpose(image, (0, 3, 1, 2))


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
    """The cotangent of one operand: the form without it, of the cotangent of the result and of the other operand."""
    others = _others(missing)
    known = {missing: cotangent, others[1 - operand]: (a, b)[1 - operand]}
    wanted = others[operand]
    result: Array = _FACES[wanted].bind(*(known[slot] for slot in _others(wanted)), **params)
    return result


def _batched(
    missing: Slot, operands: tuple[Array, Array], axes: tuple[int | None, int | None], **params: Any
) -> tuple[Array, int]:
    """Two batches are a form for each pair, images with one kernel are more images, and the rest is as JAX does it."""
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


def _explicit(missing: Slot, a: Array, b: Array, *, geometry: Geometry, precision: Any) -> Array:
    from . import explicit  # which needs this module in turn, for what no rule of it fits

    return explicit.contract(missing, a, b, geometry, precision)


_LOOKING_INSIDE = ("jax_disable_jit", "jax_debug_nans", "jax_debug_infs")
"""What JAX runs operation by operation, where it would compile: one that compiles itself would do so for ever."""


def _evaluated(a: Array, b: Array, *, missing: Slot, **params: Any) -> Array:
    if any(getattr(jax.config, name) for name in _LOOKING_INSIDE):
        return stock(missing, a, b, params["geometry"], params["precision"])
    result: Array = _compiled(a, b, missing=missing, **params)
    return result


@partial(jax.jit, static_argnames=("missing", "geometry", "precision", "way"))
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
    lower_by_way(face, explicit=partial(_explicit, missing), stock=partial(stock, missing))
    return face


_FACES = {
    "y": _face("y", "convolution"),
    "x": _face("x", "transposed_convolution"),
    "k": _face("k", "kernel_gradient"),
}
