"""A graph as a PyTorch module, written as a user writes one: layers, ``F.interpolate``, ``F.pad``, ``torch.cat``.

It also computes: its values and gradients are those that the graph's operations have in PyTorch.
"""

import re
from functools import partial
from math import prod

import torch
import torch.nn.functional as F  # noqa: N812 its name everywhere
from torch import nn

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

_CONVS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_MAX_POOLS = (F.max_pool1d, F.max_pool2d, F.max_pool3d)
_AVG_POOLS = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)
_SPREAD = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)
_MEANS = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)
_DROPOUTS = (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_INSTANCE_NORMS = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
_LINEAR = ("linear", "bilinear", "trilinear")
_PADS = {"zeros": "constant", "mirrored": "reflect", "replicated": "replicate"}
_PARAMETERS = {"kernel": "weight", "scale": "weight", "slope": "weight", "bias": "bias"}


class TorchNetwork(nn.Module):
    """A module for images of the shape (batch, channels, sizes), and vectors (batch, channels) for single positions.

    The layer of a node is a submodule with the node's name. The module raises where the graph has a requirement that
    PyTorch has not; requirements over all axes together are left to PyTorch's norms.
    """

    def __init__(self, network):
        super().__init__()
        self.network = network
        for node in network.nodes:
            ins, outs = network.channels[node.inputs[0]], network.channels[node.name]
            layer = _layer(node.operation, ins, outs, network.axes)
            if layer is not None:
                self._modules[attribute(node)] = layer

    def forward(self, *images):
        values = self.values(*images)
        outputs = tuple(values[name] for name in self.network.outputs)
        return outputs[0] if len(outputs) == 1 else outputs

    def values(self, *images):
        """The value of every input and node, by name."""
        ones = [1] * self.network.axes
        values = {}
        for given, x in zip(self.network.inputs, images, strict=True):
            values[given.name] = x.reshape(*x.shape[:2], *ones) if given.single else x
        for node in self.network.nodes:
            layer = self._modules.get(attribute(node))
            values[node.name] = _computed(node.operation, layer, *(values[name] for name in node.inputs))
        return values

    def load(self, parameters):
        """Copy arrays of the shapes that ``parameter_shapes`` returns: ``{"encoder": {"kernel": …, "bias": …}}``.

        Kernels of transposed convolutions are PyTorch's, also where the padding is SAME or VALID: JAX's are flipped.
        """
        with torch.no_grad():
            for layer, tensors in parameters_of(self, parameters).items():
                for name, tensor in tensors.items():
                    tensor.copy_(torch.as_tensor(parameters[layer][name]))


def parameters_of(model, parameters):
    """The tensors of a module, with the keys of ``parameters`` (see :meth:`TorchNetwork.load`)."""
    return {
        layer: {name: getattr(model._modules[_word(layer)], _PARAMETERS[name]) for name in arrays}
        for layer, arrays in parameters.items()
    }


def attribute(node):
    """The name of a node's layer among the submodules."""
    return _word(node.path)


def _word(name):
    return re.sub(r"\W", "_", name)


def meta_torch(network):
    """The module in evaluation mode, without values, which takes no time to make."""
    with torch.device("meta"):
        return TorchNetwork(network).eval()


# The layers, which have the parameters of an operation.


def _layer(of, ins, outs, axes):
    match of:
        case Conv() | ConvTranspose():
            layer = _convolution(of, ins, outs, axes)
            return layer if of.learned else layer.requires_grad_(False)
        case Norm():
            return _norm(of, ins, axes)
        case Activation():
            return _activation(of, ins)
        case Dropout():
            return (_DROPOUTS[axes - 1] if of.channels else nn.Dropout)(of.rate)
        case Scale():
            return _Scale(ins)
        case Mean():
            return _MEANS[axes - 1](1)
    return None


def _convolution(of, ins, outs, axes):
    kernel, stride, dilation = (_numbers(value, axes) for value in (of.kernel, of.stride, of.dilation))
    numbers = {"stride": stride, "dilation": dilation, "groups": of.groups, "bias": of.bias}
    if isinstance(of, Conv):
        padding = "same" if of.padding == "SAME" and max(stride) == 1 else _symmetric(of.padding, axes) or 0
        return _CONVS[axes - 1](ins, outs, kernel, padding=padding, **numbers)
    crops = _transposed_crops(of, axes)
    numbers["padding"] = tuple(min(before, after) for before, after, _ in crops)
    numbers["output_padding"] = tuple(more for _, _, more in crops)
    return _TRANSPOSED[axes - 1](ins, outs, kernel, **numbers)


def _transposed_crops(of, axes):
    """Along each axis, what is cropped before and after, and what is added after."""
    crops = []
    for axis in range(axes):
        kernel, stride, dilation = (on_axis(value, axis) for value in (of.kernel, of.stride, of.dilation))
        span = dilation * (kernel - 1) + 1
        if isinstance(of.padding, str):
            after = -max(stride - span, 0)
            before = 0
            if of.padding == "SAME" and stride < span:
                before = span - 1 + -(span + stride - 2) // 2
                after = span - stride - before
            crops.append((before, max(after, 0), max(-after, 0)))
        else:
            crops.append((*sides_on(of.padding, axis), on_axis(of.output_padding, axis)))
    return crops


class _ChannelNorm(nn.LayerNorm):
    """A layer norm over the channels, at each position."""

    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


def _norm(of, ins, axes):
    match of.kind:
        case "batch":
            return _BATCH_NORMS[axes - 1](ins, of.epsilon, affine=of.affine)
        case "instance":
            return _INSTANCE_NORMS[axes - 1](ins, of.epsilon, affine=of.affine)
        case "group":
            return nn.GroupNorm(of.groups, ins, of.epsilon, of.affine)
    return _ChannelNorm(ins, of.epsilon, of.affine)


class _Scale(nn.Module):
    """A factor for each channel."""

    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x):
        return x * _over_positions(self.weight, x)


class _Snake(_Scale):
    """``x + sin²(slope·x) / slope``, which cannot divide by 0."""

    def forward(self, x):
        slope = _over_positions(self.weight, x)
        return x + torch.sin(slope * x) ** 2 / (slope + 1e-9)  # as in the code of DAC


def _over_positions(vector, x):
    return vector.reshape(-1, *[1] * (x.ndim - 2))


_ACTIVATIONS = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "gelu_tanh": partial(nn.GELU, "tanh"),
    "silu": nn.SiLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "softplus": nn.Softplus,
    "prelu": nn.PReLU,
    "relu6": nn.ReLU6,
    "hardsigmoid": nn.Hardsigmoid,
    "hardswish": nn.Hardswish,
    "mish": nn.Mish,
    "selu": nn.SELU,
}


def _activation(of, ins):
    match of.kind:
        case "snake":
            return _Snake(ins)
        case "prelu_channels":
            return nn.PReLU(ins)
        case "glu" | "softmax":
            return (nn.GLU if of.kind == "glu" else nn.Softmax)(dim=1)
    kind = _ACTIVATIONS[of.kind]
    return kind() if of.slope is None else kind(of.slope)


# The values of a node.


def _numbers(value, axes):
    return tuple(on_axis(value, axis) for axis in range(axes))


def _sides(value, axes):
    return [sides_on(value, axis) for axis in range(axes)]


def _symmetric(padding, axes):
    """The padding as PyTorch's layers take it, or ``None`` if it depends on the side or the size."""
    if isinstance(padding, str):
        return (0,) * axes if padding == "VALID" else None
    sides = _sides(padding, axes)
    return tuple(before for before, _ in sides) if all(before == after for before, after in sides) else None


def _same(x, kernel, stride, dilation):
    """JAX's SAME padding along each axis."""
    sides = []
    for n, k, s, d in zip(x.shape[2:], kernel, stride, dilation, strict=True):
        total = max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0)
        sides.append((total // 2, total - total // 2))
    return sides


def _padded(x, sides, mode="constant", value=None):
    flat = [amount for both in reversed(sides) for amount in both]
    return F.pad(x, flat, mode, value)


def _require(holds, says):
    if not holds:
        raise ValueError(says)


def _computed(of, layer, x, *others):
    axes, sizes = x.ndim - 2, x.shape[2:]
    match of:
        case Conv():
            if _symmetric(of.padding, axes) is None and layer.padding != "same":
                same = of.padding == "SAME"
                x = _padded(
                    x, _same(x, layer.kernel_size, layer.stride, layer.dilation) if same else _sides(of.padding, axes)
                )
            return layer(x)
        case ConvTranspose():
            crops = _transposed_crops(of, axes)
            return _cut(
                layer(x), [(before - min(before, after), after - min(before, after)) for before, after, _ in crops]
            )
        case TransposedWindow():
            return _spread(of, x)
        case MaxPool() | AvgPool():
            return _pooled(of, x)
        case Window():
            return _windows(of, x)
        case Resize():
            factors, over, less = (_numbers(value, axes) for value in (of.factor, of.over, of.less))
            if not (any(less) or of.align_corners or of.recompute_scale_factor):
                scales = [f / o for f, o in zip(factors, over, strict=True)]
                return F.interpolate(x, scale_factor=scales, **_resizing(of, axes))
            to = [n * f // o - m for n, f, o, m in zip(sizes, factors, over, less, strict=True)]
            return F.interpolate(x, to, **_resizing(of, axes))
        case ResizeTo():
            return F.interpolate(x, others[0].shape[2:], **_resizing(of, axes))
        case Crop():
            return _cut(x, _sides(of.amounts, axes))
        case CropTo() | CropToSmallest():
            return _cropped(of, x, *others)
        case Pad():
            return _padded_in_mode(x, _sides(of.amounts, axes), of.mode)
        case PadTo() | PadToMultiple():
            if others:
                lacking = [to - n for n, to in zip(sizes, others[0].shape[2:], strict=True)]
                _require(all(n >= 0 for n in lacking), "there is nothing to pad")
            else:
                lacking = [-n % multiple for n, multiple in zip(sizes, _numbers(of.multiple, axes), strict=True)]
            before = [n // 2 if of.where == "both" else 0 for n in lacking]
            return _padded_in_mode(x, [(b, n - b) for b, n in zip(before, lacking, strict=True)], of.mode)
        case SpaceToDepth():
            blocks = _numbers(of.block, axes)
            parts = x.reshape(*x.shape[:2], *(of for n, b in zip(sizes, blocks, strict=True) for of in (n // b, b)))
            within = parts.permute(0, 1, *range(3, 2 * axes + 2, 2), *range(2, 2 * axes + 2, 2))
            return within.reshape(x.shape[0], -1, *within.shape[2 + axes :])
        case DepthToSpace():
            blocks = _numbers(of.block, axes)
            parts = x.reshape(x.shape[0], -1, *blocks, *sizes)
            paired = parts.permute(0, 1, *(at for axis in range(axes) for at in (2 + axes + axis, 2 + axis)))
            return paired.reshape(*parts.shape[:2], *(n * b for n, b in zip(sizes, blocks, strict=True)))
        case Concat():
            return torch.cat([x, *others], 1)
        case Add() | Multiply():
            for other in others:
                x = x + other if isinstance(of, Add) else x * other
            return x
        case Slice():
            return x[:, of.start : of.stop]
        case Require():
            return _required(of, x, *others)
    return layer(x)


def _cut(x, sides):
    return x[(slice(None), slice(None), *(slice(before, -after or None) for before, after in sides))]


def _spread(of, x):
    """A transposed window whose weights are ones, in each channel alone."""
    axes, channels = x.ndim - 2, x.shape[1]
    kernel, stride, dilation = (_numbers(value, axes) for value in (of.kernel, of.stride, of.dilation))
    y = _SPREAD[axes - 1](x, x.new_ones(channels, 1, *kernel), None, stride, groups=channels, dilation=dilation)
    y = _padded(y, [(0, more) for more in _numbers(of.output_padding, axes)])
    return _cut(y, _sides(of.padding, axes))


def _pooled(of, x):
    axes = x.ndim - 2
    kernel = _numbers(of.kernel, axes)
    stride = kernel if of.stride is None else _numbers(of.stride, axes)
    dilation = _numbers(getattr(of, "dilation", 1), axes)
    padding, sides = _symmetric(of.padding, axes), []
    if padding is None and of.padding == "SAME":
        sides = _same(x, kernel, stride, dilation)
    elif padding is None or (isinstance(of, AvgPool) and axes == len(_AVG_POOLS) and not of.ceil_mode):
        # PyTorch's average over three axes takes no padding for a size below the kernel.
        sides = _sides(of.padding, axes) if padding is None else [(amount, amount) for amount in padding]
        padding = None
        _require(all(2 * max(both) <= k for both, k in zip(sides, kernel, strict=True)), "padding above half a window")
        _require(not of.ceil_mode, "PyTorch has no ceil mode for this padding")
    if isinstance(of, AvgPool):
        pool = partial(_AVG_POOLS[axes - 1], kernel_size=kernel, stride=stride, ceil_mode=of.ceil_mode)
        if not sides:
            return pool(x, padding=padding or 0, count_include_pad=of.count_include_pad)
        y = pool(_padded(x, sides))
        return y if of.count_include_pad else y / pool(_padded(torch.ones_like(x), sides))
    x = _padded(x, sides, value=-torch.inf) if sides else x
    return _MAX_POOLS[axes - 1](x, kernel, stride, padding or 0, dilation, of.ceil_mode)


def _windows(of, x):
    """The maximum in each window, where the last may be partial."""
    axes = x.ndim - 2
    kernel, stride, dilation = (_numbers(value, axes) for value in (of.kernel, of.stride, of.dilation))
    sides = _same(x, kernel, stride, dilation) if of.rounding == "same" else _sides(of.padding, axes)
    if of.rounding == "ceil":
        for axis, (n, k, s, d) in enumerate(zip(x.shape[2:], kernel, stride, dilation, strict=True)):
            before, after = sides[axis]
            span = d * (k - 1) + 1
            count = min(-(-(n + before + after - span) // s) + 1, -(-(n + before) // s))
            sides[axis] = (before, (count - 1) * s + span - n - before)
    padded = _padded(x, [(before, max(after, 0)) for before, after in sides], value=-torch.inf)
    return _MAX_POOLS[axes - 1](_cut(padded, [(0, max(-after, 0)) for _, after in sides]), kernel, stride, 0, dilation)


def _resizing(of, axes):
    if of.mode != "linear":
        return {"mode": of.mode}
    return {"mode": _LINEAR[axes - 1], "align_corners": of.align_corners}


def _cropped(of, x, *others):
    smallest = [x] if isinstance(of, CropToSmallest) else []
    offset = getattr(of, "offset", None)
    for dim in range(2, x.ndim):
        to = min(other.shape[dim] for other in (*others, *smallest))
        lost = x.shape[dim] - to
        _require(lost >= 0, "there is no room to crop")
        _require(of.odd != "never" or lost % 2 == 0, "the difference is odd")
        before = (lost + (of.odd == "before")) // 2 if offset is None else on_axis(offset, dim - 2)
        _require(before <= lost, "there is no room to crop")
        x = x.narrow(dim, before, to)
    return x


def _padded_in_mode(x, sides, mode):
    if mode != "mirrored, extended":
        return _padded(x, sides, _PADS[mode])
    # EnCodec's: an image that is too small is first extended by zeros, and then cut.
    more = [max(max(both) - n + 1, 0) for n, both in zip(x.shape[2:], sides, strict=True)]
    y = _padded(_padded(x, [(0, m) for m in more]), sides, "reflect")
    return y[(slice(None), slice(None), *(slice(0, n - m) for n, m in zip(y.shape[2:], more, strict=True)))]


def _required(of, x, *others):
    for axis, n in enumerate(x.shape[2:]):
        to = others[0].shape[axis + 2] if others else n
        _require(not of.equal or n == to, "the sizes differ")
        _require(of.within is None or abs(n - to) <= on_axis(of.within, axis), "the sizes differ by too much")
        _require(of.at_least is None or n >= on_axis(of.at_least, axis), "the size is too small")
        _require(of.multiple is None or n % on_axis(of.multiple, axis) == 0, "the size is not a multiple")
    _require(of.positions is None or prod(x.shape[2:]) >= of.positions, "there are too few positions")
    return x
