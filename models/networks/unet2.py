"""The two-level U-Net (SPEC section 6). Mirrors ``NN/Spec/Models/Unet.lean``."""

from operator import add
from typing import Any, SupportsIndex

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from ...spec.arithmetic.naturals import natural
from ...spec.unet2.building import check_config
from ...spec.unet2.config import UNet2Config
from ...spec.unet2.layers import LAYERS, channels
from ..cpu.layout import channels_last
from ..fits import require_fit, takes
from ..functional.functional import relu
from ..functional.gradients import relu_backward
from ..layers.poolings import MaxPool2d
from ..layers.windows import Conv2d, ConvTranspose2d
from ..typed import checked, remembered
from .params import LayerParams, UNet2Grads, UNet2Params


class UNet2(nnx.Module):
    """A U-Net that halves once, with a specification in Lean: ``(in_channels, H, W)`` to ``(out_channels, H, W)``.

    Its layers have the specification's names: ``down1_1``, ``down1_2``, ``down2_1``, ``down2_2``, ``upT``, ``up1_1``,
    ``up1_2``, ``out1x1``; and ``pool``. ``dtype``, ``param_dtype`` and ``precision`` are as for :class:`Conv2d`. Use
    ``jax.vmap(model)`` for a batch.

    The constructor raises :class:`ConfigError` if no network can be built, :class:`UsageError` for a wrong argument. A
    call raises :class:`ShapeError` if :func:`wellshaped.spec.check` has a failure for the image, with the same
    explanation.

    >>> import jax.numpy as jnp
    >>> from flax import nnx
    >>> from wellshaped.spec import UNet2Config
    >>> model = UNet2(UNet2Config(base_channels=4), 1, 2, rngs=nnx.Rngs(0))
    >>> model(jnp.ones((1, 20, 30))).shape
    (2, 20, 30)
    """

    _type_reads = ("cfg", "in_channels", "out_channels")

    down1_1: Conv2d
    down1_2: Conv2d
    down2_1: Conv2d
    down2_2: Conv2d
    upT: ConvTranspose2d
    up1_1: Conv2d
    up1_2: Conv2d
    out1x1: Conv2d

    @checked
    def __init__(
        self,
        cfg: UNet2Config,
        in_channels: SupportsIndex,
        out_channels: SupportsIndex,
        *,
        dtype: Any = None,
        param_dtype: Any = jnp.float32,
        precision: Any = None,
        rngs: nnx.Rngs,
    ) -> None:
        self.cfg = cfg
        self.in_channels = natural(in_channels, "in_channels")
        self.out_channels = natural(out_channels, "out_channels")
        check_config(cfg, self.in_channels, self.out_channels).raise_if_failed()
        kinds = {"conv": Conv2d, "conv_transpose": ConvTranspose2d}
        for layer in LAYERS:
            ins, outs = (
                channels(c, cfg, self.in_channels, self.out_channels) for c in (layer.in_channels, layer.out_channels)
            )
            window: dict[str, Any] = layer.window(cfg)
            built = kinds[layer.kind](
                ins, outs, **window, dtype=dtype, param_dtype=param_dtype, precision=precision, rngs=rngs
            )
            setattr(self, layer.name, built)
        self.pool = MaxPool2d(cfg.pool_kernel, cfg.pool_stride)

    def _takes(self, shape: tuple[int, ...]) -> bool:
        """Whether an image of this ``(C, H, W)`` shape fits: its channels and its sizes."""
        return shape[0] == self.in_channels and takes(self.cfg, self.out_channels, shape)

    @remembered
    def __call__(self, x: Float[Array, "{self.in_channels} H W"]) -> Float[Array, "{self.out_channels} H W"]:
        """``(in_channels, H, W)`` to ``(out_channels, H, W)``, for any compatible size."""
        return self.out1x1(self._stages(x)["u2"])

    def _stages(self, x: Array) -> dict[str, Array]:
        """The intermediate arrays, by their names in SPEC section 6, without ``merged``, which is never built."""
        require_fit(self.cfg, self.out_channels, x)
        s = {"x": x}
        s["s1"] = relu(self.down1_1(s["x"]))
        s["skip1"] = relu(self.down1_2(s["s1"]))
        s["pooled"] = self.pool(s["skip1"])
        s["b1"] = relu(self.down2_1(s["pooled"]))
        s["bottleneck"] = relu(self.down2_2(s["b1"]))
        s["up"] = self.upT(s["bottleneck"])
        s["u1"] = relu(self.up1_1.of_joined(s["skip1"], s["up"]))
        s["u2"] = relu(self.up1_2(s["u1"]))
        return s

    @remembered
    def backward(
        self, x: Float[Array, "{self.in_channels} H W"], grad_output: Float[Array, "{self.out_channels} H W"]
    ) -> tuple[UNet2Grads, Float[Array, "{self.in_channels} H W"]]:
        """The explicit gradients of the sixteen parameter arrays and of ``x``, given the gradient of the output.

        The forward pass is computed again. ``relu'(0) = 0``, and the gradient of a maximum goes to the first maximum of
        its window, row by row. The values are those of ``jax.vjp`` up to rounding.

        If parameters, ``x`` and ``grad_output`` are integers in float32, the values equal those of
        :func:`wellshaped.spec.reference.unet2_backward` bit for bit, under one condition: in each sum of products, the
        absolute values add up to less than ``2**24``. Each such integer, product and partial sum is a float32, so no
        operation rounds. This needs a processor that multiplies in float32 and does not round the products before it
        adds them. A CPU does; others need at least ``precision="highest"``.

        On other numbers, tests allow a difference of 1e-5 (float32), 1e-13 (float64) or 0.2 (bfloat16) of an array's
        largest number. In bfloat16, rounding moves numbers across ReLU's zero.

        >>> model = UNet2(UNet2Config(base_channels=4), 1, 2, rngs=nnx.Rngs(0))
        >>> grads, d_x = model.backward(jnp.ones((1, 4, 6)), jnp.ones((2, 4, 6)))
        >>> grads.d_out1x1_bias.tolist(), d_x.shape
        ([24.0, 24.0], (1, 4, 6))
        """
        s = self._stages(x)
        grads: dict[str, Any] = {}

        def back(name: str, given: Array, grad: Array) -> Array:
            grads[name] = getattr(self, name).backward(given, grad)
            d_given: Array = grads[name].d_x
            return d_given

        d_u2 = back("out1x1", s["u2"], grad_output)
        d_u1 = back("up1_2", s["u1"], relu_backward(s["u2"], d_u2))
        grads["up1_1"] = joined = self.up1_1.of_joined_backward(s["skip1"], s["up"], relu_backward(s["u1"], d_u1))
        d_bottleneck = back("upT", s["bottleneck"], joined.d_up)
        d_b1 = back("down2_2", s["b1"], relu_backward(s["bottleneck"], d_bottleneck))
        d_pooled = back("down2_1", s["pooled"], relu_backward(s["b1"], d_b1))
        d_skip1 = channels_last(add, joined.d_skip, self.pool.backward(s["skip1"], d_pooled))
        d_s1 = back("down1_2", s["s1"], relu_backward(s["skip1"], d_skip1))
        d_x = back("down1_1", s["x"], relu_backward(s["s1"], d_s1))
        arrays = {
            f"d_{name}_{part}": getattr(of_layer, f"d_{part}")
            for name, of_layer in grads.items()
            for part in LayerParams._fields
        }
        return UNet2Grads(cfg=self.cfg, in_channels=self.in_channels, out_channels=self.out_channels, **arrays), d_x

    @remembered
    def params(self) -> UNet2Params:
        """The sixteen parameter arrays."""
        arrays = {layer.name: _arrays(getattr(self, layer.name)) for layer in LAYERS}
        return UNet2Params(cfg=self.cfg, in_channels=self.in_channels, out_channels=self.out_channels, **arrays)

    @classmethod
    def from_params(cls, params: UNet2Params, *, dtype: Any = None, precision: Any = None) -> "UNet2":
        """The network with these parameters.

        >>> model = UNet2(UNet2Config(base_channels=4), 1, 2, rngs=nnx.Rngs(0))
        >>> x = jnp.ones((1, 4, 6))
        >>> bool((UNet2.from_params(model.params())(x) == model(x)).all())
        True
        """
        numbers = (params.cfg, params.in_channels, params.out_channels)
        model = nnx.eval_shape(lambda: cls(*numbers, dtype=dtype, precision=precision, rngs=nnx.Rngs(0)))
        for layer in LAYERS:
            built, arrays = getattr(model, layer.name), getattr(params, layer.name)
            built.kernel, built.bias = nnx.Param(arrays.kernel), nnx.Param(arrays.bias)
        return model


def _arrays(layer: Conv2d | ConvTranspose2d) -> LayerParams:
    return LayerParams(layer.kernel[...], layer.bias[...])
