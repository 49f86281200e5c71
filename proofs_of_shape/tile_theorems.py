"""The theorems about tiles, as a list: what operations read, and when a tile computes what the image does (SPEC 9).

Each claim calls the functions that ship. The positions that an operation reads are counted from a point ``outside``
positions before its input, so that positions in the padding are natural numbers too (see
:mod:`wellshaped.spec.network.reading`).
"""

from typing import Any

from ..spec.arithmetic.naturals import monus, quotient
from ..spec.network import Crop, CropTo, DepthToSpace, Pad, PadTo, Resize, SpaceToDepth, TransposedWindow, Window
from ..spec.network.operation import Operation
from ..spec.network.reading import Reads, reads_of
from ..spec.network.tiling import next_turn
from .terms import conjunction, iff
from .theorem import Theorem, adding_to

Claim = tuple[tuple[Any, ...], Any]

_theorems: list[Theorem] = []
_theorem = adding_to(_theorems)


def _reads(operation: Operation, *sizes: Any) -> Reads:
    """What an operation reads of its first input, for inputs of these ``sizes`` if it depends on them."""
    reads = reads_of(operation, sizes or [0], 0)[0]
    assert reads is not None  # it does not read only the size
    return reads


def _read_by(reads: Reads, i: Any, q: Any) -> Any:
    """The statement that input position ``q`` is from the first to the last that output position ``i`` reads."""
    counted = q + reads.outside
    return conjunction(counted >= reads.from_position(i), reads.to_position(i) >= counted)


def _is_tap(q: Any, first: Any, k: Any) -> Any:
    """The statement that ``q`` is ``first + j`` for a ``j < k``."""
    return conjunction(q >= first, k >= monus(q, first) + 1)


def _ends(reads: Reads, i: Any, first: Any, last: Any) -> Any:
    return conjunction(reads.from_position(i) == first, reads.to_position(i) == last)


@_theorem(
    "window_reads",
    "Output position i of a window reads the input positions q with q + p = i·s + j for a j < k: no others.",
    "SPEC 9",
    {"i": 0, "q": 0, "k": 1, "s": 1, "p": 0},
)
def _window_reads(i: Any, q: Any, k: Any, s: Any, p: Any) -> Claim:
    reads = _reads(Window(k, s, padding=p))
    return (k >= 1,), iff(_read_by(reads, i, q), _is_tap(q + p, i * s, k))


@_theorem(
    "dilated_window_reads",
    "A window of dilation d reads q if q + p = i·s + d·j for a j < k: nothing beyond what is stated, and its ends.",
    "SPEC 9",
    {"i": 0, "q": 0, "j": 0, "k": 1, "s": 1, "d": 1, "p": 0},
)
def _dilated_window_reads(i: Any, q: Any, j: Any, k: Any, s: Any, d: Any, p: Any) -> Claim:
    reads = _reads(Window(k, s, padding=p, dilation=d))
    ends = _ends(reads, i, i * s, i * s + d * monus(k, 1))  # counted from p positions before the input
    return (k >= j + 1, q + p == i * s + d * j), conjunction(ends, _read_by(reads, i, q))


@_theorem(
    "transposed_window_reads",
    "Output position i of a transposed window reads the input positions q with i + p = q·s + j for a j < k: no others.",
    "SPEC 9",
    {"i": 0, "q": 0, "k": 1, "s": 1, "p": 0},
)
def _transposed_window_reads(i: Any, q: Any, k: Any, s: Any, p: Any) -> Claim:
    reads = _reads(TransposedWindow(k, s, padding=p))
    return (k >= 1, s >= 1), iff(_read_by(reads, i, q), _is_tap(i + p, q * s, k))


@_theorem(
    "dilated_transposed_window_reads",
    "A transposed window of dilation d reads q if i + p = q·s + d·j for a j < k: nothing beyond what is stated.",
    "SPEC 9",
    {"i": 0, "q": 0, "j": 0, "k": 1, "s": 1, "d": 1, "p": 0},
)
def _dilated_transposed_window_reads(i: Any, q: Any, j: Any, k: Any, s: Any, d: Any, p: Any) -> Claim:
    reads = _reads(TransposedWindow(k, s, padding=p, dilation=d))
    return (s >= 1, k >= j + 1, i + p == q * s + d * j), _read_by(reads, i, q)


@_theorem(
    "same_window_reads",
    "A SAME window on n positions reads as a window padded by half of what it lacks, rounded down: p.",
    "SPEC 9, condition 2",
    {"i": 0, "q": 0, "n": 1, "k": 1, "s": 1, "p": 0},
)
def _same_window_reads(i: Any, q: Any, n: Any, k: Any, s: Any, p: Any) -> Claim:
    window = Window(k, s, rounding="same")
    lacks = monus(monus(window.size([n], 0), 1) * s + k, n)
    half = (lacks >= 2 * p, 2 * p + 1 >= lacks)
    return (k >= 1, s >= 1, *half), iff(_read_by(_reads(window, n), i, q), _is_tap(q + p, i * s, k))


@_theorem(
    "centred_crop_and_pad_read",
    "A crop or a padding to the size of another input has half of the difference before it, rounded down: c.",
    "SPEC 9, condition 2",
    {"i": 0, "q": 0, "n": 3, "m": 1, "c": 1},
)
def _centred_crop_and_pad_read(i: Any, q: Any, n: Any, m: Any, c: Any) -> Claim:
    of_crop, of_pad = _reads(CropTo(), n, m), _reads(PadTo(where="both"), m, n)
    half = (n >= m + 2 * c, m + 2 * c + 1 >= n)
    return half, conjunction(iff(_read_by(of_crop, i, q), q == i + c), iff(_read_by(of_pad, i, q), q + c == i))


@_theorem(
    "nearest_resize_reads",
    "A nearest resize by f/o reads one position: floor(i·o / f).",
    "SPEC 9",
    {"i": 3, "q": 1, "f": 2, "o": 1},
)
def _nearest_resize_reads(i: Any, q: Any, f: Any, o: Any) -> Claim:
    reads = _reads(Resize(f, over=o))
    return (f >= 1, o >= 1), iff(_read_by(reads, i, q), q == quotient(i * o, f))


@_theorem(
    "exact_nearest_resize_reads",
    "An exact nearest resize by f/o reads one position: floor((i + 1/2)·o / f).",
    "SPEC 9",
    {"i": 3, "q": 2, "f": 2, "o": 1},
)
def _exact_nearest_resize_reads(i: Any, q: Any, f: Any, o: Any) -> Claim:
    reads = _reads(Resize(f, mode="nearest-exact", over=o))
    return (f >= 1, o >= 1), iff(_read_by(reads, i, q), q == quotient((2 * i + 1) * o, 2 * f))


@_theorem(
    "linear_resize_reads",
    "A linear resize by f/o reads the nearest positions up and down from x = (i + 1/2)·o/f - 1/2.",
    "SPEC 9",
    {"i": 3, "f": 2, "o": 1},
)
def _linear_resize_reads(i: Any, f: Any, o: Any) -> Claim:
    reads = _reads(Resize(f, mode="linear", over=o))
    first, last = reads.from_position(i), reads.to_position(i)
    unit = 2 * f
    x = (2 * i + 1) * o + f  # the place x, counted from one position before the input, in units of 1 / (2·f)
    down = conjunction(x >= first * unit, (first + 1) * unit >= x + 1)
    up = conjunction(last * unit >= x, x + unit >= last * unit + 1)
    return (f >= 1, o >= 1), conjunction(reads.outside == 1, down, up)


@_theorem(
    "space_to_depth_reads",
    "Space to depth by f reads the positions i·f + j for j < f, and no others.",
    "SPEC 9",
    {"i": 0, "q": 0, "f": 2},
)
def _space_to_depth_reads(i: Any, q: Any, f: Any) -> Claim:
    reads = _reads(SpaceToDepth(f))
    return (f >= 1,), iff(_read_by(reads, i, q), _is_tap(q, i * f, f))


@_theorem(
    "depth_to_space_reads",
    "Depth to space by f reads the one position q with i = q·f + j for a j < f.",
    "SPEC 9",
    {"i": 0, "q": 0, "f": 2},
)
def _depth_to_space_reads(i: Any, q: Any, f: Any) -> Claim:
    reads = _reads(DepthToSpace(f))
    return (f >= 1,), iff(_read_by(reads, i, q), _is_tap(i, q * f, f))


@_theorem(
    "crop_and_pad_read",
    "Output position i of a crop of c before reads position i + c; that of a padding reads the q with q + c = i.",
    "SPEC 9",
    {"i": 1, "q": 0, "c": 1},
)
def _crop_and_pad_read(i: Any, q: Any, c: Any) -> Claim:
    of_crop, of_pad = (_read_by(_reads(operation), i, q) for operation in (Crop(((c, 0),)), Pad(((c, 0),))))
    return (), conjunction(iff(of_crop, q == i + c), iff(of_pad, q + c == i))


@_theorem(
    "two_windows_read_as_one",
    "Two windows in a row read what one window of kernel (k2 - 1)·s1 + k1 and stride s1·s2 reads.",
    "SPEC 9, a consequence",
    {"i": 0, "k1": 2, "s1": 2, "p1": 0, "k2": 2, "s2": 2, "p2": 0},
)
def _two_windows_read_as_one(i: Any, k1: Any, s1: Any, p1: Any, k2: Any, s2: Any, p2: Any) -> Claim:
    first, second = _reads(Window(k1, s1, padding=p1)), _reads(Window(k2, s2, padding=p2))
    # Counted from p2 positions before the second window's input, so p2·s1 + p1 before that of the first.
    low, high = first.from_position(second.from_position(i)), first.to_position(second.to_position(i))
    once = _reads(Window(monus(k2, 1) * s1 + k1, s1 * s2))
    return (k1 >= 1, k2 >= 1), _ends(once, i, low, high)


_READS = {"a": 1, "b": 1, "first": 0, "last": 2, "outside": 1}


@_theorem(
    "reading_moves_along",
    "If v output positions stand at u input positions, position i + v reads what position i reads, u positions later.",
    "SPEC 9, the total stride",
    {"i": 0, "u": 1, "v": 1, **_READS},
)
def _reading_moves_along(i: Any, u: Any, v: Any, a: Any, b: Any, first: Any, last: Any, outside: Any) -> Claim:
    reads = Reads(a, b, first, last, outside)
    later = _ends(reads, i + v, reads.from_position(i) + u, reads.to_position(i) + u)
    return (b >= 1, v * a == u * b), later


@_theorem(
    "start_after",
    "An output position reads nothing before the input position e iff it is at least start_after(e).",
    "SPEC 9, condition 1",
    {"i": 6, "e": 5, **_READS},
)
def _start_after(i: Any, e: Any, a: Any, b: Any, first: Any, last: Any, outside: Any) -> Claim:
    reads = Reads(a, b, first, last, outside)
    return (a >= 1, b >= 1), iff(reads.from_position(i) >= e + outside, i >= reads.start_after(e))


@_theorem(
    "stop_before",
    "An output position reads only before the input position e iff it is less than stop_before(e).",
    "SPEC 9, condition 1",
    {"i": 3, "e": 5, **_READS},
)
def _stop_before(i: Any, e: Any, a: Any, b: Any, first: Any, last: Any, outside: Any) -> Claim:
    reads = Reads(a, b, first, last, outside)
    reads_before = e + outside >= reads.to_position(i) + 1
    return (a >= 1, b >= 1), iff(reads_before, reads.stop_before(e) >= i + 1)


@_theorem(
    "tile_reads_as_image",
    "A position that is valid in a tile reads in the image, where it stands v positions later, only valid positions.",
    "SPEC 9, the step of an induction on the nodes",
    {"i": 3, "u": 1, "v": 1, "low": 2, "high": 9, **_READS},
)
def _tile_reads_as_image(
    i: Any, u: Any, v: Any, low: Any, high: Any, a: Any, b: Any, first: Any, last: Any, outside: Any
) -> Claim:
    reads = Reads(a, b, first, last, outside)
    valid = conjunction(i >= reads.start_after(low), reads.stop_before(high) >= i + 1)
    inside = conjunction(
        reads.from_position(i + v) >= low + u + outside, high + u + outside >= reads.to_position(i + v) + 1
    )
    return (a >= 1, b >= 1, v * a == u * b, valid), inside


@_theorem(
    "cores_partition",
    "The core of the next tile begins where the last core ends, and is not empty.",
    "SPEC 9, the cores",
    {"reached": 5, "low": 2, "high": 5, "s": 2},
)
def _cores_partition(reached: Any, low: Any, high: Any, s: Any) -> Claim:
    moved = next_turn(reached, low, s) * s
    more = conjunction(reached >= low + moved, high + moved >= reached + 1)
    return (s >= 1, reached >= low, high >= low + s), more


@_theorem(
    "halo_at_the_input_is_enough",
    "If a tile has all input positions that an output position reads, it also has all positions of the node between.",
    "SPEC 9: a rule about the input alone",
    {"i": 3, "u": 1, "k": 1, "s": 1, "p": 0},
    counterexample={"i": 1, "u": 1, "k": 1, "s": 1, "p": 1},
)
def _halo_at_the_input_is_enough(i: Any, u: Any, k: Any, s: Any, p: Any) -> Claim:
    up, conv = _reads(TransposedWindow(k, s, padding=p)), _reads(Window(3, padding=1))
    between = monus(conv.from_position(i), conv.outside)  # the first position between that position i reads
    in_tile = up.from_position(between) >= u + up.outside
    return (k >= 1, s >= 1, u >= 1, i >= 1, in_tile), between >= u * s


TILE_THEOREMS: tuple[Theorem, ...] = tuple(_theorems)
"""All of them, those with a counterexample last."""
