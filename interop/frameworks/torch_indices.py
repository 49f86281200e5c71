"""Indices that PyTorch compares with a size only when it runs: fake tensors have no values.

The values of ``torch.arange`` are known from its sizes, also after it was reshaped, repeated, enlarged or clamped, and
those of a list that is written in the code. So an index made of them is compared here, and the comparison is recorded
as any other. What is read from an image, or from a buffer, is not known, and not compared.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_iter

Ends = tuple[Any, Any]
"""The least and the largest value of a tensor of whole numbers; both occur in it."""

aten = torch.ops.aten
_DEVICE = torch.ops.prim.device.default


class Indices(TorchDispatchMode):
    """Follows the values of ``torch.arange`` to the operations that use them as indices."""

    def __init__(self) -> None:
        super().__init__()
        self.error: IndexError | None = None

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is _DEVICE and type(args[0]) is FakeTensor:
            return args[0].fake_device  # is asked for often
        kwargs = kwargs or {}
        operation = func.overloadpacket
        if operation in _USES:
            for index, size, dimension in _USES[operation](*args, **kwargs):
                self._require(index, size, dimension, may_be_negative=operation in _FROM_THE_END)
        result = func(*args, **kwargs)
        ends = _ends(func, operation, args, kwargs, result)
        if isinstance(result, torch.Tensor) and (ends or hasattr(result, "ends")):
            result.ends = ends
        return result

    def _require(self, index: Any, size: Any, dimension: str, *, may_be_negative: bool) -> None:
        """Raise what PyTorch raises if a known value is outside of an axis of ``size``."""
        ends = getattr(index, "ends", None)
        if ends is None or size is None:
            return
        least, most = ends
        if not most < size:
            outside = most
        elif not least >= (-size if may_be_negative else 0):
            outside = least
        else:
            return
        if index.numel() == 0:
            return
        says = f"index {_plain(outside)} is out of bounds for {dimension} with size {_plain(size)}"
        self.error = IndexError(says)
        raise self.error


def _plain(size: Any) -> Any:
    return size.node.hint if isinstance(size, torch.SymInt) else size


Used = Iterator[tuple[Any, Any, str]]
"""Indices, the size that each must be below, and what has this size."""


def _by_embedding(table: Any, index: Any, *_: Any, **__: Any) -> Used:
    yield index, table.shape[0], "a table"


def _by_index(x: Any, indices: Iterable[Any], *_: Any, **__: Any) -> Used:
    for axis, index in enumerate(indices):  # masks are not counted: they have no ends
        yield index, x.shape[axis] if axis < x.dim() else None, f"dimension {axis}"


def _along_axis(x: Any, axis: int, index: Any, *_: Any, **__: Any) -> Used:
    yield index, x.shape[axis] if x.dim() else None, f"dimension {axis}"


def _into_all(x: Any, index: Any, *_: Any, **__: Any) -> Used:
    yield index, x.numel(), "all values"


_USES: dict[Any, Callable[..., Used]] = {
    aten.embedding: _by_embedding,
    **dict.fromkeys((aten.index, aten.index_put, aten.index_put_, aten._unsafe_index), _by_index),
    **dict.fromkeys((aten.index_select, aten.gather, aten.scatter, aten.scatter_), _along_axis),
    **dict.fromkeys((aten.scatter_add, aten.scatter_add_, aten.index_add, aten.index_add_), _along_axis),
    aten.take: _into_all,
}
"""The operations with indices."""

_FROM_THE_END = {aten.index, aten.index_put, aten.index_put_, aten._unsafe_index, aten.take}
"""Those for which -1 is the last position."""

_KEEP = {
    *(aten.view, aten._unsafe_view, aten.reshape, aten._reshape_copy, aten.unsqueeze, aten.squeeze, aten.expand),
    *(aten.permute, aten.transpose, aten.t, aten.alias, aten.detach, aten.clone, aten.repeat, aten.flip, aten.roll),
    *(aten.lift_fresh, aten._to_copy),
}
"""The operations whose result has the values of their first input, in another order or more often."""


def _ends(func: Any, operation: Any, args: Any, kwargs: Any, result: Any) -> Ends | None:
    """The ends of a result, or ``None`` if they are not known."""
    if not isinstance(result, torch.Tensor) or result.dtype.is_floating_point or result.dtype == torch.bool:
        return None
    if operation is aten.arange:
        numbers = [of for of in args if not isinstance(of, bool)]
        start, step = (numbers[0] if len(numbers) > 1 else 0), (numbers[2] if len(numbers) > 2 else 1)
        last = start + (result.shape[0] - 1) * step
        whole = all(isinstance(of, int | torch.SymInt) for of in (start, step))
        if not whole:
            return None
        return (start, last) if step > 0 else (last, start)
    if operation in (aten.cat, aten.stack):
        several: list[Ends | None] = [getattr(of, "ends", None) for of in tree_iter(args[0])]
        known = [of for of in several if of is not None]
        return known[0] if len(known) == len(several) and all(of is known[0] for of in known) else None
    if operation is aten.lift_fresh and type(args[0]) is torch.Tensor and args[0].numel():  # written as numbers
        with _disable_current_modes():
            return int(args[0].min()), int(args[0].max())
    first: Ends | None = getattr(args[0], "ends", None) if args else None
    if first is None:
        return None
    if operation in _KEEP:
        return first
    number = args[1] if len(args) > 1 else None
    if operation is aten.clamp:
        low, high = number, args[2] if len(args) > 2 else kwargs.get("max")
        return _clamped(first[0], low, high), _clamped(first[1], low, high)
    if not isinstance(number, int | torch.SymInt) or len(args) > 2 or kwargs:
        return None
    change = _CHANGES.get(operation)
    if change is None:
        return None
    one, other = (change(end, number) for end in first)
    falls = operation is aten.rsub or (operation is aten.mul and number < 0)
    return (other, one) if falls else (one, other)


def _clamped(end: Any, low: Any, high: Any) -> Any:
    end = end if low is None or end >= low else low
    return end if high is None or end <= high else high


_CHANGES: dict[Any, Callable[[Any, Any], Any]] = {
    aten.add: lambda end, number: end + number,
    aten.sub: lambda end, number: end - number,
    aten.rsub: lambda end, number: number - end,
    aten.mul: lambda end, number: end * number,
}
"""What a plain number does to each value."""
