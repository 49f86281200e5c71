"""What PyTorch compares with a size only when it runs: fake tensors have no values.

The values of a tensor that depends on no image and no parameter follow from the sizes. They are computed, if they are
few and depend on no symbol. Of ``torch.arange`` and a few others the ends are known for symbolic sizes too, also after
they were reshaped, enlarged or clamped. So an index made of them is compared here, and the comparison is recorded as
any other; if its values are not known, nothing is decided. What is read from an image, or from a buffer, is not
compared.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 its name everywhere
from torch._subclasses.fake_tensor import FakeTensor
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_iter, tree_map

from .torch_stand_ins import SYMBOLS, ends_of_linspace
from .torch_views import is_image, root_of, written

Ends = tuple[Any, Any]
"""The least and the largest value of a tensor of whole numbers; both occur in it."""

Rule = Callable[[Any, Any, Any], Ends | None]
"""From the arguments of an operation, those by name, and its result to the ends of the result."""

FEW = 2**16
"""The values of a larger tensor are not computed."""

aten = torch.ops.aten
_DEVICE = torch.ops.prim.device.default


class Indices(TorchDispatchMode):
    """Follows known values to the operations that use them as indices."""

    def __init__(self) -> None:
        super().__init__()
        self.error: Exception | None = None
        self.lost = ""
        """Why nothing is decided: an index follows from sizes in a way that is not known."""
        self._copies: dict[int, tuple[Any, Any]] = {}  # tensors of the user's code, each with its copy
        self._changed: dict[Any, Any] = {}  # values that are not known any more, by their memory

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is _DEVICE and type(args[0]) is FakeTensor:
            return args[0].fake_device  # is asked for often
        kwargs = kwargs or {}
        operation = func.overloadpacket
        if operation is aten._local_scalar_dense and (value := self._numbers(args[0])) is not None:
            with _disable_current_modes():
                return value.item()
        for index, size, dimension in _USES.get(operation, _nothing)(*args, **kwargs):
            self._require(index, size, dimension, may_be_negative=operation in _FROM_THE_END)
        if operation in _WRITES:
            self._require_room(_WRITES[operation](*args, **kwargs), repeated=operation in _REPEATED)
        if operation in _OF_SOME:
            self._require_some(*args, **kwargs)
        of_positions = self._of_positions(func, args, kwargs)
        result = func(*args, **kwargs)
        numbers = self._computed(func, args, kwargs, result)
        ends = _ends_of(numbers) if numbers is not None else _ends(operation, args, kwargs, result)
        for of in written(func, args, kwargs):
            root = root_of(of)
            root.writes = getattr(root, "writes", 0) + 1
            root.of_positions = of_positions
        for of in tree_iter(result):
            if isinstance(of, torch.Tensor):
                of.of_positions = of_positions
        if isinstance(result, torch.Tensor) and (ends or hasattr(result, "ends")):
            result.ends, result.ends_at = ends, getattr(root_of(result), "writes", 0)
        return result

    def _of_positions(self, func: Any, args: Any, kwargs: Any) -> bool:
        """Whether the values of a result follow from sizes alone."""
        tensors = [of for of in tree_iter((args, kwargs)) if isinstance(of, torch.Tensor)]
        return not _is_random(func) and all(is_of_positions(of) or self._numbers(of) is not None for of in tensors)

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
        numbers = self._numbers(index)
        ends = _known(index) if numbers is None else _ends_of(numbers)
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
        says = f"index {_plain(outside)} is out of bounds for {dimension} with size {_plain(size)}"
        self.error = IndexError(says)
        raise self.error

    def _require_some(self, x: Any, dim: Any = None, *_: Any, **__: Any) -> None:
        """Raise what PyTorch raises if there is no value to choose from."""
        if isinstance(dim, torch.Tensor):  # the larger of two
            return
        count = x.numel() if dim is None else x.shape[dim] if x.dim() else 1
        if not count > 0:
            self.error = IndexError("Expected reduction dim to have non-zero size")
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
            shown = " into ".join(str(tuple(map(_plain, shape))) for shape in (given, room))
            self.error = RuntimeError(f"shape mismatch: {shown}")
            raise self.error

    def _computed(self, func: Any, args: Any, kwargs: Any, result: Any) -> Any:
        """The values of a result, if they follow from values that are known."""
        leaves = list(tree_iter((args, kwargs)))
        given = {id(of): self._numbers(of) for of in leaves if isinstance(of, torch.Tensor)}
        made = [of for of in tree_iter(result) if isinstance(of, torch.Tensor)]
        computed = None
        if not (
            any(of is None for of in given.values())
            or any(isinstance(of, SYMBOLS) for of in leaves)
            or _is_random(func)
            or not all(map(_is_small, made))
        ):
            arguments = {name: of for name, of in kwargs.items() if name != "device"}
            with _disable_current_modes(), suppress(Exception):
                args, kwargs = tree_map(lambda of: given.get(id(of), of), (args, arguments))
                computed = func(*args, **kwargs)
        else:
            for of in map(self._numbers, written(func, args, kwargs)):
                if of is not None:
                    self._changed[_memory(of)] = of
        for of, numbers in zip(made, tree_iter(computed), strict=False):
            of.numbers = numbers
        return computed if isinstance(result, torch.Tensor) else None

    def _numbers(self, of: Any) -> Any:
        """The values of a tensor, if they are known."""
        if is_image(of):
            return None
        if type(of) is torch.Tensor:
            if of.numel() > FEW or of.is_meta:
                return None
            if id(of) not in self._copies:  # an operation may change it in place, which must not be seen
                with _disable_current_modes():
                    self._copies[id(of)] = of, of.detach().clone()
            numbers = self._copies[id(of)][1]
        else:
            numbers = getattr(of, "numbers", None)
        return None if numbers is None or _memory(numbers) in self._changed else numbers


def _is_small(of: Any) -> bool:
    plain = all(isinstance(n, int) for n in of.shape)
    return plain and of.numel() <= FEW and not hasattr(of, "from_image")


def is_of_positions(of: Any) -> bool:
    """Whether the values of a tensor follow from sizes alone."""
    return bool(getattr(root_of(of), "of_positions", False)) and bool(getattr(of, "of_positions", False))


def _is_random(func: Any) -> bool:
    """Whether the values of an operation's result do not follow from what it is given."""
    return torch.Tag.nondeterministic_seeded in func.tags or func.overloadpacket in _UNSET


def _is_index(of: Any) -> bool:
    return isinstance(of, torch.Tensor) and of.dtype not in (torch.bool, torch.uint8)


_UNSET = {aten.empty, aten.empty_like, aten.new_empty, aten.empty_strided}
"""The operations whose results have any values."""


def _memory(numbers: Any) -> Any:
    return numbers.untyped_storage()._cdata


def _ends_of(numbers: Any) -> Ends | None:
    is_whole = not (numbers.is_floating_point() or numbers.is_complex() or numbers.dtype == torch.bool)
    if not is_whole or numbers.numel() == 0:
        return None
    with _disable_current_modes():
        return int(numbers.min()), int(numbers.max())


def _plain(size: Any) -> Any:
    return size.node.hint if isinstance(size, torch.SymInt) else size


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


Written = tuple[Any, Any] | None
"""A part of a tensor, and what is written there; ``None`` if the part depends on values."""


def _into_index(x: Any, indices: Any, values: Any, *_: Any, **__: Any) -> Written:
    by_values = any(of is not None and of.dtype in (torch.bool, torch.uint8) for of in indices)
    return None if by_values else (aten.index.Tensor(x, indices), values)


_OF_SOME = {aten.max, aten.min, aten.median, aten.nanmedian, aten.mode}
"""The operations that choose one of several values."""


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


def _of_arange(args: Any, kwargs: Any, result: Any) -> Ends | None:
    numbers = [of for of in args if not isinstance(of, bool)]
    start, step = (numbers[0] if len(numbers) > 1 else 0), (numbers[2] if len(numbers) > 2 else 1)
    if not all(isinstance(of, int | torch.SymInt) for of in (start, step)):
        return None
    last = start + (result.shape[0] - 1) * step
    return (start, last) if step > 0 else (last, start)


def _of_linspace(args: Any, kwargs: Any, result: Any) -> Ends | None:
    return ends_of_linspace(*args[:3])


def _of_full(args: Any, kwargs: Any, result: Any) -> Ends | None:
    return (args[1], args[1]) if isinstance(args[1], int | torch.SymInt) and not isinstance(args[1], bool) else None


def _of_all(args: Any, kwargs: Any, result: Any) -> Ends | None:
    """The ends of several tensors together."""
    tensors = list(tree_iter(args[0]))
    known = [ends for of in tensors if (ends := _known(of)) is not None]
    if not known or len(known) < len(tensors):
        return None
    least, most = known[0]
    for a, b in known[1:]:
        least, most = a if a < least else least, b if b > most else most
    return least, most


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
        ends, number = _known(args[0]), _number(args[1]) if len(args) == 2 and not kwargs else None
        if ends is None or number is None:
            return None
        one, other = (change(end, number) for end in ends)
        return (other, one) if falls(number) else (one, other)

    return rule


def _number(of: Any) -> Any:
    """A whole number, also one that a tensor has everywhere; ``None`` for others."""
    if isinstance(of, torch.Tensor):
        least, most = _known(of) or (0, 1)
        return least if least is most or (isinstance(least, int) and least == most) else None
    return of if isinstance(of, int | torch.SymInt) and not isinstance(of, bool) else None


def _joined(change: Callable[[Any, Any], Any], ends_of_other: Callable[[Ends], Ends]) -> Rule:
    """The rule for the sum or difference of two tensors that have no axis in common."""
    with_number = _changed_by(change)

    def rule(args: Any, kwargs: Any, result: Any) -> Ends | None:
        found = with_number(args, kwargs, result)
        if found or len(args) != 2 or kwargs or not isinstance(args[1], torch.Tensor):
            return found
        a, b = args
        one, other = _known(a), _known(b)
        sizes = zip(a.shape[::-1], b.shape[::-1], strict=False)
        if not (one and other) or not all(1 in (_plain(n), _plain(m)) for n, m in sizes):
            return None
        least, most = ends_of_other(other)
        return change(one[0], least), change(one[1], most)

    return rule


def _of_absolute(args: Any, kwargs: Any, result: Any) -> Ends | None:
    """The larger of both ends; 0 stands for the least, which is no less than 0."""
    ends = _known(args[0])
    if ends is None:
        return None
    least, most = ends
    larger = most if most >= -least else -least
    return (least, most) if least >= 0 else (0 if most >= 0 else -most, larger)


def _negated(ends: Ends | None) -> Ends | None:
    return None if ends is None else (-ends[1], -ends[0])


def _of_copied(args: Any, kwargs: Any, result: Any) -> Ends | None:
    return _known(args[1])


def _known(of: Any) -> Ends | None:
    """The ends of a tensor, unless it was written since through another view."""
    ends: Ends | None = getattr(of, "ends", None)
    return ends if ends and of.ends_at == getattr(root_of(of), "writes", 0) else None


_RULES: dict[Any, Rule] = {
    aten.arange: _of_arange,
    aten.linspace: _of_linspace,
    aten.full: _of_full,
    aten.zeros: lambda args, kwargs, result: (0, 0),
    aten.ones: lambda args, kwargs, result: (1, 1),
    **dict.fromkeys(
        (aten.floor_divide, aten.floor_divide_),
        _changed_by(lambda end, number: end // number, lambda number: number < 0),
    ),
    **dict.fromkeys((aten.cat, aten.stack), _of_all),
    aten.lift_fresh: _of_written,
    **dict.fromkeys((aten.clamp, aten.clamp_), _of_clamped),
    **dict.fromkeys((aten.add, aten.add_), _joined(lambda end, number: end + number, lambda ends: ends)),
    **dict.fromkeys((aten.sub, aten.sub_), _joined(lambda end, number: end - number, lambda ends: ends[::-1])),
    aten.rsub: _changed_by(lambda end, number: number - end, lambda number: True),
    **dict.fromkeys((aten.mul, aten.mul_), _changed_by(lambda end, number: end * number, lambda number: number < 0)),
    **dict.fromkeys((aten.neg, aten.neg_), lambda args, kwargs, result: _negated(_known(args[0]))),
    **dict.fromkeys((aten.abs, aten.abs_), _of_absolute),
    **dict.fromkeys((aten.clamp_min, aten.clamp_min_), _changed_by(lambda end, least: end if end >= least else least)),
    **dict.fromkeys((aten.clamp_max, aten.clamp_max_), _changed_by(lambda end, most: end if end <= most else most)),
    aten.copy_: _of_copied,
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
    """The ends of a result, or ``None`` if they are not known. A float has them only if it is from ``linspace``."""
    rule = _RULES.get(operation)
    if rule is None or not isinstance(result, torch.Tensor) or result.dtype == torch.bool:
        return None
    if result.dtype.is_floating_point and rule not in (_of_first, _of_linspace):
        return None
    return rule(args, kwargs, result)
