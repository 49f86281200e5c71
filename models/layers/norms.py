"""Normalisations of one ``(C, H, W)`` image: Flax's, with types, in the layout of the other layers.

The variance is that of what is left without the mean. Flax's faster difference of two means loses its digits where the
mean is large beside the deviation: four in a thousand where it is a hundred times as large.
"""

from typing import Any, SupportsIndex

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from ...spec.arithmetic.naturals import at_least_one, divisor_below, natural
from ...spec.messages.report import ConfigError, ShapeError
from ..cpu.layout import channels_last
from ..fits import require_buildable
from ..typed import checked, remembered, shown
from .functional import require_pixels
from .statistics import normalised


class _Norm(nnx.Module):
    """``norm`` of one image with ``channels``; Flax takes the first axis for that of a batch."""

    channels: int
    norm: nnx.BatchNorm | nnx.GroupNorm | nnx.InstanceNorm
    _together: int = 0
    """How many channels share the statistics of one image; 0 where these are not of one image alone."""

    @remembered
    def __call__(self, x: Float[Array, "{self.channels} H W"]) -> Float[Array, "{self.channels} H W"]:
        """``(channels, H, W)`` to the same."""
        require_pixels(type(self).__name__, x)
        if x.size * self._together == self.channels:
            raise _refuse_single_number(x, self)
        return channels_last(lambda image: normalised(self.norm, image[None], type(self).__name__)[0], x)


def _refuse_single_number(x: Array, norm: _Norm) -> ShapeError:
    """The error for a mean and a variance of one number, as in PyTorch's instance norm."""
    name = type(norm).__name__
    about = "its statistics are of a single number, so that only the bias is left"
    says = "it has 1×1 positions, and 1 channel is taken at a time"
    return ShapeError.of(f"x = {shown(x)}, given to {name},", "statistics", about, says, "an image of 2 pixels or more")


def _refuse_unbuildable(norm: str, channels: int) -> None:
    require_buildable(norm, {"channels": channels}, lambda numbers: [("scale", (numbers["channels"],))])


class BatchNorm2d(_Norm):
    """Flax's :class:`flax.nnx.BatchNorm` of one image: over its pixels, and over a batch under ``axis_name``.

    ``model.train()`` takes the statistics of what is given, and keeps their running mean; ``model.eval()`` takes the
    running ones. ``momentum`` is the part of the running mean that a step keeps. PyTorch's ``momentum`` is 1 minus this
    one: its default of 0.1 is 0.9 here. In training mode an image of one pixel, without a batch, leaves only the bias.
    For the statistics of a batch, name its axis, and give the layer, or a network of such layers, to ``nnx.vmap`` as an
    argument; in training mode, ``nnx.jit`` and ``nnx.grad`` want that too. A function of ``jax.jit`` keeps the mode in
    which it was compiled. Raises :class:`ShapeError` for an image of other channels, or without pixels.

    >>> layer = BatchNorm2d(3, rngs=nnx.Rngs(0))
    >>> layer(jnp.ones((3, 4, 5))).shape, layer.norm.mean.shape
    ((3, 4, 5), (3,))
    >>> layer = BatchNorm2d(3, axis_name="batch", rngs=nnx.Rngs(0))
    >>> each = nnx.vmap(lambda layer, x: layer(x), in_axes=(None, 0), axis_name="batch")
    >>> each(layer, jnp.ones((2, 3, 4, 5))).shape
    (2, 3, 4, 5)
    """

    _type_reads = ("channels",)

    @checked
    def __init__(
        self,
        channels: SupportsIndex,
        *,
        axis_name: str | None = None,
        momentum: float = 0.99,
        epsilon: float = 1e-5,
        dtype: Any = None,
        param_dtype: Any = jnp.float32,
        rngs: nnx.Rngs,
    ) -> None:
        self.channels = natural(channels, "channels")
        _refuse_unbuildable("BatchNorm2d", self.channels)
        self.norm = nnx.BatchNorm(
            self.channels,
            use_running_average=False,
            axis_name=axis_name,
            momentum=momentum,
            epsilon=epsilon,
            use_fast_variance=False,
            dtype=dtype,
            param_dtype=param_dtype,
            rngs=rngs,
        )


class GroupNorm(_Norm):
    """Flax's :class:`flax.nnx.GroupNorm` of one image: over the pixels and the channels of each group.

    Raises :class:`ShapeError` where ``groups`` does not divide ``channels``, for an image of other channels, and for
    one whose statistics are of a single number: one pixel, and one channel a group.

    >>> GroupNorm(6, groups=3, rngs=nnx.Rngs(0))(jnp.ones((6, 4, 5))).shape
    (6, 4, 5)
    """

    _type_reads = ("channels",)

    @checked
    def __init__(
        self,
        channels: SupportsIndex,
        *,
        groups: SupportsIndex = 8,
        epsilon: float = 1e-5,
        dtype: Any = None,
        param_dtype: Any = jnp.float32,
        rngs: nnx.Rngs,
    ) -> None:
        self.channels = natural(channels, "channels")
        _refuse_unbuildable("GroupNorm", self.channels)
        self.groups = at_least_one(groups, "groups", "GroupNorm")
        if self.channels % self.groups:
            says = f"groups={self.groups} must divide channels={self.channels}"
            subject = f"GroupNorm({self.channels}, groups={self.groups})"
            fix = f"groups={divisor_below(self.channels, self.groups)}"
            raise ConfigError.of(subject, "groups_divide", "groups of different sizes", says, fix)
        self._together = self.channels // self.groups
        self.norm = nnx.GroupNorm(
            self.channels,
            num_groups=self.groups,
            epsilon=epsilon,
            use_fast_variance=False,
            dtype=dtype,
            param_dtype=param_dtype,
            rngs=rngs,
        )


class InstanceNorm2d(_Norm):
    """Flax's :class:`flax.nnx.InstanceNorm` of one image: over its pixels, each channel by itself.

    Raises :class:`ShapeError` for an image of other channels, and for one of a single pixel, of which only the bias
    would be left.

    >>> InstanceNorm2d(3, rngs=nnx.Rngs(0))(jnp.ones((3, 4, 5))).shape
    (3, 4, 5)
    """

    _type_reads = ("channels",)
    _together = 1

    @checked
    def __init__(
        self,
        channels: SupportsIndex,
        *,
        epsilon: float = 1e-5,
        dtype: Any = None,
        param_dtype: Any = jnp.float32,
        rngs: nnx.Rngs,
    ) -> None:
        self.channels = natural(channels, "channels")
        _refuse_unbuildable("InstanceNorm2d", self.channels)
        self.norm = nnx.InstanceNorm(
            self.channels,
            epsilon=epsilon,
            use_fast_variance=False,
            dtype=dtype,
            param_dtype=param_dtype,
            rngs=rngs,
        )
