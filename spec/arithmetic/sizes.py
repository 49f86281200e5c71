"""Output sizes of one axis: the two total size functions (SPEC section 2).

Each formula is written once, over the arithmetic of :mod:`.naturals`, so that integers and symbols share one
definition. Invalid geometry has size 0, so it can never satisfy an equation with a positive size.
"""

from .naturals import monus, natural, positive, quotient

OTHER_WINDOW = "a larger image, or another kernel, stride or padding"
"""How to fix a window whose output would be empty."""


def sliding_window_size(n: int, *, kernel: int, stride: int = 1, padding: int = 0) -> int:
    """The size of a convolution or a pooling over ``n`` positions with ``padding`` on each side.

    ``0`` if ``kernel = 0`` or ``stride = 0`` or ``n + 2·padding < kernel``,
    else ``(n + 2·padding - kernel) / stride + 1``. Defined for all natural numbers.
    Raises :class:`UsageError` for an argument that is not a natural number.

    Source: SPEC section 2; the Lean project's formula, guarded.

    >>> sliding_window_size(303, kernel=2, stride=2)
    151
    >>> sliding_window_size(2, kernel=3)
    0
    """
    n, kernel = natural(n, "n"), natural(kernel, "kernel")
    stride, padding = natural(stride, "stride"), natural(padding, "padding")
    # Adding one stride before the subtraction gives the "+ 1". If the window does not fit, the difference is below one
    # stride and the quotient is 0; a stride of 0 also gives 0. So only the kernel needs a guard.
    return positive(kernel) * quotient(monus(n + 2 * padding + stride, kernel), stride)


def conv_transpose_size(n: int, *, kernel: int, stride: int = 1, padding: int = 0) -> int:
    """The size of a transposed convolution over ``n`` positions, less ``padding`` on each side.

    ``0`` if ``n = 0`` or ``kernel = 0`` or ``stride = 0``, else ``((n - 1)·stride + kernel) ∸ 2·padding``.
    Defined for all natural numbers. Raises :class:`UsageError` for an argument that is not a natural number.

    Source: SPEC section 2; the Lean project's formula, guarded.

    >>> conv_transpose_size(151, kernel=2, stride=2)
    302
    >>> conv_transpose_size(1, kernel=1, stride=1, padding=1)
    0
    """
    n, kernel = natural(n, "n"), natural(kernel, "kernel")
    stride, padding = natural(stride, "stride"), natural(padding, "padding")
    valid = positive(n) * positive(kernel) * positive(stride)
    # Subtract last, as the source does: subtracting earlier is wrong for (n - 1)·stride < 2·padding.
    return valid * monus(monus(n, 1) * stride + kernel, 2 * padding)
