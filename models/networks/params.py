"""The sixteen parameter arrays of a two-level U-Net, and their gradients, as typed pytrees (SPEC section 6)."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, Self

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ...spec.messages.report import Report, Verdict
from ...spec.unet2.config import UNet2Config
from ...spec.unet2.layers import LAYERS
from ...spec.unet2.parameters import layer_parameters
from ..typed import shown


class LayerParams(NamedTuple):
    """The two arrays of one layer, in the specification's layout.

    ``kernel`` is ``(out, in, k, k)``, or ``(in, out, k, k)`` in a transposed convolution. ``bias`` is ``(out,)``.
    """

    kernel: Float[Array, "_ _ K K"]
    bias: Float[Array, "O"]


@dataclass(frozen=True, kw_only=True, eq=False)
class _OfNetwork:
    """Arrays of one network: three static fields; all other fields are children of the pytree."""

    cfg: UNet2Config
    in_channels: int
    out_channels: int

    def tree_flatten_with_keys(self) -> tuple[tuple[tuple[Any, Any], ...], tuple[Any, ...]]:
        """For JAX: the arrays by name, and the static fields."""
        fixed, children = self._fields()
        named = tuple((jax.tree_util.GetAttrKey(name), getattr(self, name)) for name in children)
        return named, tuple(getattr(self, name) for name in fixed)

    @classmethod
    def tree_unflatten(cls, rest: tuple[Any, ...], children: tuple[Any, ...]) -> Self:
        """For JAX: rebuild the tree without checks, because the leaves need not be arrays."""
        tree = object.__new__(cls)
        for field, value in zip(fields(cls), (*rest, *children), strict=True):
            object.__setattr__(tree, field.name, value)
        return tree

    @classmethod
    def _fields(cls) -> tuple[list[str], list[str]]:
        names = [field.name for field in fields(cls)]
        fixed = len(fields(_OfNetwork))
        return names[:fixed], names[fixed:]

    def _require_fit(self, arrays: Mapping[str, LayerParams]) -> None:
        verdicts = []
        for layer, *shapes in layer_parameters(self.cfg, self.in_channels, self.out_channels):
            for part, array, shape in zip(LayerParams._fields, arrays[layer.name], shapes, strict=True):
                holds = isinstance(array, _type(shape))
                says = f"the {part} is {shown(array)}, and must be floating-point {list(shape)}"
                verdicts.append(Verdict(f"{layer.name}.{part}", holds, says, f"arrays of {layer.name}"))
        subject = f"{type(self).__name__} of {self.cfg!r}, {self.in_channels} → {self.out_channels} channels,"
        fix = "UNet2(cfg, in_channels, out_channels, rngs=rngs).params() has the arrays that fit"
        Report(subject, tuple(verdicts), (fix,)).raise_if_failed()


@jax.tree_util.register_pytree_with_keys_class
@dataclass(frozen=True, kw_only=True, eq=False)
class UNet2Params(_OfNetwork):
    """The parameters of one network: a pytree whose leaves are the sixteen arrays.

    The constructor raises :class:`ShapeError` with every array that does not fit the config. It converts NumPy arrays
    as ``jnp.asarray`` does. When JAX rebuilds the tree, nothing is checked, because the leaves need not be arrays.

    >>> import jax
    >>> from flax import nnx
    >>> from wellshaped.models import UNet2
    >>> from wellshaped.spec import UNet2Config
    >>> params = UNet2(UNet2Config(base_channels=4), 1, 1, rngs=nnx.Rngs(0)).params()
    >>> params.upT.kernel.shape, len(jax.tree.leaves(params))
    ((8, 4, 2, 2), 16)
    """

    down1_1: LayerParams
    down1_2: LayerParams
    down2_1: LayerParams
    down2_2: LayerParams
    upT: LayerParams
    up1_1: LayerParams
    up1_2: LayerParams
    out1x1: LayerParams

    def __post_init__(self) -> None:
        for layer in LAYERS:
            object.__setattr__(self, layer.name, _two_arrays(getattr(self, layer.name)))
        self._require_fit({layer.name: getattr(self, layer.name) for layer in LAYERS})


@jax.tree_util.register_pytree_with_keys_class
@dataclass(frozen=True, kw_only=True, eq=False)
class UNet2Grads(_OfNetwork):
    """The gradients of the sixteen parameter arrays, with the same shapes, as returned by ``UNet2.backward``.

    A pytree whose leaves are the sixteen arrays, in the order of the parameters. The constructor raises
    :class:`ShapeError` with every array that does not fit the config. :meth:`as_params` gives an optimiser the
    structure of the parameters.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from flax import nnx
    >>> from wellshaped.models import UNet2
    >>> from wellshaped.spec import UNet2Config
    >>> model = UNet2(UNet2Config(base_channels=4), 1, 1, rngs=nnx.Rngs(0))
    >>> grads, d_x = model.backward(jnp.ones((1, 4, 6)), jnp.ones((1, 4, 6)))
    >>> grads.d_upT_kernel.shape, len(jax.tree.leaves(grads))
    ((8, 4, 2, 2), 16)
    >>> jax.tree.structure(grads.as_params()) == jax.tree.structure(model.params())
    True
    """

    d_down1_1_kernel: Array
    d_down1_1_bias: Array
    d_down1_2_kernel: Array
    d_down1_2_bias: Array
    d_down2_1_kernel: Array
    d_down2_1_bias: Array
    d_down2_2_kernel: Array
    d_down2_2_bias: Array
    d_upT_kernel: Array
    d_upT_bias: Array
    d_up1_1_kernel: Array
    d_up1_1_bias: Array
    d_up1_2_kernel: Array
    d_up1_2_bias: Array
    d_out1x1_kernel: Array
    d_out1x1_bias: Array

    def __post_init__(self) -> None:
        self._require_fit(self._by_layer())

    def as_params(self) -> UNet2Params:
        """The same arrays, with the tree structure of the parameters."""
        return UNet2Params(
            cfg=self.cfg, in_channels=self.in_channels, out_channels=self.out_channels, **self._by_layer()
        )

    def _by_layer(self) -> dict[str, LayerParams]:
        parts = LayerParams._fields
        return {
            layer.name: LayerParams(*(getattr(self, f"d_{layer.name}_{part}") for part in parts)) for layer in LAYERS
        }


def _type(shape: tuple[int, ...]) -> Any:
    return Float[Array, " ".join(map(str, shape))]


def _two_arrays(given: Any) -> LayerParams:
    """The kernel and the bias given for a layer. A missing bias is ``None``, which fits no shape."""
    kernel, bias = given if isinstance(given, tuple | list) and len(given) == 2 else (given, None)
    arrays: list[Any] = [jnp.asarray(a) if isinstance(a, np.ndarray) else a for a in (kernel, bias)]
    return LayerParams(*arrays)
