"""Find what fits: the smallest input for an output (``input_for``), and values for open numbers (``fill``).

**The smallest input.** Every step is monotone (:mod:`.network.monotone`), so the output size ``f(n)`` never falls as
``n`` grows. Therefore:

1. Bisection finds the least ``n`` with ``f(n) ≥ k``.
2. A size that fits makes an output of at least ``k`` iff it is at least this ``n``.
3. It makes exactly ``k`` iff it is also below the least ``n`` with ``f(n) ≥ k + 1``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..arithmetic.naturals import natural
from ..arithmetic.progression import Progression
from ..arithmetic.size_set import SizeSet
from ..messages.report import Report, ShapeError, Verdict
from ..messages.written import Written, written_number
from ..network.filling import fill_open_numbers
from ..network.monotone import large_enough, least_size
from ..network.network import Network
from ..network.running import AxisSizes, require_sizes, sizes_along
from .any_network import AnyNetwork, graph_of
from .compatibility import ShapeSet, compatible_shapes


@dataclass(frozen=True, slots=True, repr=False)
class Fitting(Written):
    """The ``sizes`` of an image that fits, and the sizes of its ``output``: one for each axis.

    >>> Fitting((572,), (388,))
    Fitting(sizes=(572,), output=(388,))
    """

    sizes: tuple[int, ...]
    output: tuple[int, ...]


def input_for(network: AnyNetwork, output: int | AxisSizes, *, exactly: bool = False) -> Fitting:
    """Return the smallest image that fits and has an output of at least this size, or ``exactly`` this size.

    ``output`` is one number for all axes, or one for each. It is the size of the network's first output. All inputs
    have the same sizes. Some networks also need a least number of positions in all, the product of the sizes. If
    the smallest sizes have fewer, some axes get larger sizes.

    Raises :class:`ShapeError` if no image has such an output; it names the nearest outputs below and above, and their
    inputs. Raises the errors of :func:`compatible_sizes`, except those about ``axis``.

    >>> input_for("ronneberger2015", 388)
    Fitting(sizes=(572, 572), output=(388, 388))
    >>> input_for("ronneberger2015", (512, 388)).sizes
    (700, 572)
    >>> input_for("ronneberger2015", 500, exactly=True).sizes
    (684, 684)
    >>> input_for("ronneberger2015", 512, exactly=True)
    Traceback (most recent call last):
    ...
    wellshaped.spec.messages.report.ShapeError: the output does not fit.
      output: height and width: no image gives an output of exactly 512.
      fix: output=500 (input 684) or output=516 (input 700)
    """
    graph = graph_of(network)
    fits = compatible_shapes(graph).axes
    each = output if isinstance(output, Sequence) else (natural(output, "output"),) * graph.axes
    wanted = require_sizes(graph, each, of="the output")
    firsts = [_first(graph, axis, n) for axis, n in enumerate(wanted)]
    sets = tuple(fits)
    if exactly:
        ends = [_first(graph, axis, n + 1) for axis, n in enumerate(wanted)]
        sets = tuple(fit & _run(first, end) for fit, first, end in zip(fits, firsts, ends, strict=True))
    of_axes = [None if n is None else fit.above(n) for n, fit in zip(firsts, sets, strict=True)]
    least = [n for n in of_axes if n is not None]
    if len(least) < graph.axes:
        raise _unmade(graph, wanted, of_axes, fits, "exactly" if exactly else "at least")
    sizes = ShapeSet(graph, sets).above(least)
    if sizes is None:
        says = f"no image meets the requirement of {', '.join(ShapeSet(graph, sets).together)} over all axes together"
        raise ShapeError.of("the output", "output", "", says, "a larger output")
    return Fitting(sizes, tuple(_output(graph, axis, n) for axis, n in enumerate(sizes)))


def _output(graph: Network, axis: int, n: int) -> int:
    """Return the size of the first output along an axis."""
    return sizes_along(graph, n, axis)[graph.outputs[0]]


def _first(graph: Network, axis: int, least: int) -> int | None:
    """Return the least size ``n ≥ 1`` with an output of at least ``least``, or ``None``."""
    return least_size(graph, lambda n: _output(graph, axis, n) >= least, least)


def _run(first: int | None, end: int | None) -> SizeSet:
    """Return the sizes from ``first`` up to, but not including, ``end``."""
    if first is None:
        return SizeSet()
    return SizeSet([Progression(first, 1, None if end is None else end - first)])


def _unmade(
    graph: Network, wanted: Sequence[int], found: Sequence[int | None], fits: Sequence[SizeSet], how: str
) -> ShapeError:
    """Return the error for an output that no image makes, with the nearest outputs of each axis."""
    axes: dict[tuple[str, str], list[str]] = {}  # axes with the same fault share a line
    for axis, (least, n, fit, name) in enumerate(zip(wanted, found, fits, graph.axis_names, strict=True)):
        if n is None:
            said = f"no image gives an output of {how} {written_number(least)}" if fit else "no size fits"
            near = " or ".join(f"output={made}" for made in _near(graph, axis, least, fit))
            fix = near or "another network; explain(network, sizes) shows what breaks"
            axes.setdefault((said, fix), []).append(name)
    about = [" and ".join(names) if graph.axes > 1 else "" for names in axes.values()]
    verdicts = tuple(Verdict("output", False, said, of) for (said, _), of in zip(axes, about, strict=True))
    fixes = tuple(
        fix if len(names) == graph.axes else f"{of}: {fix.replace('output=', '')}"
        for ((_, fix), names), of in zip(axes.items(), about, strict=True)
    )
    return ShapeError(Report("the output", verdicts, fixes))


def _near(graph: Network, axis: int, wanted: int, fit: SizeSet) -> Iterator[str]:
    """Yield the outputs nearest to ``wanted``, each with its smallest input."""
    first = _first(graph, axis, wanted)
    below = fit.below(large_enough(graph, wanted) if first is None else first - 1)
    above = None if first is None else fit.above(first)
    for made in (_output(graph, axis, n) for n in (below, above) if n is not None):
        least = _first(graph, axis, made)
        n = None if least is None else fit.above(least)
        if n is not None:
            yield f"{written_number(made)} (input {written_number(n)})"


def fill(network: AnyNetwork, sizes: AxisSizes | None = None) -> Network:
    """Return the network with a number for everything that is :data:`OPEN`, so that an image of these ``sizes`` fits.

    Without ``sizes``, infinitely many sizes fit along each axis. ``OPEN`` can stand for any number that an operation
    has for an axis. Write :class:`Open` instead to set bounds. One ``OPEN`` for all axes becomes a number for each. The
    sum of the numbers is the least possible. Ties are broken in favour of smaller numbers in earlier nodes, and within
    a node in favour of smaller numbers in later fields. All inputs have the same sizes.

    Raises :class:`WellshapedError` if no numbers fit, along each axis or together, or the search takes too long (rule
    ``not_solved``); :class:`UsageError` if no number is open and the sizes do not fit; :class:`ShapeError` for more or
    fewer sizes than axes.

    >>> from wellshaped.spec import Network
    >>> from wellshaped.spec import OPEN, Conv, ConvTranspose, Node, Require
    >>> decoder = Network({"x": 1}, (
    ...     Node("halved", Conv(3, 2, padding=1)),
    ...     Node("up", ConvTranspose(3, 2, padding=1, output_padding=OPEN)),
    ...     Node("y", Require(equal=True), ("up", "x")),
    ... ))
    >>> fill(decoder, (304, 303)).node("up").operation
    ConvTranspose(kernel=3, stride=2, padding=1, output_padding=(1, 0))
    """
    return fill_open_numbers(graph_of(network), sizes)
