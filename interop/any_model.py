"""Questions about any model, whichever framework it is from: which sizes it takes, and whether an image fits."""

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from inspect import isfunction
from itertools import islice
from typing import Any

from ..spec.messages.report import FileError, Report, ShapeError, UsageError, Verdict, WellshapedError
from ..spec.messages.written import clipped
from .jax_reader import read_jax
from .loading import failure, failure_at, required
from .sizes.answer import ModelSizes
from .sizes.exploring import Budget
from .sizes.paths import Accepted, Rejected, Unknown
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
    :class:`FileError`, with the line of your code, if the model raises whatever the size, or asks for the values of an
    image, so that no size can be decided.

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
        if isinstance(end, Unknown) and not any(of.found.rejected for of in sizes.axes.values()):
            raise _undecided(name, end, sizes.framework)
        if isfunction(model) and sizes.axes:
            sizes = replace(sizes, notes=(*sizes.notes, *_read_as_images(model)))
    _require_output(sizes, name)
    return replace(sizes, model=name)


class UndecidedError(FileError):
    """Code was run on shapes, and no size can be decided: it asks for the values of an image, for example."""

    says = "can't be decided"


def _undecided(name: str, end: Unknown, framework: str) -> UndecidedError:
    where = "torch.where" if framework.startswith("torch") else "jnp.where"
    fix = f"{where} in place of a branch, or the part of the model that needs no values"
    fix = fix if end.of_values else "the same model without this operation"
    return UndecidedError.of(clipped(name), "values" if end.of_values else "trace", "", clipped(end.why, 300), fix)


def _read_as_images(model: Any) -> tuple[str, ...]:
    """Return the note that a function with required arguments is read as one of images; no note without them."""
    images = " and ".join(of.name for of in required(model) or [])
    note = f"{model.__name__} is read as a function of images, because it has required arguments: {images}"
    return (note,) if images else ()


def _require_output(sizes: ModelSizes, name: str) -> None:
    """Raise :class:`FileError` for a model that returns no array for sizes that fit."""
    at = {axis: of.sizes.above(64) or of.sizes.maximum for axis, of in sizes.axes.items()}
    known = {axis: size for axis, size in at.items() if size is not None} | sizes.held
    if sizes.output or len(known) < len(sizes.axes):
        return
    end = sizes.trial(known)
    if isinstance(end, Accepted) and not end.output:
        says = f"{name.rpartition(':')[2]} returns no array, and must return one for an image"
        raise FileError.of(clipped(name), "trace", "", says, "a model that returns an array")


def check_model(
    model: Any,
    *shapes: Sequence[int],
    name: str = "",
    dtypes: Any = "float32",
    progress: Callable[[str], None] = lambda said: None,
) -> Report:
    """Report whether a model runs on images of these shapes. If not, name the nearest sizes that fit.

    The fixes call an axis by its position in the first shape, and its size. If no size fits along the larger axes, they
    propose a shape with the channels or the batch elsewhere. Raises what :func:`read_model` raises.

    >>> import jax.numpy as jnp
    >>> print(check_model(lambda x: x.reshape(-1, 4).sum(1), (303,), name="sums").fixes[0])
    axis 0 (303): 300 (crop 3) or 304 (pad 1); all that fit: n ≡ 0 (mod 4), n ≥ 4
    >>> print(check_model(lambda x: x @ jnp.ones((3, 8)), (3, 304, 384), name="dense").fixes[0])
    the shape (304, 384, 3)
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
        sizes = _along(model, shapes, axes, given)
        if sizes is not None:
            fixes = sizes.check(**{f"axis_{i}": shapes[0][i] for i in axes}).fixes
            return replace(report, fixes=tuple(_with_size(fix, shapes[0]) for fix in fixes))
    for meant in islice(_other_orders(shapes), _MOST_ORDERS):
        axes = next(_open(meant[0]))
        sizes = _along(model, meant, axes, given)
        if sizes is not None:
            of_axes = {i: sizes[f"axis_{i}"] for i in axes}
            first = (of_axes[i].above(n) or of_axes[i].maximum if i in of_axes else n for i, n in enumerate(meant[0]))
            shown = " and ".join(f"the shape {shape}" for shape in (tuple(first), *meant[1:]))
            return replace(report, fixes=(shown,))
    return report


def _along(
    model: Any, shapes: Sequence[Sequence[int]], axes: Sequence[int], given: Mapping[str, Any]
) -> ModelSizes | None:
    """The sizes along these axes of the first shape, and along equal axes of the others; ``None`` if no image fits."""
    first = shapes[0]
    names = {(i - len(first), first[i]): f"axis_{i}" for i in axes}
    opened = [
        " ".join(str(names.get((i - len(shape), size), size)) for i, size in enumerate(shape)) for shape in shapes
    ]
    try:
        sizes = read_model(model, *opened, **given)
    except WellshapedError:
        return None
    # An axis that fits only as a few channels is not one of the image's sizes.
    spatial = [of.sizes and (of.sizes.maximum is None or of.sizes.maximum > _FEW) for of in sizes.axes.values()]
    return sizes if spatial and all(spatial) else None


def _with_size(fix: str, shape: Sequence[int]) -> str:
    """A fix for ``axis_0`` with the size of the axis."""
    return re.sub(r"^axis_(\d+) (?=\d)", lambda found: f"axis {found[1]} ({shape[int(found[1])]}): ", fix)


_MOST_ORDERS = 6
"""The most other orders of the axes to try: each takes a trace."""


def _other_orders(shapes: Sequence[Sequence[int]]) -> Iterator[list[tuple[int, ...]]]:
    """The shapes that may be meant: the channels at the other end, added where they are missing, and a batch.

    >>> list(_other_orders([(3, 304, 384)]))
    [[(304, 384, 3)], [(1, 3, 304, 384)], [(1, 304, 384, 3)]]
    >>> list(_other_orders([(304, 384)]))[:2]
    [[(304, 384, 3)], [(3, 304, 384)]]
    """

    def moved(shape: tuple[int, ...], to: int) -> tuple[int, ...]:
        batch = shape[: len(shape) - 3] if len(shape) > 3 else ()
        channels, *sizes = shape[len(batch) :]
        *others, last = shape[len(batch) :]
        return (*batch, *sizes, channels) if to else (*batch, last, *others)

    whole = [tuple(shape) for shape in shapes]
    orders: list[list[tuple[int, ...]]] = []
    if min(map(len, whole)) > 2:
        orders.append([moved(shape, to=shape[-1] > _FEW) for shape in whole])
    if max(map(len, whole)) < 3:
        orders += [[(*s, n) if last else (n, *s) for s in whole] for n in (3, 1) for last in (True, False)]
    if max(map(len, whole)) < 4:
        orders += [[(1, *shape) for shape in order] for order in [whole, *orders]]
    if min(map(len, whole)) > 3:
        orders += [[shape[1:] for shape in order] for order in [whole, *orders]]
    yield from orders


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
