"""What an operation does to one size on one axis: each formula once, over the arithmetic of :mod:`..naturals`.

So the formulas run on integers, on symbols of ``proofs_of_shape``, and on the unknown sizes of :mod:`.affine`. For this
reason no formula tests a size with ``if``.
"""

from ..arithmetic.naturals import monus, positive, quotient


def smaller(a: int, b: int) -> int:
    """The smaller of two sizes.

    >>> smaller(3, 5), smaller(5, 3)
    (3, 3)
    """
    return monus(a, monus(a, b))


def larger(a: int, b: int) -> int:
    """The larger of two sizes.

    >>> larger(3, 5), larger(5, 3)
    (5, 5)
    """
    return a + monus(b, a)


def rounded_up(n: int, divisor: int) -> int:
    """``ceil(n / divisor)``, or 0 if ``divisor`` is 0.

    >>> rounded_up(303, 2)
    152
    """
    return quotient(n + monus(divisor, 1), divisor)


def window_size(
    n: int, kernel: int, stride: int, before: int, after: int, dilation: int, rounding: str = "floor"
) -> int:
    """The output size of a sliding window, or 0 if no window fits (SPEC section 2).

    ``floor((n + before + after - span) / stride) + 1`` with ``span = dilation·(kernel - 1) + 1``. ``rounding="ceil"``
    is the ceil mode of PyTorch's poolings: the last window may be partial, but must begin in the image or in the
    padding before it. ``rounding="same"`` is SAME padding: ``ceil(n / stride)``.

    >>> [window_size(303, 2, 2, 0, 0, 1, rounding) for rounding in ("floor", "ceil", "same")]
    [151, 152, 152]
    """
    valid = positive(kernel) * positive(dilation)
    span = monus(kernel, 1) * dilation + 1
    padded = n + before + after + stride  # adding one stride before the subtraction gives the "+ 1"
    if rounding == "floor":
        return valid * quotient(monus(padded, span), stride)
    if rounding == "same":
        return valid * rounded_up(n, stride)
    partial = quotient(monus(padded + monus(stride, 1), span), stride)
    return valid * smaller(partial, rounded_up(n + before, stride))


def same_padding(n: int, span: int, stride: int) -> tuple[int, int]:
    """JAX's ``"SAME"`` padding before and after ``n`` positions, for a window that covers ``span`` (SPEC section 5.4).

    What is lacking for ``ceil(n / stride)`` windows, with the smaller half before.

    >>> same_padding(304, 3, 2), same_padding(303, 3, 2)
    ((0, 1), (1, 1))
    """
    lacking = monus(monus(rounded_up(n, stride), 1) * stride + span, n)
    before = quotient(lacking, 2)
    return before, monus(lacking, before)


def transposed_padding(span: int, stride: int, padding: str) -> tuple[int, int]:
    """JAX's padding of a transposed convolution, ``"SAME"`` or ``"VALID"`` (SPEC section 5.4).

    It is put before and after the image, whose positions stand ``stride`` apart, and the window then moves by 1.

    >>> transposed_padding(3, 2, "SAME"), transposed_padding(3, 2, "VALID")
    ((2, 1), (2, 2))
    """
    total = monus(span + stride, 2) + (monus(span, stride) if padding == "VALID" else 0)
    is_wide = padding == "VALID" or stride > span - 1
    before = span - 1 if is_wide else rounded_up(total, 2)
    return before, total - before


def transposed_size(
    n: int, kernel: int, stride: int, before: int, after: int, dilation: int, output_padding: int = 0
) -> int:
    """The output size of a transposed window, in PyTorch's arithmetic (SPEC section 2).

    ``((n - 1)·stride + span + output_padding) ∸ (before + after)`` for ``n ≥ 1``, and 0 for ``n = 0``. ``span`` is that
    of :func:`window_size`.

    >>> transposed_size(151, 3, 2, 1, 1, 1, output_padding=1)
    302
    """
    valid = positive(n) * positive(kernel) * positive(stride) * positive(dilation)
    span = monus(kernel, 1) * dilation + 1
    return valid * monus(monus(n, 1) * stride + span + output_padding, before + after)


def jax_transposed_size(n: int, kernel: int, stride: int, dilation: int, padding: str) -> int:
    """The output size of a transposed convolution in JAX and Keras, ``"SAME"`` or ``"VALID"`` (SPEC section 5.4).

    ``n·stride`` for SAME, ``n·stride + max(span ∸ stride, 0)`` for VALID.

    >>> jax_transposed_size(151, 3, 2, 1, "SAME"), jax_transposed_size(151, 3, 2, 1, "VALID")
    (302, 303)
    """
    valid = positive(n) * positive(kernel) * positive(stride) * positive(dilation)
    span = monus(kernel, 1) * dilation + 1
    return valid * (n * stride + (monus(span, stride) if padding == "VALID" else 0))
