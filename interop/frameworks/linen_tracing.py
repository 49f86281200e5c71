"""Flax's Linen without what costs time and has no effect on shapes. It takes half of a reading's time.

- A norm is some thirty operations, and Linen's own work comes on top. Its result has the shape of its image, and
  sizes other than that of the features decide nothing in it. So one that ran is not traced again.
- Linen looks for modules in each field of each module, also in a number.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from types import FunctionType
from typing import Any

import jax

from .replacing import replaced


@contextmanager
def quick_linen(known: set[str]) -> Iterator[None]:
    """Let one run of a network be quick, if Linen is loaded. The ``known`` norms ran before."""
    linen = sys.modules.get("flax.linen")
    if linen is None:
        yield
        return
    adopt = linen.Module._register_submodules

    def adopt_modules(self: Any, name: str, value: Any) -> None:
        if type(value) in _NO_MODULES or (type(value) is tuple and all(type(of) is int for of in value)):
            object.__setattr__(self, name, value)
        else:
            adopt(self, name, value)

    norms = linen.GroupNorm, linen.LayerNorm, linen.RMSNorm, linen.InstanceNorm
    quick = replaced((linen.Module, {"_register_submodules": adopt_modules}))
    with quick, linen.intercept_methods(_once(norms, known)):
        yield


_NO_MODULES = (type(None), bool, int, float, str, FunctionType)
"""The kinds of values that have no module in them."""


def _once(kinds: tuple[type, ...], known: set[str]) -> Callable[..., Any]:
    """What Linen calls in the place of a method: modules of these kinds run unless one like them is ``known``."""

    def call_once(call: Callable[..., Any], args: Any, kwargs: Any, context: Any) -> Any:
        if type(context.module) not in kinds or context.method_name != "__call__" or len(args) != 1 or kwargs:
            return call(*args, **kwargs)
        (image,) = args
        features = getattr(image, "shape", (None,))[-1:]
        if not all(type(n) is int for n in features):  # how many there are is a question
            return call(image)
        key = _key(context.module, image)
        if key in known:
            return image
        result = call(image)
        if (str(result.shape), result.dtype) == (str(image.shape), image.dtype):
            known.add(key)
        return result

    return call_once


def _key(module: Any, image: Any) -> str:
    """What a norm's result depends on, as text: the hash of a symbolic size would be a question itself.

    Empty axes and axes of one are told apart from others.
    """
    numbers = [getattr(module, of.name) for of in fields(module) if of.name not in ("parent", "name")]
    parameters = jax.tree.map(lambda of: (of.shape, of.dtype), dict(module.variables))
    shape = list(image.shape)
    if getattr(module, "feature_axes", -1) == -1:
        shape[:-1] = [min(n, 2) if type(n) is int else "n" for n in shape[:-1]]
    return f"{type(module)} {numbers} {shape} {image.dtype} {parameters}"
