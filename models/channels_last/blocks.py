"""The wiring that the channels-last networks share: a block of convolutions, and the U."""

from collections.abc import Callable, Sequence
from typing import Any

from jaxtyping import Array

Function = Callable[..., Any]


def convolved(*images: Array, convs: Sequence[Function], relu: Function, add: Function | None = None) -> Array:
    """Apply each of the ``convs``, followed by ReLU; the first takes all ``images``.

    ``add(y, *images)`` replaces the last ``y`` before its ReLU: a residual block adds its shortcut there.

    >>> double = lambda x: 2 * x
    >>> convolved(3, convs=(double, double), relu=abs, add=lambda y, x: y - 5 * x)
    3
    """
    y: Array = convs[0](*images)
    for conv in convs[1:]:
        y = conv(relu(y))
    result: Array = relu(y if add is None else add(y, *images))
    return result


def u_shaped(
    x: Array,
    *,
    encoder: Sequence[Function],
    pool: Function,
    bottom: Function,
    ups: Sequence[Function],
    decoder: Sequence[Function],
) -> Array:
    """Run the ``encoder``, with a skip and a ``pool`` after each block, then the ``bottom``, then the ``decoder``.

    ``ups`` and ``decoder`` are in the order of the encoder, outermost first. Each block of the decoder takes the skip
    of its level and the upsampled image.

    >>> down = lambda x: x // 2
    >>> u_shaped(20, encoder=(abs, abs), pool=down, bottom=abs, ups=(lambda x: 2 * x,) * 2, decoder=(max, max))
    20
    """
    skips = []
    for block in encoder:
        skips.append(block(x))
        x = pool(skips[-1])
    x = bottom(x)
    for skip, up, block in reversed(list(zip(skips, ups, decoder, strict=True))):
        x = block(skip, up(x))
    return x
