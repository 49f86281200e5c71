"""The halo of a network in a certificate: how far an output reads beyond what it stands at, for all positions (SPEC 9).

That no position reads further is a statement, which Z3 proves. That some position reads as far is an example: a size of
the image and a position, which is run.

What some operations read depends on the image's size, as in a centred crop. Then the statement names a size of each way
to read: for every size that fits, the operations read as for one of these.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import chain, islice
from typing import Any

from ..spec.answers.receptive import receptive_field
from ..spec.arithmetic.naturals import monus, quotient
from ..spec.arithmetic.size_set import SizeSet
from ..spec.messages.report import WellshapedError
from ..spec.network import Network
from ..spec.network.arithmetic import larger, smaller
from ..spec.network.reaching import Halo, halo_in_words, representatives, total_stride
from ..spec.network.reading import Reads, depends_on_size, reads_of, scales_by_sizes
from ..spec.network.running import sizes_along
from ..spec.network.scale import slopes_of
from ..spec.network.tiling import needed_nodes
from .smt_reading import refutation_text
from .terms import conjunction, disjunction, implies, term, variable

Example = tuple[int, int]
"""A size of the image, and a position of the output."""


@dataclass(frozen=True, slots=True)
class CertifiedHalo:
    """The halo of cores whose edges stand at multiples of the total stride, and that of cores with any edges.

    Both are as in :class:`wellshaped.spec.ReceptiveField`: what is read before and after. ``examples`` are four: where
    ``aligned`` before, ``aligned`` after, ``any`` before and ``any`` after are read in full. ``ways`` has a size for
    each way in which the operations read. ``statement`` asks, in SMT-LIB, for a size ``n`` with another way, or a
    position ``t`` that reads further.
    """

    aligned: Halo
    any: Halo
    examples: tuple[Example, Example, Example, Example]
    ways: tuple[int, ...]
    statement: str

    @property
    def amounts(self) -> tuple[int, int, int, int]:
        """The four numbers, in the order of the ``examples``."""
        return (*self.aligned, *self.any)

    def __str__(self) -> str:
        return halo_in_words(self.any, self.aligned)


@dataclass(frozen=True, slots=True)
class _Read:
    """What an output position reads of the image: the first and the last position, and whether no number was cut to 0.

    The positions are numbers or symbols.
    """

    first: Any
    last: Any
    exact: Any


_Way = Sequence[Sequence[Reads | None]]
"""What each node reads of each of its inputs, for the nodes that the output needs."""


def _way(network: Network, axis: int, n: Any) -> _Way:
    """What the nodes read for images of size ``n``, which may be a symbol."""
    sizes = sizes_along(network, n, axis)
    return [reads_of(node.operation, [sizes[name] for name in node.inputs], axis) for node in needed_nodes(network)]


def _read(network: Network, way: _Way, first: Any, last: Any) -> _Read:
    """What the output positions from ``first`` to ``last`` read, if the nodes read in this way."""
    output = network.outputs[0]
    firsts, lasts, exact = {output: first}, {output: last}, []
    for node, reads in zip(reversed(needed_nodes(network)), reversed(way), strict=True):
        if node.name not in firsts:  # only its size is read
            continue
        for name, of_it in zip(node.inputs, reads, strict=True):
            if of_it is None:
                continue
            low, high = of_it.from_position(firsts[node.name]), of_it.to_position(lasts[node.name])
            exact += [low >= of_it.outside, high >= of_it.outside]
            low, high = monus(low, of_it.outside), monus(high, of_it.outside)
            firsts[name] = smaller(firsts.get(name, low), low)
            lasts[name] = larger(lasts.get(name, high), high)
    images = [given.name for given in network.inputs if not given.single and given.name in firsts]
    read = reduce(smaller, map(firsts.__getitem__, images)), reduce(larger, map(lasts.__getitem__, images))
    return _Read(*read, conjunction(*exact))


@dataclass(frozen=True, slots=True)
class _Core:
    """A core of the output, ``[first, last]``, and the positions ``[start, stop)`` of the image that it stands at."""

    first: Any
    last: Any
    start: Any
    stop: Any


def _aligned_core(turn: Any, stride: int, shift: int) -> _Core:
    """The core of one total stride that comes after ``turn`` others."""
    return _Core(turn * shift, turn * shift + (shift - 1), turn * stride, turn * stride + stride)


def _any_core(position: Any, stride: int, shift: int) -> _Core:
    """The core of one position."""
    return _Core(
        position,
        position,
        quotient(position * stride, shift),
        quotient((position + 1) * stride + (shift - 1), shift),
    )


def _strides(network: Network, axis: int) -> tuple[int, int]:
    """The total stride, and by how much it shifts the output."""
    stride = total_stride(network, axis)
    return stride, int(stride * slopes_of(network, axis)[network.outputs[0]])


def member(n: Any, sizes: SizeSet) -> Any:
    """The statement that ``n`` is in the set."""
    parts = []
    for p in (*sizes.head, *sizes.tail):
        offset = monus(n, p.first)
        inside = [n >= p.first, term(quotient(offset, p.step)) * p.step == offset]
        if p.maximum is not None:
            inside.append(n <= p.maximum)
        parts.append(conjunction(*inside))
    return disjunction(*parts)


def halo_statement(network: Network, axis: int, sizes: SizeSet, halo: CertifiedHalo) -> str:
    """The statement that no core reads further, in SMT-LIB.

    It is about images of every size ``n`` in the set, and about the cores ``t`` strides and ``t`` positions after the
    first of the examples. There no position reads before the image.
    """
    n, t = variable("n"), variable("t")
    known = implies(member(n, sizes), disjunction(*(_reads_as(network, axis, n, size) for size in halo.ways)))
    no_further = (_no_further(network, axis, halo, size, t) for size in halo.ways)
    return refutation_text(conjunction(known, *no_further), ("n", "t"))


def _reads_as(network: Network, axis: int, n: Any, size: int) -> Any:
    """The statement that the nodes read for images of size ``n`` as for those of this ``size``."""
    same = []
    for node, way, other in zip(needed_nodes(network), _way(network, axis, n), _way(network, axis, size), strict=True):
        if depends_on_size(node.operation):
            for reads, as_in in zip(way, other, strict=True):
                if reads is not None and as_in is not None:
                    same += [getattr(reads, name) == getattr(as_in, name) for name in _NUMBERS]
    return conjunction(*same)


_NUMBERS = ("step", "over", "first", "last", "outside")


def _no_further(network: Network, axis: int, halo: CertifiedHalo, size: int, t: Any) -> Any:
    """The statement that no core reads further, for images of this ``size``."""
    stride, shift = _strides(network, axis)
    begin = min(position for _, position in halo.examples) // shift
    way = _way(network, axis, size)
    cores = _aligned_core(t + begin, stride, shift), _any_core(t + begin * shift, stride, shift)
    parts = []
    for core, (before, after) in zip(cores, (halo.aligned, halo.any), strict=True):
        read = _read(network, way, core.first, core.last)
        parts += [read.exact, read.first + before >= core.start, core.stop + after >= read.last + 1]
    return conjunction(*parts)


def read_in_full(network: Network, axis: int, sizes: SizeSet, halo: CertifiedHalo) -> bool:
    """Whether each example is a size that fits and a position of its output that reads the halo in full.

    Raises :class:`WellshapedError` if the network has no halo.
    """
    require_halo(network, axis)
    output = network.outputs[0]
    if not all(
        size in sizes and position < sizes_along(network, size, axis)[output] for size, position in halo.examples
    ):
        return False
    return all(way in sizes for way in halo.ways) and all(
        amount == _amounts(network, axis, size, position)[number]
        for number, (amount, (size, position)) in enumerate(zip(halo.amounts, halo.examples, strict=True))
    )


def _amounts(network: Network, axis: int, size: int, position: int) -> tuple[int, int, int, int]:
    """What is read before and after the aligned core with this position, and before and after this position alone."""
    stride, shift = _strides(network, axis)
    way, found = _way(network, axis, size), []
    for core in (_aligned_core(position // shift, stride, shift), _any_core(position, stride, shift)):
        read = _read(network, way, core.first, core.last)
        found += [monus(core.start, read.first), monus(read.last + 1, core.stop)]
    before, after, any_before, any_after = found
    return before, after, any_before, any_after


def halo_of(network: Network, axis: int, sizes: SizeSet) -> CertifiedHalo:
    """The halo of a network, with examples.

    Raises :class:`WellshapedError` if the halo is unbounded, or depends on the size by a ratio or in too many ways, and
    if padding repeats positions of the image or all images that fit are small.
    """
    require_halo(network, axis)
    field = receptive_field(network)[network.outputs[0]][axis]
    ways = _ways(network, axis, sizes)
    if len(ways) > MAX_WAYS:
        says = f"the operations read in {len(ways)} ways, and may in at most {MAX_WAYS}"
        raise _not_certified("ways", says)
    wanted = (*field.aligned, *field.halo)
    examples: dict[int, Example] = {}
    for example in _candidates(network, axis, sizes, ways, field.halo):
        for number, amount in enumerate(_amounts(network, axis, *example)):
            if amount == wanted[number]:
                examples.setdefault(number, example)
        if len(examples) == len(wanted):
            break
    if len(examples) < len(wanted):
        raise _not_certified("examples", "no image that fits is so large that a position reads the halo in full")
    found = (examples[0], examples[1], examples[2], examples[3])
    halo = CertifiedHalo(field.aligned, field.halo, found, ways, "")
    return replace(halo, statement=halo_statement(network, axis, sizes, halo))


def require_halo(network: Network, axis: int) -> None:
    """Raise :class:`WellshapedError` unless the first output reads a bounded part of the image for all sizes."""
    slopes = slopes_of(network, axis)
    for node in needed_nodes(network):
        called = f"{node.name} ({node.operation.called})"
        if scales_by_sizes(node.operation):
            raise _not_certified("ratio", f"{called} reads by a ratio of two sizes")
        reads = reads_of(node.operation, [2] * len(node.inputs), axis)
        for name, of_it in zip(node.inputs, reads, strict=True):
            if of_it is None:
                continue
            if of_it.everything:
                raise _not_certified("unbounded", f"{called} reads the whole image")
            if of_it.repeats:
                raise _not_certified("repeats", f"{called} reads other positions at the edges of the image")
            if slopes[node.name] * of_it.step != slopes[name] * of_it.over:
                raise _not_certified("ratio", f"{called} reads {name} at another ratio than that of their sizes")
    if not _strides(network, axis)[1]:
        raise _not_certified("unbounded", f"{network.outputs[0]} has no position for each part of the image")


def _ways(network: Network, axis: int, sizes: SizeSet) -> tuple[int, ...]:
    """A size for each way in which the operations read, the smallest if it is small."""
    small = islice(sizes, _SMALL)
    tried = chain(small, representatives(network, axis, sizes))
    ways = {repr(_way(network, axis, size)): size for size in reversed([*tried])}
    return tuple(sorted(ways.values()))


def _candidates(network: Network, axis: int, sizes: SizeSet, ways: Sequence[int], halo: Halo) -> Iterator[Example]:
    """Each position of one total stride, for each way, where no position reads before the image or after it."""
    stride, shift = _strides(network, axis)
    for size in ways:
        begin = -(-halo[0] // stride) + 1
        way = _way(network, axis, size)
        while not _read(network, way, begin * shift, begin * shift).exact:
            begin += 1
        large = _size_with(network, axis, sizes, size, (begin + 1) * shift)
        if large is not None:
            yield from ((large, begin * shift + position) for position in range(shift))


def _size_with(network: Network, axis: int, sizes: SizeSet, size: int, positions: int) -> int | None:
    """A size that is read as ``size`` is, and whose output has more than ``positions``; ``None`` if none is near."""
    stride, shift = _strides(network, axis)
    way, n = repr(_way(network, axis, size)), sizes.above(positions * stride // shift)
    for _ in range(_TRIED):
        if n is None:
            return None
        if repr(_way(network, axis, n)) == way and sizes_along(network, n, axis)[network.outputs[0]] > positions:
            return n
        n = sizes.above(n + 1)
    return None


_TRIED = 1_024
"""How many sizes are tried for an example."""

MAX_WAYS = 16
"""The operations of a certified network read in at most this many ways."""

_SMALL = 64
"""How many of the smallest sizes are tried, before a large one of each class."""


def _not_certified(rule: str, says: str) -> WellshapedError:
    return WellshapedError.of("certifying the halo", rule, "", says, "a certificate without the halo")
