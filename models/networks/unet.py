"""The U-Net family: the network of a :class:`UNetConfig`, over one, two or three axes."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, SupportsIndex

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from ...spec.answers.any_network import graph_of, title
from ...spec.answers.proposals import layouts
from ...spec.arithmetic.naturals import natural
from ...spec.messages.report import ConfigError
from ...spec.network.running import axis_of, run
from ...spec.unet.building import check_unet_config
from ...spec.unet.config import UNetConfig
from ..fits import require_fit, takes
from ..functional.statistics import AxisName
from ..symbolic import GivenSize, Size
from ..typed import checked, remembered
from .typed_network import TypedNetwork


class Part(nnx.Module):
    """A part of a network by its path: ``model.encoder[0].convs[1]``. Its attributes are parts, lists and layers."""

    def __init__(self, parts: Mapping[str, Any]) -> None:
        for name, part in parts.items():
            setattr(self, name, part)


class UNet(TypedNetwork):
    """A U-Net over one ``(in_channels, H, W)`` image: the :class:`TypedNetwork` of its config's graph.

    The result has ``out_channels`` channels and the sizes given by :meth:`size`. Layers are attributes, at the paths
    that :func:`wellshaped.spec.parameter_shapes` lists: ``model.encoder[0].convs[1]``, ``bottom``, ``up[i]``,
    ``decoder[i]`` and ``head``; ``i = 0`` is the level of the input's size. ``model[name]`` and ``model.results(x,
    names=names)`` take names of nodes, which :func:`wellshaped.spec.stages` lists with their shapes. ``axis_name`` and
    ``momentum`` are as for :class:`BatchNorm2d`; ``dtype``, ``param_dtype`` and ``precision`` are as for
    :class:`Conv2d`; ``remat`` is as for :class:`TypedNetwork`. Use ``jax.vmap(model)`` for a batch. Batch normalisation
    in training mode updates its statistics, and needs ``nnx.vmap`` and ``nnx.jit`` instead: see :class:`BatchNorm2d`.
    ``model.train()`` and ``model.eval()`` are Flax's. A size may be symbolic, as in
    ``jax.export.symbolic_shape("16*h")``.

    A config with another number of axes gives a :class:`UNet1d` or a :class:`UNet3d`.

    The constructor raises :class:`ConfigError` if no network can be built, :class:`UsageError` for a wrong argument. A
    call raises :class:`ShapeError` if :func:`wellshaped.spec.check` reports a failure for the image, with the same
    explanation.

    >>> import jax.numpy as jnp
    >>> from flax import nnx
    >>> from wellshaped.spec import UNetConfig
    >>> model = UNet(UNetConfig(levels=1, base_channels=4, norm="batch"), 3, 2, rngs=nnx.Rngs(0))
    >>> model(jnp.ones((3, 20, 32))).shape, model.size(20), model.encoder[0].convs[1].conv.kernel.shape
    ((2, 20, 32), 20, (4, 4, 3, 3))
    """

    _type_reads: tuple[str, ...] = ("cfg", "in_channels", "out_channels")
    _axes = 2

    encoder: nnx.List[Part]
    bottom: Part
    up: nnx.List[Any]
    decoder: nnx.List[Part]
    head: Any

    def __new__(cls, cfg: object = None, *_: Any, **__: Any) -> "UNet":
        """Return a network of the class for the axes of the config."""
        kind = _CLASSES.get(cfg.axes, cls) if cls is UNet and isinstance(cfg, UNetConfig) else cls
        return object.__new__(kind)

    @checked
    def __init__(
        self,
        cfg: UNetConfig,
        in_channels: SupportsIndex,
        out_channels: SupportsIndex,
        *,
        axis_name: AxisName | None = None,
        momentum: float = 0.99,
        dtype: Any = None,
        param_dtype: Any = jnp.float32,
        precision: Any = None,
        remat: str | Iterable[str] = (),
        rngs: nnx.Rngs,
    ) -> None:
        if cfg.axes != self._axes and cfg.axes in _CLASSES:
            right = _CLASSES[cfg.axes].__name__
            says = f"the config has axes={cfg.axes}, and {type(self).__name__} is for axes={self._axes}"
            raise ConfigError.of(type(self).__name__, "axes", "", says, f"{right}, or a config with axes={self._axes}")
        self.cfg = cfg
        self.in_channels, self.out_channels = natural(in_channels, "in_channels"), natural(out_channels, "out_channels")
        check_unet_config(cfg, self.in_channels, self.out_channels).raise_if_failed()
        types: dict[str, Any] = {"dtype": dtype, "param_dtype": param_dtype, "precision": precision}
        graph = graph_of(cfg, self.in_channels, self.out_channels)
        super().__init__(graph, axis_name=axis_name, momentum=momentum, remat=remat, rngs=rngs, **types)

    def _keep(self, layers: dict[str, nnx.Module]) -> None:
        """Store each layer at its path: the parameters have the same paths in a checkpoint as in the code."""
        parts: dict[Any, Any] = {name: {i: {} for i in range(self.cfg.levels)} for name in ("encoder", "up", "decoder")}
        parts["head"] = None
        for path, layer in layers.items():
            *steps, last = _steps(path)
            part = parts
            for step in steps:
                part = part.setdefault(step, {})
            part[last] = layer
        for name, part in parts.items():
            setattr(self, name, _built(part))

    @property
    def _called(self) -> str:
        return title(self.cfg)

    def layer(self, path: str) -> Any:
        """The layer at a ``path`` such as ``"encoder[0].convs[1]"``; ``None`` if there is none."""
        if path not in self._paths:
            return None
        found: Any = self
        for step in _steps(path):
            found = found[step] if isinstance(step, int) else getattr(found, step)
        return found

    def _takes(self, shape: tuple[int, ...]) -> bool:
        """Whether an image of this ``(C, *sizes)`` shape fits: its channels and its sizes."""
        return shape[0] == self.in_channels and takes(self.cfg, self.out_channels, shape)

    @remembered
    def size(self, n: GivenSize, axis: SupportsIndex | str = 0) -> Size:
        """The output size of an axis of size ``n``, if ``n`` is in :func:`wellshaped.spec.compatible_sizes`."""
        graph = self.network
        return run(graph, natural(n, "n"), axis_of(graph, axis)).sizes[graph.outputs[0]]

    @remembered
    def __call__(  # type: ignore[override]  # it takes one image
        self, x: Float[Array, "{self.in_channels} H W"]
    ) -> Float[Array, "{self.out_channels} {self.size(x.shape[1])} {self.size(x.shape[2],1)}"]:
        """``(in_channels, H, W)`` to ``(out_channels, size(H), size(W, 1))``, for any compatible size."""
        return self._value(x)

    def _value(self, x: Array) -> Array:
        require_fit(self.cfg, self.out_channels, x, layouts(self.cfg.axes)[0])
        (output,) = self.network.outputs
        return self._found((output,), x)[output]


class UNet1d(UNet):
    """A U-Net over one ``(in_channels, L)`` signal: what ``UNet`` makes of a config with ``axes=1``.

    >>> from flax import nnx
    >>> from wellshaped.models import UNet
    >>> from wellshaped.spec import UNetConfig
    >>> type(UNet(UNetConfig(levels=1, base_channels=4, axes=1), 3, 2, rngs=nnx.Rngs(0))).__name__
    'UNet1d'
    """

    _type_reads = ("cfg", "in_channels", "out_channels")
    _axes = 1

    @remembered
    def __call__(  # type: ignore[override]  # it takes one image
        self, x: Float[Array, "{self.in_channels} L"]
    ) -> Float[Array, "{self.out_channels} {self.size(x.shape[1])}"]:
        """``(in_channels, L)`` to ``(out_channels, size(L))``, for any compatible size."""
        return self._value(x)


class UNet3d(UNet):
    """A U-Net over one ``(in_channels, D, H, W)`` volume: what ``UNet`` makes of a config with ``axes=3``.

    >>> import jax.numpy as jnp
    >>> from flax import nnx
    >>> from wellshaped.models import UNet
    >>> from wellshaped.spec import UNetConfig
    >>> cfg = UNetConfig(levels=1, base_channels=4, axes=3, stride=((1, 2, 2),))
    >>> model = UNet(cfg, 3, 2, rngs=nnx.Rngs(0))
    >>> type(model).__name__, model(jnp.ones((3, 2, 8, 12))).shape
    ('UNet3d', (2, 2, 8, 12))
    """

    _type_reads = ("cfg", "in_channels", "out_channels")
    _axes = 3

    @remembered
    def __call__(  # type: ignore[override]  # it takes one image
        self, x: Float[Array, "{self.in_channels} D H W"]
    ) -> Float[
        Array, "{self.out_channels} {self.size(x.shape[1])} {self.size(x.shape[2],1)} {self.size(x.shape[3],2)}"
    ]:
        """``(in_channels, D, H, W)`` to ``(out_channels, size(D), size(H, 1), size(W, 2))``, for compatible sizes."""
        return self._value(x)


_CLASSES: dict[int, type[UNet]] = {1: UNet1d, 2: UNet, 3: UNet3d}


@lru_cache(maxsize=4096)
def _steps(path: str) -> tuple[str | int, ...]:
    """The attributes and indices of a path.

    >>> _steps("encoder[0].convs[1].conv")
    ('encoder', 0, 'convs', 1, 'conv')
    """
    return tuple(int(step) if step.isdecimal() else step for step in re.findall(r"\w+", path))


def _built(part: Any) -> Any:
    """A part as a module: a list of its numbered parts, or its parts by name."""
    if not isinstance(part, dict):
        return part
    if part and all(isinstance(step, int) for step in part):
        return nnx.List([_built(part[i]) for i in sorted(part)])
    return Part({name: _built(of) for name, of in part.items()})
