"""What stands in for operations and built-ins that turn a symbolic size into a plain number."""

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 its name everywhere
from torch.utils._pytree import tree_iter, tree_map

SYMBOLS = (torch.SymInt, torch.SymFloat, torch.SymBool)


def hint(size: Any) -> Any:
    """The number that a symbol is for the sample; anything else is itself."""
    return size.node.hint if isinstance(size, SYMBOLS) else size


def _is_symbolic(of: Any) -> bool:
    return any(isinstance(number, SYMBOLS) for number in tree_iter(of))


def _max_pool1d(
    image: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    return F.max_pool1d_with_indices(image, kernel_size, stride, padding, dilation, ceil_mode)[0]


def ends_of_linspace(start: Any, end: Any, steps: Any = 0) -> tuple[Any, Any] | None:
    """The ends of ``torch.linspace``, if they are whole numbers that a float holds, and there are several."""
    whole = all(isinstance(of, int | torch.SymInt) and -EXACT <= of <= EXACT for of in (start, end))
    if not whole or not steps > 1:
        return None
    return (start, end) if start <= end else (end, start)


EXACT = 2**24
"""The largest whole number up to which 32-bit floats hold all."""


def _linspace(start: Any, end: Any, steps: Any, **kwargs: Any) -> Any:
    if not _is_symbolic((start, end, steps)):
        return torch.linspace(start, end, steps, **kwargs)
    made: Any = torch.empty((steps,), **{"dtype": torch.get_default_dtype(), **kwargs})
    made.ends, made.ends_at, made.of_positions = ends_of_linspace(start, end, steps), 0, True
    return made


def _tensor(data: Any, **kwargs: Any) -> Any:
    if _is_symbolic(data):
        data = tree_map(_zero, data)
        return torch.tensor(data, **kwargs).new_empty(torch.tensor(data).shape)
    return torch.tensor(data, **kwargs)


def _zero(of: Any) -> Any:
    return 0.0 if isinstance(of, float | torch.SymFloat) else 0


def _instance_norm(
    x: Any, weight: Any, bias: Any, mean: Any, variance: Any, by_image: bool, momentum: float, eps: float, cudnn: bool
) -> Any:
    each = [of for of in (weight, bias) if of is not None]
    if x.dim() < 2 or not by_image or mean is not None or any(tuple(of.shape) != (x.shape[1],) for of in each):
        return torch.instance_norm(x, weight, bias, mean, variance, by_image, momentum, eps, cudnn)
    return torch.ops.aten._native_batch_norm_legit.no_stats(x.contiguous(), None, None, True, momentum, eps)[0]


_MEANS = {F.avg_pool1d: 1, F.avg_pool2d: 2, F.avg_pool3d: 3}
_MAXIMA = {F.max_pool2d: 2, torch.max_pool2d: 2, F.max_pool3d: 3, torch.max_pool3d: 3}
"""The poolings, and how many axes each has."""

_OF_MAX = ("dilation", "ceil_mode", "return_indices")
_OF_MEAN = ("ceil_mode", "count_include_pad", "divisor_override")


def _pooling(plain: Any, axes: int, reduce: Callable[..., Any], others: Sequence[str]) -> Callable[..., Any]:
    """A pooling whose kernel, stride or padding may be symbolic. Its windows are counted, and not made.

    ``others`` are the names of the later arguments of the ``plain`` one.
    """

    def pool(image: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, *args: Any, **kwargs: Any) -> Any:
        stride = kernel_size if stride is None else stride
        given = {**dict(zip(others, args, strict=False)), **kwargs}
        is_dilated = {*tree_iter(given.get("dilation", 1))} != {1}
        is_unusual = is_dilated or given.get("ceil_mode") or given.get("return_indices")
        if is_unusual or not _is_symbolic((kernel_size, stride, padding)):
            return plain(image, kernel_size, stride, padding, *args, **kwargs)
        each = ([*of] if isinstance(of, tuple | list) else [of] * axes for of in (kernel_size, stride, padding))
        counts = []
        for n, kernel, step, pad in zip(image.shape[-axes:], *each, strict=True):
            if kernel < 1 or step < 1 or pad < 0 or 2 * pad > kernel or n + 2 * pad < kernel:
                raise RuntimeError("no window fits")  # PyTorch's own error is that of the sample
            counts.append((n + 2 * pad - kernel) // step + 1)
        reduced = reduce(image, tuple(range(-axes, 0)), keepdim=True)
        return reduced.expand(*image.shape[:-axes], *counts).clone(memory_format=torch.contiguous_format)

    return pool


def _interpolate(
    image: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", *args: Any, **kwargs: Any
) -> Any:
    if not _is_symbolic(scale_factor) or size is not None or args:
        return F.interpolate(image, size, scale_factor, mode, *args, **kwargs)
    positions = image.shape[2:]
    scales = scale_factor if isinstance(scale_factor, tuple | list) else [scale_factor] * len(positions)
    size = [torch.sym_int(n * torch.sym_float(scale)) for n, scale in zip(positions, scales, strict=True)]
    return F.interpolate(image, size, None, mode, **{**kwargs, "recompute_scale_factor": None})


SAME: dict[Any, Callable[..., Any]] = {
    **{of: _pooling(of, axes, torch.mean, _OF_MEAN) for of, axes in _MEANS.items()},
    **{of: _pooling(of, axes, torch.amax, _OF_MAX) for of, axes in _MAXIMA.items()},
    F.interpolate: _interpolate,
    F.max_pool1d: _max_pool1d,
    torch.instance_norm: _instance_norm,
    torch.max_pool1d: _max_pool1d,
    torch.linspace: _linspace,
    torch.tensor: _tensor,
}
"""What makes the same shapes as an operation that turns sizes into plain numbers."""


class _Numbers(type):
    """The class of the stand-ins for ``int`` and ``float`` in the network's own code."""

    plain: type
    symbol: type

    def __instancecheck__(cls, of: Any) -> bool:
        return isinstance(of, (cls.plain, cls.symbol))

    def __call__(cls, *args: Any) -> Any:
        if len(args) == 1 and isinstance(args[0], SYMBOLS):
            convert: Any = torch.sym_int if cls.plain is int else torch.sym_float
            return convert(args[0])
        return cls.plain(*args)


class _Int(int, metaclass=_Numbers):
    plain, symbol = int, torch.SymInt


class _Float(float, metaclass=_Numbers):
    plain, symbol = float, torch.SymFloat


_lock = threading.RLock()


@contextmanager
def numbers_stay_symbolic(model: Any) -> Iterator[None]:
    """Let ``int(size / 2)`` and ``isinstance(size, int)`` in the network's own package work on symbols."""
    modules = list(model.modules()) if isinstance(model, torch.nn.Module) else [model]
    roots = {str(getattr(of, "__module__", "")).partition(".")[0] for of in (*map(type, modules), model)}
    files = [of for name, of in list(sys.modules.items()) if name.partition(".")[0] in roots - {"torch", "builtins"}]
    own = {id(of): of for of in (getattr(of, "__dict__", None) for of in files) if of}.values()
    with _lock:
        added = [(of, name) for of in own for name in _STAND_INS if name not in of]
        for of, name in added:
            of[name] = _STAND_INS[name]
        try:
            yield
        finally:
            for of, name in added:
                of.pop(name, None)


_STAND_INS = {"int": _Int, "float": _Float}
PLAIN: dict[Any, type] = {_Int: int, _Float: float}
"""The dtypes that the stand-ins mean."""
