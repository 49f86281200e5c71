"""The shape of the output as functions of the open sizes, compared with that of every class of sizes that fit."""

import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from ...spec.messages.written import in_words
from .answer import AxisSizes, output_text
from .expressions import Expression, name, names_in, plus, times, value
from .linking import Sizes
from .paths import Accepted, Path, kind
from .shapes import equalities
from .tracer import Tracer

_RETRACED = 3
"""At most this many other paths are traced to find a function that holds on all of them."""


def output_of(
    tracer: Tracer, path: Path, usual: Mapping[str, int], found: Mapping[str, AxisSizes]
) -> tuple[tuple[str, ...], list[str]]:
    """The output's shapes as functions of the sizes, or none; and what the answer says of them."""
    sets = {axis: of.sizes for axis, of in found.items()}
    end, exception = None, ""
    if not any(usual[axis] in of.found.tried for axis, of in found.items()):
        end, exception = _general(tracer, path, usual, found)
    if end:
        notes = [f"the output of other sizes differs: it is {exception}"] if exception else []
        return output_text(end, sets), notes
    alone = tracer.trial_of(usual) if all(sets.values()) else None
    if not isinstance(alone, Accepted) or not alone.output:
        return (), []
    known = f"{in_words(output_text(alone, {}))} with {equalities(usual)}" + (f", and {exception}" if exception else "")
    return (), [f"the output is {known}; as a function of the sizes it is not known"]


def _general(
    tracer: Tracer, path: Path, samples: Mapping[str, int], axes: Mapping[str, AxisSizes]
) -> tuple[Accepted | None, str]:
    """The end with the output of all large sizes, or none; and the output of a size for which it is not right.

    ``path`` is a trace of the ``samples`` with all sizes open. On another path the sizes may be other functions, that
    hold here as well: if an odd size is padded and cropped, it is kept, and so is an even one.
    """
    if not isinstance(path.end, Accepted):
        return None, ""
    sizes = dict(samples)
    differing = _differing(path.end, axes)
    other, end, left = differing, path.end, _RETRACED
    while other is not None and left:
        axis, size, _ = other
        sizes[axis] = axes[axis].sizes.above(size) or size
        again = tracer.path_of(sizes, {}).end
        if not isinstance(again, Accepted):
            break
        other, end, left = _differing(again, axes), again, left - 1
    if differing is None or other is None:
        return end, ""
    stepwise = _stepwise(path.end, axes)
    if _differing(stepwise, axes) is None:
        return stepwise, ""
    axis, size, shapes = differing
    at = equalities({**axes[axis].held, axis: size})
    exception = f"{' and '.join(output_text(shapes, {}))} with {at}"
    return (None if _differing(path.end, axes, endless=True) else path.end), exception


MOST_STEPS = 256
"""The longest period of sizes for which a function with this many steps is sought."""


def _stepwise(end: Accepted, axes: Mapping[str, AxisSizes]) -> Accepted:
    """The end with each size of an output that depends on one open size as ``rise * floor((n + c) / period) + d``.

    So are sizes that are padded to a multiple only if they must be: each remainder takes a path of its own.
    """
    output = tuple(
        tuple(_steps(size, (i, j), axes) for j, size in enumerate(shape)) for i, shape in enumerate(end.output)
    )
    return replace(end, output=output)


def _steps(size: Any, place: tuple[int, int], axes: Mapping[str, AxisSizes]) -> Any:
    """A size of the output that has the values of every class of the sizes; ``size`` itself if none is found.

    ``place`` is the number of the output and that of the axis.
    """
    if len(names_in(size)) != 1:
        return size
    (axis,), (i, j) = names_in(size), place
    classes = [(region.sizes, region.end) for region in axes[axis].found.regions if not region.sizes.is_finite]
    period = math.lcm(*(sizes.period or 1 for sizes, _ in classes))
    if period > MOST_STEPS:
        return size
    start = max(sizes.start for sizes, _ in classes)
    try:
        values = {
            n: [value(end.output[i][j], {axis: at}) for at in (n, n + period)]
            for sizes, end in classes
            if isinstance(end, Accepted) and kind(end) == "fits"
            for n in range(start, start + period)
            if n in sizes
        }
    except (IndexError, ZeroDivisionError):  # another path has other outputs
        return size
    rises = {after - before for before, after in values.values()}
    if len(rises) != 1 or rises == {0}:
        return size
    (rise,) = rises
    for c in range(period):
        differences = {before - rise * ((n + c) // period) for n, (before, _) in values.items()}
        if len(differences) == 1:
            return plus(times(Expression("//", (plus(name(axis), c), period)), rise), differences.pop())
    return size


def _differing(
    end: Accepted, axes: Mapping[str, AxisSizes], *, endless: bool = False
) -> tuple[str, int, Accepted] | None:
    """A size along one axis with another output than this, which the axis alone shows; ``None`` if there is none.

    With ``endless=True`` only classes without a largest size are compared.
    """
    for axis, of in axes.items():
        for region in of.found.regions:
            if kind(region.end) != "fits" or not isinstance(region.end, Accepted):
                continue
            if endless and region.sizes.is_finite:
                continue
            larger = (region.sizes.above(n) for n in (300, 1_000))
            for size in {*islice(region.sizes, 2), *(n for n in larger if n is not None)}:
                expected = _shapes(region.end, {axis: size})
                if expected is not None and _shapes(end, {**of.held, axis: size}) != expected:
                    return axis, size, Accepted(expected, names=region.end.names)
    return None


def _shapes(end: Accepted, sizes: Sizes) -> Any:
    try:
        return tuple(tuple(value(size, sizes) for size in shape) for shape in end.output)
    except ZeroDivisionError:
        return None
