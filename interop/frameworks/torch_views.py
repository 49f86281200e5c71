"""Which tensors an operation is given, and which of them share their values.

What is written into a view is written into the tensor behind it.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import torch


def tensors_in(of: Any) -> list[Any]:
    """The tensors in lists, tuples and dictionaries. PyTorch's own walk takes several times as long."""
    if isinstance(of, torch.Tensor):
        return [of]
    parts: Iterable[Any] = of.values() if isinstance(of, dict) else of if isinstance(of, tuple | list) else ()
    found: list[Any] = []
    for part in parts:
        if isinstance(part, torch.Tensor):
            found.append(part)
        elif isinstance(part, tuple | list | dict):
            found += tensors_in(part)
    return found


def root_of(of: Any) -> Any:
    """The tensor behind a view; a tensor that is none is itself."""
    return getattr(of, "root", of)


def note_views(func: Any, args: Any, result: Any) -> None:
    """Note the tensor behind each result, if the operation ``func`` returns views."""
    if func.is_view and args and isinstance(args[0], torch.Tensor):
        root = root_of(args[0])
        for of in tensors_in(result):
            if of is not root:
                of.root = root


def written(func: Any, args: Any, kwargs: Any) -> Iterator[Any]:
    """The tensors that an operation changes."""
    if not func._schema.is_mutable:
        return
    for i, argument in enumerate(func._schema.arguments):
        of = args[i] if i < len(args) else kwargs.get(argument.name)
        if isinstance(of, torch.Tensor) and argument.alias_info is not None and argument.alias_info.is_write:
            yield of


def is_image(of: Any) -> bool:
    """Whether a tensor depends on an image."""
    return hasattr(of, "from_image") or hasattr(root_of(of), "from_image")
