"""The two-level network and its gradient in exact arithmetic, layer by layer: the oracle (SPEC section 6).

The wiring is written out here and derived from nothing, so that all other implementations can be tested against it.
"""

from collections.abc import Mapping
from functools import partial

import numpy as np

from ..answers.checking import check
from ..messages.report import Report, UsageError, Verdict
from ..messages.written import kind_of, written_number
from ..unet2.config import UNet2Config
from ..unet2.layers import LAYERS
from ..unet2.parameters import layer_parameters
from .operations import (
    Array,
    ConvGrads,
    arrays_of,
    concat_channels,
    concat_channels_backward,
    conv2d,
    conv2d_backward,
    conv_transpose2d,
    conv_transpose2d_backward,
    max_pool2d,
    max_pool2d_backward,
    relu,
    relu_backward,
    require_shape,
    shown,
)

Parameters = Mapping[str, tuple[Array, Array]]
"""The kernel and the bias of each of the :data:`~wellshaped.spec.unet2.layers.LAYERS`, by its name."""

_LAYERS = {layer.name: layer for layer in LAYERS}
_OPERATIONS = {"conv": (conv2d, conv2d_backward), "conv_transpose": (conv_transpose2d, conv_transpose2d_backward)}


def unet2_forward(cfg: UNet2Config, params: Parameters, x: Array) -> Array:
    """Return the two-level U-Net of ``x``: ``(in_channels, H, W)`` to ``(out_channels, H, W)``.

    ``params`` maps the name of each layer to its kernel and bias, with the shapes of :func:`layer_parameters`. Their
    shapes give the channels. Raises :class:`ShapeError` with every array that does not fit, or with the report of
    :func:`check` if the image does not fit; :class:`ConfigError` if ``cfg`` is not well-formed; :class:`UsageError` if
    ``params`` is not a mapping.

    >>> cfg = UNet2Config(base_channels=1)
    >>> shapes = layer_parameters(cfg, 1, 1)
    >>> params = {layer.name: (np.ones(kernel, int), np.ones(bias, int)) for layer, kernel, bias in shapes}
    >>> unet2_forward(cfg, params, np.array([[[1, 2], [3, 4]]])).tolist()
    [[[3718, 3718], [3718, 3718]]]
    """
    return unet2_stages(cfg, params, x)["y"]


def unet2_stages(cfg: UNet2Config, params: Parameters, x: Array) -> dict[str, Array]:
    """Return every intermediate of :func:`unet2_forward`, by its name in SPEC section 6.

    ``z_s1`` is ``s1`` before its ReLU. Names without ``z_`` have the shapes of :func:`wellshaped.spec.stages`. Raises
    the errors of :func:`unet2_forward`.

    >>> cfg = UNet2Config(base_channels=1)
    >>> shapes = layer_parameters(cfg, 1, 1)
    >>> params = {layer.name: (np.ones(kernel, int), np.ones(bias, int)) for layer, kernel, bias in shapes}
    >>> stages = unet2_stages(cfg, params, np.array([[[1, 2], [3, 4]]]))
    >>> stages["s1"].tolist(), stages["pooled"].tolist(), stages["merged"].shape
    ([[[11, 11], [11, 11]]], [[[45]]], (2, 2, 2))
    """
    _require_fit(cfg, params, x)
    layer = partial(_forward, cfg, params)
    s = {"x": x}
    s["z_s1"] = layer("down1_1", s["x"])
    s["s1"] = relu(s["z_s1"])
    s["z_skip1"] = layer("down1_2", s["s1"])
    s["skip1"] = relu(s["z_skip1"])
    s["pooled"] = max_pool2d(s["skip1"], kernel=cfg.pool_kernel, stride=cfg.pool_stride)
    s["z_b1"] = layer("down2_1", s["pooled"])
    s["b1"] = relu(s["z_b1"])
    s["z_bottleneck"] = layer("down2_2", s["b1"])
    s["bottleneck"] = relu(s["z_bottleneck"])
    s["up"] = layer("upT", s["bottleneck"])
    s["merged"] = concat_channels(s["skip1"], s["up"])
    s["z_u1"] = layer("up1_1", s["merged"])
    s["u1"] = relu(s["z_u1"])
    s["z_u2"] = layer("up1_2", s["u1"])
    s["u2"] = relu(s["z_u2"])
    s["y"] = layer("out1x1", s["u2"])
    return s


def unet2_backward(
    cfg: UNet2Config, params: Parameters, x: Array, grad_output: Array
) -> tuple[dict[str, Array], Array]:
    """Return the gradients of the parameters and of ``x``. ``grad_output`` is the gradient of the network's output.

    The sixteen gradients of parameters are ``d_<name>_kernel`` and ``d_<name>_bias``, in the order of the layers. Each
    has the shape of its parameter. The forward pass is computed again, then walked backward (SPEC section 6). Raises
    the errors of :func:`unet2_forward`, and :class:`ShapeError` for a ``grad_output`` whose shape is not
    ``(out_channels, H, W)``.

    >>> cfg = UNet2Config(base_channels=1)
    >>> shapes = layer_parameters(cfg, 1, 1)
    >>> params = {layer.name: (np.ones(kernel, int), np.ones(bias, int)) for layer, kernel, bias in shapes}
    >>> grads, d_x = unet2_backward(cfg, params, np.array([[[1, 2], [3, 4]]]), np.ones((1, 2, 2), int))
    >>> list(grads)[0], len(grads), grads["d_out1x1_kernel"].tolist(), grads["d_out1x1_bias"].tolist()
    ('d_down1_1_kernel', 16, [[[[14868]]]], [4])
    >>> d_x.tolist()
    [[[1280, 1280], [1280, 1280]]]
    """
    s = unet2_stages(cfg, params, x)
    require_shape("the network", grad_output, *s["y"].shape)
    grads: dict[str, ConvGrads] = {}

    def back(name: str, x: Array, grad_output: Array) -> Array:
        grads[name] = _backward(cfg, params, name, x, grad_output)
        return grads[name].d_x

    d_u2 = back("out1x1", s["u2"], grad_output)
    d_u1 = back("up1_2", s["u1"], relu_backward(s["z_u2"], d_u2))
    d_merged = back("up1_1", s["merged"], relu_backward(s["z_u1"], d_u1))
    d_skip1, d_up = concat_channels_backward(len(s["skip1"]), d_merged)
    d_bottleneck = back("upT", s["bottleneck"], d_up)
    d_b1 = back("down2_2", s["b1"], relu_backward(s["z_bottleneck"], d_bottleneck))
    d_pooled = back("down2_1", s["pooled"], relu_backward(s["z_b1"], d_b1))
    d_skip1 = d_skip1 + max_pool2d_backward(s["skip1"], d_pooled, kernel=cfg.pool_kernel, stride=cfg.pool_stride)
    d_s1 = back("down1_2", s["s1"], relu_backward(s["z_skip1"], d_skip1))
    d_x = back("down1_1", s["x"], relu_backward(s["z_s1"], d_s1))
    by_name = {
        f"d_{layer.name}_{part}": getattr(grads[layer.name], f"d_{part}")
        for layer in LAYERS
        for part in ("kernel", "bias")
    }
    return by_name, d_x


def _forward(cfg: UNet2Config, params: Parameters, name: str, x: Array) -> Array:
    forward, _ = _OPERATIONS[_LAYERS[name].kind]
    kernel, bias = params[name]
    return forward(x, kernel, bias, **_stride_and_padding(cfg, name))


def _backward(cfg: UNet2Config, params: Parameters, name: str, x: Array, grad_output: Array) -> ConvGrads:
    _, backward = _OPERATIONS[_LAYERS[name].kind]
    kernel, _ = params[name]
    return backward(x, kernel, grad_output, **_stride_and_padding(cfg, name))


def _stride_and_padding(cfg: UNet2Config, name: str) -> dict[str, int]:
    window = _LAYERS[name].window(cfg)
    return {number: window[number] for number in ("stride", "padding")}


def _require_fit(cfg: UNet2Config, params: Parameters, x: Array) -> None:
    """Raise an error unless the parameters fit ``cfg`` and the image fits both."""
    if not isinstance(params, Mapping):
        says = f"it is {kind_of(params)}, and must map the name of each layer to its kernel and bias"
        fix = "{layer.name: getattr(params, layer.name) for layer in LAYERS}"
        raise UsageError.of("params, given to the network,", "type", "", says, fix)
    given = {name: p if isinstance(p, tuple | list) and len(p) == 2 else (p, None) for name, p in params.items()}

    def channels(name: str, axis: int) -> int:
        shape = getattr(given.get(name, (None,))[0], "shape", ())
        return shape[axis] if len(shape) == 4 and shape[axis] else 1

    counts = channels("down1_1", 1), channels("out1x1", 0)
    verdicts = []
    for layer, *shapes in layer_parameters(cfg, *counts):
        about = f"arrays of {layer.name}"
        if layer.name not in given:
            verdicts.append(Verdict(layer.name, False, "they are missing", about))
            continue
        for part, array, shape in zip(("kernel", "bias"), given[layer.name], shapes, strict=True):
            says = f"the {part} is {shown(array)}, and must be an array [{', '.join(map(written_number, shape))}]"
            holds = isinstance(array, np.ndarray) and array.shape == shape
            verdicts.append(Verdict(f"{layer.name}.{part}", holds, says, about))
    subject = f"params of {cfg!r}, {counts[0]} → {counts[1]} channels,"
    fix = f"layer_parameters({cfg!r}, {counts[0]}, {counts[1]}) lists the layers and the shapes of their arrays"
    Report(subject, tuple(verdicts), (fix,)).raise_if_failed()
    (x,) = arrays_of("the network", x=(x, f"C={counts[0]} H W"))
    check(cfg, x.shape, out_channels=counts[1]).raise_if_failed()
