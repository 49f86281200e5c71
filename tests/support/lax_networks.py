"""A graph of one axis as a plain function of ``jax.lax``, for tests that read it back."""

from dataclasses import replace

import jax
import jax.numpy as jnp
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
    CropToSmallest,
    DepthToSpace,
    Dropout,
    MaxPool,
    Mean,
    Multiply,
    Network,
    Node,
    Norm,
    Pad,
    PadTo,
    PadToMultiple,
    Require,
    Resize,
    ResizeTo,
    Scale,
    Slice,
    SpaceToDepth,
    TransposedWindow,
    Window,
)
from wellshaped.spec.network.fields import on_axis, sides_on

_LAYOUT = ("NHC", "HIO", "NHC")


def as_jax_has_it(network):
    """The network without PyTorch's limits and roundings, without requirements, and without nodes that nothing uses."""
    nodes = [replace(node, operation=_plain(node.operation), inputs=node.inputs) for node in network.nodes]
    nodes = [
        Node(node.name, Slice(0, network.channels[node.inputs[0]]), node.inputs[:1]) if node.operation is None else node
        for node in (_without_requirement(node) for node in nodes)
    ]
    return used_part(Network(network.inputs, nodes, network.outputs, network.axes))


def used_part(network):
    """The network without nodes that no output needs: no framework says anything about them."""
    used = set(network.outputs)
    for node in reversed(network.nodes):
        if node.name in used:
            used.update(node.inputs)
    nodes = [node for node in network.nodes if node.name in used]
    return Network(network.inputs, nodes, network.outputs, network.axes)


def _without_requirement(node):
    return Node(node.name, Activation("tanh"), node.inputs[:1]) if isinstance(node.operation, Require) else node


def _plain(of):
    match of:
        case MaxPool(kernel=kernel, padding=int() as padding) if padding > kernel // 2 or of.ceil_mode:
            return replace(of, padding=min(padding, kernel // 2), ceil_mode=False)
        case Window(rounding="ceil"):
            return replace(of, rounding="floor")
        case TransposedWindow():
            return ConvTranspose(of.kernel, of.stride, padding=of.padding)
        case ConvTranspose(padding=padding) if not isinstance(padding, str):
            return replace(of, output_padding=min(of.output_padding, of.stride - 1))
        case CropTo(odd="never"):
            return CropTo()
        case CropToSmallest():
            return CropTo()
        case Pad() | PadTo() | PadToMultiple():
            return replace(of, mode="zeros" if "mirrored" in of.mode else of.mode)
        case Resize(mode="nearest") if of.over != 1 or of.less:
            return replace(of, mode="nearest-exact")
    return of


def as_function(network):
    """The function of images, channels last and without a batch; inputs of a single position are vectors."""

    def run(*given):
        values = {of.name: x for of, x in zip(network.inputs, given, strict=True)}
        for node in network.nodes:
            values[node.name] = _computed(node.operation, *(values[name] for name in node.inputs))
        return [values[name] for name in network.outputs]

    return run


def _kernel(*shape):
    return jnp.ones(shape)


def _computed(of, x, *others):
    channels = x.shape[-1]
    match of:
        case Conv():
            padding = of.padding if isinstance(of.padding, str) else [sides_on(of.padding, 0)]
            kernel = _kernel(on_axis(of.kernel, 0), channels, of.channels or channels)
            numbers = {"rhs_dilation": (of.dilation,), "dimension_numbers": _LAYOUT}
            return lax.conv_general_dilated(x[None], kernel, (of.stride,), padding, **numbers)[0]
        case ConvTranspose():
            kernel = _kernel(of.kernel, channels, of.channels or channels)
            if isinstance(of.padding, str):
                return lax.conv_transpose(x[None], kernel, (of.stride,), of.padding, dimension_numbers=_LAYOUT)[0]
            before, after = sides_on(of.padding, 0)
            sides = (of.kernel - 1 - before, of.kernel - 1 - after + of.output_padding)
            numbers = {"lhs_dilation": (of.stride,), "dimension_numbers": _LAYOUT}
            return lax.conv_general_dilated(x[None], kernel, (1,), [sides], **numbers)[0]
        case MaxPool() | Window() | AvgPool():
            stride = of.kernel if of.stride is None else of.stride
            same = of.padding == "SAME" or getattr(of, "rounding", "floor") == "same"
            padding = "SAME" if same else [sides_on(of.padding, 0), (0, 0)]
            start, op = (0.0, lax.add) if isinstance(of, AvgPool) else (-jnp.inf, lax.max)
            dilation = (getattr(of, "dilation", 1), 1)
            y = lax.reduce_window(x, start, op, (of.kernel, 1), (stride, 1), padding, window_dilation=dilation)
            return y / of.kernel if isinstance(of, AvgPool) else y
        case Resize():
            return jax.image.resize(x, (_resized(of, x.shape[0]), channels), _in_jax(of.mode))
        case ResizeTo():
            return jax.image.resize(x, (others[0].shape[0], channels), _in_jax(of.mode))
        case Crop():
            before, after = sides_on(of.amounts, 0)
            return lax.slice(x, (before, 0), (x.shape[0] - after, channels))
        case CropTo():
            lost = x.shape[0] - others[0].shape[0]
            before = of.offset if of.offset is not None else (lost + (of.odd == "before")) // 2
            return lax.slice(x, (before, 0), (before + others[0].shape[0], channels))
        case Pad():
            return _padded(x, *sides_on(of.amounts, 0), of.mode)
        case PadTo() | PadToMultiple():
            n = x.shape[0]
            to = others[0].shape[0] if others else -(-n // of.multiple) * of.multiple
            before = (to - n) // 2 if of.where == "both" else 0
            return _padded(x, before, to - n - before, of.mode)
        case SpaceToDepth():
            return x.reshape(x.shape[0] // of.block, of.block * channels)
        case DepthToSpace():
            return x.reshape(x.shape[0] * of.block, channels // of.block)
        case Concat():
            return jnp.concatenate([x, *others], -1)
        case Add() | Multiply():
            for other in others:
                x = x + other if isinstance(of, Add) else x * other
            return x
        case Norm():
            return (x - x.mean(0)) * lax.rsqrt(x.var(0) + 1e-5)
        case Activation(kind="glu"):
            return x[..., : channels // 2] * jax.nn.sigmoid(x[..., channels // 2 :])
        case Activation(kind="tanh"):
            return jnp.tanh(x)
        case Activation():
            return jax.nn.relu(x)
        case Slice():
            return x[..., of.start : of.stop]
        case Dropout():
            return x
        case Scale():
            return x * _kernel(channels)
        case Mean():
            return x.mean(0)[None]
    raise AssertionError(of)


def _in_jax(mode):
    return "linear" if mode == "linear" else "nearest"


def _resized(of, n):
    return n * of.factor // of.over - of.less


def _padded(x, before, after, mode):
    return jnp.pad(x, ((before, after), (0, 0)), {"zeros": "constant", "replicated": "edge"}[mode])
