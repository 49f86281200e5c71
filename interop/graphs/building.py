"""A network from nodes that are compared at several sizes: their operations, and names to read (SPEC section 8)."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ...spec.messages.report import WellshapedError
from ...spec.network import Crop, CropTo, Input, Network, Node, Operation, Pad, PadTo, PadToMultiple, Require
from ...spec.network.network import MAX_LETTERS
from .aligning import Track
from .draft import NoStepError
from .operations import Preferred, operations_of

_WORDS = {
    "conv_transpose": "up",
    "max_pool": "pooled",
    "avg_pool": "pooled",
    "resize": "resized",
    "concat": "joined",
    "add": "sum",
    "multiply": "product",
    "scale": "scaled",
    "depth_to_space": "blocks",
    "space_to_depth": "blocks",
    "require": "required",
}
"""The names of nodes without parameters; a number follows."""


@dataclass(frozen=True, slots=True)
class Built:
    """The network, the name of each node that was found, and why nodes have no operation."""

    network: Network | None
    names: dict[Track, str]
    failures: tuple[str, ...] = ()


def built(
    tracks: Sequence[Track],
    outputs: Sequence[Track],
    given: Sequence[str],
    axes: int,
    name: str,
    preferred: Preferred,
    required: Require | None = None,
) -> Built:
    """The network of these nodes. ``given`` are the names of the inputs, and ``required`` is what each image needs."""
    used = _used(outputs)
    left = [track for track in tracks if track in used or track.node.kind == "input"]
    earlier: list[Track] = []
    names: dict[Track, str] = {}
    failures = []
    nodes: list[Node] = []
    called = _Names(given)
    while left:
        track = left.pop(0)
        node = track.node
        if node.kind == "input":
            earlier.append(track)
            names[track] = given[node.fixed["number"]]
            if required is not None and not node.fixed["single"]:
                nodes.append(Node(f"{names[track]}.required", required, names[track]))
                names[track] = nodes[-1].name
            continue
        try:
            found = operations_of(track, list(_likely(track, earlier, left)), preferred)
        except NoStepError as why:
            first = next((at for at, of in enumerate(left) if track in of.inputs), 0)
            if first:  # its size may be that of a node which is made before it is read
                left.insert(first, track)
                continue
            failures.append(f"{node.kind} ({why})")
            found = []
        earlier.append(track)
        names[track] = names[track.inputs[0]]
        for operation, more in found:
            inputs = [names[of] for of in track.inputs[1:]] or [names[of] for of in more]
            new, layer = called.next(track, operation, names[track])
            nodes.append(Node(new, operation, (names[track], *inputs), layer=layer))
            names[track] = new
    if failures:
        return Built(None, names, tuple(failures))
    ins = [
        Input(given[track.node.fixed["number"]], track.node.channels, single=track.node.fixed["single"])
        for track in earlier
        if track.node.kind == "input"
    ]
    ends = tuple(dict.fromkeys(names[of] for of in outputs))
    return Built(Network(ins, nodes, ends, axes, name=name), names)


class _Names:
    """Names of nodes: the path of the parameters, the node before it and an activation, or a word and a number."""

    def __init__(self, taken: Iterable[str]) -> None:
        self.taken, self.counts = set(taken), Counter[str]()

    def next(self, track: Track, operation: Operation, before: str) -> tuple[str, str]:
        """A name that is free, and the layer if the name is not that of the layer."""
        node = track.node
        path = written(node.path)
        if path:
            name, n = path, 1
            while name in self.taken:
                n += 1
                name = f"{path}_{n}"
            self.taken.add(name)
            return name, "" if name == path else path
        if node.kind == "activation" and f"{before}.{node.fixed['kind']}" not in self.taken:
            name = f"{before}.{node.fixed['kind']}"
            if len(name) <= MAX_LETTERS:
                self.taken.add(name)
                return name, ""
        word = _word(node.kind, operation)
        while True:
            self.counts[word] += 1
            name = f"{word}{self.counts[word]}"
            if name not in self.taken:
                self.taken.add(name)
                return name, ""


def _word(kind: str, operation: Operation) -> str:
    if isinstance(operation, Crop | CropTo):
        return "cropped"
    if isinstance(operation, Pad | PadTo | PadToMultiple):
        return "padded"
    return _WORDS.get(kind, kind)


def written(path: Sequence[str | int]) -> str:
    """The path of a layer as text.

    >>> written(("encoder", 0, "conv"))
    'encoder[0].conv'
    """
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text if text.isprintable() and len(text) <= MAX_LETTERS - 5 else ""


def _used(outputs: Sequence[Track]) -> set[Track]:
    used, left = set[Track](), list(outputs)
    while left:
        track = left.pop()
        if track not in used:
            used.add(track)
            left += track.inputs
    return used


def _likely(track: Track, before: Sequence[Track], after: Sequence[Track]) -> Iterator[Track]:
    """The earlier nodes whose size a node may take: first those that it is joined with, then the latest."""
    behind = _used([track])
    for join in (of for of in (*before, *after) if len(of.inputs) > 1 and track in _through(of)):
        yield from (of for of in join.inputs if of in before and of not in behind)
    yield from (of for of in reversed(before) if of not in behind)
    yield from (of for of in reversed(before) if of in behind)


def _through(join: Track) -> set[Track]:
    """The inputs of a join, and the nodes behind them that keep the size."""
    found, left = set[Track](), list(join.inputs)
    while left:
        track = left.pop()
        if track not in found:
            found.add(track)
            left += [of for of in track.inputs[:1] if of.sizes == track.sizes or track.node.kind == "edges"]
    return found


def no_step(name: str, failures: Sequence[str], fix: str) -> WellshapedError:
    """The error for operations that no node describes."""
    shown = list(dict.fromkeys(failures))
    more = f"; and {len(shown) - 3} more" if len(shown) > 3 else ""
    says = "; ".join(shown[:3]) + more
    return WellshapedError.of(f"a graph of {name}", "no_step", "no node describes this operation", says, fix)
