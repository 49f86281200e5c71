"""Padding that a network computes itself, as ``SAME`` of the convolution or pooling that follows.

Networks that came from TensorFlow pad their image by numbers that depend on its size, and then convolve without
padding.
"""

from collections.abc import Sequence
from dataclasses import replace

from ...spec.network.arithmetic import same_padding
from .aligning import Track

Tracks = list[Track]


def with_same_padding(tracks: Sequence[Track], outputs: Sequence[Track]) -> tuple[Tracks, Tracks]:
    """The tracks and the outputs, where a padding and its convolution or pooling are one track."""
    made: dict[Track, Track] = {}
    for track in tracks:
        track.inputs = [made.get(of, of) for of in track.inputs]
        whole = _whole(track)
        if whole is not None:
            made[track] = whole
    return [made.get(of, of) for of in tracks], [made.get(of, of) for of in outputs]


def _whole(track: Track) -> Track | None:
    """The track with the padding before it, if they are SAME together at every size."""
    if track.node.kind not in ("conv", "max_pool") or track.inputs[0].node.kind != "edges":
        return None
    padding, (image,) = track.inputs[0], track.inputs[0].inputs
    if padding.node.fixed["mode"] != "zeros":
        return None
    found = {}
    for i, node in track.found.items():
        more = padding.found[i].sides if i in padding.found else ((0, 0),) * len(node.sizes)
        sides = tuple((a + c, b + d) for (a, b), (c, d) in zip(node.sides, more, strict=True))
        windows = node.window or node.fixed["kernel"]
        numbers = zip(image.sizes[i], windows, node.stride, node.fixed["dilation"], strict=True)
        if sides != tuple(same_padding(n, d * (k - 1) + 1, s) for n, k, s, d in numbers):
            return None
        found[i] = replace(node, sides=sides)
    if len({node.sides for node in found.values()}) == 1:
        return None  # numbers
    return Track([image], found, dict(track.sizes))
