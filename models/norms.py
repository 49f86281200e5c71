"""Normalisations of one ``(C, H, W)`` image: Flax's, with types, in the layout of the other layers."""

from typing import Any, SupportsIndex

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from ..spec.naturals import at_least_one
from ..spec.report import refuse
from .checked import checked
from .layout import channels_last


class BatchNorm2d(nnx.Module):
    """Flax's :class:`flax.nnx.BatchNorm` of one image: over its pixels, and over a batch under ``axis_name``.

    ``model.train()`` takes the statistics of what is given, and keeps their running mean; ``model.eval()`` takes the
    running ones. For the statistics of a batch, give ``axis_name="batch"`` and use ``nnx.vmap`` with that name.
    Raises :class:`ShapeError` for an image of other channels.

    >>> layer = BatchNorm2d(3, rngs=nnx.Rngs(0))
    >>> layer(jnp.ones((3, 4, 5))).shape, layer.norm.mean.shape
    ((3, 4, 5), (3,))
    """

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
        self.channels = at_least_one(channels, "channels", "BatchNorm2d")
        self.norm = nnx.BatchNorm(
            self.channels,
            use_running_average=False,
            axis_name=axis_name,
            momentum=momentum,
            epsilon=epsilon,
            dtype=dtype,
            param_dtype=param_dtype,
            rngs=rngs,
        )

    @checked
    def __call__(self, x: Float[Array, "{self.channels} H W"]) -> Float[Array, "{self.channels} H W"]:
        """``(channels, H, W)`` to the same."""
        return channels_last(self.norm, x)


class GroupNorm(nnx.Module):
    """Flax's :class:`flax.nnx.GroupNorm` of one image: over the pixels and the channels of each group.

    Raises :class:`ShapeError` where ``groups`` does not divide ``channels``, and for an image of other channels.

    >>> GroupNorm(6, groups=3, rngs=nnx.Rngs(0))(jnp.ones((6, 4, 5))).shape
    (6, 4, 5)
    """

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
        self.channels = at_least_one(channels, "channels", "GroupNorm")
        self.groups = at_least_one(groups, "groups", "GroupNorm")
        if self.channels % self.groups:
            divisor = next(g for g in range(min(self.groups, self.channels), 0, -1) if self.channels % g == 0)
            says = f"groups={self.groups} must divide channels={self.channels}"
            subject = f"GroupNorm({self.channels}, groups={self.groups})"
            raise refuse(subject, "groups_divide", "groups of different sizes", says, f"groups={divisor}")
        self.norm = nnx.GroupNorm(
            self.channels, num_groups=self.groups, epsilon=epsilon, dtype=dtype, param_dtype=param_dtype, rngs=rngs
        )

    @checked
    def __call__(self, x: Float[Array, "{self.channels} H W"]) -> Float[Array, "{self.channels} H W"]:
        """``(channels, H, W)`` to the same."""
        return channels_last(lambda image: self.norm(image[None])[0], x)


class InstanceNorm2d(nnx.Module):
    """Flax's :class:`flax.nnx.InstanceNorm` of one image: over its pixels, each channel by itself.

    Of an image of one pixel it leaves the bias alone, whatever the pixel is. Raises :class:`ShapeError` for an image of
    other channels.

    >>> InstanceNorm2d(3, rngs=nnx.Rngs(0))(jnp.ones((3, 4, 5))).shape
    (3, 4, 5)
    """

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
        self.channels = at_least_one(channels, "channels", "InstanceNorm2d")
        self.norm = nnx.InstanceNorm(self.channels, epsilon=epsilon, dtype=dtype, param_dtype=param_dtype, rngs=rngs)

    @checked
    def __call__(self, x: Float[Array, "{self.channels} H W"]) -> Float[Array, "{self.channels} H W"]:
        """``(channels, H, W)`` to the same."""
        return channels_last(lambda image: self.norm(image[None])[0], x)
