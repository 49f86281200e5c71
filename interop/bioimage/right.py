"""The right description of a network: one range of sizes for each axis, and one halo (SPEC section 9)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from keyword import iskeyword
from math import lcm

from ...spec.answers.any_network import AnyNetwork, graph_of, title
from ...spec.answers.compatibility import solved_axis
from ...spec.arithmetic.size_set import SizeSet
from ...spec.messages.report import ShapeError
from ...spec.messages.written import in_words, written_number
from ...spec.network.monotone import large_enough
from ...spec.network.network import Network
from ...spec.network.reaching import period_of, total_stride
from ...spec.network.running import fits_together, sizes_along
from ...spec.network.scale import slopes_of
from ...spec.network.tiling import NotTiledError
from .description import BioimageDescription, InputAxis, InputTensor, OutputAxis, OutputTensor
from .grid import MAX_CLASSES, Grid, grid_of, leaves_core, margins

AXIS_IDS = {1: ("x",), 2: ("y", "x"), 3: ("z", "y", "x")}
"""What the zoo calls the axes of a network, by how many it has."""


def bioimage_description(network: AnyNetwork) -> BioimageDescription:
    """Return the right description of a network in the BioImage Model Zoo.

    - ``min`` and ``step`` are those of one range of sizes that all fit. ``min`` is so large that something is left of a
      tile's result without the halo. If the network can be tiled, ``step`` is a multiple of the total stride, so that
      tiles begin where they may.
    - ``halo`` is the smallest one for which tiles, put together, are exact: the larger of what is read before and
      after, rounded up until tiles begin at multiples of the total stride.
    - ``not_expressed`` has what a description can't say: other sizes that fit, where tiles must begin, nodes that read
      the whole image.

    The names of tensors are those of the inputs and outputs, with ``_`` in place of other characters than letters and
    digits. Batch norms are those of evaluation.

    Raises :class:`ShapeError` if no size fits, :class:`ConfigError` if the config is not well-formed, and
    :class:`WellshapedError` if the network is too hard to solve. Source: SPEC section 9.

    >>> description = bioimage_description("milesial")
    >>> description.inputs[0].axes[0], description.outputs[0].axes[0].halo
    (InputAxis(axis='y', min=208, step=16), 96)
    >>> print(bioimage_description("monai_basicunet").not_expressed[1])
    z, y and x: conv_0.conv_0.adn.N (instance norm) reads the whole image: no halo makes tiles exact
    """
    graph = graph_of(network)
    fitting = [solved_axis(graph, axis) for axis in range(graph.axes)]
    if not all(fitting):
        says, fix = "no size fits the network", "repair(network)"
        raise ShapeError.of(f"{title(network)} in the BioImage Model Zoo", "compatible_sizes", "", says, fix)
    ranges = _together(graph, [_range(graph, axis, fit) for axis, fit in enumerate(fitting)])
    names = tensor_names(graph)
    inputs = [
        InputTensor(names[given.name], given.channels, () if given.single else tuple(_inputs(graph, ranges)))
        for given in graph.inputs
    ]
    image = names[graph.image.name]
    outputs = [
        OutputTensor(names[name], graph.channels[name], tuple(_outputs(graph, ranges, i, image)))
        for i, name in enumerate(graph.outputs)
    ]
    said = tuple(_not_expressed(graph, ranges, fitting))
    return BioimageDescription(title(network), tuple(inputs), tuple(outputs), said)


def tensor_names(graph: Network) -> dict[str, str]:
    """The names in the zoo of the inputs and outputs: letters, digits and ``_``, at most 32.

    >>> tensor_names(graph_of("smp_resnet34"))
    {'x': 'x', 'segmentation_head.0': 'segmentation_head_0'}
    """
    found: dict[str, str] = {}
    for name in (*(given.name for given in graph.inputs), *graph.outputs):
        plain = re.sub("[^a-z0-9_]+", "_", name.lower()).strip("_")[:26]
        plain = plain if plain[:1].isalpha() and not iskeyword(plain) else f"tensor_{plain}".rstrip("_")
        taken = set(found.values())
        numbered = (plain, *(f"{plain}_{number}" for number in range(2, len(taken) + 3)))
        found[name] = next(choice for choice in numbered if choice not in taken)
    return found


@dataclass(frozen=True, slots=True)
class _Range:
    """The sizes of one axis: ``min`` and ``step``, the tiles, and why there are none."""

    min: int
    step: int
    grid: Grid | None = None
    why_not: str = ""

    def larger(self) -> "_Range":
        return _Range(self.min + self.step, self.step, self.grid, self.why_not)


def _range(graph: Network, axis: int, fitting: SizeSet) -> _Range:
    """The best range of an axis: tiles on the image's own grid, then any tiles; then the smallest halo."""
    if fitting.maximum is not None:
        return _Range(fitting.maximum, 0, why_not="the network takes no larger images")
    period = lcm(fitting.period or 1, total_stride(graph, axis), period_of(graph, axis))
    found: list[tuple[tuple[bool, int, int], int, Grid]] = []
    why_not = ""
    for n in _classes(graph, axis, fitting, period):
        try:
            grid = grid_of(graph, axis, n, fitting)
        except NotTiledError as error:
            why_not = why_not or str(error)
            if not error.helps:
                break
            continue
        if grid is None:
            why_not = why_not or NO_GRID
            continue
        found.append(((not grid.on_image, grid.excess, n), n, grid))
        if grid.on_image and n % period == 0:
            break
    if not found:
        return _untiled(graph, axis, fitting, period, why_not)
    _, n, grid = min(found, key=lambda of: of[0])
    finer = lcm(fitting.period or 1, total_stride(graph, axis))
    step = next(of for of in _divisors(period, finer) if _all_alike(graph, axis, n, of, period, grid, fitting))
    best = _Range(_smallest(graph, axis, fitting, n, step), step, grid)
    while not leaves_core(graph, axis, best.min, grid.halos, fitting):
        best = best.larger()
    return best


NO_GRID = "tiles with a halo of one size for both sides do not begin at multiples of the total stride"


def _divisors(of: int, by: int) -> Iterator[int]:
    """Yield the divisors of a number that are multiples of another one, the smallest first."""
    return (step for step in range(by, of + 1, by) if of % step == 0)


def _all_alike(graph: Network, axis: int, n: int, step: int, period: int, grid: Grid, fitting: SizeSet) -> bool:
    """Whether the numbers for the size ``n`` are right for every ``step``-th size after it."""
    sizes = range(n, n + period, step)
    try:
        if any(grid_of(graph, axis, other, fitting) != grid for other in sizes):  # it also says what outputs add
            return False
        for other in sizes:  # images of these sizes, with tiles of the first one
            margins(graph, axis, n, fitting, other - n)
    except NotTiledError:
        return False
    return True


def _more(graph: Network, axis: int, n: int) -> list[Fraction]:
    """By how much the size of each output exceeds the input's size times the scale."""
    sizes, slopes = sizes_along(graph, n, axis), slopes_of(graph, axis)
    return [sizes[name] - n * slopes[name] for name in graph.outputs]


def _untiled(graph: Network, axis: int, fitting: SizeSet, period: int, why_not: str) -> _Range:
    """The range of a network without tiles: the smallest step with which one scale and offset are right."""

    def alike(step: int) -> bool:
        return all(_more(graph, axis, n) == _more(graph, axis, first) for n in range(first, first + period, step))

    first = min(_classes(graph, axis, fitting, period), key=lambda n: (sum(map(abs, _more(graph, axis, n))), n))
    step = next(of for of in _divisors(period, fitting.period or 1) if alike(of))
    return _Range(_smallest(graph, axis, fitting, first, step), step, why_not=why_not)


def _classes(graph: Network, axis: int, fitting: SizeSet, period: int) -> Iterator[int]:
    """Yield a fitting size of each remainder by ``period``, the remainder 0 first, at most :data:`MAX_CLASSES`."""
    start = fitting.start
    first = start + -start % period
    others = (n for n in range(start, start + period) if n in fitting and n % period)
    for n in (*([first] if first in fitting else []), *islice(others, MAX_CLASSES)):
        yield _regular(graph, axis, n, period)


def _regular(graph: Network, axis: int, n: int, period: int) -> int:
    """A size with the remainder of ``n`` from which on outputs grow evenly. At smaller sizes, a crop can bind."""
    far = large_enough(graph, 1)
    more = _more(graph, axis, far + (n - far) % period)
    while any(_more(graph, axis, n + turn * period) != more for turn in range(_AHEAD)):
        n += period * -(-n // period)
    return n


_AHEAD = 4
"""How many sizes must agree with the largest ones."""


def _smallest(graph: Network, axis: int, fitting: SizeSet, n: int, step: int) -> int:
    """The smallest size from which on every ``step``-th one up to ``n`` fits, and outputs grow evenly."""
    while n - step in fitting and _more(graph, axis, n - step) == _more(graph, axis, n):
        n -= step
    return n


def _together(graph: Network, ranges: list[_Range]) -> list[_Range]:
    """The ranges with the smallest sizes that fit together."""
    while not fits_together(graph, [of.min for of in ranges]) and all(of.step for of in ranges):
        ranges = [of.larger() for of in ranges]
    return ranges


def _inputs(graph: Network, ranges: Sequence[_Range]) -> Iterator[InputAxis]:
    for name, of in zip(AXIS_IDS[graph.axes], ranges, strict=True):
        yield InputAxis(name, of.min, of.step)


def _outputs(graph: Network, ranges: Sequence[_Range], index: int, image: str) -> Iterator[OutputAxis]:
    output = graph.outputs[index]
    for axis, (name, of) in enumerate(zip(AXIS_IDS[graph.axes], ranges, strict=True)):
        halo = of.grid.halos[index] if of.grid else 0
        yield output_axis(graph, axis, output, of.min, name, (image, name), halo)


def output_axis(
    graph: Network, axis: int, output: str, n: int, name: str, of: tuple[str, str], halo: int
) -> OutputAxis:
    """The right output axis for inputs of size ``n``, and those of its class."""
    slope, size = slopes_of(graph, axis)[output], sizes_along(graph, n, axis)[output]
    exact = size - n * slope
    if exact.denominator > 1 and slope:  # sizes are rounded down
        exact = Fraction(size - n * slope.numerator // slope.denominator)
    return OutputAxis(name, of, slope, exact, halo)


def _not_expressed(graph: Network, ranges: Sequence[_Range], fitting: Sequence[SizeSet]) -> Iterator[str]:
    """Yield a sentence for each thing that a description can't say. Axes with the same sentence share it."""
    said: dict[str, list[str]] = {}
    for axis, (name, of, fit) in enumerate(zip(AXIS_IDS[graph.axes], ranges, fitting, strict=True)):
        for sentence in _of_axis(graph, axis, of, fit):
            said.setdefault(sentence, []).append(name)
    for sentence, names in said.items():
        yield f"{in_words(names)}: {sentence}"
    smallest = [fit.minimum for fit in fitting]
    known = [n for n in smallest if n is not None]
    if not fits_together(graph, known):
        yield f"some sizes fit along each axis and not together, such as {'×'.join(map(written_number, known))}"


def _of_axis(graph: Network, axis: int, of: _Range, fitting: SizeSet) -> Iterator[str]:
    listed = [written_number(of.min + turn * of.step) for turn in range(3)] if of.step else [written_number(of.min)]
    if fitting.is_finite and fitting.count != 1:
        yield f"the sizes that fit are {fitting}, and the description has only {listed[0]}"
    elif not fitting.is_finite and (fitting.minimum != of.min or fitting.period != of.step):
        yield f"the sizes that fit are {fitting}, and the description has {', '.join(listed)}, …"
    if of.why_not:
        yield f"{of.why_not}: no halo makes tiles exact"
    stride = total_stride(graph, axis)
    if of.grid is None or stride == 1:
        return
    needed = margins(graph, axis, of.min, fitting)
    before = written_number(of.grid.excess // 2) if of.grid.excess % 2 == 0 else f"{of.grid.excess}/2"
    begin = f"tiles must begin at multiples of {written_number(stride)}"
    if of.grid.on_image:
        yield (
            f"{begin}. They do if tiles begin (size - 2 × halo) positions apart, and the first one {before} positions "
            f"before the image"
        )
    elif any(needed) or of.grid.excess:
        yield (
            f"{begin}. With these numbers they do, counted from the first tile. It begins {before} positions before "
            f"the image, so the result is that of the image with this padding"
        )
