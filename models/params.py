"""The sixteen parameter arrays of a two-level U-Net as one typed pytree (SPEC section 6)."""

from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..spec.architecture import LAYERS, parameter_shapes
from ..spec.config import UNet2Config
from ..spec.report import Report, Verdict
from .explain import shown


class LayerParams(NamedTuple):
    """The two arrays of one layer, in the specification's layout.

    ``kernel`` is ``(out, in, k, k)``, of a transposed convolution ``(in, out, k, k)``; ``bias`` is ``(out,)``.
    """

    kernel: Float[Array, "_ _ K K"]
    bias: Float[Array, "O"]


@jax.tree_util.register_pytree_with_keys_class
@dataclass(frozen=True, kw_only=True, eq=False)
class UNet2Params:
    """The parameters of one network, checked against its config when it is made.

    A pytree whose leaves are the sixteen arrays. Making one raises :class:`ShapeError` with every array that does not
    fit the config; JAX's own rebuilding of the tree, where leaves need not be arrays, is not checked. NumPy arrays are
    taken as JAX takes them.

    >>> from flax import nnx
    >>> from wellshaped.models import UNet2
    >>> params = UNet2(UNet2Config(base_channels=4), 1, 1, rngs=nnx.Rngs(0)).params()
    >>> params.upT.kernel.shape, len(jax.tree.leaves(params))
    ((8, 4, 2, 2), 16)
    """

    cfg: UNet2Config
    in_channels: int
    out_channels: int
    down1_1: LayerParams
    down1_2: LayerParams
    down2_1: LayerParams
    down2_2: LayerParams
    upT: LayerParams
    up1_1: LayerParams
    up1_2: LayerParams
    out1x1: LayerParams

    def __post_init__(self) -> None:
        verdicts = []
        for layer, *shapes in parameter_shapes(self.cfg, self.in_channels, self.out_channels):
            arrays = _two_arrays(getattr(self, layer.name))
            object.__setattr__(self, layer.name, arrays)
            for part, array, shape in zip(LayerParams._fields, arrays, shapes, strict=True):
                holds = isinstance(array, _type(shape))
                says = f"the {part} is {shown(array)}, and must be floating-point {list(shape)}"
                verdicts.append(Verdict(f"{layer.name}.{part}", holds, says, f"arrays of {layer.name}"))
        subject = f"UNet2Params of {self.cfg!r}, {self.in_channels} → {self.out_channels} channels,"
        fix = "UNet2(cfg, in_channels, out_channels, rngs=rngs).params() has the arrays that fit"
        Report(subject, tuple(verdicts), (fix,)).raise_if_failed()

    def tree_flatten_with_keys(self) -> tuple[tuple[tuple[Any, LayerParams], ...], tuple[Any, ...]]:
        """For JAX: the eight layers by name, and what is not an array."""
        named = tuple((jax.tree_util.GetAttrKey(layer.name), getattr(self, layer.name)) for layer in LAYERS)
        return named, (self.cfg, self.in_channels, self.out_channels)

    @classmethod
    def tree_unflatten(cls, rest: tuple[Any, ...], layers: tuple[LayerParams, ...]) -> "UNet2Params":
        """For JAX: put together what was taken apart, whatever the leaves are now."""
        params = object.__new__(cls)
        for field, value in zip(fields(cls), (*rest, *layers), strict=True):
            object.__setattr__(params, field.name, value)
        return params


def _type(shape: tuple[int, ...]) -> Any:
    return Float[Array, " ".join(map(str, shape))]


def _two_arrays(given: Any) -> LayerParams:
    """The kernel and the bias given for a layer; ``None`` for what is not there, which no shape fits."""
    kernel, bias = given if isinstance(given, tuple | list) and len(given) == 2 else (given, None)
    arrays: list[Any] = [jnp.asarray(a) if isinstance(a, np.ndarray) else a for a in (kernel, bias)]
    return LayerParams(*arrays)
