"""Operations on values and channels, which keep the size: norms, activations, scales, slices. Also the mean."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from math import prod

from ..arithmetic.naturals import quotient
from ..messages.report import ConfigError
from ..messages.written import written_argument, written_number
from .operation import Fault, Operation, Shapes, counted, of_at_least_one
from .requirement import AT_LEAST, Need


@dataclass(frozen=True, slots=True, repr=False)
class Norm(Operation):
    """Normalisation: ``"batch"``, ``"group"`` (of ``groups`` groups), ``"instance"`` or ``"layer"`` (over channels).

    An instance or group norm of a single value returns only the bias. So it requires more than one position, over all
    axes together, unless a group has several channels (SPEC section 8). For a batch norm this is only a warning,
    because it uses the statistics of its training data, or of a batch of images. ``affine`` adds a scale and a bias for
    each channel.

    Raises :class:`ConfigError` for a negative ``epsilon``, and for ``groups`` if the kind is not ``"group"``, and the
    errors of :class:`Operation`.

    >>> [need.rule for need in Norm("instance").needs_together([(1, 1)], [8])]
    ['statistics']
    >>> Norm("group", groups=4).parameters([8], axes=2)
    {'scale': (8,), 'bias': (8,)}
    """

    kind: str = "batch"
    _: KW_ONLY
    groups: int = 1
    epsilon: float = 1e-5
    affine: bool = True

    choices = {"kind": ("batch", "group", "instance", "layer")}  # noqa: RUF012 never changed

    shares_row = True

    def __post_init__(self) -> None:
        Operation.__post_init__(self)
        if self.epsilon < 0:
            given = written_argument("epsilon", self.epsilon)
            says = f"{given} is negative, and must be at least 0"
            raise ConfigError.of(given, "epsilon", "wrong value", says, "epsilon=1e-05")
        if self.kind != "group" and self.groups != 1:
            says = f"groups={written_number(self.groups)} is for a group norm, but kind='{self.kind}'"
            raise ConfigError.of(repr(self), "groups", "", says, 'kind="group"')

    @property
    def called(self) -> str:
        """The kind of norm."""
        return f"{self.kind} norm"

    def needs_together(self, sizes: Sequence[Sequence[int]], channels: Sequence[int]) -> tuple[Need, ...]:
        """The statistics of one image need more than one number."""
        of_one = {"instance": 1, "batch": 1, "group": quotient(channels[0], self.groups)}.get(self.kind)
        if of_one is None:
            return ()
        numbers = prod(sizes[0]) * of_one
        about = f"{'an' if self.kind == 'instance' else 'a'} {self.kind} norm of one value returns only its bias"
        about += " (evaluation and a batch of images are fine)" if self.kind == "batch" else ""
        warns = self.kind == "batch"
        return (Need("statistics", numbers, AT_LEAST, 2, "the count of numbers", about=about, warns=warns),)

    def faults(self, channels: Sequence[int], axes: int) -> Iterator[Fault]:
        """The number of channels must be a multiple of the groups."""
        if self.kind == "group":
            yield from of_at_least_one("groups", self.groups)
            if self.groups and channels[0] % self.groups:
                given = f"the input has {counted(channels[0], 'channel')}"
                says = f"{given}, and their number must be a multiple of groups={written_number(self.groups)}"
                yield Fault("groups_divide", says, "groups=1")

    def parameters(self, channels: Sequence[int], axes: int) -> Shapes:
        """A scale and a bias for each channel."""
        return {"scale": (channels[0],), "bias": (channels[0],)} if self.affine else {}

    def arrays(self, channels: Sequence[int], axes: int) -> Shapes:
        """The parameters, and the statistics of a batch norm."""
        statistics = {"mean": (channels[0],), "var": (channels[0],)} if self.kind == "batch" else {}
        return {**self.parameters(channels, axes), **statistics}

    def layer(self, channels: Sequence[int], axes: int) -> Mapping[str, object]:
        """The parameters, and the norm itself: its layer normalises."""
        return {**self.parameters(channels, axes), "norm": self}


@dataclass(frozen=True, slots=True, repr=False)
class Activation(Operation):
    """A function of each value; ``glu`` multiplies one half of the channels by a function of the other half.

    ``softplus`` is the value itself above 20, as in PyTorch. ``gelu_tanh`` is the approximation of ``gelu`` by a tanh,
    which is JAX's default. ``prelu`` learns one slope; ``prelu_channels`` and ``snake`` learn one for each channel. For
    values below 0, ``slope`` is the slope of ``leaky_relu`` or the scale of ``elu``.

    Raises :class:`ConfigError` for a ``slope`` of another kind, and the errors of :class:`Operation`.

    >>> Activation("glu").channels_after([16], axes=1), Activation("snake").parameters([16], axes=1)
    (8, {'slope': (16,)})
    """

    kind: str = "relu"
    _: KW_ONLY
    slope: float | None = None

    choices = {  # noqa: RUF012 never changed
        "kind": (
            *("relu", "leaky_relu", "elu", "gelu", "silu", "sigmoid", "tanh", "softplus", "softmax"),
            *("prelu", "snake", "glu", "relu6", "hardsigmoid", "hardswish", "mish", "selu", "gelu_tanh"),
            "prelu_channels",
        )
    }

    shares_row = True

    def __post_init__(self) -> None:
        Operation.__post_init__(self)
        if self.slope is not None and self.kind not in _WITH_SLOPE:
            says = f"{written_argument('slope', self.slope)} is for {' and '.join(_WITH_SLOPE)}, but kind='{self.kind}'"
            raise ConfigError.of(repr(self), "slope", "", says, f'kind="{_WITH_SLOPE[0]}"')

    @property
    def called(self) -> str:
        """The kind of activation."""
        return self.kind

    def faults(self, channels: Sequence[int], axes: int) -> Iterator[Fault]:
        """``glu`` needs an even number of channels."""
        if self.kind == "glu" and channels[0] % 2:
            says = f"the input of glu has {counted(channels[0], 'channel')}, and must have an even number"
            yield Fault("glu_even", says, expected=(0, channels[0] + 1))

    def channels_after(self, channels: Sequence[int], axes: int) -> int:
        """Half the channels for ``glu``, otherwise all."""
        return quotient(channels[0], 2) if self.kind == "glu" else channels[0]

    def parameters(self, channels: Sequence[int], axes: int) -> Shapes:
        """The learned slopes."""
        counts = {"prelu": 1} | dict.fromkeys(OF_CHANNELS, channels[0])
        return {"slope": (counts[self.kind],)} if self.kind in counts else {}


OF_CHANNELS = ("prelu_channels", "snake")
"""The activations that learn a slope for each channel."""

_WITH_SLOPE = ("leaky_relu", "elu")
"""The activations that have a ``slope`` of their own choice."""


@dataclass(frozen=True, slots=True, repr=False)
class Scale(Operation):
    """A learned factor for each channel.

    >>> Scale().parameters([8], axes=2)
    {'scale': (8,)}
    """

    shares_row = True

    def parameters(self, channels: Sequence[int], axes: int) -> Shapes:
        """A factor for each channel."""
        return {"scale": (channels[0],)}


@dataclass(frozen=True, slots=True, repr=False)
class Dropout(Operation):
    """In training, each value becomes 0 with probability ``rate``, and the others are divided by ``1 - rate``.

    With ``channels=True``, whole channels become 0, as by PyTorch's ``Dropout2d``. In evaluation, the result is the
    input. The reference, receptive fields and tiles are those of evaluation.

    Raises :class:`ConfigError` for a rate that is not from 0 to 1, and the errors of :class:`Operation`.

    >>> Dropout(0.1).size([20], 0), Dropout(0.1).parameters([8], axes=2)
    (20, {})
    """

    rate: float = 0.5
    _: KW_ONLY
    channels: bool = False

    shares_row = True

    def __post_init__(self) -> None:
        Operation.__post_init__(self)
        if not 0 <= self.rate <= 1:
            given = written_argument("rate", self.rate)
            says = f"{given} must be from 0 to 1: the share of values that become 0"
            raise ConfigError.of(given, "rate", "wrong value", says, "rate=0.1")

    def layer(self, channels: Sequence[int], axes: int) -> Mapping[str, object]:
        """Its random numbers: those who share its layer draw from one stream."""
        return {"dropout": self}


@dataclass(frozen=True, slots=True, repr=False)
class Slice(Operation):
    """The channels from ``start`` up to, but not including, ``stop``, as in Python's slices.

    >>> Slice(0, 4).channels_after([8], axes=2)
    4
    """

    start: int
    stop: int

    def faults(self, channels: Sequence[int], axes: int) -> Iterator[Fault]:
        """The slice must be within the channels and not empty."""
        if not self.start < self.stop <= channels[0]:
            given = f"start={written_number(self.start)} and stop={written_number(self.stop)}"
            says = f"{given} must have start < stop ≤ {written_number(channels[0])}, the channels of the input"
            yield Fault("slice_within", says, f"start=0, stop={written_number(channels[0])}")

    def channels_after(self, channels: Sequence[int], axes: int) -> int:
        """``stop - start``."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True, repr=False)
class Mean(Operation):
    """The mean over all positions: the result has one position on each axis.

    >>> Mean().size([303], 0)
    1
    """

    def size(self, sizes: Sequence[int], axis: int) -> int:
        """Always 1."""
        return 1
