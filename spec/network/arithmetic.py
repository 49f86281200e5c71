"""What an operation does to one size on one axis: each formula once, over the arithmetic of :mod:`..naturals`.

Whatever reads that arithmetic reads these formulas: an ``int``, a symbol of ``proofs_of_shape``, a size that is not yet
known while a network is solved (:mod:`.affine`). So nothing here looks at a size with ``if``.
"""

from ..arithmetic.naturals import monus, positive, quotient


def smaller(a: int, b: int) -> int:
    """The smaller of two sizes.

    >>> smaller(3, 5), smaller(5, 3)
    (3, 3)
    """
    return monus(a, monus(a, b))


def rounded_up(n: int, divisor: int) -> int:
    """``ceil(n / divisor)``, and 0 for a divisor of 0.

    >>> rounded_up(303, 2)
    152
    """
    return quotient(n + monus(divisor, 1), divisor)


def window_size(
    n: int, kernel: int, stride: int, before: int, after: int, dilation: int, rounding: str = "floor"
) -> int:
    """The size of a sliding window's result, 0 where no window fits (SPEC section 2).

    ``floor((n + before + after - span) / stride) + 1`` with ``span = dilation·(kernel - 1) + 1``. ``rounding="ceil"``
    is the ceil mode of PyTorch's poolings: the last window may be partial, but begins in the image or in the padding
    before it. ``rounding="same"`` is SAME padding: ``ceil(n / stride)``.

    >>> [window_size(303, 2, 2, 0, 0, 1, rounding) for rounding in ("floor", "ceil", "same")]
    [151, 152, 152]
    """
    valid = positive(kernel) * positive(dilation)
    span = monus(kernel, 1) * dilation + 1
    padded = n + before + after + stride  # one more stride before the subtraction makes the "+ 1"
    if rounding == "floor":
        return valid * quotient(monus(padded, span), stride)
    if rounding == "same":
        return valid * rounded_up(n, stride)
    partial = quotient(monus(padded + monus(stride, 1), span), stride)
    return valid * smaller(partial, rounded_up(n + before, stride))


def transposed_size(
    n: int, kernel: int, stride: int, before: int, after: int, dilation: int, output_padding: int = 0
) -> int:
    """The size of a transposed window's result, in PyTorch's arithmetic (SPEC section 2).

    ``((n - 1)·stride + span + output_padding) ∸ (before + after)`` for ``n ≥ 1``, with ``span`` as in
    :func:`window_size`, and 0 for ``n = 0``.

    >>> transposed_size(151, 3, 2, 1, 1, 1, output_padding=1)
    302
    """
    valid = positive(n) * positive(kernel) * positive(stride) * positive(dilation)
    span = monus(kernel, 1) * dilation + 1
    return valid * monus(monus(n, 1) * stride + span + output_padding, before + after)


def jax_transposed_size(n: int, kernel: int, stride: int, dilation: int, padding: str) -> int:
    """The size of JAX's and Keras's transposed convolution with ``"SAME"`` or ``"VALID"`` padding (SPEC section 5.4).

    ``n·stride`` for SAME, ``n·stride + max(span ∸ stride, 0)`` for VALID.

    >>> jax_transposed_size(151, 3, 2, 1, "SAME"), jax_transposed_size(151, 3, 2, 1, "VALID")
    (302, 303)
    """
    valid = positive(n) * positive(kernel) * positive(stride) * positive(dilation)
    span = monus(kernel, 1) * dilation + 1
    return valid * (n * stride + (monus(span, stride) if padding == "VALID" else 0))
