"""How a decoder joins a skip: both as they are, or one of them changed to the size of the other."""

from collections.abc import Iterator

from .edges import CropTo, PadTo
from .network import Node
from .operation import Operation
from .resampling import ResizeTo

_CHANGES: dict[str, tuple[str, Operation, bool]] = {
    "crop": ("cropped", CropTo(), True),
    "even crop": ("cropped", CropTo(odd="never"), True),
    "pad": ("padded", PadTo(), False),
    "resize": ("resized", ResizeTo(), False),
}
"""For each way: the name of the added node, its operation, and whether it changes the skip (or the upsampled node)."""

HOW = ("exact", *_CHANGES)
"""The ways to join a skip. ``"exact"``: the sizes must be equal."""


def joined(
    level: int, skip: str, up: str, how: str, operation: Operation, *, skip_first: bool = True
) -> Iterator[Node]:
    """The nodes that join the upsampled node ``up`` with a ``skip``; the last is ``joined[level]``.

    >>> from wellshaped.spec.network import Concat
    >>> [node.name for node in joined(0, "encoder[0]", "up[0]", "crop", Concat())]
    ['cropped[0]', 'joined[0]']
    """
    if how != "exact":
        name, change, of_skip = _CHANGES[how]
        name = f"{name}[{level}]"
        yield Node(name, change, (skip, up) if of_skip else (up, skip))
        skip, up = (name, up) if of_skip else (skip, name)
    yield Node(f"joined[{level}]", operation, (skip, up) if skip_first else (up, skip))
