"""Questions about any model, whichever framework it is from: which sizes it takes, and whether an image fits."""

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from inspect import isfunction
from itertools import islice
from typing import Any

from ..spec.arithmetic.size_set import SizeSet
from ..spec.messages.report import FileError, Report, ShapeError, UsageError, Verdict, WellshapedError
from ..spec.messages.written import clipped
from .jax_reader import read_jax
from .loading import failure, failure_at, required
from .sizes.answer import ModelSizes, UndecidedError
from .sizes.exploring import Budget
from .sizes.paths import Accepted, Rejected, Unknown
from .sizes.reading import name_of
from .sizes.shapes import open_shape, open_sizes
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
            sizes = replace(sizes, notes=(*_read_as_images(model), *sizes.notes))
    _require_output(sizes, name)
    return replace(sizes, model=name)


def _undecided(name: str, end: Unknown, framework: str) -> UndecidedError:
    where = "torch.where" if framework.startswith("torch") else "jnp.where"
    fix = f"{where} in place of a branch, or the part of the model that needs no values"
    fix = fix if end.of_values else "the same model without this operation"
    return UndecidedError.of(clipped(name), "values" if end.of_values else "trace", "", clipped(end.why, 300), fix)


def _read_as_images(model: Any) -> tuple[str, ...]:
    """Return the note that a function with required arguments was called with images; no note without them."""
    names = [of.name for of in required(model) or []]
    several = "s" * (len(names) > 1)
    takes = f"takes {'arguments' if several else 'an argument'}, so it was called with the image{several}"
    note = f"{model.__name__}({', '.join(names)}) {takes}. If it makes the model, name a function without arguments"
    return (note,) if names else ()


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
    propose a shape with the channels or the batch elsewhere, or another number of channels, and say what they changed.
    Raises what :func:`read_model` raises.

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
    for axes in _open(shapes[0]):
        sizes = _along(model, shapes, axes, given)
        if sizes is not None:
            fixes = sizes.check(**{f"axis_{i}": shapes[0][i] for i in axes}).fixes
            return replace(report, fixes=tuple(_with_size(fix, shapes[0]) for fix in fixes))
    for meant, changes in (*islice(_other_orders(shapes), _MOST_ORDERS), *_other_channels(shapes)):
        axes = next(_open(meant[0]))
        sizes = _along(model, meant, axes, given)
        if sizes is not None:
            return replace(report, fixes=(_another_shape(meant, {i: sizes[f"axis_{i}"] for i in axes}, changes),))
    said = _read_as_images(model) if isfunction(model) else ()
    return replace(report, warnings=tuple(Verdict("called", False, note, "") for note in said))


def _another_shape(meant: Sequence[tuple[int, ...]], of_axes: Mapping[int, SizeSet], changes: Sequence[str]) -> str:
    """The fix to give these shapes, the first with sizes that fit, and in words what was changed."""
    fitting = {i: fit.above(n) or fit.maximum or n for i, fit in of_axes.items() for n in [meant[0][i]]}
    first = tuple(fitting.get(i, n) for i, n in enumerate(meant[0]))
    pairs = dict.fromkeys((n, fits) for n, fits in zip(meant[0], first, strict=True) if n != fits)
    ways = [f"{n} {'padded' if fits > n else 'cropped'} to {fits}" for n, fits in pairs]
    shown = " and ".join(f"the shape {shape}" for shape in (first, *meant[1:]))
    return f"{shown} ({'; '.join([*changes, *ways])})"


def order_that_fits(
    model: Any,
    *shapes: str,
    name: str = "",
    dtypes: Any = "float32",
    progress: Callable[[str], None] = lambda said: None,
) -> tuple[list[str], list[str]] | None:
    """Another order of the axes in which sizes fit: the shapes, and in words what was changed; or ``None``.

    >>> import jax.numpy as jnp
    >>> order_that_fits(lambda x: x @ jnp.ones((3, 8)), "3 H W")
    (['HxWx3'], ['channels last'])
    """
    opened = tuple(map(open_shape, shapes))
    numbers = {axis: _OPEN + i for i, axis in enumerate(open_sizes(opened))}
    axes = {number: axis for axis, number in numbers.items()}
    given = [[numbers[n] if isinstance(n, str) else n for n in shape] for shape in opened]
    for meant, changes in islice(_other_orders(given), _MOST_ORDERS):
        orders = [[str(axes.get(n, n)) for n in shape] for shape in meant]
        try:
            sizes = read_model(model, *map(" ".join, orders), name=name, dtypes=dtypes, progress=progress)
        except WellshapedError:
            continue
        if sizes.axes and all(_is_spatial(of.sizes) for of in sizes.axes.values()):
            return ["x".join(shape) for shape in orders], changes
    return None


_OPEN = 10**9
"""The first number that stands for an open size: larger than any that is given."""


def _is_spatial(sizes: SizeSet) -> bool:
    """Whether more than a few sizes fit: an axis that fits only as a few channels is not one of the image's sizes."""
    return bool(sizes) and (sizes.maximum is None or sizes.maximum > _FEW)


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
    return sizes if sizes.axes and all(_is_spatial(of.sizes) for of in sizes.axes.values()) else None


def _with_size(fix: str, shape: Sequence[int]) -> str:
    """A fix for ``axis_0`` with the size of the axis."""
    return re.sub(r"^axis_(\d+) (?=\d)", lambda found: f"axis {found[1]} ({shape[int(found[1])]}): ", fix)


_MOST_ORDERS = 6
"""The most other orders of the axes to try: each takes a trace."""


_Meant = tuple[list[tuple[int, ...]], list[str]]
"""Shapes that may be meant, and in words how they differ from those that were given."""


def _other_orders(shapes: Sequence[Sequence[int]]) -> Iterator[_Meant]:
    """The shapes that may be meant: the channels at the other end, added where they are missing, and a batch.

    >>> for shapes, changes in _other_orders([(3, 304, 384)]):
    ...     print(*shapes, changes)
    (304, 384, 3) ['channels last']
    (1, 3, 304, 384) ['a batch axis first']
    (1, 304, 384, 3) ['channels last', 'a batch axis first']
    >>> next(_other_orders([(304, 384)]))
    ([(304, 384, 3)], ['3 channels last'])
    """

    def moved(shape: tuple[int, ...], last: bool) -> tuple[int, ...]:
        batch = shape[: len(shape) - 3] if len(shape) > 3 else ()
        before, *sizes = shape[len(batch) :]
        *others, after = shape[len(batch) :]
        return (*batch, *sizes, before) if last else (*batch, after, *others)

    whole = [tuple(shape) for shape in shapes]
    orders: list[_Meant] = []
    if min(map(len, whole)) > 2:
        to_last = whole[0][-1] > _FEW
        orders.append(([moved(s, s[-1] > _FEW) for s in whole], [f"channels {'last' if to_last else 'first'}"]))
    if max(map(len, whole)) < 3:
        for n, counted in (3, "3 channels"), (1, "1 channel"):
            orders.append(([(*s, n) for s in whole], [f"{counted} last"]))
            orders.append(([(n, *s) for s in whole], [f"{counted} first"]))
    same: _Meant = (whole, [])
    if max(map(len, whole)) < 4:
        orders += [([(1, *s) for s in of], [*says, "a batch axis first"]) for of, says in [same, *orders]]
    if min(map(len, whole)) > 3:
        orders += [([s[1:] for s in of], [*says, "no batch axis"]) for of, says in [same, *orders]]
    yield from orders


def _other_channels(shapes: Sequence[Sequence[int]]) -> Iterator[_Meant]:
    """The shapes that may be meant, if only the number of channels is wrong: one shape, with another usual number.

    >>> [shape for (shape,), _ in _other_channels([(1, 1, 304, 384)])]
    [(1, 3, 304, 384), (1, 4, 304, 384)]
    """
    first = tuple(shapes[0])
    places = [i for i in (max(len(first) - 3, 0), len(first) - 1) if first[i] <= _FEW]
    if len(shapes) > 1 or len(first) < 2 or not places:
        return
    at = places[0]
    for n in (3, 1, 4):
        if n != first[at]:
            yield [(*first[:at], n, *first[at + 1 :])], [f"{n} channel{'s' * (n > 1)} in place of {first[at]}"]


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
