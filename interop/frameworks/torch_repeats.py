"""Operations that occurred before in the same run, on tensors of the same shapes: their results are made again.

The blocks of a network are often alike. An operation on tensors of the same shapes asks the same questions about sizes,
so the second time it says nothing new.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from .torch_numbers import is_of_positions
from .torch_quick import same_size
from .torch_views import is_image, root_of, tensors_in

_CPU = torch.device("cpu")


@dataclass(slots=True)
class Result:
    """The tensor that an operation returned, and for each of its elementwise parts whether it repeated a size of 1."""

    mode: FakeTensorMode
    shape: torch.Size
    strides: tuple[int, ...]
    dtype: torch.dtype
    from_image: bool
    repeats: list[bool]
    without_mode: torch.Tensor | None = None

    def again(self) -> FakeTensor | None:
        """A new tensor like this one, or ``None`` if its axes are in an unusual order in memory."""
        if self.without_mode is None:
            order = _order(self.shape, self.strides)
            if order is None:
                return None
            with torch._C._DisableTorchDispatch():
                # With an order in the place of strides, PyTorch asks no question about sizes of 1.
                self.without_mode = torch.empty(self.shape, dtype=self.dtype, device="meta", memory_format=order)
        made = FakeTensor(self.mode, self.without_mode, _CPU)
        if self.from_image:
            made.from_image = True
        return made


class Repeats:
    """The results of the operations of one run."""

    def __init__(self) -> None:
        self.results: dict[Hashable, Result] = {}

    def key(self, func: Any, args: Any, kwargs: Any) -> Hashable | None:
        """What the sizes of the result depend on; ``None`` if it is not known."""
        if torch.is_autocast_enabled("cpu") or torch.is_grad_enabled():
            return None
        try:
            key = (func, torch.get_default_dtype(), _key(args), tuple((name, _key(of)) for name, of in kwargs.items()))
            hash(key)
        except (_NotKnownError, TypeError):
            return None
        return key

    def keep(self, key: Hashable, args: Any, kwargs: Any, result: Any, repeats: list[bool]) -> None:
        """Keep a result, if it is one new tensor.

        An operation that returns nothing, or a tensor that it was given, may have changed the shapes of what it was
        given.
        """
        given = tensors_in((args, kwargs))
        if result is None or any(one is of for of in given for one in tensors_in(result)):
            for of in given:
                of.__dict__.pop("key", None)
        elif (
            key is not None
            and type(result) is FakeTensor
            and result.fake_device == _CPU
            and not _has_values(result)
            and root_of(result) is result
        ):
            self.results[key] = Result(
                result.fake_mode, result.shape, result.stride(), result.dtype, is_image(result), repeats
            )


def _order(shape: Sequence[int], strides: Sequence[int]) -> torch.memory_format | None:
    """The order of the axes in memory by the strides, if it is a usual one. Unlike PyTorch's, it asks no question."""
    usual: dict[torch.memory_format, Sequence[int]] = {torch.contiguous_format: range(len(shape))}
    if len(shape) == 4:
        usual[torch.channels_last] = (0, 2, 3, 1)
    for order, slowest_first in usual.items():
        step, fits = 1, True
        for d in reversed(slowest_first):
            fits = fits and same_size(strides[d], step)
            step = step * shape[d]
        if fits:
            return order
    return None


class _NotKnownError(Exception):
    pass


def _key(of: Any) -> Hashable:
    kind = type(of)
    if kind is FakeTensor:
        found: Hashable = of.__dict__.get("key")
        if found is None:
            found = of.key = _key_of_tensor(of)
        return found, is_image(of)
    if kind is torch.SymInt:
        if of.node.value is None:
            raise _NotKnownError
        return frozenset(of.node.value.items())
    if kind in (tuple, list):
        return (kind, *map(_key, of))
    if isinstance(of, torch.Tensor | torch.SymFloat | torch.SymBool):
        raise _NotKnownError
    return kind, of


def _key_of_tensor(of: FakeTensor) -> Hashable:
    if of.fake_device != _CPU or _has_values(of):
        raise _NotKnownError
    return _key_of_sizes(of.shape), _key_of_sizes(of.stride()), of.dtype


def _key_of_sizes(sizes: Sequence[Any]) -> Hashable:
    return tuple([n if type(n) is int else _key(n) for n in sizes])


def _has_values(of: FakeTensor) -> bool:
    """Whether some of its values are known, or follow from sizes."""
    return of.constant is not None or is_of_positions(of)
