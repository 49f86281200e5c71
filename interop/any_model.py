"""Questions about any model, whichever framework it is from: which sizes it takes, and whether an image fits."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from inspect import isfunction, signature
from typing import Any

from ..spec.messages.report import Report, ShapeError, UsageError, Verdict, WellshapedError
from .jax_reader import read_jax
from .loading import failure, failure_at
from .sizes.answer import ModelSizes
from .sizes.exploring import Budget
from .sizes.paths import Rejected
from .sizes.reading import name_of
from .torch_reader import read_torch

_NOT_ABOUT_SIZES = (
    *("AttributeError", "ImportError", "KeyError", "ModuleNotFoundError", "NameError", "NotImplementedError"),
    *("UnboundLocalError",),
)
"""Errors that do not come from a size. A network that raises one for every size is broken."""


def read_model(
    model: Any,
    *shapes: str,
    name: str = "",
    dtypes: Any = "float32",
    budget: Budget = Budget(),  # noqa: B008 it is a value
    progress: Callable[[str], None] = lambda said: None,
) -> ModelSizes:
    """The exact sizes that a PyTorch or JAX model takes. The arguments are those of :func:`read_jax`.

    ``name`` is what the answer calls the model. Raises :class:`UsageError` for what can't be used, and
    :class:`FileError`, with the line of your code, if the model raises whatever the size.

    >>> import jax.numpy as jnp
    >>> print(read_model(lambda x: x.reshape(-1, 4).sum(1), "L", name="sums")["L"])
    n ≡ 0 (mod 4), n ≥ 4
    """
    name = name or name_of(model)
    try:
        sizes = _reader_of(model)(model, *shapes, dtypes=dtypes, budget=budget, progress=progress)
    except UsageError:
        raise
    except Exception as error:
        own = error.__cause__ if isinstance(error, WellshapedError) else error
        if own is None:
            raise
        raise failure(name, "trace", own) from error
    if not any(of.sizes for of in sizes.axes.values()):
        end = sizes.trial(dict.fromkeys(sizes.axes, 64) | sizes.held)
        if isinstance(end, Rejected) and end.error in _NOT_ABOUT_SIZES:
            raise failure_at(name, "trace", end.error, end.text, end.at)
        if isfunction(model) and sizes.axes:
            images = " and ".join(of for of, it in signature(model).parameters.items() if it.default is it.empty)
            note = f"{model.__name__} is read as a function of images, because it has required arguments: {images}"
            sizes = replace(sizes, notes=(*sizes.notes, note))
    return replace(sizes, model=name)


def check_model(
    model: Any,
    *shapes: Sequence[int],
    name: str = "",
    dtypes: Any = "float32",
    progress: Callable[[str], None] = lambda said: None,
) -> Report:
    """Report whether a model runs on images of these shapes. If not, name the nearest sizes that fit.

    The fixes call an axis by its position in the first shape: ``axis_1``. Raises what :func:`read_model` raises.

    >>> import jax.numpy as jnp
    >>> print(check_model(lambda x: x.reshape(-1, 4).sum(1), (303,), name="sums").fixes[0])
    axis_0 300 (crop 3) or 304 (pad 1); all that fit: n ≡ 0 (mod 4), n ≥ 4
    """
    name = name or name_of(model)
    written = [" ".join(map(str, shape)) for shape in shapes]
    given: dict[str, Any] = {"name": name, "dtypes": dtypes, "progress": progress}
    try:
        report = read_model(model, *written, **given).check()
    except WellshapedError as error:
        own = error.report.failures[0].says
        if error.__cause__ is None or own.partition(" ")[0].rstrip(":") in _NOT_ABOUT_SIZES:
            raise
        # The network raised while it chose its parameters by an image.
        subject = f"{name} on {', '.join(str(tuple(shape)) for shape in shapes)}"
        report = Report(subject, (Verdict("framework", False, own, ""),), error=ShapeError)
    if report.ok:
        return report
    for axes in _open(shapes[0]):
        names = {(i - len(shapes[0]), shapes[0][i]): f"axis_{i}" for i in axes}
        opened = [
            " ".join(str(names.get((i - len(shape), size), size)) for i, size in enumerate(shape)) for shape in shapes
        ]
        try:
            sizes = read_model(model, *opened, **given)
        except WellshapedError:
            continue
        if sizes.axes and all(of.sizes for of in sizes.axes.values()):
            fixes = sizes.check(**{f"axis_{i}": shapes[0][i] for i in axes}).fixes
            return replace(report, fixes=fixes)
    return report


def _reader_of(model: Any) -> Callable[..., ModelSizes]:
    torch = sys.modules.get("torch.nn")
    return read_jax if torch is None or not isinstance(model, torch.Module) else read_torch


_FEW = 4
"""A smaller first or last size is usually a number of channels or images."""


def _open(shape: Sequence[int]) -> Iterator[list[int]]:
    """The positions that may be spatial axes: those of large sizes, then without the channels if they are many."""
    large = [i for i, size in enumerate(shape) if size > _FEW] or list(range(len(shape)))
    yield large
    if len(large) == len(shape) > 1:
        yield large[1:] if shape[0] <= shape[-1] else large[:-1]
