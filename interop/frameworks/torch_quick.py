"""Shape rules of frequent operations without what makes fake tensors slow.

A fake tensor's mode looks for constants, devices and decompositions before it runs an operation's shape rule, and keeps
a cache of what it found. Nothing of this is needed for most operations of a network.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch._prims_common import suggest_memory_format
from torch._subclasses.fake_tensor import FakeTensor, in_kernel_invocation_manager

aten = torch.ops.aten
_CPU = torch.device("cpu")


def quick_result(func: Any, tensors: Sequence[Any], args: Any, kwargs: Any) -> Any:
    """What ``func(*args, **kwargs)`` is, or ``None`` if it has no quick rule. Its arguments have these ``tensors``."""
    stand_in = SHAPES.get(func)
    if stand_in is None and func not in DIRECT:
        return None
    if not all(type(of) is FakeTensor and of.fake_device == _CPU and of.constant is None for of in tensors):
        return None
    result = None if stand_in is None else stand_in(*args, **kwargs)
    return _by_rule(func, tensors, args, kwargs) if result is None and func in DIRECT else result


def _empty(x: FakeTensor, shape: Any, order: Any = torch.contiguous_format) -> FakeTensor:
    """What ``x.new_empty(shape)`` is, in a sixth of the time."""
    with torch._C._DisableTorchDispatch():
        made = torch.empty(shape, dtype=x.dtype, device="meta", memory_format=order)
    return FakeTensor(x.fake_mode, made, x.fake_device)


def _group_norm(x: Any, weight: Any, bias: Any, n: Any, channels: Any, positions: Any, groups: int, eps: float) -> Any:
    if not isinstance(x.shape[1], int) or x.shape[1] % groups or not x.is_floating_point() or not positions > 0:
        return None
    if any(of is not None and of.numel() != x.shape[1] for of in (weight, bias)):
        return None
    return _empty(x, x.shape, suggest_memory_format(x)), _empty(x, (n, groups)), _empty(x, (n, groups))


def _layer_norm(x: Any, shape: Any, weight: Any, bias: Any, eps: float) -> Any:
    start = len(x.shape) - len(shape)
    if not x.is_floating_point() or start < 0 or not all(a == b for a, b in zip(x.shape[start:], shape, strict=True)):
        return None
    if any(of is not None and tuple(of.shape) != tuple(shape) for of in (weight, bias)):
        return None
    means = (*x.shape[:start], *(1 for _ in shape))
    return _empty(x, x.shape), _empty(x, means), _empty(x, means)


def _batch_norm(x: Any, *_: Any) -> Any:
    is_plain = x.is_floating_point() and x.dim() >= 2 and x.is_contiguous()
    return (_empty(x, x.shape), _empty(x, (0,)), _empty(x, (0,))) if is_plain else None


def _itself(x: Any, *_: Any, **__: Any) -> Any:
    return x if x.is_floating_point() else None


def _alike(x: Any, *_: Any, **__: Any) -> Any:
    order = _order(x)
    return _empty(x, x.shape, order) if order is not None and x.is_floating_point() else None


def _order(x: Any) -> Any:
    """The order of the axes in memory, if it is one of the two usual ones."""
    if x.is_contiguous():
        return torch.contiguous_format
    is_last = x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if is_last else None


def _joined(x: Any, y: Any, **_: Any) -> Any:
    """``x + y`` and its like, if neither is repeated."""
    if isinstance(y, torch.Tensor):
        if (
            y.dtype != x.dtype
            or y.dim() != x.dim()
            or not all(map(same_size, x.shape, y.shape))
            or _order(y) != _order(x)
        ):
            return None
    elif isinstance(y, complex):
        return None
    return _alike(x)


def same_size(a: Any, b: Any) -> bool:
    """Whether two sizes are equal without a question."""
    if isinstance(a, int) and isinstance(b, int):
        return a == b
    values = [of.node.value for of in (a, b) if isinstance(of, torch.SymInt)]
    return len(values) == 2 and values[0] is not None and values[0] == values[1]


def _view(x: Any, shape: Any) -> Any:
    if not x.is_contiguous() or isinstance(x.numel(), int):  # PyTorch's own rule is quick on plain numbers
        return None
    rest = math.prod(size for size in shape if not _is_left(size))
    left = [d for d, size in enumerate(shape) if _is_left(size)]
    if not left:
        return _empty(x, shape) if x.numel() == rest else None
    if len(left) > 1 or not rest > 0 or x.numel() % rest != 0:
        return None
    return _empty(x, [*shape[: left[0]], x.numel() // rest, *shape[left[0] + 1 :]])


def _is_left(size: Any) -> bool:
    return isinstance(size, int) and size == -1


def _matrices(bias: Any, a: Any, b: Any) -> Any:
    """``bias + a @ b``."""
    if not a.dtype == b.dtype == bias.dtype or a.shape[1] != b.shape[0] or tuple(bias.shape) != (b.shape[1],):
        return None
    return _empty(a, (a.shape[0], b.shape[1]))


SHAPES: dict[Any, Callable[..., Any]] = {
    aten.native_group_norm.default: _group_norm,
    aten.native_layer_norm.default: _layer_norm,
    aten._native_batch_norm_legit_no_training.default: _batch_norm,
    aten._native_batch_norm_legit.no_stats: _batch_norm,
    aten.native_batch_norm.default: _batch_norm,
    aten.add.Tensor: _joined,
    aten.addmm.default: _matrices,
    aten.div.Tensor: _joined,
    aten.mul.Tensor: _joined,
    aten.sub.Tensor: _joined,
    aten.view.default: _view,
    aten._unsafe_view.default: _view,
    **{
        getattr(aten, name).default: stand_in
        for names, stand_in in (
            (("elu_", "hardsigmoid_", "hardswish_", "hardtanh_", "leaky_relu_", "relu_", "silu_"), _itself),
            (("elu", "gelu", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "relu"), _alike),
            (("sigmoid", "silu", "tanh"), _alike),
        )
        for name in names
    },
}
"""Results of the right shapes, for operations whose own rules are slow; ``None`` leaves it to them.

PyTorch writes a normalisation as some thirty other operations, and compares sizes in each.
"""


def _by_rule(func: Any, tensors: Sequence[Any], args: Any, kwargs: Any) -> Any:
    """The result of PyTorch's own shape rule. ``None`` if it has none, and where a fake tensor changes the layout."""
    order = torch.contiguous_format
    if func is _CONVOLUTION:
        x, *rest = tensors
        order = _order(x)
        if order is None or not all(of.is_contiguous() for of in rest):
            return None
        kernel, transposed, groups = rest[0].shape, args[6], args[8]
        if not same_size(x.shape[1], kernel[0] if transposed else kernel[1] * groups):
            return None  # PyTorch's message has both numbers
    mode = tensors[0].fake_mode
    try:
        with in_kernel_invocation_manager(mode):
            result = func(*args, **kwargs)
    except NotImplementedError:
        return None
    if order is torch.channels_last:
        return _empty(x, result.shape, order)
    if isinstance(result, torch.Tensor):
        return FakeTensor(mode, result, _CPU)
    return tuple(FakeTensor(mode, of, _CPU) for of in result)


_CONVOLUTION = aten.convolution.default
DIRECT = {
    _CONVOLUTION,
    *(aten.mm.default, aten.bmm.default, aten.cat.default, aten.clone.default),
    *(aten.view.default, aten._unsafe_view.default, aten.t.default, aten.transpose.int, aten.permute.default),
    *(aten.unsqueeze.default, aten.expand.default, aten.repeat.default, aten._softmax.default),
    *(aten.constant_pad_nd.default, aten.replication_pad2d.default, aten.replication_pad3d.default),
    *(aten.reflection_pad2d.default, aten.max_pool2d_with_indices.default, aten.max_pool3d_with_indices.default),
    *(aten.avg_pool2d.default, aten.avg_pool3d.default, aten._adaptive_avg_pool2d.default),
}
"""The operations that run PyTorch's own shape rule: those for which this is faster. None changes its input."""
