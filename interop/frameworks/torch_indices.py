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

Rule = Callable[[Any, Any, Any], Ends | None]
"""From the arguments of an operation, those by name, and its result to the ends of the result."""

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
        ends = _ends(operation, args, kwargs, result)
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


def _of_arange(args: Any, kwargs: Any, result: Any) -> Ends | None:
    numbers = [of for of in args if not isinstance(of, bool)]
    start, step = (numbers[0] if len(numbers) > 1 else 0), (numbers[2] if len(numbers) > 2 else 1)
    if not all(isinstance(of, int | torch.SymInt) for of in (start, step)):
        return None
    last = start + (result.shape[0] - 1) * step
    return (start, last) if step > 0 else (last, start)


def _of_all(args: Any, kwargs: Any, result: Any) -> Ends | None:
    """The ends of several tensors, if they are those of one."""
    first, *others = [_known(of) for of in tree_iter(args[0])]
    return first if all(of is first for of in others) else None


def _of_written(args: Any, kwargs: Any, result: Any) -> Ends | None:
    """The ends of a list that is written in the code."""
    if type(args[0]) is not torch.Tensor or not args[0].numel():
        return _known(args[0])
    with _disable_current_modes():
        return int(args[0].min()), int(args[0].max())


def _of_first(args: Any, kwargs: Any, result: Any) -> Ends | None:
    return _known(args[0])


def _of_clamped(args: Any, kwargs: Any, result: Any) -> Ends | None:
    ends = _known(args[0])
    low, high = (args[k] if len(args) > k else kwargs.get(name) for k, name in ((1, "min"), (2, "max")))
    return ends and (_clamped(ends[0], low, high), _clamped(ends[1], low, high))


def _clamped(end: Any, low: Any, high: Any) -> Any:
    end = end if low is None or end >= low else low
    return end if high is None or end <= high else high


def _changed_by(change: Callable[[Any, Any], Any], falls: Callable[[Any], bool] = lambda number: False) -> Rule:
    """The rule for an operation that does the ``change`` to each value and a plain number.

    ``falls`` says for which numbers the largest value becomes the least.
    """

    def rule(args: Any, kwargs: Any, result: Any) -> Ends | None:
        ends = _known(args[0])
        if ends is None or len(args) != 2 or kwargs or not isinstance(args[1], int | torch.SymInt):
            return None
        one, other = (change(end, args[1]) for end in ends)
        return (other, one) if falls(args[1]) else (one, other)

    return rule


def _known(of: Any) -> Ends | None:
    return getattr(of, "ends", None)


_RULES: dict[Any, Rule] = {
    aten.arange: _of_arange,
    **dict.fromkeys((aten.cat, aten.stack), _of_all),
    aten.lift_fresh: _of_written,
    aten.clamp: _of_clamped,
    aten.add: _changed_by(lambda end, number: end + number),
    aten.sub: _changed_by(lambda end, number: end - number),
    aten.rsub: _changed_by(lambda end, number: number - end, lambda number: True),
    aten.mul: _changed_by(lambda end, number: end * number, lambda number: number < 0),
    **dict.fromkeys(
        (
            *(aten.view, aten._unsafe_view, aten.reshape, aten._reshape_copy, aten.unsqueeze, aten.squeeze),
            *(aten.permute, aten.transpose, aten.t, aten.alias, aten.detach, aten.clone, aten.repeat, aten.flip),
            *(aten.roll, aten.expand, aten._to_copy),
        ),
        _of_first,  # the same values, in another order or more often
    ),
}
"""The ends of a result, by the operation."""


def _ends(operation: Any, args: Any, kwargs: Any, result: Any) -> Ends | None:
    """The ends of a result, or ``None`` if they are not known."""
    if not isinstance(result, torch.Tensor) or result.dtype.is_floating_point or result.dtype == torch.bool:
        return None
    rule = _RULES.get(operation)
    return rule(args, kwargs, result) if rule else None
