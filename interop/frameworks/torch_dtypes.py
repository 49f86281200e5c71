"""What PyTorch says of dtypes only when it computes: its shape rules multiply matrices of different dtypes.

So an operation on unusual dtypes is run once on zeros. What it says of the dtypes holds for every size.
"""

import math
import re
from collections.abc import Iterator
from typing import Any

import torch
from torch._dispatch.python import no_python_dispatcher
from torch.utils._python_dispatch import _disable_current_modes
from torch.utils._pytree import tree_map

from .torch_stand_ins import hint

MANY = 2**24
"""An operation on more numbers than this is not run."""

_SAYS = re.compile(
    r"not implemented for '|same dtype|same datatype|scalar type|mixed dtype|dtypes match|different dtypes"
    r"|can't be cast|not support|only support|should be the same|target dtype"
)
"""What an error says that is about dtypes."""

_KNOWN: dict[Any, Exception | None] = {}
"""The error, or none, of each operation on dtypes that was run: it is run once in a process."""


def dtype_error(func: Any, args: Any, kwargs: Any) -> Exception | None:
    """The error of PyTorch's kernel for these dtypes; ``None`` if there is none or the dtypes are usual.

    Usual is one floating dtype for all tensors.
    """
    tensors = list(_tensors(args, kwargs))
    dtypes = tuple(of.dtype for of in tensors)
    if not dtypes or (dtypes[0].is_floating_point and all(of is dtypes[0] for of in dtypes)):
        return None
    key = func, dtypes, tuple(map(_kind, (*args, *kwargs.values())))
    if key not in _KNOWN:
        if sum(math.prod(map(hint, of.shape)) for of in tensors) > MANY:
            return None
        _KNOWN[key] = _error_on_zeros(func, args, kwargs)
    error = _KNOWN[key]
    return None if error is None else type(error)(*error.args)


def _tensors(args: Any, kwargs: Any) -> Iterator[Any]:
    for of in (*args, *kwargs.values()):
        if isinstance(of, torch.Tensor):
            yield of
        elif isinstance(of, list | tuple):
            yield from (one for one in of if isinstance(one, torch.Tensor))


def _kind(of: Any) -> Any:
    """What an error about dtypes can depend on: a mode's name, and not a number."""
    return of.dim() if isinstance(of, torch.Tensor) else of if isinstance(of, str | bool) else type(of)


def _error_on_zeros(func: Any, args: Any, kwargs: Any) -> Exception | None:
    with _disable_current_modes(), no_python_dispatcher(), torch.random.fork_rng(devices=[]):
        try:
            func(*tree_map(_zeros, args), **tree_map(_zeros, kwargs))
        except (RuntimeError, NotImplementedError) as error:
            return error.with_traceback(None) if _SAYS.search(str(error)) else None
        except Exception:
            return None
    return None


def _zeros(of: Any) -> Any:
    if not isinstance(of, torch.Tensor):
        return hint(of)
    return torch.zeros(tuple(map(hint, of.shape)), dtype=of.dtype)
