"""A graph as a Flax NNX module, as a user writes one: layers, pools, ``jax.image.resize``. Channels are last."""

import re

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import lax

from wellshaped.spec.network import (
    Activation,
    Add,
    AvgPool,
    Concat,
    Conv,
    ConvTranspose,
    Crop,
    CropTo,
    DepthToSpace,
    Dropout,
    MaxPool,
    Mean,
    Multiply,
    Norm,
    Pad,
    PadTo,
    PadToMultiple,
    Resize,
    ResizeTo,
    Scale,
    Slice,
    SpaceToDepth,
    Window,
)
from wellshaped.spec.network.fields import on_axis, sides_on

_NORMS = {"batch": nnx.BatchNorm, "group": nnx.GroupNorm, "instance": nnx.InstanceNorm, "layer": nnx.LayerNorm}
_LINEAR = ("linear", "bilinear", "trilinear")
_PADS = {"zeros": "constant", "mirrored": "reflect", "mirrored, extended": "reflect", "replicated": "edge"}


class FlaxNetwork(nnx.Module):
    """A module for images of the shape (batch, sizes, channels), and vectors (batch, channels) for single positions.

    A layer is an attribute with the name of its node. Flax has no ceil mode, no dilated pooling, no limit on padding
    and no aligned corners: see ``as_jax_has_it``.
    """

    def __init__(self, network, *, rngs):
        self.network = network
        for node in network.nodes:
            ins, outs = network.channels[node.inputs[0]], network.channels[node.name]
            layer = _layer(node.operation, ins, outs, network.axes, rngs)
            if layer is not None:
                setattr(self, attribute(node), layer)

    def __call__(self, *images):
        axes = self.network.axes
        values = {}
        for given, x in zip(self.network.inputs, images, strict=True):
            values[given.name] = x[(slice(None), *[None] * axes)] if given.single else x
        for node in self.network.nodes:
            layer = getattr(self, attribute(node), None)
            values[node.name] = _computed(node.operation, layer, axes, *(values[name] for name in node.inputs))
        outputs = tuple(values[name] for name in self.network.outputs)
        return outputs[0] if len(outputs) == 1 else outputs

    def load(self, parameters):
        """Take arrays of the shapes that ``parameter_shapes`` returns: ``{"encoder": {"kernel": …, "bias": …}}``.

        Kernels of transposed convolutions are PyTorch's: Flax does not flip them.
        """
        for node in self.network.nodes:
            layer = getattr(self, attribute(node), None)
            for name, array in parameters.get(node.path, {}).items():
                if isinstance(layer, nnx.Param):
                    setattr(self, attribute(node), nnx.Param(array))
                elif isinstance(layer, nnx.PReLU):
                    layer.negative_slope = nnx.Param(array[0])
                else:
                    setattr(layer, name, nnx.Param(_own(node.operation, name, array)))
            if isinstance(layer, nnx.BatchNorm):
                channels = self.network.channels[node.name]
                layer.mean, layer.var = nnx.BatchStat(jnp.zeros(channels)), nnx.BatchStat(jnp.ones(channels))


def _own(of, name, array):
    if name != "kernel":
        return array
    spatial = tuple(range(2, array.ndim))
    if isinstance(of, ConvTranspose):
        return np.flip(array, spatial).transpose(*spatial, 0, 1)
    return array.transpose(*spatial, 1, 0)


def attribute(node):
    """The name of a node's layer among the attributes of the module."""
    return re.sub(r"\W", "_", node.path)


def abstract_flax(network):
    """The module without values, which takes no time to make."""
    return nnx.eval_shape(lambda: FlaxNetwork(network, rngs=nnx.Rngs(0)))


def _numbers(value, axes):
    return tuple(on_axis(value, axis) for axis in range(axes))


def _padding(value, axes):
    return value if isinstance(value, str) else tuple(sides_on(value, axis) for axis in range(axes))


def _layer(of, ins, outs, axes, rngs):
    """The layer that has the parameters of an operation, or ``None``."""
    match of:
        case Conv() | ConvTranspose():
            kernel, stride, dilation = (_numbers(value, axes) for value in (of.kernel, of.stride, of.dilation))
            more = {"kernel_dilation": dilation, "use_bias": of.bias, "rngs": rngs}
            if isinstance(of, Conv):
                padding = _padding(of.padding, axes)
                return nnx.Conv(ins, outs, kernel, stride, padding=padding, feature_group_count=of.groups, **more)
            assert of.groups == 1, "Flax has no groups here"
            return nnx.ConvTranspose(ins, outs, kernel, stride, padding=_transposed_padding(of, axes), **more)
        case Norm():
            groups = {"num_groups": of.groups} if of.kind == "group" else {}
            affine = {"use_scale": of.affine, "use_bias": of.affine}
            running = {"use_running_average": True} if of.kind == "batch" else {}
            return _NORMS[of.kind](ins, epsilon=of.epsilon, rngs=rngs, **groups, **affine, **running)
        case Dropout():
            return nnx.Dropout(of.rate, deterministic=True, rngs=rngs)
        case Activation(kind="prelu"):
            return nnx.PReLU()
        case Scale() | Activation(kind="snake" | "prelu_channels"):
            return nnx.Param(jnp.ones(ins))
    return None


def _transposed_padding(of, axes):
    """Flax pads the image that it spreads; PyTorch's padding crops the result."""
    if isinstance(of.padding, str):
        return of.padding
    padding = []
    for axis in range(axes):
        before, after = sides_on(of.padding, axis)
        reach = on_axis(of.dilation, axis) * (on_axis(of.kernel, axis) - 1)
        padding.append((reach - before, reach - after + on_axis(of.output_padding, axis)))
    return padding


def _computed(of, layer, axes, x, *others):
    match of:
        case Conv() | ConvTranspose() | Norm() | Activation(kind="prelu"):
            return layer(x)
        case MaxPool() | AvgPool() | Window():
            return _pooled(of, axes, x)
        case Resize():
            return _resized(of, x, [_new_size(of, axis, n) for axis, n in enumerate(x.shape[1:-1])])
        case ResizeTo():
            return _resized(of, x, others[0].shape[1:-1])
        case Crop():
            cuts = [slice(before, -after or None) for before, after in _padding(of.amounts, axes)]
            return x[(slice(None), *cuts)]
        case CropTo():
            return _cropped(of, x, others[0].shape)
        case Pad():
            return _padded(of, x, _padding(of.amounts, axes))
        case PadTo() | PadToMultiple():
            sizes = x.shape[1:-1]
            if others:
                lacking = [to - n for n, to in zip(sizes, others[0].shape[1:-1], strict=True)]
            else:
                lacking = [-n % multiple for n, multiple in zip(sizes, _numbers(of.multiple, axes), strict=True)]
            before = [n // 2 if of.where == "both" else 0 for n in lacking]
            return _padded(of, x, [(b, n - b) for b, n in zip(before, lacking, strict=True)])
        case SpaceToDepth():
            blocks = _numbers(of.block, axes)
            sizes = [part for n, block in zip(x.shape[1:-1], blocks, strict=True) for part in (n // block, block)]
            parts = x.reshape(x.shape[0], *sizes, x.shape[-1])
            within = parts.transpose(0, *range(1, 2 * axes, 2), *range(2, 2 * axes + 1, 2), 2 * axes + 1)
            return within.reshape(x.shape[0], *sizes[::2], -1)
        case DepthToSpace():
            blocks = _numbers(of.block, axes)
            parts = x.reshape(*x.shape[:-1], *blocks, -1)
            paired = [at for axis in range(axes) for at in (axis + 1, axes + axis + 1)]
            sizes = [n * block for n, block in zip(x.shape[1:-1], blocks, strict=True)]
            return parts.transpose(0, *paired, 2 * axes + 1).reshape(x.shape[0], *sizes, -1)
        case Concat():
            return jnp.concatenate([x, *others], -1)
        case Add() | Multiply():
            for other in others:
                x = x + other if isinstance(of, Add) else x * other
            return x
        case Slice():
            return x[..., of.start : of.stop]
        case Dropout():
            return layer(x)
        case Scale():
            return x * layer[...]
        case Mean():
            return x.mean(range(1, axes + 1), keepdims=True)
        case Activation():
            return _activated(of, layer, x)
    raise AssertionError(of)


def _pooled(of, axes, x):
    stride = of.kernel if of.stride is None else of.stride
    padding = "SAME" if getattr(of, "rounding", "floor") == "same" else _padding(of.padding, axes)
    pool = nnx.avg_pool if isinstance(of, AvgPool) else nnx.max_pool
    return pool(x, _numbers(of.kernel, axes), _numbers(stride, axes), padding)


def _new_size(of, axis, n):
    factor, over, less = (on_axis(value, axis) for value in (of.factor, of.over, of.less))
    return n * factor // over - less


def _resized(of, x, sizes):
    if of.mode != "linear" and isinstance(of, Resize) and of.over == 1 and of.less == 0:
        for axis in range(len(sizes)):
            x = jnp.repeat(x, on_axis(of.factor, axis), axis + 1)
        return x
    mode = "nearest" if of.mode != "linear" else _LINEAR[len(sizes) - 1]
    return jax.image.resize(x, (x.shape[0], *sizes, x.shape[-1]), mode)


def _cropped(of, x, to):
    starts, axes = [0] * x.ndim, x.ndim - 2
    for axis in range(axes):
        lost = x.shape[axis + 1] - to[axis + 1]
        starts[axis + 1] = on_axis(of.offset, axis) if of.offset is not None else (lost + (of.odd == "before")) // 2
    stops = [a + n for a, n in zip(starts[1:-1], to[1:-1], strict=True)]
    return lax.slice(x, starts, (x.shape[0], *stops, x.shape[-1]))


def _padded(of, x, sides):
    return jnp.pad(x, ((0, 0), *sides, (0, 0)), _PADS[of.mode])


def _activated(of, slope, x):
    match of.kind:
        case "prelu_channels":
            return jnp.where(x >= 0, x, slope * x)
        case "snake":
            return x + jnp.sin(slope * x) ** 2 / slope
        case "leaky_relu" | "elu":
            function = getattr(nnx, of.kind)
            return function(x) if of.slope is None else function(x, of.slope)
    if of.kind in ("gelu", "gelu_tanh"):
        return jax.nn.gelu(x, approximate=of.kind == "gelu_tanh")
    return getattr(jax.nn, {"hardsigmoid": "hard_sigmoid", "hardswish": "hard_swish"}.get(of.kind, of.kind))(x)
