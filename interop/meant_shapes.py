"""The shapes that may be meant by one that no size fits: other spatial axes, another order, other channels.

Nothing here runs a model: :mod:`.any_model` tries these shapes in turn.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from ..spec.network.network import FEW_CHANNELS

MeantShapes = tuple[list[tuple[int, ...]], list[str]]
"""Shapes that may be meant, and in words how they differ from those that were given."""

_MOST_ORDERS = 6
"""The most other orders of the axes to try: each takes a trace."""

_MOST_AXES = 5
"""The most axes of an image: a batch of volumes."""


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


@dataclass(frozen=True, slots=True)
class _Order:
    """Shapes with another order of the axes, what was changed, and whether the channels were put last."""

    shapes: list[tuple[int, ...]]
    changes: tuple[str, ...] = ()
    channels_last: bool = False

    def then(self, shapes: list[tuple[int, ...]], change: str) -> "_Order":
        """These shapes, which differ from this order by a further change."""
        return replace(self, shapes=shapes, changes=(*self.changes, change))


def other_orders(
    shapes: Sequence[Sequence[int]], *, channels_first: bool = False, another: int | None = None
) -> Iterator[MeantShapes]:
    """The shapes that may be meant: the channels at the other end, added where they are missing, a batch, an image.

    >>> for shapes, changes in other_orders([(3, 304, 384)]):
    ...     print(*shapes, changes)
    (304, 384, 3) ['channels last']
    (1, 3, 304, 384) ['a batch axis first']
    (1, 304, 384, 3) ['channels last', 'a batch axis first']
    >>> next(other_orders([(304, 384)])), next(other_orders([(1, 3, 96, 304, 384)]))
    (([(304, 384, 3)], ['3 channels last']), ([(1, 3, 304, 384)], ['one size less']))

    For a framework whose layers take ``channels_first``, these orders come first. Its layers are strict about the
    number of axes, so a size may be missing: ``another`` one is added, by default as large as the last.

    >>> next(other_orders([(304, 384)], channels_first=True)), next(other_orders([(1, 3, 304)], channels_first=True))
    (([(3, 304, 384)], ['3 channels first']), ([(1, 3, 304, 304)], ['one size more']))
    """

    def moved(shape: tuple[int, ...], last: bool) -> tuple[int, ...]:
        batch = shape[: len(shape) - 3] if len(shape) > 3 else ()
        before, *sizes = shape[len(batch) :]
        *others, after = shape[len(batch) :]
        return (*batch, *sizes, before) if last else (*batch, after, *others)

    whole = [tuple(shape) for shape in shapes]
    same = _Order(whole)
    orders: list[_Order] = []
    if min(map(len, whole)) > 2:
        to_last = whole[0][-1] > FEW_CHANNELS
        moves = [moved(s, s[-1] > FEW_CHANNELS) for s in whole]
        orders.append(_Order(moves, (f"channels {'last' if to_last else 'first'}",), to_last))
    if max(map(len, whole)) < 3:
        for n, counted in (3, "3 channels"), (1, "1 channel"):
            orders.append(_Order([(*s, n) for s in whole], (f"{counted} last",), True))
            orders.append(_Order([(n, *s) for s in whole], (f"{counted} first",)))
    if max(map(len, whole)) < 4:
        orders += [of.then([(1, *s) for s in of.shapes], "a batch axis first") for of in [same, *orders]]
    if min(map(len, whole)) > 3:
        orders += [of.then([s[1:] for s in of.shapes], "no batch axis") for of in [same, *orders]]
    if max(map(len, whole)) > 4:  # of an image, and not of a volume: channels first, then last
        orders[:0] = [same.then([(*s[:at], *s[at + 1 :]) for s in whole], "one size less") for at in (2, 1)]
    if channels_first:
        orders.sort(key=lambda of: of.channels_last)
        large = next(large_axes(whole[0]))
        if max(map(len, whole)) < _MOST_AXES:
            size = whole[0][large[-1]] if another is None else another
            more = same.then([(*s, size) for s in whole], "one size more")
            # An image with one size lacks another. One with several is first put in another order.
            orders.insert(0 if len(large) == 1 else sum(not of.channels_last for of in orders), more)
    yield from ((of.shapes, list(of.changes)) for of in islice(orders, _MOST_ORDERS))


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
