"""The nodes of several sizes, side by side: which node at one size is which at another.

A crop, pad or resize that changes nothing at a size is not recorded there. Where a size is rejected, the nodes stop.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from ..sizes.shapes import equalities
from .draft import Draft, DraftNode

_MAY_BE_ABSENT = ("edges", "resize")


class OtherPathError(Exception):
    """At some size the network runs other operations. The text names them."""


@dataclass(eq=False, slots=True)
class Track:
    """One node at all sizes: ``found[i]`` at the size ``i``, or ``None`` where it changes nothing or is not reached.

    ``sizes[i]`` has its sizes along each axis, for the sizes that reach it.
    """

    inputs: list["Track"]
    found: dict[int, DraftNode] = field(default_factory=dict)
    sizes: dict[int, tuple[int, ...]] = field(default_factory=dict)

    @property
    def node(self) -> DraftNode:
        """The node at one of the sizes."""
        return next(iter(self.found.values()))


def aligned(drafts: Sequence[Draft]) -> tuple[list[Track], list[Track]]:
    """The nodes of all sizes in order, and the outputs. One draft must be finished.

    They are compared in the order in which they ran. That may depend on the size: a repeat becomes a node only when
    something is computed from it, for example a crop. Then the order in which the outputs need them is compared.

    Raises :class:`OtherPathError` if two sizes take different operations.
    """
    try:
        return _aligned(drafts)
    except OtherPathError as other:
        try:
            return _aligned([_as_needed(draft) for draft in drafts])
        except OtherPathError:
            raise other from None


def _as_needed(draft: Draft) -> Draft:
    """The draft with each node after its inputs, in the order in which the outputs, or the last nodes, need them."""
    read = {n for node in draft.nodes for n in node.inputs}
    ends = draft.outputs if draft.finished else [n for n in range(len(draft.nodes)) if n not in read]
    order: dict[int, None] = {n: None for n, node in enumerate(draft.nodes) if not node.inputs}
    left = [*reversed(ends)]
    while left:
        waiting = [n for n in draft.nodes[left[-1]].inputs if n not in order]
        if waiting:
            left += reversed(waiting)
        else:
            order.setdefault(left.pop())
    number = {n: at for at, n in enumerate(order)}
    nodes = tuple(replace(draft.nodes[n], inputs=tuple(number[k] for k in draft.nodes[n].inputs)) for n in order)
    return replace(draft, nodes=nodes, outputs=tuple(number[n] for n in draft.outputs if n in number))


def _aligned(drafts: Sequence[Draft]) -> tuple[list[Track], list[Track]]:
    tracks: list[Track] = []
    outputs: list[Track] = []
    order = sorted(range(len(drafts)), key=lambda i: not drafts[i].finished)
    for i in order:
        at = _added(tracks, i, drafts[i])
        ends = [at[n] for n in drafts[i].outputs]
        if drafts[i].finished:
            if not outputs:
                outputs = ends
            elif len(ends) != len(outputs):
                raise OtherPathError(f"it has {len(ends)} outputs, and {len(outputs)} at another size")
            # An output may end in a crop that is absent at other sizes.
            outputs = [max(pair, key=tracks.index) for pair in zip(outputs, ends, strict=True)]
    return tracks, outputs


def _added(tracks: list[Track], i: int, draft: Draft) -> dict[int, Track]:
    """Find the track of each node of a draft, and note the node there. Returns the tracks by the nodes' numbers."""
    at: dict[Track, int] = {}
    of: dict[int, Track] = {}
    first, t = not tracks, 0

    def pass_absent(track: Track) -> None:
        at[track] = at[track.inputs[0]]
        track.sizes[i] = draft.nodes[at[track]].sizes

    for n, node in enumerate(draft.nodes):
        while not first and t < len(tracks) and not _same(tracks[t], node, at, of) and _is_absent(tracks[t:], node):
            pass_absent(tracks[t])
            t += 1
        if first or t == len(tracks) or not _same(tracks[t], node, at, of):
            if not first and node.kind not in _MAY_BE_ABSENT:
                other = f"{tracks[t].node.kind} instead" if t < len(tracks) else "no more operations"
                raise OtherPathError(f"at {equalities(draft.sizes)} it has {node.kind}, and at other sizes {other}")
            track = Track([of[k] for k in node.inputs])
            past = {j for later in tracks[t:] for j in later.sizes}
            if not first:
                track.sizes |= {j: sizes for j, sizes in track.inputs[0].sizes.items() if j in past or t == len(tracks)}
            tracks.insert(t, track)
        track = tracks[t]
        track.found[i], track.sizes[i] = node, node.sizes
        at[track], of[n] = n, track
        t += 1
    if draft.finished:
        for track in tracks[t:]:
            if track.node.kind not in _MAY_BE_ABSENT:
                raise OtherPathError(f"at {equalities(draft.sizes)} it has no {track.node.kind}, as at other sizes")
            pass_absent(track)
    return of


def _is_absent(tracks: Sequence[Track], node: DraftNode) -> bool:
    """Whether the first track changes nothing at a size whose next node is this one."""
    return tracks[0].node.kind in _MAY_BE_ABSENT and (node.kind not in _MAY_BE_ABSENT or _later(tracks, node))


def _later(tracks: Sequence[Track], node: DraftNode) -> bool:
    return any(track.node.key == node.key for track in tracks[1:4])


def _same(track: Track, node: DraftNode, at: dict[Track, int], of: dict[int, Track]) -> bool:
    """Whether the node is that of the track. If an input passes a crop that other sizes lack, it is added to them."""
    if track.node.key != node.key or len(track.inputs) != len(node.inputs):
        return False
    wiring = []
    for given, n in zip(track.inputs, node.inputs, strict=True):
        if at.get(given) == n:
            wiring.append(given)
            continue
        through = next((passed for passed in _before(of[n]) if passed is given), None)
        if through is None:
            return False
        wiring.append(of[n])
    track.inputs = wiring
    return True


def _before(track: Track) -> Iterator[Track]:
    """The nodes behind a chain of nodes that may be absent."""
    while track.node.kind in _MAY_BE_ABSENT and track.inputs:
        track = track.inputs[0]
        yield track
