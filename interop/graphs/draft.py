"""A network as it runs at one size: the nodes, with the numbers of that size, before they are compared with others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .parts import Dims

Sides = tuple[tuple[int, int], ...]


class NoStepError(Exception):
    """An operation that no node describes. The text says why."""


class IsBatchError(Exception):
    """An open size that was taken for an axis of the image is the size of a batch."""

    def __init__(self, axis: int) -> None:
        self.axis = axis


class NotOpenError(Exception):
    """A fixed size is an axis of the image."""

    def __init__(self, size: int) -> None:
        self.size = size


@dataclass(slots=True)
class DraftNode:
    """A node at one size: its ``sizes`` along each axis of the image, and its ``channels``.

    ``fixed`` has the numbers that must be the same at every size. ``sides``, ``window`` and ``stride`` have one entry
    for each axis, and may depend on the size. ``path`` is the path of its parameters, and ``line`` where it stands.
    """

    kind: str
    inputs: tuple[int, ...]
    sizes: tuple[int, ...]
    channels: int
    fixed: Mapping[str, Any] = field(default_factory=dict)
    sides: Sides = ()
    window: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()
    path: tuple[str | int, ...] = ()
    bias: bool = False

    @property
    def key(self) -> tuple[Any, ...]:
        """What must be the same at every size."""
        return self.kind, self.channels, tuple(sorted(self.fixed.items())), self.path


@dataclass(frozen=True, slots=True)
class Pending:
    """What was computed from a node, value by value, and is not yet a node: a bias, a norm, an activation.

    ``ops`` are the operations, and ``statistics`` what was reduced on the way: a kind of norm with its groups, and
    whether it was a sum or a maximum. ``vectors`` are the operations with a number for each channel, and ``learned``
    says whether one of these is a parameter, and not a running statistic.
    """

    number: int = 0
    ops: frozenset[str] = frozenset()
    statistics: frozenset[tuple[str, int, str]] = frozenset()
    vectors: frozenset[str] = frozenset()
    epsilon: float | None = None
    path: tuple[str | int, ...] = ()
    learned: bool = False


@dataclass(frozen=True, slots=True)
class Image:
    """An array computed from the images: its node, what stands in its axes, and what is pending."""

    node: int
    dims: Dims
    pending: Pending = Pending()


@dataclass(frozen=True, slots=True)
class Constant:
    """An array that depends on no image. ``path`` is the path of the parameter that it was computed from.

    ``along`` are the axes along which it was not repeated, if it was repeated along others. ``places`` says whether it
    was computed from the numbers of positions: 0, 1, 2, …. ``learned`` is false for a buffer.
    """

    path: tuple[str | int, ...] = ()
    epsilon: float | None = None
    value: Any = None
    along: tuple[int, ...] | None = None
    places: bool = False
    learned: bool = True


_STATISTICS = frozenset(
    ("mean", "var", "running_mean", "running_var", "average", "hidden", "moving_mean", "moving_variance")
)
"""The last name in the path of a running statistic: in Flax, PyTorch, Haiku and Keras."""


def is_statistic(path: tuple[str | int, ...]) -> bool:
    """Whether this is the path of a running statistic, and not of a parameter."""
    return bool(path) and path[-1] in _STATISTICS


def path_of_all(constants: Sequence[Constant]) -> tuple[str | int, ...]:
    """The path of what is computed from these constants: that of a parameter, else that of a statistic."""
    return next((of.path for of in sorted(constants, key=lambda of: is_statistic(of.path)) if of.path), ())


@dataclass(frozen=True, slots=True)
class Unread:
    """An array computed from an image by an operation that no node describes."""


@dataclass(frozen=True, slots=True)
class Stack:
    """Different images along a new ``axis`` of an array. No node has such an axis, and a sum over it is a node."""

    images: tuple[Image, ...]
    axis: int


Array = Image | Constant | Unread | Stack


def small_number(of: Array) -> float | None:
    """The number, if it is one and may be the epsilon of a norm."""
    try:
        number = float(of.value)  # type: ignore[union-attr]  # an image has none
    except (AttributeError, TypeError, ValueError):
        return None
    return number if 0 < number < 0.1 else None


@dataclass(frozen=True, slots=True)
class Draft:
    """The nodes at one size, the outputs, and whether the network ran to its end at this size."""

    sizes: Mapping[str, int]
    nodes: tuple[DraftNode, ...]
    outputs: tuple[int, ...]
    finished: bool
    failures: tuple[str, ...] = ()


_OF_A_LAYER = frozenset(
    (
        *("weight", "bias", "kernel", "scale", "gamma", "beta", "slope", "alpha", "w", "b", "g", "embedding"),
        *("offset", "value", ""),
        *_STATISTICS,
    )
)
"""What a layer calls its parameters."""


def layer_path(path: tuple[Any, ...]) -> tuple[Any, ...]:
    """The path of the layer that has a parameter: the module's, or that of the parameter if its name is its own.

    A module may have several parameters for several operations, such as ``gamma_1`` and ``gamma_2``.

    >>> layer_path(("up", "conv", "weight")), layer_path(("block", "gamma_1"))
    (('up', 'conv'), ('block', 'gamma_1'))
    """
    return path[:-1] if path and str(path[-1]) in _OF_A_LAYER else path
