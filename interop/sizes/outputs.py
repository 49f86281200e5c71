"""The shape of the output as functions of the open sizes, compared with that of every class of sizes that fit."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from .answer import AxisSizes, output_text
from .exploring import kind
from .expressions import value
from .linking import Sizes, Tracer
from .paths import Accepted, Path
from .shapes import equalities

_RETRACED = 4
"""At most this many other paths are traced to find a function that holds on all of them."""


def general_output(
    tracer: Tracer, path: Path, samples: Mapping[str, int], axes: Mapping[str, AxisSizes]
) -> tuple[Accepted | None, str]:
    """The end with the output of all sizes, and a note if none is right for all.

    ``path`` is a trace of the ``samples`` with all sizes open. On another path the sizes may be other functions, that
    hold here as well: if an odd size is padded and cropped, it is kept, and so is an even one.
    """
    sizes = dict(samples)
    first = end = path.end
    for _ in range(_RETRACED):
        if not isinstance(end, Accepted):
            break
        wrong = next(_differing(end, axes), None)
        if wrong is None:
            return end, ""
        axis, size, _ = wrong
        sizes[axis] = axes[axis].sizes.above(size) or size
        end = tracer.path_of(sizes, {}).end
    if not isinstance(first, Accepted):
        return None, ""
    differing = next(_differing(first, axes), None)
    if differing is None:
        return first, ""
    axis, size, shapes = differing
    at = equalities({**axes[axis].held, axis: size})
    return first, f"the output of other sizes differs: it is {' and '.join(output_text(shapes, {}))} with {at}"


def _differing(end: Accepted, axes: Mapping[str, AxisSizes]) -> Iterator[tuple[str, int, Accepted]]:
    """Sizes along one axis with another output than this, which the axis alone shows."""
    for axis, of in axes.items():
        for region in of.found.regions:
            if kind(region.end) != "fits" or not isinstance(region.end, Accepted):
                continue
            larger = (region.sizes.above(n) for n in (300, 1_000))
            for size in {*islice(region.sizes, 2), *(n for n in larger if n is not None)}:
                expected = _shapes(region.end, {axis: size})
                if expected is not None and _shapes(end, {**of.held, axis: size}) != expected:
                    yield axis, size, Accepted(expected, names=region.end.names)


def _shapes(end: Accepted, sizes: Sizes) -> Any:
    try:
        return tuple(tuple(value(size, sizes) for size in shape) for shape in end.output)
    except ZeroDivisionError:
        return None
