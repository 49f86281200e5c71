"""The receptive field of every node along one axis (SPEC section 9).

Position ``p`` of a node reads the input positions from ``first`` to ``last``. Both repeat: ``p + S_v`` reads what ``p``
reads, shifted by the total stride ``S``. So a table of ``S_v`` entries says what a node reads, and the table of a node
follows from those of its inputs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor, gcd, lcm, prod

from ..arithmetic.size_set import SizeSet
from ..messages.report import WellshapedError
from ..messages.written import Written, written_number
from .fields import on_axis
from .monotone import large_enough
from .network import Network, Node
from .reading import Reads, depends_on_size, reads_of
from .resampling import DepthToSpace
from .running import sizes_along
from .scale import slopes_of
from .windows import ConvTranspose, TransposedWindow

Halo = tuple[int, int]
"""How many positions are read before and after."""

MAX_CLASSES = 4_096
"""The most classes of sizes for which the reading of a network is compared."""


MAX_SHIFT = 2**16
"""The most positions of a node that are looked at: one total stride."""


@dataclass(frozen=True, slots=True, repr=False)
class NodeField(Written):
    """The receptive field of a node along one axis, in positions of the network's input.

    - ``stride``: the input positions from one position of the node to the next.
    - ``positions``: how many input positions one position of the node reads, the least and the most. A position that
      a transposed window leaves out reads nothing, and counts as reading the gap between its neighbours.
    - ``aligned``: the halo of a core whose edges stand at multiples of the total stride: how many input positions it
      reads before and after those that it stands at.
    - ``halo``: the same for a core with any edges, which can be larger.
    - ``unbounded``: the node that reads the whole image and why, or ``""``. All other fields are then 0.

    A node that depends on no image, such as a time embedding, has the stride 0.

    >>> from wellshaped.spec import receptive_field
    >>> of_bottom = receptive_field("milesial")["pooled[3]"][0]
    >>> of_bottom.stride, of_bottom.positions, of_bottom.halo
    (Fraction(16, 1), (76, 76), (30, 30))
    """

    stride: Fraction
    positions: tuple[int, int] = (0, 0)
    aligned: Halo = (0, 0)
    halo: Halo = (0, 0)
    unbounded: str = ""

    def __str__(self) -> str:
        if self.unbounded:
            return f"receptive field: unbounded; {self.unbounded}"
        least, most = map(written_number, self.positions)
        field = f"receptive field: {least if least == most else f'{least} to {most}'} positions"
        return f"{field}\n  halo: {halo_in_words(self.halo, self.aligned)}"


def halo_in_words(halo: Halo, aligned: Halo) -> str:
    """Return the halo of cores with any edges, and that of cores at multiples of the total stride.

    >>> halo_in_words((107, 107), (94, 94))
    '107 before and 107 after (94 and 94 for cores at multiples of the total stride)'
    """
    before, after = map(written_number, halo)
    less, least = map(written_number, aligned)
    more = "" if halo == aligned else f" ({less} and {least} for cores at multiples of the total stride)"
    return f"{before} before and {after} after{more}"


@dataclass(frozen=True, slots=True)
class _Table:
    """What a node reads: for each position up to its shift, the first and the last input position."""

    first: tuple[int, ...]
    last: tuple[int, ...]

    def at(self, of: Sequence[int], position: int, stride: int) -> int:
        """The entry of ``position``, which may lie outside of the table."""
        turns, rest = divmod(position, len(of))
        return of[rest] + turns * stride


def total_stride(network: Network, axis: int) -> int:
    """The least shift of the input that shifts every node by a whole number of positions.

    >>> from wellshaped.spec import graph_of
    >>> total_stride(graph_of("milesial"), 0)
    16
    """
    return lcm(*(slope.denominator for slope in slopes_of(network, axis).values()))


def fields_along(network: Network, axis: int, fitting: SizeSet) -> dict[str, NodeField]:
    """The receptive field of every input and node, over all ``fitting`` sizes.

    Raises :class:`WellshapedError` if what the nodes read depends on the size in more than :data:`MAX_CLASSES` ways.

    >>> from wellshaped.spec import compatible_sizes, graph_of
    >>> graph = graph_of("milesial")
    >>> fields_along(graph, 0, compatible_sizes(graph))["y"].aligned
    (94, 94)
    """
    distinct = dict.fromkeys(tuple(_reads(network, axis, n)) for n in representatives(network, axis, fitting))
    found = [_fields(network, axis, reads) for reads in distinct]
    return {name: _widest([fields[name] for fields in found]) for name in found[0]}


def fields_at(network: Network, axis: int, n: int) -> dict[str, NodeField]:
    """The receptive field of every input and node for images of size ``n``."""
    return _fields(network, axis, tuple(_reads(network, axis, n)))


def read_by(network: Network, axis: int, n: int, name: str, positions: Halo) -> Halo:
    """The input positions ``[lo, hi)`` that the ``positions`` ``[a, b)`` of a node read, for an image of size ``n``.

    It is their hull, within the image; empty if they read none of it.

    >>> from wellshaped.spec import graph_of
    >>> graph = graph_of("milesial")
    >>> read_by(graph, 0, 1024, "y", (418, 738)), read_by(graph, 0, 1024, "pooled[3]", (0, 1))
    ((322, 830), (0, 46))
    """
    sizes = sizes_along(network, n, axis)
    needed = {name: positions}
    for node in reversed(network.nodes):
        if node.name not in needed:
            continue
        made = needed[node.name]
        given = [sizes[source] for source in node.inputs]
        for source, reads, size in zip(node.inputs, reads_of(node.operation, given, axis), given, strict=True):
            low, high = inside(reads, made, size) if reads else (0, 0)
            if low < high:
                first, end = needed.get(source, (low, high))
                needed[source] = min(low, first), max(high, end)
    read = [needed[given.name] for given in network.inputs if given.name in needed and not given.single]
    return (min(low for low, _ in read), max(high for _, high in read)) if read else (0, 0)


def inside(reads: Reads, made: Halo, size: int) -> Halo:
    """The positions of an input of this ``size`` that the positions ``made`` read, also by way of the padding."""
    if reads.everything:
        return 0, size
    low, high = reads.interval(*made)
    before, after = (low, min(high, 0)), (max(low, size), high)  # the padding that they read
    parts = [(max(low, 0), min(high, size))]
    if reads.repeats and low < 0:
        parts.append((1 - before[1], 1 - before[0]) if reads.repeats == "mirrored" else (0, 1))
    if reads.repeats and high > size:
        last = 2 * size - 1
        parts.append((last - after[1], last - after[0]) if reads.repeats == "mirrored" else (size - 1, size))
    read = [(first, end) for first, end in parts if first < end]
    return (min(first for first, _ in read), max(end for _, end in read)) if read else (0, 0)


NodeReads = tuple[Reads | None, ...]


def _reads(network: Network, axis: int, n: int) -> Iterator[NodeReads]:
    sizes = sizes_along(network, n, axis)
    for node in network.nodes:
        yield reads_of(node.operation, [sizes[name] for name in node.inputs], axis)


def _fields(network: Network, axis: int, reads: Sequence[NodeReads]) -> dict[str, NodeField]:
    stride, slopes = total_stride(network, axis), slopes_of(network, axis)
    shifts = {name: int(slope * stride) for name, slope in slopes.items()}
    largest = max(shifts, key=shifts.__getitem__)
    if shifts[largest] > MAX_SHIFT:
        by, most = map(written_number, (shifts[largest], MAX_SHIFT))
        says = f"a total stride shifts {largest} by {by}, and may by {most}"
        raise WellshapedError.of("the receptive field", "stride", "too large", says, "smaller strides")
    tables: dict[str, _Table | str | None] = {}
    for given in network.inputs:
        tables[given.name] = None if given.single else _Table(tuple(range(stride)), tuple(range(stride)))
    for node, of_it in zip(network.nodes, reads, strict=True):
        tables[node.name] = _table(node, tables, of_it, shifts[node.name], stride)
    return {name: _field(table, slopes[name]) for name, table in tables.items()}


def _table(
    node: Node, tables: Mapping[str, _Table | str | None], reads: NodeReads, shift: int, stride: int
) -> _Table | str | None:
    """The table of a node; the reason if it is unbounded; ``None`` if it depends on no image."""
    firsts, lasts = [], []
    for name, of_it in zip(node.inputs, reads, strict=True):
        table = tables[name]
        if of_it is None or table is None:
            continue
        if isinstance(table, str):
            return table
        if of_it.everything or not shift:
            return f"{node.name} ({node.operation.called}) reads the whole image"
        if shift * of_it.step != len(table.first) * of_it.over:
            return f"{node.name} ({node.operation.called}) reads by a ratio that depends on the size of the image"
        ends = [of_it.interval(p, p + 1) for p in range(shift)]
        firsts.append([table.at(table.first, lo, stride) for lo, _ in ends])
        lasts.append([table.at(table.last, hi - 1, stride) for _, hi in ends])
    if not firsts:
        return None
    return _Table(tuple(map(min, *firsts, firsts[0])), tuple(map(max, *lasts, lasts[0])))


def _field(table: _Table | str | None, slope: Fraction) -> NodeField:
    step = 1 / slope if slope else Fraction(0)
    if table is None:
        return NodeField(Fraction(0))
    if isinstance(table, str):
        return NodeField(step, unbounded=table)
    first, last, shift = table.first, table.last, len(table.first)
    befores = [floor(p * step) - lo for p, lo in enumerate(first)]
    afters = [hi + 1 - ceil((p + 1) * step) for p, hi in enumerate(last)]
    seen = [hi + 1 - lo for lo, hi in zip(first, last, strict=True)]
    return NodeField(
        step,
        (max(min(seen), 0), max(seen)),
        (max(befores[0], 0), max(afters[shift - 1], 0)),
        (max(*befores, 0), max(*afters, 0)),
    )


def _widest(fields: Sequence[NodeField]) -> NodeField:
    """The hull of the receptive fields of one node for several classes of sizes."""
    for field in fields:
        if field.unbounded:
            return field
    positions = min(f.positions[0] for f in fields), max(f.positions[1] for f in fields)
    aligned, halo = (_larger(halos) for halos in ([f.aligned for f in fields], [f.halo for f in fields]))
    return NodeField(fields[0].stride, positions, aligned, halo)


def _larger(halos: Sequence[Halo]) -> Halo:
    return max(before for before, _ in halos), max(after for _, after in halos)


def representatives(network: Network, axis: int, fitting: SizeSet) -> Iterator[int]:
    """A fitting size of each class: on all sizes of a class, the operations read alike.

    Raises :class:`WellshapedError` if there are more than :data:`MAX_CLASSES` classes.
    """
    window = 1
    if any(depends_on_size(node.operation) for node in network.nodes):
        window = 2 * period_of(network, axis)  # half of a difference of two sizes has twice their period
    yield from large_members(network, fitting, window, "the receptive field for all sizes", "sizes: those of an image")


def large_members(network: Network, fitting: SizeSet, window: int, subject: str, fix: str) -> Iterator[int]:
    """The fitting sizes within a ``window`` of large ones; all of them, if they are finitely many.

    Raises :class:`WellshapedError` about the ``subject``, with this ``fix``, if there are more than
    :data:`MAX_CLASSES`.
    """
    if fitting.is_finite:
        yield from fitting
        return
    count = window * len(fitting.residues) // (fitting.period or 1)
    if count > MAX_CLASSES:
        says = f"the sizes have {written_number(count)} classes, and at most {written_number(MAX_CLASSES)} are compared"
        raise WellshapedError.of(subject, "classes", "too many classes", says, fix)
    n = first = fitting.above(max(fitting.start, large_enough(network, 1)))
    while n is not None and first is not None and n < first + window:
        yield n
        n = fitting.above(n + 1)


@lru_cache(maxsize=256)
def period_of(network: Network, axis: int) -> int:
    """A period of the sizes: an input larger by it makes each node larger by a multiple of what divides its size.

    >>> from wellshaped.spec import graph_of
    >>> period_of(graph_of("milesial"), 0)
    16
    """
    slopes = slopes_of(network, axis)
    periods = {given.name: 1 for given in network.inputs}
    for node in network.nodes:
        shared = lcm(*(periods[name] for name in node.inputs))
        divisor = prod(_divisors(node, axis))
        grown = [int(shared * slopes[name]) for name in node.inputs]
        periods[node.name] = lcm(shared, *(shared * divisor // gcd(divisor, more) for more in grown))
    return lcm(*periods.values())


def _divisors(node: Node, axis: int) -> Iterator[int]:
    """The numbers that divide a size in the operation of a node."""
    multiplies = isinstance(node.operation, ConvTranspose | TransposedWindow | DepthToSpace)
    for name in () if multiplies else ("stride", "over", "block", "multiple"):
        value = getattr(node.operation, name, 1)
        yield on_axis(getattr(node.operation, "kernel", 1) if value is None else value, axis)
