"""The values of small tensors that depend on no image and no parameter: they are computed beside the fake ones."""

from contextlib import suppress
from typing import Any

import torch
from torch.utils._python_dispatch import _disable_current_modes
from torch.utils._pytree import tree_iter, tree_map

from .torch_ends import Ends
from .torch_stand_ins import SYMBOLS
from .torch_views import is_image, root_of, tensors_in, written

FEW = 2**16
"""The values of a larger tensor are not computed."""

aten = torch.ops.aten


class Numbers:
    """The values of the tensors of one run, as far as they are known."""

    def __init__(self) -> None:
        self._copies: dict[int, tuple[Any, Any]] = {}  # tensors of the user's code, each with its copy
        self._changed: dict[Any, Any] = {}  # values that are not known any more, by their memory

    def of(self, tensor: Any) -> Any:
        """The values of a tensor, or ``None``."""
        if is_image(tensor):
            return None
        if type(tensor) is torch.Tensor:
            if tensor.numel() > FEW or tensor.is_meta:
                return None
            if id(tensor) not in self._copies:  # an operation may change it in place, which must not be seen
                with _disable_current_modes():
                    self._copies[id(tensor)] = tensor, tensor.detach().clone()
            numbers = self._copies[id(tensor)][1]
        else:
            numbers = getattr(tensor, "numbers", None)
        return None if numbers is None or _memory(numbers) in self._changed else numbers

    def follow(self, func: Any, args: Any, kwargs: Any, result: Any) -> None:
        """Compute the values of a result, if those of the arguments are known."""
        given = {id(of): self.of(of) for of in tensors_in((args, kwargs))}
        made = tensors_in(result)
        computed = None
        if not (
            any(of is None for of in given.values())
            or any(isinstance(of, SYMBOLS) for of in tree_iter((args, kwargs)))
            or _is_random(func)
            or not all(map(_is_small, made))
        ):
            arguments = {name: of for name, of in kwargs.items() if name != "device"}
            with _disable_current_modes(), suppress(Exception):
                args, kwargs = tree_map(lambda of: given.get(id(of), of), (args, arguments))
                computed = func(*args, **kwargs)
        else:
            for of in map(self.of, written(func, args, kwargs)):
                if of is not None:
                    self._changed[_memory(of)] = of
        for of, numbers in zip(made, tensors_in(computed), strict=False):
            of.numbers = numbers

    def follow_from_sizes(self, func: Any, args: Any, kwargs: Any) -> bool:
        """Whether the values of a result follow from sizes alone."""
        tensors = tensors_in((args, kwargs))
        return not _is_random(func) and all(is_of_positions(of) or self.of(of) is not None for of in tensors)


def is_of_positions(of: Any) -> bool:
    """Whether the values of a tensor follow from sizes alone."""
    return bool(getattr(root_of(of), "of_positions", False)) and bool(getattr(of, "of_positions", False))


def ends_of(numbers: Any) -> Ends | None:
    """The least and the largest of some whole numbers; ``None`` for others, and if there are none."""
    is_whole = not (numbers.is_floating_point() or numbers.is_complex() or numbers.dtype == torch.bool)
    if not is_whole or numbers.numel() == 0:
        return None
    with _disable_current_modes():
        return int(numbers.min()), int(numbers.max())


def _is_small(of: Any) -> bool:
    return all(isinstance(n, int) for n in of.shape) and of.numel() <= FEW and not is_image(of)


def _is_random(func: Any) -> bool:
    """Whether the values of an operation's result do not follow from what it is given."""
    return torch.Tag.nondeterministic_seeded in func.tags or func.overloadpacket in _UNSET


_UNSET = {aten.empty, aten.empty_like, aten.new_empty, aten.empty_strided}
"""The operations whose results have any values."""


def _memory(numbers: Any) -> Any:
    return numbers.untyped_storage()._cdata
