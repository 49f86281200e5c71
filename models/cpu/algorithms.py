"""The algorithms of a convolution and its gradients on a CPU, one function for each. docs/performance.md measures them.

XLA's CPU convolution is fast if it runs on all cores. Otherwise it takes at least twice as long. Images of few columns
run on one core. The gradient of a kernel reads the whole image from memory many times. A kernel as wide as its stride
is computed as a strided convolution, though it is a matrix product. Each function arranges the same sums in a faster
way. Inside the functions, images are ``(N, H, W, C)`` and kernels ``(H, W, in, out)``.
"""

from math import ceil, prod
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array

from ..symbolic import any_symbolic
from .trilinear import Geometry, Slot, stock

LONG_ROWS = 148_000
"""If ``kernel² · in_channels · (width + out_channels)`` is at least this, XLA uses all cores and strips do not help."""

WORTH_IT = 15 * 10**6
"""Below this many multiplications, laying images side by side costs more than it saves."""

CHUNK = 65_536
"""How many positions of a kernel's gradient are summed at once, so that their rows stay in the cache."""

MAX_CHUNKS = 8

FEW = 4
"""Up to this many terms, the sums of a matrix product are written out, so that XLA fuses them."""

LANES = 32
"""The number of channels that XLA's convolution is fast with: fewer filters are padded to it.

With fewer channels, strips, written patches and separate convolutions of two images (:meth:`Conv2d.of_joined`) gain
nothing.
"""

CHEAPER = 4
"""Use the form with more zeros for a kernel's gradient only if it multiplies this many times less."""

PAIR = 20_000
"""Below this many multiplications per pair, JAX's grouped convolution is faster than a loop over the pairs."""

PATCH = 64
"""Patches with at most this many numbers are written to memory, for a matrix product."""

MANY = 65_536
"""A kernel with more numbers is arranged in the way that runs faster, a smaller one in the way that compiles faster."""

FEW_POSITIONS = 1
"""With this many times more filters than positions, or more, patches are no larger than the kernel, and are arranged.

A kernel costs more to arrange than patches of the same size.
"""


def contract(missing: Slot, a: Array, b: Array, geometry: Geometry, precision: Any) -> Array:
    """:func:`.convolution.contract`, by the fastest algorithm for these shapes."""
    g = geometry
    if any_symbolic((*a.shape, *b.shape, *g.size)) or a.size == 0 or b.size == 0:
        return stock(missing, a, b, g, precision)
    if a.ndim == 5:
        return _pair_by_pair(missing, a, b, g, precision)
    if a.dtype.itemsize < 4:
        # Compute in 32 bits, so that a sum of parts is rounded only once, as in one convolution of XLA.
        wide = contract(missing, a.astype(jnp.float32), b.astype(jnp.float32), g, precision)
        return wide.astype(a.dtype)
    if g.stride == g.kernel and g.padding == 0:
        return _by_patches(missing, a, b, g, precision)
    if g.stride == 1 and g.padding < g.kernel:
        return _by_rows(missing, a, b, g, precision)
    return stock(missing, a, b, g, precision)


def _pair_by_pair(missing: Slot, a: Array, b: Array, g: Geometry, precision: Any) -> Array:
    if missing != "k":
        kernel, image = (b, a) if missing == "y" else (a, b)
        _, outs, ins, *_ = kernel.shape
        thin = missing == "y" and ins == 1 and outs < LANES
        if thin or prod(kernel.shape[1:]) * image.shape[1] * prod(g.out) < PAIR:
            return stock(missing, a, b, g, precision)
    each: Array = lax.map(lambda pair: contract(missing, pair[0], pair[1], g, precision), (a, b))
    return each


# Windows that tile the image: matrix products over patches.


def _by_patches(missing: Slot, a: Array, b: Array, g: Geometry, precision: Any) -> Array:
    k, (height, width), (rows, columns) = g.kernel, g.size, g.out

    def patches(x: Array) -> Array:
        n, *_, c = x.shape
        tiles = lax.slice(x, (0, 0, 0, 0), (n, rows * k, columns * k, c)).reshape(n, rows, k, columns, k, c)
        return lax.transpose(tiles, (0, 1, 3, 2, 4, 5)).reshape(n * rows * columns, k * k * c)

    def matrix(kernel: Array) -> Array:
        return lax.transpose(kernel.reshape(*kernel.shape[:2], -1), (0, 2, 1)).reshape(kernel.shape[0], -1)

    def positions(y: Array) -> Array:
        return y.reshape(-1, y.shape[3])

    if missing == "y":
        y = lax.dot_general(patches(a), matrix(b), (((1,), (1,)), ((), ())), precision=precision)
        return y.reshape(a.shape[0], rows, columns, b.shape[0])
    if missing == "k":
        c, o = a.shape[3], b.shape[3]
        # The operand with fewer columns comes first: this takes half the time, or a third. The reshape comes last, as
        # in _in_form.
        kernel = lax.dot_general(positions(b), patches(a), (((0,), (0,)), ((), ())), precision=precision)
        return lax.transpose(kernel.reshape(o, k * k, c), (0, 2, 1)).reshape(o, c, k, k)
    n, c = b.shape[0], a.shape[1]
    if k == 1 and b.shape[3] <= FEW:
        return _by_terms(b, a[:, :, 0, 0])
    tiles = lax.dot(positions(b), matrix(a), precision=precision).reshape(n, rows, columns, k, k, c)
    x = lax.transpose(tiles, (0, 1, 3, 2, 4, 5)).reshape(n, rows * k, columns * k, c)
    return _pad(x, (0, height - rows * k), (0, width - columns * k))


def _by_terms(y: Array, matrix: Array) -> Array:
    terms = [y[..., o : o + 1] * matrix[None, None, None, o] for o in range(y.shape[-1])]
    return sum(terms[1:], terms[0])


# Windows that move by one.


def _by_rows(missing: Slot, a: Array, b: Array, g: Geometry, precision: Any) -> Array:
    if missing == "y":
        if FEW_POSITIONS * a.shape[0] * prod(g.out) <= b.shape[0] and prod(g.size) >= g.kernel**2:
            return _in_the_order_of_the_kernel(a, b, g, precision)
        return _convolution(a, _positions_first(b, (1, 0)), g.padding, precision)
    if missing == "x":
        # A convolution of the output with the flipped kernel, from out_channels to in_channels.
        turned = _positions_first(a, (0, 1), flipped=True)
        return _convolution(b, turned, g.kernel - 1 - g.padding, precision)
    return _kernel_gradient(a, b, g, precision)


def _positions_first(kernel: Array, axes: tuple[int, int], *, flipped: bool = False) -> Array:
    """A kernel ``(O, I, K, K)`` as ``(K, K, O, I)``, with the last two in the order of ``axes``.

    Rows and columns are moved as one axis: XLA compiles that a fifth faster. It moves a large kernel a tenth slower.
    """
    o, i, k, _ = kernel.shape
    if kernel.size > MANY:
        return lax.transpose(lax.rev(kernel, (2, 3)) if flipped else kernel, (2, 3, *axes))
    flat = kernel.reshape(o, i, k * k)
    moved = lax.transpose(lax.rev(flat, (2,)) if flipped else flat, (2, *axes))
    return moved.reshape(k, k, *moved.shape[1:])


def _positions_last(kernel: Array, axes: tuple[int, int], *, flipped: bool = False) -> Array:
    """A kernel ``(K, K, A, B)`` as ``(A, B, K, K)``, with the first two in the order of ``axes``."""
    k, _, a, b = kernel.shape
    moved = lax.transpose(kernel.reshape(k * k, a, b), (*(axis + 1 for axis in axes), 0))
    # The flip comes last: after a final transpose, XLA would add a kernel that copies the result.
    return (lax.rev(moved, (2,)) if flipped else moved).reshape(*moved.shape[:2], k, k)


def _convolution(x: Array, kernel: Array, padding: int, precision: Any) -> Array:
    n, height, width, c = x.shape
    k, _, _, o = kernel.shape
    rows, columns = (size + 2 * padding - k + 1 for size in (height, width))
    # XLA treats the larger of image and kernel as the image. This decides which infinities meet the padding's zeros.
    smaller = height * width < k * k
    if k * k * c <= PATCH and o >= LANES and not smaller:
        return _by_written_patches(x, kernel, padding, precision)
    too_little = k * k * c * o * n * rows * columns < WORTH_IT
    if smaller or too_little or c < LANES or k * k * c * (width + o) >= LONG_ROWS:
        return _plain(x, kernel, ((padding, padding),) * 2, precision)
    for strips in (1, 2, 4, 8, 16):
        if rows % strips == 0 and k * k * c * (n * strips * width + o) >= LONG_ROWS:
            break
    else:
        strips = 1
    if n * strips == 1:
        return _plain(x, kernel, ((padding, padding),) * 2, precision)
    return _side_by_side(x, kernel, padding, strips, precision)


def _plain(x: Array, kernel: Array, padding: Any, precision: Any) -> Array:
    return lax.conv_general_dilated(
        x, kernel, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"), precision=precision
    )


def _by_written_patches(x: Array, kernel: Array, padding: int, precision: Any) -> Array:
    n, height, width, c = x.shape
    k, _, _, o = kernel.shape
    rows, columns = (size + 2 * padding - k + 1 for size in (height, width))
    padded = _pad(x, (padding, padding), (padding, padding))
    patches = _shifts(padded, k, rows, columns, axis=3).reshape(-1, k * k * c)
    return lax.dot(patches, kernel.reshape(-1, o), precision=precision).reshape(n, rows, columns, o)


def _shifts(x: Array, k: int, rows: int, columns: int, axis: int) -> Array:
    """All ``k × k`` shifts of images ``(..., H, W, C)``, one after the other along ``axis``: by row, then by column."""
    high, wide = x.ndim - 3, x.ndim - 2
    # Columns, then rows: XLA takes twice as long to compile all shifts at once.
    by_column = lax.concatenate([lax.slice_in_dim(x, j, j + columns, axis=wide) for j in range(k)], axis)
    return lax.concatenate([lax.slice_in_dim(by_column, i, i + rows, axis=high) for i in range(k)], axis)


def _in_the_order_of_the_kernel(x: Array, kernel: Array, g: Geometry, precision: Any) -> Array:
    """A matrix product with the kernel as it lies in memory: the patches are arranged, which are the smaller here."""
    n, c, k, (rows, columns), o = x.shape[0], x.shape[3], g.kernel, g.out, kernel.shape[0]
    shifted = _shifts(_pad(x, (g.padding, g.padding), (g.padding, g.padding))[None], k, rows, columns, axis=0)
    laid = lax.optimization_barrier(shifted.reshape(k * k, -1, c))
    patches = lax.transpose(laid, (1, 2, 0)).reshape(-1, c * k * k)
    y = lax.dot_general(patches, kernel.reshape(o, -1), (((1,), (1,)), ((), ())), precision=precision)
    return y.reshape(n, rows, columns, o)


def _side_by_side(x: Array, kernel: Array, padding: int, strips: int, precision: Any) -> Array:
    """Cut every image into overlapping strips, lay them side by side with zeros between, and convolve once."""
    n, height, width, c = x.shape
    k, _, _, o = kernel.shape
    rows, columns = (size + 2 * padding - k + 1 for size in (height, width))
    high = rows // strips
    padded = _pad(x, (padding, padding), (padding, padding))
    by_rows = padded.reshape(-1, n, *padded.shape[2:]) if n == 1 else lax.transpose(padded, (1, 0, 2, 3))
    # The rows of each strip, including those shared with the next: (rows, images, strips, columns, channels).
    overlapping = lax.GatherDimensionNumbers(offset_dims=(0, 1, 3, 4), collapsed_slice_dims=(), start_index_map=(0,))
    tops = np.arange(0, rows, high, dtype=np.int32)[:, None]
    piece = (high + k - 1, *by_rows.shape[1:])
    laid = lax.gather(by_rows, tops, overlapping, piece, mode=lax.GatherScatterMode.PROMISE_IN_BOUNDS)
    y = _plain(laid.reshape(1, high + k - 1, -1, c), kernel, ((0, 0), (0, k - 1)), precision)
    y = lax.slice_in_dim(y.reshape(high, n, strips, laid.shape[3], o), 0, columns, axis=3)
    return lax.transpose(y, (1, 2, 0, 3, 4)).reshape(n, rows, columns, o)


def _kernel_gradient(x: Array, y: Array, g: Geometry, precision: Any) -> Array:
    """The gradient of a kernel: a convolution of the larger of ``x`` and ``y`` with the smaller one.

    If the other form is much cheaper, the roles are swapped. The zeros around the image meet every number of the
    filter, and infinity times zero is NaN. So if our form has zeros that JAX's convolution does not have, and the
    result is not finite, JAX computes it again.
    """
    c, o = x.shape[3], y.shape[3]
    multiplications = {False: c * _filled(o), True: o * _filled(c)}
    turned = 2 * g.padding >= g.kernel  # y is larger than x
    if CHEAPER * multiplications[not turned] <= multiplications[turned]:
        turned = not turned
    gradient = _in_form(turned, x, y, g, precision)
    # JAX's convolution pads x if y is the filter. If y is larger than x, it has no zeros.
    if g.padding == g.kernel - 1 if turned else 2 * g.padding < g.kernel:
        return gradient
    looked_at: Array = lax.cond(
        jnp.isfinite(gradient).all(), lambda x, y: gradient, lambda x, y: stock("k", x, y, g, precision), x, y
    )
    return looked_at


def _filled(channels: int) -> int:
    """The number of filters after padding to a multiple of :data:`LANES`."""
    return ceil(channels / LANES) * LANES


def _in_form(turned: bool, x: Array, y: Array, g: Geometry, precision: Any) -> Array:
    """The convolution of ``x`` with ``y``, for each channel, in chunks of rows; ``turned`` swaps them.

    A chunk is some rows of the filter. It takes all rows of the image that it meets, so only the edges need zeros.
    """
    image, filters, padding = (y, x, g.kernel - 1 - g.padding) if turned else (x, y, g.padding)
    n, rows, columns, _ = filters.shape
    chunks = min(MAX_CHUNKS, rows, ceil(n * rows * columns / CHUNK))
    high = ceil(rows / chunks)
    parts: list[Array] = []
    for low in range(0, rows, high):
        above = min(low + high, rows)
        top, bottom = low - padding, above - padding + g.kernel - 1
        inside = (max(top, 0), min(bottom, image.shape[1]))
        outside = (inside[0] - top, bottom - inside[1])
        seen, chunk = lax.slice_in_dim(image, *inside, axis=1), lax.slice_in_dim(filters, low, above, axis=1)
        seen = seen if turned else _after(chunk, seen)
        parts.append(_over_channels(seen, chunk, outside, (padding, padding), precision))
    gradient = sum(parts[1:], parts[0])
    # If turned, the gradient is (K, K, out, in) and flipped.
    return _positions_last(gradient, (0, 1) if turned else (1, 0), flipped=turned)


def _over_channels(image: Array, filters: Array, rows: Any, columns: Any, precision: Any) -> Array:
    """Convolve each channel of the padded image with each of the filters: ``(K, K, C, filters)``."""
    n, height, width, o = filters.shape
    filters = _pad(filters, (0, 0), (0, 0), (0, _filled(o) - o))
    # For a single image, reshape: XLA copies the array to transpose it, even if nothing moves.
    laid = filters.reshape(height, width, 1, -1) if n == 1 else lax.transpose(filters, (1, 2, 0, 3))
    smaller = image.shape[1] < height or image.shape[2] < width
    if n == 1 or smaller:
        # Pad here, for two reasons. XLA would swap an image and a larger filter. And channels whose distance in memory
        # is a power of two share places in a cache.
        image, rows, columns = _pad(image, rows, columns), (0, 0), (0, 0)
    y = _plain(lax.transpose(image, (3, 1, 2, 0)), laid, (rows, columns), precision)
    return lax.transpose(lax.slice_in_dim(y, 0, o, axis=3), (1, 2, 0, 3))


def _after(first: Array, then: Array) -> Array:
    """``then``, but not read before ``first`` exists; else XLA copies it early, and holds both copies."""
    bits = lax.bitcast_convert_type(lax.slice(first, (0,) * 4, (1,) * 4).astype(jnp.float32), jnp.int32)
    zero = jnp.zeros_like(bits)
    return then + lax.clamp(zero, bits, zero).astype(then.dtype)


def _pad(x: Array, rows: tuple[int, int], columns: tuple[int, int], channels: tuple[int, int] = (0, 0)) -> Array:
    """Pad with zeros before and after, on each axis."""
    if not any((*rows, *columns, *channels)):
        return x
    edges = ((0, 0), rows, columns, channels)
    y: Array = lax.pad(x, jnp.zeros((), x.dtype), [(*edge, 0) for edge in edges])
    return y
