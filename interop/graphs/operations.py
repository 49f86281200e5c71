"""One operation for a node at all sizes. Numbers that follow the size become SAME, a multiple, or another's size."""

from collections.abc import Callable, Sequence
from math import gcd
from typing import Any

from ...spec.network import (
    Activation,
    Add,
    AvgPool,
    Concat,
    Conv,
    ConvTranspose,
    Crop,
    CropTo,
    DepthToSpace,
    Dropout,
    MaxPool,
    Mean,
    Multiply,
    Norm,
    Operation,
    Pad,
    PadTo,
    PadToMultiple,
    Require,
    Resize,
    ResizeTo,
    Scale,
    Slice,
    SpaceToDepth,
    Window,
)
from ...spec.network.arithmetic import same_padding, transposed_padding
from ...spec.network.fields import shortest
from .aligning import Track
from .draft import NoStepError

Found = list[tuple[Operation, tuple[Track, ...]]]
"""Operations in order, each with the nodes that it takes beside the node before it."""


Preferred = frozenset[str]
"""What to take if several operations have the same numbers: ``"offset"`` for a crop from a fixed position, ``"size"``
for the size of another node, and ``"numbers"`` for padding that is not SAME."""

PREFERENCES: tuple[Preferred, ...] = tuple(
    map(frozenset, ((), ("offset",), ("size",), ("numbers",), ("offset", "size"), ("size", "numbers")))
)


def operations_of(track: Track, others: Sequence[Track], preferred: Preferred = frozenset()) -> Found:
    """The operations of a node; ``others`` are earlier nodes whose sizes it may take, the most likely first.

    Raises :class:`NoStepError` if no operation has these numbers at every size.
    """
    node = track.node
    simple = _SIMPLE.get(node.kind)
    if simple is not None:
        return [(simple(node.fixed), ())]
    return _SIZED[node.kind](track, others, preferred)


def _plain(values: Sequence[Any]) -> Any:
    return shortest(list(values))


_SIMPLE: dict[str, Callable[[Any], Operation]] = {
    "concat": lambda of: Concat(),
    "add": lambda of: Add(broadcast=of["broadcast"]),
    "multiply": lambda of: Multiply(broadcast=of["broadcast"]),
    "norm": lambda of: Norm(
        of["kind"], groups=of["groups"] if of["kind"] == "group" else 1, epsilon=of["epsilon"], affine=of["affine"]
    ),
    "activation": lambda of: Activation(of["kind"], slope=of["slope"]),
    "scale": lambda of: Scale(),
    "dropout": lambda of: Dropout(of["rate"], channels=of["channels"]),
    "slice": lambda of: Slice(of["start"], of["stop"]),
    "mean": lambda of: Mean(),
    "depth_to_space": lambda of: DepthToSpace(_plain(of["block"])),
    "space_to_depth": lambda of: SpaceToDepth(_plain(of["block"])),
    "require": lambda of: Require(multiple=_plain(of["multiple"])),
    "strided": lambda of: Window(1, _plain(of["stride"])),
}


def _padding(
    track: Track, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int], preferred: Preferred
) -> Any:
    """The padding that has these numbers at every size: numbers, or ``"SAME"``."""
    amounts = [[node.sides[k] for node in track.found.values()] for k in range(len(kernel))]
    given = track.inputs[0].sizes
    same = all(
        node.sides[k] == same_padding(given[i][k], dilation[k] * (kernel[k] - 1) + 1, stride[k])
        for i, node in track.found.items()
        for k in range(len(kernel))
    )
    constant = all(each == of[0] for of in amounts for each in of)
    # Where the stride is 1, both are the same.
    if (
        same
        and not (constant and (max(stride) == 1 or "numbers" in preferred))
        and any(of[0] != (0, 0) or len(set(of)) > 1 for of in amounts)
    ):
        return "SAME"
    if constant:
        return shortest([of[0] if of[0][0] != of[0][1] else of[0][0] for of in amounts])
    raise NoStepError("its padding depends on the size, and not as SAME does")


def _numbers(track: Track, name: str) -> Any:
    """The numbers along the axes, if they are the same at every size."""
    found = {getattr(node, name) for node in track.found.values()}
    return next(iter(found)) if len(found) == 1 else None


def _conv(track: Track, others: Sequence[Track], preferred: Preferred) -> Found:
    node, of = track.node, track.node.fixed
    stride = _numbers(track, "stride") or ()
    padding = _padding(track, of["kernel"], stride, of["dilation"], preferred)
    bias = any(each.bias for each in track.found.values())
    numbers = {"channels": node.channels, "groups": of["groups"], "dilation": _plain(of["dilation"])}
    made = Conv(_plain(of["kernel"]), _plain(stride), padding=padding, bias=bias, learned=of["learned"], **numbers)
    return [(made, ())]


def _conv_transpose(track: Track, others: Sequence[Track], preferred: Preferred) -> Found:
    node, of = track.node, track.node.fixed
    stride, sides = _numbers(track, "stride"), _numbers(track, "sides")
    if stride is None or sides is None:
        raise NoStepError("its padding depends on the size")
    spans = [d * (k - 1) + 1 for k, d in zip(of["kernel"], of["dilation"], strict=True)]
    bias = any(each.bias for each in track.found.values())
    numbers = {"channels": node.channels, "groups": of["groups"], "dilation": _plain(of["dilation"]), "bias": bias}
    before = [span - 1 - both[0] for span, both in zip(spans, sides, strict=True)]
    after = [span - 1 - both[1] for span, both in zip(spans, sides, strict=True)]
    kernel, plain = _plain(of["kernel"]), not any((*before, *after))
    if "output_padding" in of:  # of PyTorch, whose padding is the same on both sides
        numbers["output_padding"] = _plain(of["output_padding"])
        return [(ConvTranspose(kernel, _plain(stride), padding=_plain(before), **numbers), ())]
    for word in () if plain else ("VALID", "SAME"):
        if all(
            both == transposed_padding(span, s, word) for both, span, s in zip(sides, spans, stride, strict=True)
        ) and (word == "SAME" or any(s > span for s, span in zip(stride, spans, strict=True))):
            return [(ConvTranspose(kernel, _plain(stride), padding=word, **numbers), ())]
    if min(before) < 0:
        raise NoStepError("its padding is larger than its window")
    more = _plain([max(-n, 0) for n in after])
    padding = shortest([b if b == max(a, 0) else (b, max(a, 0)) for b, a in zip(before, after, strict=True)])
    return [(ConvTranspose(kernel, _plain(stride), padding=padding, output_padding=more, **numbers), ())]


def _pool(track: Track, others: Sequence[Track], preferred: Preferred) -> Found:
    of = track.node.fixed
    given = track.inputs[0].sizes
    if all(set(node.sizes) == {1} and node.window == given[i] for i, node in track.found.items()) and (
        len({given[i] for i in track.found}) > 1
    ):
        return [(Mean(), ())]
    window, stride = _numbers(track, "window"), _numbers(track, "stride")
    if window is None or stride is None:
        raise NoStepError("its window depends on the size")
    padding = _padding(track, window, stride, of["dilation"], preferred)
    numbers = {"padding": padding} if padding != 0 else {}
    if max(of["dilation"]) > 1:
        numbers["dilation"] = _plain(of["dilation"])
    if of.get("ceil_mode"):
        numbers["ceil_mode"] = True
    kind: Any = MaxPool if track.node.kind == "max_pool" else AvgPool
    if padding != 0 and kind is AvgPool and not of.get("count_include_pad", True):
        numbers["count_include_pad"] = False
    if padding != "SAME" and any(
        side > size // 2
        for node in track.found.values()
        for both, size in zip(node.sides, window, strict=True)
        for side in both
    ):
        # PyTorch's poolings take at most half a window.
        kind = Window
    if kind is AvgPool and "dilation" in numbers:
        kind = Window
    if kind is Window:
        numbers.pop("count_include_pad", None)
    if kind is Window and padding == "SAME":
        return [(Window(_plain(window), _plain(stride), rounding="same"), ())]
    if kind is not Window and stride == window:
        return [(kind(_plain(window), **numbers), ())]
    return [(kind(_plain(window), _plain(stride), **numbers), ())]


def _edges(track: Track, others: Sequence[Track], preferred: Preferred) -> Found:
    axes = len(track.node.sizes)
    mode = {} if track.node.fixed["mode"] == "zeros" else {"mode": track.node.fixed["mode"]}
    amounts = {i: track.found[i].sides if i in track.found else ((0, 0),) * axes for i in track.sizes}
    constant = set(amounts.values())
    if len(constant) == 1:
        sides = next(iter(constant))
        crops = [(max(-a, 0), max(-b, 0)) for a, b in sides]
        pads = [(max(a, 0), max(b, 0)) for a, b in sides]
        return [
            (kind(shortest([a if a == b else (a, b) for a, b in each]), **more), ())
            for kind, each, more in ((Pad, pads, mode), (Crop, crops, {}))
            if any(of != (0, 0) for of in each)
        ]
    given = track.inputs[0].sizes
    sides_of = [(given[i][k], of[k]) for i, of in amounts.items() for k in range(axes)]
    padding = all(min(both) >= 0 for _, both in sides_of)
    if not padding and not all(max(both) <= 0 for _, both in sides_of):
        raise NoStepError("it crops at some sizes, and pads at others")
    if padding:
        for where, before in (("both", lambda lacking: lacking // 2), ("after", lambda lacking: 0)):
            if any(b != before(b + a) for _, (b, a) in sides_of):
                continue
            multiples = _multiples(track)
            if multiples:
                return [(PadToMultiple(_plain(multiples), where=where, **mode), ())]
            return [(PadTo(where=where, **mode), (_of_size(track, others),))]
        raise NoStepError("how much it pads before depends on the size")
    target = _of_size(track, others)
    lost = [(-(b + a), -b) for _, (b, a) in sides_of]
    offsets = [{-of[k][0] for of in amounts.values()} for k in range(axes)]
    found = [
        *([CropTo()] if all(b == both // 2 for both, b in lost) else []),
        *([CropTo(odd="before")] if all(b == -(-both // 2) for both, b in lost) else []),
        *([CropTo(_plain([next(iter(of)) for of in offsets]))] if all(len(of) == 1 for of in offsets) else []),
    ]
    if found:
        return [(found[-1 if "offset" in preferred else 0], (target,))]
    raise NoStepError("how much it crops before depends on the size")


def _multiples(track: Track) -> list[int] | None:
    """The number along each axis to whose multiples a node pads its input."""
    given = track.inputs[0].sizes
    of_axes = [[(given[i][k], of[k]) for i, of in track.sizes.items()] for k in range(len(track.node.sizes))]
    alike = _multiple([pair for pairs in of_axes for pair in pairs])
    found = [alike] * len(of_axes) if alike else [_multiple(pairs) for pairs in of_axes]
    return [m for m in found if m] if all(found) else None


def _multiple(pairs: Sequence[tuple[int, int]]) -> int | None:
    """The least number to whose multiples all these sizes were padded: pairs of a size before and after."""
    common = gcd(*(size for _, size in pairs))
    most = max(size - n for n, size in pairs)
    fitting = [
        m for m in range(most + 1, common + 1) if common % m == 0 and all(-(-n // m) * m == size for n, size in pairs)
    ]
    return fitting[0] if fitting else None


def _of_size(track: Track, others: Sequence[Track]) -> Track:
    """Another node that has the size of this one at every size."""
    for other in others:
        if _alike(track, other):
            return other
    raise NoStepError("its size follows neither its input nor another node")


def _alike(track: Track, other: Track) -> bool:
    return all(other.sizes.get(i) == of for i, of in track.sizes.items())


def _resize(track: Track, others: Sequence[Track], preferred: Preferred) -> Found:
    how, axes = dict(track.node.fixed), range(len(track.node.sizes))
    by_factor = how.pop("by_factor", False) or how.get("align_corners", False)
    given = track.inputs[0].sizes
    pairs = [[(given[i][k], of[k]) for i, of in track.sizes.items()] for k in axes]
    if how["mode"] == "nearest-exact" and all(m % max(n, 1) == 0 for of_axis in pairs for n, m in of_axis):
        how["mode"] = "nearest"  # both repeat each position
    if "size" in preferred:
        other = next((other for other in others if _alike(track, other)), None)
        if other is not None:
            return [(ResizeTo(**how), (other,))]
    for choices in (*([one] for one in _LESS_AND_OVER), _LESS_AND_OVER):  # better the same along all axes
        along = [found for of_axis in pairs if (found := _resize_along(of_axis, choices))]
        if len(along) == len(pairs):
            return [(_resized(along, how, pairs, by_factor), ())]
    return [(ResizeTo(**how), (_of_size(track, others),))]


_LESS_AND_OVER = [(less, over) for less in (0, 1) for over in range(1, 65)]


def _resize_along(pairs: Sequence[tuple[int, int]], choices: Sequence[tuple[int, int]]) -> tuple[int, int, int] | None:
    """The factor, what it is divided by, and what is left out along one axis: pairs of a size before and after."""
    tried = ((_factor(pairs, over, less), over, less) for less, over in choices)
    return next(((factor, over, less) for factor, over, less in tried if factor), None)


def _resized(
    along: Sequence[tuple[int, int, int]],
    how: dict[str, Any],
    pairs: Sequence[Sequence[tuple[int, int]]],
    by_factor: bool,
) -> Resize:
    """The resize by these numbers along each axis. The ratio of the sizes is the scale, unless a factor was given."""
    is_ratio = all(
        n * factor == m * over for (factor, over, _), of_axis in zip(along, pairs, strict=True) for n, m in of_axis
    )
    factor, over, less = (_plain(of) for of in zip(*along, strict=True))
    return Resize(factor, over=over, less=less, recompute_scale_factor=not (by_factor or is_ratio), **how)


def _factor(pairs: Sequence[tuple[int, int]], over: int, less: int) -> int | None:
    n, size = pairs[0]
    for factor in {(size + less) * over // n, -(-(size + less) * over // n), round((size + less) * over / n)}:
        if factor and all(n * factor // over - less == size for n, size in pairs):
            return factor
    return None


_SIZED: dict[str, Callable[[Track, Sequence[Track], Preferred], Found]] = {
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "max_pool": _pool,
    "avg_pool": _pool,
    "edges": _edges,
    "resize": _resize,
}
