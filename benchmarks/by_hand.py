"""A U-Net as people write it with Flax's own layers: channels last, no types, no config beyond its widths.

It is the network of a :class:`UNetConfig` with ``norm="none"`` or ``"batch"``, and its layers have the same paths. So a
benchmark can give it the weights of ours, and compare results before it compares times.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx

AXES = {"conv": (2, 3, 1, 0), "up": (2, 3, 0, 1)}
"""The axes of Flax's kernels, as a permutation of ours: (height, width, in, out), from PyTorch's layouts."""


class Conv(nnx.Module):
    """A 3×3 convolution, and a batch norm if there is one."""

    def __init__(self, ins: int, outs: int, norm: bool, rngs: nnx.Rngs) -> None:
        self.conv = nnx.Conv(ins, outs, (3, 3), padding=1, rngs=rngs)
        self.norm = nnx.BatchNorm(outs, use_fast_variance=False, rngs=rngs) if norm else None

    def __call__(self, x: Any) -> Any:
        """``(N, H, W, C)`` to ``(N, H, W, C)``."""
        y = self.conv(x)
        return nnx.relu(y if self.norm is None else self.norm(y))


class Block(nnx.Module):
    """Two convolutions."""

    def __init__(self, ins: int, outs: int, norm: bool, rngs: nnx.Rngs) -> None:
        self.convs = nnx.List([Conv(ins, outs, norm, rngs), Conv(outs, outs, norm, rngs)])

    def __call__(self, x: Any) -> Any:
        """``(N, H, W, C)`` to ``(N, H, W, C)``."""
        for conv in self.convs:
            x = conv(x)
        return x


class ByHand(nnx.Module):
    """The U-Net: ``widths`` are the channels of each level and of the bottom."""

    def __init__(self, ins: int, outs: int, widths: Sequence[int], norm: bool, *, rngs: nnx.Rngs) -> None:
        inner = (ins, *widths)
        self.encoder = nnx.List([Block(a, b, norm, rngs) for a, b in zip(inner[:-2], widths[:-1], strict=True)])
        self.bottom = Block(widths[-2], widths[-1], norm, rngs)
        pairs = list(pairwise(widths))
        self.up = nnx.List([nnx.ConvTranspose(b, a, (2, 2), (2, 2), padding="VALID", rngs=rngs) for a, b in pairs])
        self.decoder = nnx.List([Block(2 * a, a, norm, rngs) for a, _ in pairs])
        self.head = nnx.Conv(widths[0], outs, (1, 1), rngs=rngs)

    def __call__(self, x: Any) -> Any:
        """``(N, H, W, ins)`` to ``(N, H, W, outs)``."""
        skips = []
        for block in self.encoder:
            skips.append(block(x))
            x = nnx.max_pool(skips[-1], (2, 2), strides=(2, 2))
        x = self.bottom(x)
        for skip, up, block in reversed(list(zip(skips, self.up, self.decoder, strict=True))):
            x = block(jnp.concatenate((skip, up(x)), -1))
        return self.head(x)


def kernel_of(path: str, kernel: Any) -> np.ndarray:
    """Our kernel of the layer at ``path`` in Flax's layout. Flax turns that of a transposed convolution around.

    >>> kernel_of("up[0]", np.ones((4, 2, 3, 5))).shape, kernel_of("head", np.ones((4, 2, 3, 5))).shape
    ((3, 5, 4, 2), (3, 5, 2, 4))
    """
    kernel = np.asarray(kernel)
    if path.startswith("up"):
        return kernel[:, :, ::-1, ::-1].transpose(AXES["up"])
    return kernel.transpose(AXES["conv"])
