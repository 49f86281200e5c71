"""The shapes that may be meant by one that no size fits: other spatial axes, another order, other channels.

Nothing here runs a model: :mod:`.any_model` tries these shapes in turn.
"""

from collections.abc import Iterator, Sequence
from itertools import islice

from ..spec.network.network import FEW_CHANNELS

MeantShapes = tuple[list[tuple[int, ...]], list[str]]
"""Shapes that may be meant, and in words how they differ from those that were given."""

_MOST_ORDERS = 6
"""The most other orders of the axes to try: each takes a trace."""


def large_axes(shape: Sequence[int]) -> Iterator[list[int]]:
    """The positions that are probably spatial: those of large sizes, then without the channels if they are many.

    >>> list(large_axes((1, 3, 303, 384))), list(large_axes((64, 32, 32)))
    ([[2, 3]], [[0, 1, 2], [0, 1]])
    """
    large = [i for i, size in enumerate(shape) if size > FEW_CHANNELS] or list(range(len(shape)))
    yield large
    if len(large) == len(shape) > 1:
        yield large[1:] if shape[0] <= shape[-1] else large[:-1]


def layouts(shape: Sequence[int]) -> Iterator[list[int]]:
    """The positions that are spatial in the usual layouts, where some are as small as channels.

    Channels are last, then first; there is a batch axis, then none; at last all axes are spatial.

    >>> list(layouts((3, 64, 3)))
    [[1], [2], [0, 1], [1, 2], [0, 1, 2]]
    >>> list(layouts((2, 1, 64, 3)))
    [[1, 2], [2, 3], [0, 1, 2], [1, 2, 3]]
    """
    rank = len(shape)
    spans = [span for batch in (1, 0) if rank - batch > 1 for span in ((batch, rank - 1), (batch + 1, rank))]
    if rank < 4:
        spans.append((0, rank))
    yield from (list(range(*span)) for span in spans)


def small_axes(shape: Sequence[int]) -> Iterator[list[int]]:
    """The positions that may be spatial, where some are small: the :func:`layouts` that open a small axis.

    >>> list(small_axes((3, 64, 3))), list(small_axes((303, 384)))
    ([[2], [0, 1], [1, 2], [0, 1, 2]], [])
    """
    tried = list(large_axes(shape))
    yield from (axes for axes in layouts(shape) if axes not in tried and any(shape[i] <= FEW_CHANNELS for i in axes))


def other_orders(shapes: Sequence[Sequence[int]]) -> Iterator[MeantShapes]:
    """The shapes that may be meant: the channels at the other end, added where they are missing, a batch, an image.

    >>> for shapes, changes in other_orders([(3, 304, 384)]):
    ...     print(*shapes, changes)
    (304, 384, 3) ['channels last']
    (1, 3, 304, 384) ['a batch axis first']
    (1, 304, 384, 3) ['channels last', 'a batch axis first']
    >>> next(other_orders([(304, 384)])), next(other_orders([(1, 3, 96, 304, 384)]))
    (([(304, 384, 3)], ['3 channels last']), ([(1, 3, 304, 384)], ['one size less']))
    """

    def moved(shape: tuple[int, ...], last: bool) -> tuple[int, ...]:
        batch = shape[: len(shape) - 3] if len(shape) > 3 else ()
        before, *sizes = shape[len(batch) :]
        *others, after = shape[len(batch) :]
        return (*batch, *sizes, before) if last else (*batch, after, *others)

    whole = [tuple(shape) for shape in shapes]
    orders: list[MeantShapes] = []
    if min(map(len, whole)) > 2:
        to_last = whole[0][-1] > FEW_CHANNELS
        orders.append(([moved(s, s[-1] > FEW_CHANNELS) for s in whole], [f"channels {'last' if to_last else 'first'}"]))
    if max(map(len, whole)) < 3:
        for n, counted in (3, "3 channels"), (1, "1 channel"):
            orders.append(([(*s, n) for s in whole], [f"{counted} last"]))
            orders.append(([(n, *s) for s in whole], [f"{counted} first"]))
    same: MeantShapes = (whole, [])
    if max(map(len, whole)) < 4:
        orders += [([(1, *s) for s in of], [*says, "a batch axis first"]) for of, says in [same, *orders]]
    if min(map(len, whole)) > 3:
        orders += [([s[1:] for s in of], [*says, "no batch axis"]) for of, says in [same, *orders]]
    if max(map(len, whole)) > 4:  # of an image, and not of a volume: channels first, then last
        orders[:0] = [([(*s[:at], *s[at + 1 :]) for s in whole], ["one size less"]) for at in (2, 1)]
    yield from islice(orders, _MOST_ORDERS)


def other_channels(shapes: Sequence[Sequence[int]]) -> Iterator[tuple[int, MeantShapes]]:
    """The shapes that may be meant, if only the number of channels is wrong: its position, and another usual number.

    >>> [(at, shape) for at, ((shape,), _) in other_channels([(1, 304, 384)])]
    [(0, (3, 304, 384)), (0, (4, 304, 384))]
    >>> [at for at, _ in other_channels([(2, 1, 304, 1)])]  # channels last, first, then the first axis
    [3, 3, 1, 1, 0, 0, 0]
    """
    first = tuple(shapes[0])
    places = dict.fromkeys([len(first) - 1, *range(min(2, len(first) - 1))[::-1]])
    if len(shapes) > 1 or len(first) < 2:
        return
    for at in places:
        for n in (3, 1, 4) if first[at] <= FEW_CHANNELS else ():
            if n != first[at]:
                changes = [f"{n} channel{'s' * (n > 1)} in place of {first[at]}"]
                yield at, ([(*first[:at], n, *first[at + 1 :])], changes)
