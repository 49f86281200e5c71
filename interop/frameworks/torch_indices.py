"""What PyTorch compares with a size only when it runs: fake tensors have no values.

The values of a tensor that depends on no image and no parameter follow from the sizes. They are computed, if they are
few and depend on no symbol (:mod:`.torch_numbers`); of symbolic ones the ends are often known (:mod:`.torch_ends`). So
an index made of them is compared here, and the comparison is recorded as any other; if its values are not known,
nothing is decided. What is read from an image, or from a buffer, is not compared.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 its name everywhere
from torch._subclasses.fake_tensor import FakeTensor
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

from .torch_ends import ends_of_result, known_ends
from .torch_numbers import Numbers, ends_of, is_of_positions
from .torch_stand_ins import hint
from .torch_views import is_image, root_of, tensors_in, written

aten = torch.ops.aten
_DEVICE = torch.ops.prim.device.default


class Indices(TorchDispatchMode):
    """Follows known values to the operations that use them as indices."""

    def __init__(self) -> None:
        super().__init__()
        self.error: Exception | None = None
        self.lost = ""
        """Why nothing is decided: an index follows from sizes in a way that is not known."""
        self._numbers = Numbers()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is _DEVICE and type(args[0]) is FakeTensor:
            return args[0].fake_device  # is asked for often
        kwargs = kwargs or {}
        operation = func.overloadpacket
        if (
            operation not in _LOOKED_AT
            and not func._schema.is_mutable
            and any(map(is_image, tensors_in((args, kwargs))))
        ):
            return func(*args, **kwargs)  # the values are those of an image
        if operation is aten._local_scalar_dense and (value := self._numbers.of(args[0])) is not None:
            with _disable_current_modes():
                return value.item()
        for index, size, dimension in _USES.get(operation, _nothing)(*args, **kwargs):
            self._require(index, size, dimension, may_be_negative=operation in _FROM_THE_END)
        if operation in _WRITES:
            self._require_room(_WRITES[operation](*args, **kwargs), repeated=operation in _REPEATED)
        if operation in _CHECKED:
            self.error = _CHECKED[operation](*args, **kwargs)
            if self.error is not None:
                raise self.error
        of_positions = self._numbers.follow_from_sizes(func, args, kwargs)
        result = func(*args, **kwargs)
        self._numbers.follow(func, args, kwargs, result)
        numbers = self._numbers.of(result) if isinstance(result, torch.Tensor) else None
        ends = ends_of_result(operation, args, kwargs, result) if numbers is None else ends_of(numbers)
        for of in written(func, args, kwargs):
            root = root_of(of)
            root.writes = getattr(root, "writes", 0) + 1
            root.of_positions = of_positions
        for of in tensors_in(result):
            of.of_positions = of_positions
        if isinstance(result, torch.Tensor) and (ends or hasattr(result, "ends")):
            result.ends, result.ends_at = ends, getattr(root_of(result), "writes", 0)
        return result

    def require_classes(self, func: Any, args: Any, kwargs: Any) -> None:
        """Raise what ``one_hot`` raises if a known value is no class: PyTorch's own rule compares it with each."""
        if func is not F.one_hot:
            return
        index, *more = args
        classes = more[0] if more else kwargs.get("num_classes", -1)
        if not (isinstance(classes, int) and classes == -1):
            self._require(index, classes, "the classes", may_be_negative=False)

    def _require(self, index: Any, size: Any, dimension: str, *, may_be_negative: bool) -> None:
        """Raise what PyTorch raises if a known value is outside of an axis of ``size``."""
        numbers = self._numbers.of(index)
        ends = known_ends(index) if numbers is None else ends_of(numbers)
        if ends is None and numbers is None and _is_index(index) and is_of_positions(index):
            self.lost = f"an index of {dimension} is computed from sizes in a way that is not followed"
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
        says = f"index {hint(outside)} is out of bounds for {dimension} with size {hint(size)}"
        self.error = IndexError(says)
        raise self.error

    def _require_room(self, written: "Written", *, repeated: bool) -> None:
        """Raise what PyTorch raises if a tensor has not the shape of the part where it is written."""
        if written is None:
            return
        room, given = (of.shape for of in written)
        if repeated and len(given) <= len(room):
            fits = all(n == 1 or n == there for n, there in zip(given[::-1], room[::-1], strict=False))
        else:
            fits = len(given) == len(room) and all(n == there for n, there in zip(given, room, strict=True))
        if not fits:
            shown = " into ".join(str(tuple(map(hint, shape))) for shape in (given, room))
            self.error = RuntimeError(f"shape mismatch: {shown}")
            raise self.error


def _is_index(of: Any) -> bool:
    return isinstance(of, torch.Tensor) and of.dtype not in (torch.bool, torch.uint8)


Used = Iterator[tuple[Any, Any, str]]
"""Indices, the size that each must be below, and what has this size."""


def _nothing(*_: Any, **__: Any) -> Used:
    yield from ()


def _by_embedding(table: Any, index: Any, *_: Any, **__: Any) -> Used:
    yield index, table.shape[0], "a table"


def _by_index(x: Any, indices: Iterable[Any], *_: Any, **__: Any) -> Used:
    for axis, index in enumerate(indices):  # masks are not counted: they have no ends
        yield index, x.shape[axis] if axis < x.dim() else None, f"dimension {axis}"


def _along_axis(x: Any, axis: int, index: Any, *_: Any, **__: Any) -> Used:
    yield index, x.shape[axis] if x.dim() else None, f"dimension {axis}"


def _into_all(x: Any, index: Any, *_: Any, **__: Any) -> Used:
    yield index, x.numel(), "all values"


_TAKE = (aten.index, aten.index_put, aten.index_put_)  # PyTorch's own resizes use another, which compares nothing
_USES: dict[Any, Callable[..., Used]] = {
    **dict.fromkeys((aten.embedding, aten._embedding_bag, aten._embedding_bag_forward_only), _by_embedding),
    **dict.fromkeys(_TAKE, _by_index),
    **dict.fromkeys((aten.index_select, aten.gather, aten.scatter, aten.scatter_), _along_axis),
    **dict.fromkeys((aten.scatter_add, aten.scatter_add_, aten.index_add, aten.index_add_), _along_axis),
    **dict.fromkeys((aten.scatter_reduce, aten.scatter_reduce_), _along_axis),
    **dict.fromkeys((aten.index_fill, aten.index_fill_, aten.index_copy, aten.index_copy_), _along_axis),
    **dict.fromkeys((aten.index_reduce, aten.index_reduce_), _along_axis),
    **dict.fromkeys((aten.take, aten.put, aten.put_), _into_all),
}
"""The operations with indices."""

_FROM_THE_END = {*_TAKE, aten.take, aten.put, aten.put_, aten.index_fill, aten.index_fill_}
"""Those for which -1 is the last position."""


def _to_choose_from(x: Any, dim: Any = None, *_: Any, **__: Any) -> Exception | None:
    """The error if there is no value to choose from."""
    if isinstance(dim, torch.Tensor):  # the larger of two
        return None
    count = x.numel() if dim is None else x.shape[dim] if x.dim() else 1
    return None if count > 0 else IndexError("Expected reduction dim to have non-zero size")


def _to_average(x: Any, *_: Any, **__: Any) -> Exception | None:
    """The error if a channel has no value to average."""
    if all(n > 0 for n in x.shape[1:]):
        return None
    return RuntimeError("adaptive_avg_pool(): Expected input to have non-zero size for non-batch dimensions")


def _in_memory(x: Any, size: Any, stride: Any, offset: Any = None, *_: Any, **__: Any) -> Exception | None:
    """The error if a view has positions beyond the memory of its tensor."""
    if not all(n > 0 for n in size):
        return None
    start = x.storage_offset() if offset is None else offset
    needed = start + 1 + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    memory = x.untyped_storage().nbytes() // x.element_size()
    if needed <= memory:
        return None
    says = f"requiring a storage size of {hint(needed)} are out of bounds for storage of size {hint(memory)}"
    return RuntimeError(f"setStorage: sizes {list(map(hint, size))}, strides {list(map(hint, stride))} {says}")


_CHECKED: dict[Any, Callable[..., Exception | None]] = {
    **dict.fromkeys((aten.max, aten.min, aten.median, aten.nanmedian, aten.mode), _to_choose_from),
    **dict.fromkeys((aten._adaptive_avg_pool2d, aten._adaptive_avg_pool3d), _to_average),
    **dict.fromkeys((aten.as_strided, aten.as_strided_), _in_memory),
}
"""What PyTorch checks of these operations only when they run: the error, if there is one."""


Written = tuple[Any, Any] | None
"""A part of a tensor, and what is written there; ``None`` if the part depends on values."""


def _into_index(x: Any, indices: Any, values: Any, *_: Any, **__: Any) -> Written:
    by_values = any(of is not None and of.dtype in (torch.bool, torch.uint8) for of in indices)
    return None if by_values else (aten.index.Tensor(x, indices), values)


def _into_slice(x: Any, values: Any, *of: Any, **more: Any) -> Written:
    return aten.slice.Tensor(x, *of, **more), values


def _into_select(x: Any, values: Any, *of: Any, **more: Any) -> Written:
    return aten.select.int(x, *of, **more), values


def _into_diagonal(x: Any, values: Any, *of: Any, **more: Any) -> Written:
    return aten.diagonal.default(x, *of, **more), values


_WRITES: dict[Any, Callable[..., Written]] = {
    **dict.fromkeys((aten.index_put, aten.index_put_), _into_index),
    aten.slice_scatter: _into_slice,
    aten.select_scatter: _into_select,
    aten.diagonal_scatter: _into_diagonal,
}
"""The operations that write a tensor into another one."""

_REPEATED = {aten.index_put, aten.index_put_}
"""Those that repeat what is written if it is smaller."""

_LOOKED_AT = {aten._local_scalar_dense, *_USES, *_WRITES, *_CHECKED}
"""The operations that are compared with known values, also if they are given an image."""
