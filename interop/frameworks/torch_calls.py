"""The functions of PyTorch that a network calls, in order: the outermost ones, with the arguments that it gives."""

import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import FrameType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map

from ..sizes.places import is_own, written_line
from .torch_views import tensors_in


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A call: the function's ``name``, what it was given, and the ``results`` that are tensors.

    ``module`` is the path of the module that calls it, and ``plain`` whether that is one of PyTorch's own. ``file`` and
    ``row`` are the user's line.
    """

    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    results: Sequence[Any]
    module: str
    plain: bool
    file: str
    row: int

    def line(self) -> str:
        """The module that the call comes from, and the user's line."""
        return ", ".join(filter(None, (self.module, written_line(self.file, self.row) if self.file else "")))


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """What PyTorch ran: the calls, the images that it was given, and the outputs.

    ``paths`` are those of parameters and buffers by their ids, and ``buffers`` are the ids of the latter.
    """

    calls: Sequence[Call]
    images: Sequence[Any]
    paths: Mapping[int, str]
    buffers: Collection[int] = ()
    outputs: Sequence[Any] = ()
    finished: bool = False


class Calls(TorchFunctionMode):
    """Records the calls of a network. ``modules`` are the paths of its modules by their ids.

    A function that PyTorch writes in Python is one call: what it calls itself is not recorded.
    """

    def __init__(self, modules: Mapping[int, str]) -> None:
        super().__init__()
        self.modules = modules
        self.found: list[Call] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        results = tensors_in(result)
        if results or _changes(func):
            frame = sys._getframe(1)
            (module, plain), (file, row) = self._module(frame), _line(frame)
            args, kwargs = tree_map(_same, (args, kwargs))  # a network may change a list that it gives
            self.found.append(Call(_name(func), args, kwargs, results, module, plain, file, row))
        return result

    def _module(self, frame: FrameType | None) -> tuple[str, bool]:
        """The path of the module that runs, and whether it is one of PyTorch's own."""
        while frame is not None:
            this = frame.f_locals.get("self")
            if isinstance(this, torch.nn.Module):
                return self.modules.get(id(this), ""), type(this).__module__.startswith("torch.nn.modules.")
            frame = frame.f_back
        return "", False


def _line(frame: FrameType | None) -> tuple[str, int]:
    """The user's line that runs."""
    while frame is not None:
        if is_own(frame.f_code.co_filename):
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return "", 0


def _same(of: Any) -> Any:
    return of


def _changes(func: Any) -> bool:
    """Whether a function that returns nothing changes a tensor."""
    return getattr(func, "__name__", "") in ("__setitem__", "__delitem__")


@lru_cache(maxsize=1024)
def _name(func: Any) -> str:
    """The plain name of a function: ``add`` for ``Tensor.add_``, ``rsub`` for ``Tensor.__rsub__``.

    >>> _name(torch.Tensor.add_), _name(torch.Tensor.__rsub__), _name(torch.ops.aten.relu.default)
    ('add', 'rsub', 'relu')
    """
    name = str(getattr(func, "__name__", func))
    if name == "__get__":
        name = str(getattr(func.__self__, "__name__", name))
    return name.partition(".")[0].strip("_")
