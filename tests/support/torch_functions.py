"""A graph of one axis as a plain function of PyTorch, for tests that read it back."""

import torch
import torch.nn.functional as F  # noqa: N812 its name everywhere

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

_MODES = {"zeros": "constant", "replicated": "replicate"}


def as_torch_function(network):
    """The function of images ``(1, C, L)``; inputs of a single position have the shape ``(1, C, 1)``."""

    def run(*given):
        values = {of.name: x for of, x in zip(network.inputs, given, strict=True)}
        for node in network.nodes:
            values[node.name] = _computed(node.operation, *(values[name] for name in node.inputs))
        return [values[name] for name in network.outputs]

    return run


def _computed(of, x, *others):
    channels, n = x.shape[1:]
    match of:
        case Conv():
            kernel = torch.ones(of.channels or channels, channels, on_axis(of.kernel, 0))
            return F.conv1d(_around(x, of, of.kernel, of.stride), kernel, None, of.stride, 0, of.dilation)
        case ConvTranspose():
            kernel = torch.ones(channels, of.channels or channels, of.kernel)
            before, after = (0, 0) if isinstance(of.padding, str) else sides_on(of.padding, 0)
            more = of.output_padding if before == after else 0
            y = F.conv_transpose1d(x, kernel, None, of.stride, min(before, after), more, 1, of.dilation)
            return F.pad(y, (min(after - before, 0), min(before - after, 0)))
        case MaxPool() | AvgPool() | Window():
            stride = of.kernel if of.stride is None else of.stride
            x = _around(x, of, of.kernel, stride)
            if isinstance(of, AvgPool):
                return F.avg_pool1d(x, of.kernel, stride, ceil_mode=of.ceil_mode)
            return F.max_pool1d(x, of.kernel, stride, 0, of.dilation, getattr(of, "ceil_mode", False))
        case Resize():
            return F.interpolate(x, n * of.factor // of.over - of.less, mode=of.mode)
        case ResizeTo():
            return F.interpolate(x, others[0].shape[2], mode=of.mode)
        case Crop():
            before, after = sides_on(of.amounts, 0)
            return F.pad(x, (-before, -after))
        case CropTo():
            lost = n - others[0].shape[2]
            before = of.offset if of.offset is not None else (lost + (of.odd == "before")) // 2
            return x.narrow(2, before, others[0].shape[2])
        case Pad():
            return F.pad(x, sides_on(of.amounts, 0), _MODES[of.mode])
        case PadTo() | PadToMultiple():
            to = others[0].shape[2] if others else -(-n // of.multiple) * of.multiple
            before = (to - n) // 2 if of.where == "both" else 0
            return F.pad(x, (before, to - n - before), _MODES[of.mode])
        case SpaceToDepth():
            return x.reshape(1, channels, n // of.block, of.block).transpose(2, 3).flatten(1, 2)
        case DepthToSpace():
            return x.reshape(1, channels // of.block, of.block, n).transpose(2, 3).flatten(2)
        case Concat():
            return torch.cat([x, *others], 1)
        case Add() | Multiply():
            for other in others:
                x = x + other if isinstance(of, Add) else x * other
            return x
        case Norm():
            return F.group_norm(x, 1)
        case Activation(kind="glu"):
            return F.glu(x, 1)
        case Activation(kind="tanh"):
            return torch.tanh(x)
        case Activation():
            return F.relu(x)
        case Slice():
            return x[:, of.start : of.stop]
        case Dropout():
            return F.dropout2d(x[..., None], of.rate)[..., 0] if of.channels else F.dropout(x, of.rate)
        case Scale():
            return x * torch.ones(channels, 1)
        case Mean():
            return F.adaptive_avg_pool1d(x, 1)
    raise AssertionError(of)


def _around(x, of, kernel, stride):
    """The image with the padding of a window around it."""
    padding = getattr(of, "padding", 0)
    if padding == "SAME" or getattr(of, "rounding", "floor") == "same":
        n, span = x.shape[2], getattr(of, "dilation", 1) * (kernel - 1) + 1
        total = max((-(-n // stride) - 1) * stride + span - n, 0)
        return F.pad(x, (total // 2, total - total // 2))
    return x if padding in (0, "VALID") else F.pad(x, sides_on(padding, 0))
