"""Flax's normalisations over one, two and three axes, with types, in the layout of the other layers.

The variance is the mean of the squared deviations. Flax's faster form, a difference of two means, loses digits if the
mean is large compared with the deviation: if it is 100 times as large, the error is 4 in 1000.

With ``affine=False`` a norm has no parameters: no scale and no bias for each channel, as in PyTorch.
"""

from typing import Any, SupportsIndex

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from ...spec.arithmetic.naturals import divisor_below, natural
from ...spec.messages.report import ConfigError, ShapeError
from ...spec.network import Norm
from ..cpu.layout import channels_last
from ..dtypes import dtypes_of
from ..fits import at_least_one, require_buildable
from ..functional.functional import require_pixels
from ..functional.statistics import AxisName, normalised
from ..operations.node_layers import norm_of
from ..typed import checked, remembered, shown


class _Norm(nnx.Module):
    """``norm`` on one image with ``channels``. Flax takes the first axis as the batch, so we add one."""

    channels: int
    norm: nnx.BatchNorm | nnx.GroupNorm | nnx.InstanceNorm | nnx.LayerNorm
    _channels_per_statistic: int | None = None
    """How many channels of one image share a mean and a variance; ``None`` if a batch may share them too."""

    def _normed(self, x: Array) -> Array:
        require_pixels(type(self).__name__, x)
        if self._channels_per_statistic is not None and x.size * self._channels_per_statistic <= self.channels:
            raise _single_number_error(x, self)
        return channels_last(lambda image: normalised(self.norm, image[None], type(self).__name__)[0], x)


class _OverOneAxis(_Norm):
    @remembered
    def __call__(self, x: Float[Array, "{self.channels} L"]) -> Float[Array, "{self.channels} L"]:
        """``(channels, L)`` to ``(channels, L)``."""
        return self._normed(x)


class _OverTwoAxes(_Norm):
    @remembered
    def __call__(self, x: Float[Array, "{self.channels} H W"]) -> Float[Array, "{self.channels} H W"]:
        """``(channels, H, W)`` to ``(channels, H, W)``."""
        return self._normed(x)


class _OverThreeAxes(_Norm):
    @remembered
    def __call__(self, x: Float[Array, "{self.channels} D H W"]) -> Float[Array, "{self.channels} D H W"]:
        """``(channels, D, H, W)`` to ``(channels, D, H, W)``."""
        return self._normed(x)


class _OverAnyAxes(_Norm):
    @remembered
    def __call__(self, x: Float[Array, "{self.channels} *sizes"]) -> Float[Array, "{self.channels} *sizes"]:
        """``(channels, *sizes)`` to ``(channels, *sizes)``."""
        return self._normed(x)


def _single_number_error(x: Array, norm: _Norm) -> ShapeError:
    """The error for statistics of a single value, as in PyTorch's instance norm."""
    name = type(norm).__name__
    says = "each channel has 1 pixel and is normalised alone, so the result would be only the bias"
    return ShapeError.of(f"x = {shown(x)}, given to {name},", "statistics", "", says, "an image of 2 pixels or more")


def _require_buildable(norm: str, channels: int) -> None:
    require_buildable(norm, {"channels": channels}, lambda numbers: [("scale", (numbers["channels"],))])


class _BatchNorm(_Norm):
    @checked
    def __init__(
        self,
        channels: SupportsIndex,
        *,
        axis_name: AxisName | None = None,
        momentum: float | int = 0.99,
        epsilon: float | int = 1e-5,
        affine: bool = True,
        dtype: Any = None,
        param_dtype: Any = jnp.float32,
        rngs: nnx.Rngs,
    ) -> None:
        self.channels = natural(channels, "channels")
        _require_buildable(type(self).__name__, self.channels)
        operation = Norm("batch", epsilon=epsilon, affine=affine)
        types = {**dtypes_of(dtype, param_dtype), "rngs": rngs}
        self.norm = norm_of(operation, self.channels, types, axis_name=axis_name, momentum=momentum)


class BatchNorm2d(_BatchNorm, _OverTwoAxes):
    """Flax's :class:`flax.nnx.BatchNorm` of one image: over its pixels, and over the batch axis named ``axis_name``.

    ``model.train()`` uses the statistics of the input, and updates the running ones. ``model.eval()`` uses the running
    ones. ``momentum`` is the part of the running statistics that a step keeps. The default is Flax's 0.99. PyTorch's
    ``momentum=0.1`` is ``momentum=0.9`` here. The running variance is the mean of the squared deviations; PyTorch's is
    larger by ``n / (n - 1)`` for ``n`` values. In training mode, one image of one pixel gives only the bias.
    ``affine=False`` leaves out the scale and the bias of each channel.

    For the statistics of a batch, name its axis, and pass the layer, or the network that contains it, to ``nnx.vmap``
    as an argument. Name several, ``("images", "batch")``, where ``nnx.vmap`` is inside of ``jax.shard_map``. In
    training mode, ``nnx.jit`` and ``nnx.grad`` need it as an argument too. A function compiled by ``jax.jit`` keeps
    the mode in which it was compiled.

    The constructor raises :class:`ConfigError` for 0 channels or a negative ``epsilon``, and :class:`UsageError` for a
    dtype that is not floating-point. A call raises :class:`ShapeError` if the image has the wrong number of channels,
    or no pixels, and :class:`WellshapedError` if the statistics can't be updated.

    >>> import jax.numpy as jnp
    >>> from flax import nnx
    >>> layer = BatchNorm2d(3, rngs=nnx.Rngs(0))
    >>> layer(jnp.ones((3, 4, 5))).shape, layer.norm.mean.shape
    ((3, 4, 5), (3,))
    >>> layer = BatchNorm2d(3, axis_name="batch", rngs=nnx.Rngs(0))
    >>> each = nnx.vmap(lambda layer, x: layer(x), in_axes=(None, 0), axis_name="batch")
    >>> each(layer, jnp.ones((2, 3, 4, 5))).shape
    (2, 3, 4, 5)
    """

    _type_reads = ("channels",)


class BatchNorm1d(_BatchNorm, _OverOneAxis):
    """Batch normalisation of one ``(C, L)`` signal: all as for :class:`BatchNorm2d`.

    >>> import jax.numpy as jnp
    >>> from flax import nnx
    >>> BatchNorm1d(3, rngs=nnx.Rngs(0))(jnp.ones((3, 5))).shape
    (3, 5)
    """

    _type_reads = ("channels",)


class BatchNorm3d(_BatchNorm, _OverThreeAxes):
    """Batch normalisation of one ``(C, D, H, W)`` volume: all as for :class:`BatchNorm2d`.

    >>> import jax.numpy as jnp
    >>> from flax import nnx
    >>> BatchNorm3d(3, rngs=nnx.Rngs(0))(jnp.ones((3, 4, 5, 6))).shape
    (3, 4, 5, 6)
    """

    _type_reads = ("channels",)


class GroupNorm(_OverAnyAxes):
    """Flax's :class:`flax.nnx.GroupNorm` of one ``(C, *sizes)`` image: over the pixels and channels of each group.

    ``affine=False`` leaves out the scale and the bias of each channel, as it does for every norm.

    The constructor raises :class:`ConfigError` if ``channels`` or ``groups`` is 0, if ``groups`` does not divide
    ``channels``, or for a negative ``epsilon``, and :class:`UsageError` for a dtype that is not floating-point. A call
    raises :class:`ShapeError` if the image has the wrong number of channels, or no pixels, or if a group has a single
    value: one pixel of one channel.

    >>> import jax.numpy as jnp
    >>> from flax import nnx
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
        epsilon: float | int = 1e-5,
        affine: bool = True,
        dtype: Any = None,
        param_dtype: Any = jnp.float32,
        rngs: nnx.Rngs,
    ) -> None:
        self.channels = natural(channels, "channels")
        _require_buildable("GroupNorm", self.channels)
        self.groups = at_least_one(groups, "groups", "GroupNorm")
        if self.channels % self.groups:
            says = f"groups={self.groups} must divide channels={self.channels}"
            subject = f"GroupNorm({self.channels}, groups={self.groups})"
            fix = f"groups={divisor_below(self.channels, self.groups)}"
            raise ConfigError.of(subject, "groups_divide", "groups of different sizes", says, fix)
        self._channels_per_statistic = self.channels // self.groups
        operation = Norm("group", groups=self.groups, epsilon=epsilon, affine=affine)
        self.norm = norm_of(operation, self.channels, {**dtypes_of(dtype, param_dtype), "rngs": rngs})


class _InstanceNorm(_Norm):
    _channels_per_statistic = 1

    @checked
    def __init__(
        self,
        channels: SupportsIndex,
        *,
        epsilon: float | int = 1e-5,
        affine: bool = True,
        dtype: Any = None,
        param_dtype: Any = jnp.float32,
        rngs: nnx.Rngs,
    ) -> None:
        self.channels = natural(channels, "channels")
        _require_buildable(type(self).__name__, self.channels)
        operation = Norm("instance", epsilon=epsilon, affine=affine)
        self.norm = norm_of(operation, self.channels, {**dtypes_of(dtype, param_dtype), "rngs": rngs})


class InstanceNorm2d(_InstanceNorm, _OverTwoAxes):
    """Normalise each channel of one image over its pixels, by Flax's :class:`flax.nnx.InstanceNorm`.

    It has a scale and a bias for each channel; PyTorch's has none by default, which is ``affine=False`` here.

    The constructor raises :class:`ConfigError` for 0 channels or a negative ``epsilon``, and :class:`UsageError` for a
    dtype that is not floating-point. A call raises :class:`ShapeError` if the image has the wrong number of channels,
    or fewer than 2 pixels: the result would be only the bias.

    >>> import jax.numpy as jnp
    >>> from flax import nnx
    >>> InstanceNorm2d(3, rngs=nnx.Rngs(0))(jnp.ones((3, 4, 5))).shape
    (3, 4, 5)
    """

    _type_reads = ("channels",)


class InstanceNorm1d(_InstanceNorm, _OverOneAxis):
    """Instance normalisation of one ``(C, L)`` signal: all as for :class:`InstanceNorm2d`.

    >>> import jax.numpy as jnp
    >>> from flax import nnx
    >>> InstanceNorm1d(3, rngs=nnx.Rngs(0))(jnp.ones((3, 5))).shape
    (3, 5)
    """

    _type_reads = ("channels",)


class InstanceNorm3d(_InstanceNorm, _OverThreeAxes):
    """Instance normalisation of one ``(C, D, H, W)`` volume: all as for :class:`InstanceNorm2d`.

    >>> import jax.numpy as jnp
    >>> from flax import nnx
    >>> InstanceNorm3d(3, rngs=nnx.Rngs(0))(jnp.ones((3, 4, 5, 6))).shape
    (3, 4, 5, 6)
    """

    _type_reads = ("channels",)


class LayerNorm(_OverAnyAxes):
    """Flax's :class:`flax.nnx.LayerNorm` of one ``(C, *sizes)`` image: over the channels at each position.

    ``affine=False`` leaves out the scale and the bias of each channel.

    The constructor raises :class:`ConfigError` for 0 channels or a negative ``epsilon``, and :class:`UsageError` for a
    dtype that is not floating-point. A call raises :class:`ShapeError` if the image has the wrong number of channels,
    or no pixels.

    >>> import jax.numpy as jnp
    >>> from flax import nnx
    >>> LayerNorm(3, rngs=nnx.Rngs(0))(jnp.ones((3, 4, 5))).shape
    (3, 4, 5)
    """

    _type_reads = ("channels",)

    @checked
    def __init__(
        self,
        channels: SupportsIndex,
        *,
        epsilon: float | int = 1e-5,
        affine: bool = True,
        dtype: Any = None,
        param_dtype: Any = jnp.float32,
        rngs: nnx.Rngs,
    ) -> None:
        self.channels = natural(channels, "channels")
        _require_buildable("LayerNorm", self.channels)
        operation = Norm("layer", epsilon=epsilon, affine=affine)
        self.norm = norm_of(operation, self.channels, {**dtypes_of(dtype, param_dtype), "rngs": rngs})
