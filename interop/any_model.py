"""Questions about any model, whichever framework it is from: which sizes it takes, and whether an image fits."""

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from inspect import isfunction
from typing import Any

from ..spec.arithmetic.size_set import SizeSet
from ..spec.messages.report import FileError, Report, ShapeError, UsageError, Verdict, WellshapedError
from ..spec.messages.written import clipped
from ..spec.network.network import FEW_CHANNELS
from .frameworks.closures import packages_at_hand
from .jax_reader import read_jax
from .loading import failure, failure_at, fix_of_error, maker_without_arguments, required
from .meant_shapes import large_axes, layouts, other_channels, other_orders, small_axes
from .sizes.answer import ModelSizes, UndecidedError
from .sizes.exploring import Budget
from .sizes.paths import RETURNS, Rejected, Unknown
from .sizes.reading import name_of
from .sizes.shapes import open_shape, open_sizes
from .torch_reader import read_torch

_OF_THE_CODE = "ImportError", "ModuleNotFoundError", "NameError", "RecursionError", "UnboundLocalError"
"""Errors that come neither from a size nor from what a function was called with."""

_NOT_ABOUT_SIZES = (*_OF_THE_CODE, "AttributeError", "KeyError", "NotImplementedError")
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
        if isinstance(error, FileError):  # about code that does not end
            raise type(error)(replace(error.report, subject=clipped(name))) from None
        if own is None:
            raise
        raise failure(name, "trace", own) from error
    if not any(of.sizes for of in sizes.axes.values()):
        end = sizes.trial(dict.fromkeys(sizes.axes, 64) | sizes.held)
        if isinstance(end, Rejected) and end.text.startswith(RETURNS):
            says = f"{name.rpartition(':')[2]} {end.text.removeprefix('it ')}"
            returned = FileError.of(clipped(name), "trace", "", says, "a model that returns an array")
            raise _called_with_images(returned, model, name)
        if isinstance(end, Rejected) and end.error in _NOT_ABOUT_SIZES:
            raised = failure_at(name, "trace", end.error, end.text, end.at)
            raise raised if end.error in _OF_THE_CODE else _called_with_images(raised, model, name)
        if isinstance(end, Unknown) and not any(of.found.rejected for of in sizes.axes.values()):
            raise _called_with_images(_undecided(name, end, sizes.framework), model, name)
        if sizes.axes:
            sizes = replace(sizes, notes=(*_read_as_images(model), *sizes.notes))
    return replace(sizes, model=name)


def _undecided(name: str, end: Unknown, framework: str) -> UndecidedError:
    library = "torch" if framework.startswith("torch") else "jnp"
    reads = "reads values" in end.why
    instead = f"only functions of {library}" if reads else f"{library}.where in place of a branch"
    fix = f"use {instead}, or name only the part of the model that needs no values"
    fix = fix if end.of_values else "the same model without this operation"
    return UndecidedError.of(clipped(name), "values" if end.of_values else "trace", "", clipped(end.why, 300), fix)


_IMAGES = {
    *("array", "arrays", "audio", "batch", "data", "frame", "frames", "image", "images", "img", "imgs", "input"),
    *("inputs", "pixels", "signal", "tensor", "tensors", "video", "volume"),
}
"""What people call an argument that is an image. A single letter is one, too."""


def maker_of(model: Any, name: str) -> str:
    """The fix for a function that may make the model called ``name``; empty if its arguments are called like images.

    >>> def make(rngs): ...
    >>> maker_of(make, "nets:make")
    'if make makes the model: def make_model(): return make(rngs=nnx.Rngs(0)), in your module; then nets:make_model'
    >>> maker_of(lambda x: x, "nets:function")
    ''
    """
    names = [of.name for of in required(model) or []] if isfunction(model) else []
    if all(len(of) == 1 or of.rstrip("0123456789_").lower() in _IMAGES for of in names):
        return ""
    return f"if {model.__name__} makes the model: {maker_without_arguments(name, model, names)}"


def _called_with_images(error: FileError, model: Any, name: str) -> FileError:
    """The error; of a function that may make the model, also that it was called with an image."""
    fix = maker_of(model, name)
    if not fix:
        return error
    warnings = tuple(Verdict("called", False, note, "") for note in _read_as_images(model))
    return type(error)(replace(error.report, warnings=warnings, fixes=(fix, *error.report.fixes)))


def _read_as_images(model: Any) -> tuple[str, ...]:
    """Return the note that a function with required arguments was called with images; no note without them."""
    names = [of.name for of in required(model) or []] if isfunction(model) else []
    if not names:
        return ()
    several = "s" * (len(names) > 1)
    takes = f"takes {'arguments' if several else 'an argument'}, so it was called with the image{several}"
    return (f"{model.__name__}({', '.join(names)}) {takes}. If it makes the model, name a function without arguments",)


def check_model(
    model: Any,
    *shapes: Sequence[int],
    name: str = "",
    dtypes: Any = "float32",
    progress: Callable[[str], None] = lambda said: None,
) -> Report:
    """Report whether a model runs on images of these shapes. If not, name the nearest sizes that fit.

    The fixes call an axis by its position in the first shape, and its size. They change the larger axes; if no size
    fits then, also axes as small as channels, and they propose a shape with the channels or the batch elsewhere. If
    none of these fits, they propose another number of channels. They say what they changed. Raises what
    :func:`read_model` raises.

    >>> import jax.numpy as jnp
    >>> print(check_model(lambda x: x.reshape(-1, 4).sum(1), (303,), name="sums").fixes[0])
    axis 0 (303): 300 (crop 3) or 304 (pad 1); all that fit: n ≡ 0 (mod 4), n ≥ 4
    >>> print(check_model(lambda x: x @ jnp.ones((3, 8)), (3, 304, 384), name="dense").fixes[0])
    the shape (304, 384, 3) (channels last)
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
    fixes = _other_sizes(model, shapes, given, [(axes, _is_spatial) for axes in large_axes(shapes[0])])
    if not fixes:
        small = [(axes, _is_surely_spatial) for axes in small_axes(shapes[0])]
        fixes = (*_other_sizes(model, shapes, given, small), *_other_order(model, shapes, given))
    fixes = fixes or _other_channels(model, shapes, given)
    if not fixes:
        dtype = dtype_that_fits(model, *written, **given)
        known = f"--dtype {dtype}" if dtype else fix_of_error(report.failures[0].says)
        fixes = (known,) if known else ()
    if fixes:
        return replace(report, fixes=fixes)
    warnings = tuple(Verdict("called", False, note, "") for note in _read_as_images(model))
    return replace(report, warnings=warnings, fixes=tuple(filter(None, [maker_of(model, name)])))


def _other_sizes(
    model: Any,
    shapes: Sequence[Sequence[int]],
    given: Mapping[str, Any],
    layouts: Sequence[tuple[list[int], Callable[[SizeSet], bool]]],
) -> tuple[str, ...]:
    """The fixes with other sizes along axes that may be spatial; none if no sizes fit.

    ``layouts`` are positions of such axes, each with what their sizes that fit must be like.
    """
    for axes, is_spatial in layouts:
        sizes = _along(model, shapes, axes, given, is_spatial)
        if sizes is not None:
            fixes = sizes.check(**{f"axis_{i}": shapes[0][i] for i in axes}).fixes
            return tuple(_with_size(fix, shapes[0]) for fix in fixes)
    return ()


def _other_order(model: Any, shapes: Sequence[Sequence[int]], given: Mapping[str, Any]) -> tuple[str, ...]:
    """The fix with the channels or the batch elsewhere; none if no such shape fits."""
    for meant, changes in other_orders(shapes, channels_first=_reader_of(model) is read_torch):
        axes = next(large_axes(meant[0]))
        sizes = _along(model, meant, axes, given)
        if sizes is not None:
            return (_another_shape(meant, {i: sizes[f"axis_{i}"] for i in axes}, changes),)
    return ()


def _other_channels(model: Any, shapes: Sequence[Sequence[int]], given: Mapping[str, Any]) -> tuple[str, ...]:
    """The fix with another number of channels; none if no such shape fits."""
    for at, (meant, changes) in other_channels(shapes):
        for axes in _beside(at, meant[0]):
            are_large = all(meant[0][i] > FEW_CHANNELS for i in axes)
            sizes = _along(model, meant, axes, given, _is_spatial if are_large else _is_surely_spatial)
            if sizes is None:
                continue
            of_axes = {i: sizes[f"axis_{i}"] for i in axes}
            if not _takes_many(model, _fitting(meant[0], of_axes), at, given):  # else it is not the channels' axis
                return (_another_shape(meant, of_axes, changes),)
    return ()


def _takes_many(model: Any, shape: tuple[int, ...], at: int, given: Mapping[str, Any]) -> bool:
    """Whether many sizes fit along the axis ``at`` one position, so that it is not the channels' axis."""
    opened = _along(model, [shape], [at], given)
    return opened is not None and _is_surely_spatial(opened[f"axis_{at}"])


def _beside(at: int, shape: Sequence[int]) -> Iterator[list[int]]:
    """The positions that may be spatial if the channels are ``at`` one: those of large sizes, then small ones too.

    >>> list(_beside(2, (3, 64, 1)))
    [[1], [0, 1]]
    """
    large = [i for i, size in enumerate(shape) if size > FEW_CHANNELS]
    spans = [large, *(axes for axes in layouts(shape) if set(large) < set(axes))]
    yield from (axes for axes in spans if axes and at not in axes)


def _fitting(shape: tuple[int, ...], of_axes: Mapping[int, SizeSet]) -> tuple[int, ...]:
    """The shape with a size that fits along each of these axes: the next above, or the largest."""
    fitting = {i: fit.above(shape[i]) or fit.maximum for i, fit in of_axes.items()}
    return tuple(fitting.get(i) or n for i, n in enumerate(shape))


def _another_shape(meant: Sequence[tuple[int, ...]], of_axes: Mapping[int, SizeSet], changes: Sequence[str]) -> str:
    """The fix to give these shapes, the first with sizes that fit, and in words what was changed."""
    first = _fitting(meant[0], of_axes)
    pairs = dict.fromkeys((n, fits) for n, fits in zip(meant[0], first, strict=True) if n != fits)
    ways = [f"{n} {'padded' if fits > n else 'cropped'} to {fits}" for n, fits in pairs]
    shown = " and ".join(f"the shape {shape}" for shape in (first, *meant[1:]))
    return f"{shown} ({'; '.join([*changes, *ways])})"


def shape_that_fits(
    model: Any,
    *shapes: str,
    name: str = "",
    dtypes: Any = "float32",
    progress: Callable[[str], None] = lambda said: None,
) -> tuple[list[str], list[str]] | None:
    """The shapes that sizes fit, with another order of the axes or other channels, and what was changed; or ``None``.

    >>> import jax.numpy as jnp
    >>> shape_that_fits(lambda x: x @ jnp.ones((3, 8)), "3 H W")
    (['HxWx3'], ['channels last'])
    >>> shape_that_fits(lambda x: x @ jnp.ones((3, 8)), "H W 1")
    (['HxWx3'], ['3 channels in place of 1'])
    """
    opened = tuple(map(open_shape, shapes))
    numbers = {axis: _OPEN + i for i, axis in enumerate(open_sizes(opened))}
    axes = {number: axis for axis, number in numbers.items()}
    another = _OPEN + len(axes)
    given = [[numbers[n] if isinstance(n, str) else n for n in shape] for shape in opened]
    asked: dict[str, Any] = {"name": name, "dtypes": dtypes, "progress": progress}
    axes[another] = next((of for of in "WHD" if of not in numbers), "another")
    to_first = _reader_of(model) is read_torch
    orders = [(None, of) for of in other_orders(given, channels_first=to_first, another=another)]
    for at, (meant, changes) in (*orders, *other_channels(given)):
        written = [[str(axes.get(n, n)) for n in shape] for shape in meant]
        try:
            sizes = read_model(model, *map(" ".join, written), **asked)
        except WellshapedError:
            continue
        if not sizes.axes or not all(_is_spatial(of.sizes) for of in sizes.axes.values()):
            continue
        if at is not None:
            fitting = {i: sizes[axes[n]] for i, n in enumerate(meant[0]) if n in axes}
            first = _fitting(tuple(64 if n in axes else n for n in meant[0]), fitting)
            if _takes_many(model, first, at, asked):  # a size of the image, and not the channels
                changes = [f"{meant[0][at]} in place of {given[0][at]}"]
        return ["x".join(shape) for shape in written], changes
    return None


_USUAL_DTYPES = "float32", "int32", "int64", "float16", "bfloat16", "float64"


def dtype_that_fits(
    model: Any,
    *shapes: str,
    name: str = "",
    dtypes: Any = "float32",
    progress: Callable[[str], None] = lambda said: None,
) -> str | None:
    """A usual dtype with which sizes fit, if none does with ``dtypes``; ``None`` if there is none.

    If no size is open, the model must run on the shapes.

    >>> import jax.numpy as jnp
    >>> dtype_that_fits(lambda x: jnp.eye(4)[x], "L")
    'int32'
    """
    given = dtypes if isinstance(dtypes, list | tuple) else [dtypes]
    for dtype in (of for of in _USUAL_DTYPES if of not in map(str, given)):
        try:
            sizes = read_model(model, *shapes, name=name, dtypes=dtype, progress=progress)
        except WellshapedError:
            continue
        if all(_is_spatial(of.sizes) for of in sizes.axes.values()) if sizes.axes else sizes.check().ok:
            return dtype
    return None


_OPEN = 10**9
"""The first number that stands for an open size: larger than any that is given."""


def _is_spatial(sizes: SizeSet) -> bool:
    """Whether more than a few sizes fit: an axis that fits only as a few channels is not one of the image's sizes."""
    return bool(sizes) and (sizes.maximum is None or sizes.maximum > FEW_CHANNELS)


def _is_surely_spatial(sizes: SizeSet) -> bool:
    """Whether this also holds if the axis may be the channels': then one size fits, and it may be a large one."""
    return _is_spatial(sizes) and sizes.count != 1


def _along(
    model: Any,
    shapes: Sequence[Sequence[int]],
    axes: Sequence[int],
    given: Mapping[str, Any],
    is_spatial: Callable[[SizeSet], bool] = _is_spatial,
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
    return sizes if sizes.axes and all(is_spatial(of.sizes) for of in sizes.axes.values()) else None


def _with_size(fix: str, shape: Sequence[int]) -> str:
    """A fix for ``axis_0`` with the size of the axis."""
    return re.sub(r"^axis_(\d+) (?=\d)", lambda found: f"axis {found[1]} ({shape[int(found[1])]}): ", fix)


def _reader_of(model: Any) -> Callable[..., ModelSizes]:
    """The reader for a model. A function is PyTorch's if it uses PyTorch and not JAX."""
    torch = sys.modules.get("torch.nn")
    if torch is None:
        return read_jax
    if isinstance(model, torch.Module):
        return read_torch
    packages = packages_at_hand(model)
    return read_torch if "torch" in packages and "jax" not in packages else read_jax
