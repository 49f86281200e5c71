"""Resizing (JAX's) of one ``(C, H, W)`` image, with types."""

from typing import SupportsIndex

import jax
from flax import nnx
from jaxtyping import Array, Float

from ...spec.arithmetic.naturals import LARGEST, natural
from ...spec.messages.choices import nearest_choice
from ...spec.messages.report import ShapeError, UsageError
from ...spec.network.resampling import Resize
from ..cpu.layout import channels_last
from ..fits import at_least_one
from ..functional.functional import require_pixels
from ..symbolic import GivenSize, Size
from ..typed import checked, remembered, shown

METHODS = {"nearest": "nearest", "bilinear": "linear"}
"""The methods of resizing: our name for each, which is PyTorch's, and JAX's name."""


class Resize2d(nnx.Module):
    """Resize one ``(C, H, W)`` image to ``factor`` times its height and width; method ``"nearest"`` or ``"bilinear"``.

    This is PyTorch's ``align_corners=False``: the outer edges of the images are aligned, not the centres of their
    corner pixels. The constructor raises :class:`UsageError` for another method or a ``factor`` that is not natural,
    and :class:`ConfigError` if it is 0. A call raises :class:`ShapeError` if the image has no pixels, or the result
    would be too large.

    >>> import jax.numpy as jnp
    >>> Resize2d(2)(jnp.array([[[1.0, 2.0]]])).tolist()
    [[[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]]]
    """

    _type_reads = ("factor",)

    @checked
    def __init__(self, factor: SupportsIndex, method: str = "nearest") -> None:
        self.factor = at_least_one(factor, "factor", "Resize2d")
        if method not in METHODS:
            says = f"method={method!r} must be one of {', '.join(METHODS)}"
            raise UsageError.of(
                f"Resize2d({factor}, {method!r})",
                "method",
                "no such method",
                says,
                f'method="{nearest_choice(method, METHODS)}"',
            )
        self.method = method

    @remembered
    def size(self, n: GivenSize) -> Size:
        """The output size of an axis of size ``n``."""
        return Resize(self.factor).size([natural(n, "n")], axis=0)

    @remembered
    def __call__(self, x: Float[Array, "C H W"]) -> Float[Array, "C {self.size(x.shape[1])} {self.size(x.shape[2])}"]:
        """``(C, H, W)`` to ``(C, factor · H, factor · W)``."""
        require_pixels("Resize2d", x)
        pixels = x.size * self.factor**2
        if isinstance(pixels, int) and pixels > LARGEST:  # a symbolic size has no number yet
            says = f"the result would have {pixels} elements, and may have at most {LARGEST}"
            raise ShapeError.of(
                f"x = {shown(x)}, given to Resize2d with factor={self.factor},", "largest", "", says, "factor=2"
            )

        def enlarged(image: Array) -> Array:
            shape = (self.size(image.shape[0]), self.size(image.shape[1]), image.shape[2])
            resized: Array = jax.image.resize(image, shape, METHODS[self.method])
            return resized

        return channels_last(enlarged, x)
