"""The U-Net family: U-Nets of any number of levels over ``(C, H, W)`` images, from a :class:`UNetConfig`."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from operator import add
from typing import Any, SupportsIndex

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from ...spec.answers.any_network import graph_of
from ...spec.arithmetic.naturals import equal, monus, natural
from ...spec.messages.report import ConfigError, ShapeError
from ...spec.network.running import run
from ...spec.unet.building import check_unet_config
from ...spec.unet.config import UNetConfig
from ..cpu.layout import channels_last
from ..fits import require_fit, takes
from ..functional.functional import relu
from ..layers.norms import BatchNorm2d, GroupNorm, InstanceNorm2d
from ..layers.poolings import MaxPool2d
from ..layers.resampling import Resize2d
from ..layers.windows import Conv2d, ConvTranspose2d
from ..symbolic import GivenSize, Size
from ..typed import checked, remembered, shown
from .blocks import convolved, u_shaped

_USUAL = UNetConfig()
_USUAL_ONLY = ("axes", "decoder_convs", "activation", "order", "stride", "downsampling", "upsampling_kernel", "skip")
_ONE = ("convs_per_block", "conv_kernel", "residual", "upsampling")


def _require_uniform(cfg: UNetConfig) -> None:
    """Raise :class:`ConfigError` for a config that only a :class:`TypedNetwork` of its graph can be."""
    other = [name for name in _USUAL_ONLY if getattr(cfg, name) != getattr(_USUAL, name)]
    other += [name for name in _ONE if isinstance(getattr(cfg, name), tuple)]
    other += ["upsampling"] if cfg.upsampling not in ("transposed", "nearest", "bilinear") else []
    if other:
        says = f"UNet has two axes and equal levels, and the config has its own {', '.join(dict.fromkeys(other))}"
        fix = "TypedNetwork(graph_of(cfg, in_channels, out_channels), rngs=rngs)"
        raise ConfigError.of(repr(cfg), "levels_equal", "", says, fix)


class NormedConv2d(nnx.Module):
    """A convolution, ``conv``, followed by a normalisation, ``norm``. Each checks its own types.

    >>> conv = Conv2d(3, 8, 3, rngs=nnx.Rngs(0))
    >>> NormedConv2d(conv, InstanceNorm2d(8, rngs=nnx.Rngs(0)))(jnp.ones((3, 20, 30))).shape
    (8, 18, 28)
    """

    def __init__(self, conv: Conv2d, norm: Callable[[Array], Array]) -> None:
        self.conv = conv
        self.norm = norm

    def __call__(self, x: Array) -> Array:
        """The normalised convolution of one image."""
        y: Array = self.norm(self.conv(x))
        return y

    def of_joined(self, skip: Array, up: Array) -> Array:
        """The normalised convolution of two images joined along their channels."""
        y: Array = self.norm(self.conv.of_joined(skip, up))
        return y


class ResizeConv2d(nnx.Module):
    """Upsampling without a transposed convolution: double the image by ``method``, then convolve it by ``conv``.

    >>> conv = Conv2d(8, 4, 3, padding=1, rngs=nnx.Rngs(0))
    >>> ResizeConv2d("bilinear", conv)(jnp.ones((8, 10, 15))).shape
    (4, 20, 30)
    """

    def __init__(self, method: str, conv: Conv2d) -> None:
        self.resize = Resize2d(2, method)
        self.conv = conv

    def __call__(self, x: Array) -> Array:
        """The convolution of the doubled image."""
        return self.conv(self.resize(x))


class ConvBlock(nnx.Module):
    """Convolution, normalisation and ReLU, ``cfg.convs_per_block`` times, on one ``(C, H, W)`` image.

    If ``cfg.residual`` is true, the block adds its input before the last ReLU, as in the basic block of a ResNet.
    Without padding, the input is cropped about its centre first. If the channels differ, the input passes the
    ``shortcut``: a 1×1 convolution and a normalisation. The block also reads ``cfg.conv_kernel``, ``cfg.padding``,
    ``cfg.norm``, ``cfg.groups`` and ``cfg.bias``. ``axis_name`` is as for :class:`BatchNorm2d`, the rest as for
    :class:`Conv2d`.

    >>> block = ConvBlock(UNetConfig(residual=True), 3, 8, rngs=nnx.Rngs(0))
    >>> block(jnp.ones((3, 20, 30))).shape, block.shortcut.kernel.shape
    ((8, 20, 30), (8, 3, 1, 1))
    """

    _type_reads = ("cfg", "in_channels", "out_channels")

    @checked
    def __init__(
        self,
        cfg: UNetConfig,
        in_channels: SupportsIndex,
        out_channels: SupportsIndex,
        *,
        axis_name: str | None = None,
        dtype: Any = None,
        param_dtype: Any = jnp.float32,
        precision: Any = None,
        rngs: nnx.Rngs,
    ) -> None:
        check_unet_config(cfg).raise_if_failed()
        _require_uniform(cfg)
        self.cfg = cfg
        self.in_channels, self.out_channels = natural(in_channels, "in_channels"), natural(out_channels, "out_channels")
        types: dict[str, Any] = {"dtype": dtype, "param_dtype": param_dtype, "rngs": rngs}
        norms: dict[str, Callable[..., Callable[[Array], Array]]] = {
            "batch": partial(BatchNorm2d, axis_name=axis_name),
            "group": partial(GroupNorm, groups=cfg.groups),
            "instance": InstanceNorm2d,
        }

        kernel: Any = cfg.conv_kernel
        convs: Any = cfg.convs_per_block

        def normed(ins: int, kernel: Any) -> Conv2d | NormedConv2d:
            outs, padding = self.out_channels, cfg.padding_of(kernel)
            conv = Conv2d(ins, outs, kernel, padding=padding, use_bias=cfg.bias, precision=precision, **types)
            return conv if cfg.norm == "none" else NormedConv2d(conv, norms[cfg.norm](outs, **types))

        given = (self.in_channels, *(self.out_channels,) * (convs - 1))
        self.convs = nnx.List([normed(ins, kernel) for ins in given])
        projects = cfg.residual and self.in_channels != self.out_channels
        self.shortcut = normed(self.in_channels, 1) if projects else None

    @remembered
    def size(self, n: GivenSize) -> Size:
        """The output size of an axis of size ``n``."""
        kernel: Any = self.cfg.conv_kernel
        convs: Any = self.cfg.convs_per_block
        lost = convs * (kernel - 1 - 2 * self.cfg.padding_of(kernel))
        return monus(natural(n, "n"), lost)

    @remembered
    def __call__(
        self, x: Float[Array, "{self.in_channels} H W"]
    ) -> Float[Array, "{self.out_channels} {self.size(x.shape[1])} {self.size(x.shape[2])}"]:
        """``(in_channels, H, W)`` to ``(out_channels, size(H), size(W))``."""
        return convolved(x, convs=self.convs, relu=relu, add=self._plus_shortcut if self.cfg.residual else None)

    @remembered
    def of_joined(
        self,
        skip: Float[Array, "{max(self.in_channels-up.shape[0],1)} H W"],
        up: Float[Array, "{self.in_channels-skip.shape[0]} H W"],
    ) -> Float[Array, "{self.out_channels} {self.size(skip.shape[1])} {self.size(skip.shape[2])}"]:
        """``self(concat_channels(skip, up))``, without the joined image if that is faster: :meth:`Conv2d.of_joined`."""
        convs = (self.convs[0].of_joined, *self.convs[1:])
        return convolved(skip, up, convs=convs, relu=relu, add=self._plus_shortcut if self.cfg.residual else None)

    def _plus_shortcut(self, y: Array, *images: Array) -> Array:
        """Add the block's input: one image, or a decoder's two. Together, two have more channels than ``y``."""
        images = tuple(cropped(image, y.shape[1:]) for image in images)
        if self.shortcut is not None:
            images = (self.shortcut.of_joined(*images) if len(images) == 2 else self.shortcut(*images),)
        return channels_last(add, y, jnp.concatenate(images))


def cropped(image: Array, size: tuple[int, ...], *, evenly: bool = False) -> Array:
    """Crop to ``size`` pixels about the centre. If the difference is odd, the end loses one more.

    With ``evenly``, raises :class:`ShapeError` if the difference is odd.

    >>> cropped(jnp.arange(5.0).reshape(1, 1, 5), (1, 2)).tolist()
    [[[1.0, 2.0]]]
    """
    odd = [
        f"{has} - {keeps}"
        for has, keeps in zip(image.shape[1:], size, strict=True)
        if evenly and not equal((has - keeps) % 2, 0)
    ]
    if odd:
        says = f"{odd[0]} is odd, and must be even"
        raise ShapeError.of(f"x = {shown(image)}", "even_crop", "", says, "join='crop' in the config")
    top, left = ((has - keeps) // 2 for has, keeps in zip(image.shape[1:], size, strict=True))
    return image[:, top : top + size[0], left : left + size[1]]


def padded(image: Array, size: tuple[int, ...]) -> Array:
    """Pad with zeros on all sides up to ``size``. If the difference is odd, the end gets one more.

    >>> padded(jnp.ones((1, 1, 2)), (1, 5)).tolist()
    [[[0.0, 1.0, 1.0, 0.0, 0.0]]]
    """
    rest = [needs - has for has, needs in zip(image.shape[1:], size, strict=True)]
    return jnp.pad(image, ((0, 0), *((r // 2, r - r // 2) for r in rest)))


class UNet(nnx.Module):
    """A U-Net of ``cfg.levels`` levels over one ``(in_channels, H, W)`` image.

    The result has ``out_channels`` channels and the sizes given by :meth:`size`. The layers are ``encoder[i]`` and
    ``decoder[i]``, each a :class:`ConvBlock`, ``up[i]`` (``i = 0`` is the level of the input's size), ``bottom`` and
    ``head``. :func:`wellshaped.spec.stages` lists them with their shapes. ``axis_name`` is as for :class:`BatchNorm2d`;
    ``dtype``, ``param_dtype`` and ``precision`` are as for :class:`Conv2d`. Use ``jax.vmap(model)`` for a batch. Batch
    normalisation in training mode keeps statistics, and needs Flax's transformations instead: see
    :class:`BatchNorm2d`. ``model.train()`` and ``model.eval()`` are Flax's. A size may be symbolic, as in
    ``jax.export.symbolic_shape("16*h")``.

    The constructor raises :class:`ConfigError` if no network can be built, :class:`UsageError` for a wrong argument. A
    call raises :class:`ShapeError` if :func:`wellshaped.spec.check` has a failure for the image, with the same
    explanation.

    >>> model = UNet(UNetConfig(levels=2, base_channels=4, norm="batch"), 3, 2, rngs=nnx.Rngs(0))
    >>> model(jnp.ones((3, 20, 32))).shape, model.size(20)
    ((2, 20, 32), 20)
    """

    _type_reads = ("cfg", "in_channels", "out_channels")

    @checked
    def __init__(
        self,
        cfg: UNetConfig,
        in_channels: SupportsIndex,
        out_channels: SupportsIndex,
        *,
        axis_name: str | None = None,
        dtype: Any = None,
        param_dtype: Any = jnp.float32,
        precision: Any = None,
        rngs: nnx.Rngs,
    ) -> None:
        self.cfg = cfg
        self.in_channels, self.out_channels = natural(in_channels, "in_channels"), natural(out_channels, "out_channels")
        check_unet_config(cfg, self.in_channels, self.out_channels).raise_if_failed()
        _require_uniform(cfg)
        types: dict[str, Any] = {"dtype": dtype, "param_dtype": param_dtype, "precision": precision, "rngs": rngs}

        def block(ins: int, outs: int) -> ConvBlock:
            return ConvBlock(cfg, ins, outs, axis_name=axis_name, **types)

        widths = cfg.channels
        inner = (self.in_channels, *widths)
        self.encoder = nnx.List([block(*channels) for channels in zip(inner, widths[:-1], strict=False)])
        self.bottom = block(widths[-2], widths[-1])
        ups: list[ConvTranspose2d | ResizeConv2d] = []
        decoder: list[ConvBlock] = []
        for outs, ins in reversed(list(pairwise(widths))):
            if cfg.upsampling == "transposed":
                ups.insert(0, ConvTranspose2d(ins, outs, 2, stride=2, **types))
            else:
                kernel: Any = cfg.conv_kernel
                method: Any = cfg.upsampling
                conv = Conv2d(ins, outs, kernel, padding=cfg.padding_of(kernel), **types)
                ups.insert(0, ResizeConv2d(method, conv))
            decoder.insert(0, block(2 * outs, outs))
        self.up, self.decoder = nnx.List(ups), nnx.List(decoder)
        self.head = Conv2d(widths[0], self.out_channels, 1, **types) if cfg.head else None
        self.pool = MaxPool2d(2, 2)

    def _takes(self, shape: tuple[int, ...]) -> bool:
        """Whether an image of this ``(C, H, W)`` shape fits: its channels and its sizes."""
        return shape[0] == self.in_channels and takes(self.cfg, self.out_channels, shape)

    @remembered
    def size(self, n: GivenSize) -> Size:
        """The output size of an axis of size ``n``, if ``n`` is in :func:`wellshaped.spec.compatible_sizes`."""
        graph = graph_of(self.cfg, self.in_channels, self.out_channels)
        return run(graph, natural(n, "n")).sizes[graph.outputs[0]]

    @remembered
    def __call__(
        self, x: Float[Array, "{self.in_channels} H W"]
    ) -> Float[Array, "{self.out_channels} {self.size(x.shape[1])} {self.size(x.shape[2])}"]:
        """``(in_channels, H, W)`` to ``(out_channels, size(H), size(W))``, for any compatible size."""
        require_fit(self.cfg, self.out_channels, x)
        y = u_shaped(
            x,
            encoder=self.encoder,
            pool=self.pool,
            bottom=self.bottom,
            ups=self.up,
            decoder=[partial(self._decoded, block) for block in self.decoder],
        )
        return y if self.head is None else self.head(y)

    def _decoded(self, block: ConvBlock, skip: Array, up: Array) -> Array:
        if self.cfg.joined_by == "pad":
            up = padded(up, skip.shape[1:])
        elif self.cfg.joined_by != "exact":
            skip = cropped(skip, up.shape[1:], evenly=self.cfg.joined_by == "even crop")
        return block.of_joined(*((skip, up) if self.cfg.concat == "skip first" else (up, skip)))
