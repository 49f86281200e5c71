"""Sliding and transposed windows: convolutions and poolings (SPEC sections 2 and 8).

Every number has a result: a kernel, stride or dilation of 0 gives size 0, which never fits. A network rejects such a
convolution or pooling, but not a ``Window`` or ``TransposedWindow``. The arithmetic is PyTorch's, and the poolings and
``ConvTranspose`` also require PyTorch's limits. ``padding="SAME"`` and ``"VALID"`` are JAX's and Keras's.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from math import prod

from ..arithmetic.naturals import monus, quotient
from ..messages.report import ConfigError
from ..messages.written import written_number, written_value
from .arithmetic import jax_transposed_size, transposed_size, window_size
from .fields import Padding, PerAxis, Sides, on_axis, shortest, sides_on
from .operation import Fault, Operation, Shapes, counted, of_at_least_one
from .requirement import AT_MOST, Need


def _padded(padding: Padding, axis: int) -> tuple[int, int]:
    return (0, 0) if isinstance(padding, str) else sides_on(padding, axis)


def _on_all(value: PerAxis, axes: int) -> tuple[int, ...]:
    return tuple(on_axis(value, axis) for axis in range(axes))


@dataclass(frozen=True, slots=True, repr=False)
class Window(Operation):
    """A sliding window of any framework: sizes alone, without weights and without limits such as PyTorch's for padding.

    ``rounding`` is ``"floor"``, ``"ceil"`` (PyTorch's ceil mode) or ``"same"`` (``ceil(n / stride)``).

    >>> Window(2, 2, padding=((0, 1),)).size([303], 0)
    152
    """

    kernel: PerAxis
    stride: PerAxis = 1
    _: KW_ONLY
    padding: Sides = 0
    dilation: PerAxis = 1
    rounding: str = "floor"

    choices = {"rounding": ("floor", "ceil", "same")}  # noqa: RUF012 never changed

    def size(self, sizes: Sequence[int], axis: int) -> int:
        """The size that :func:`.arithmetic.window_size` returns."""
        kernel, stride, dilation = (on_axis(v, axis) for v in (self.kernel, self.stride, self.dilation))
        return window_size(sizes[0], kernel, stride, *sides_on(self.padding, axis), dilation, self.rounding)


@dataclass(frozen=True, slots=True, repr=False)
class TransposedWindow(Operation):
    """A transposed window of any framework: sizes alone, without weights and without a framework's limits.

    >>> TransposedWindow(3, 2, padding=1, output_padding=1).size([151], 0)
    302
    """

    kernel: PerAxis
    stride: PerAxis = 1
    _: KW_ONLY
    padding: Sides = 0
    dilation: PerAxis = 1
    output_padding: PerAxis = 0

    word = "transposed window"

    def size(self, sizes: Sequence[int], axis: int) -> int:
        """The size that :func:`.arithmetic.transposed_size` returns."""
        kernel, stride, dilation = (on_axis(v, axis) for v in (self.kernel, self.stride, self.dilation))
        more = on_axis(self.output_padding, axis)
        return transposed_size(sizes[0], kernel, stride, *sides_on(self.padding, axis), dilation, more)


class _Kernel(Operation):
    """What both kinds of convolution share: the channels, the groups, and a kernel that is learned or not."""

    __slots__ = ()
    nonzero = ("kernel", "stride", "dilation")
    channels: int | None
    groups: int
    bias: bool
    learned: bool

    def faults(self, channels: Sequence[int], axes: int) -> Iterator[Fault]:
        """The input channels and the output channels must be multiples of the groups."""
        made = self.channels_after(channels, axes)
        yield from of_at_least_one("channels", made)
        yield from of_at_least_one("groups", self.groups)
        for of, count in (("input", channels[0]), ("output", made)):
            if self.groups and count % self.groups:
                given = f"the {of} has {counted(count, 'channel')}"
                says = f"{given}, and their number must be a multiple of groups={written_number(self.groups)}"
                yield Fault("groups_divide", says, "groups=1")

    def channels_after(self, channels: Sequence[int], axes: int) -> int:
        """The output channels."""
        return channels[0] if self.channels is None else self.channels

    def parameters(self, channels: Sequence[int], axes: int) -> Shapes:
        """The kernel, and a bias for each output channel; nothing if they are not learned."""
        if not self.learned:
            return {}
        bias = {"bias": (self.channels_after(channels, axes),)} if self.bias else {}
        return {"kernel": self._kernel(channels, axes), **bias}

    def arrays(self, channels: Sequence[int], axes: int) -> Shapes:
        """The parameters, or the kernel that is not learned."""
        return self.parameters(channels, axes) if self.learned else {"kernel": self._kernel(channels, axes)}

    def layer(self, channels: Sequence[int], axes: int) -> Mapping[str, object]:
        """The parameters, or the kernel that is not learned."""
        return self.parameters(channels, axes) if self.learned else {"fixed kernel": self._kernel(channels, axes)}

    def _kernel(self, channels: Sequence[int], axes: int) -> tuple[int, ...]:
        """The shape of the kernel, in PyTorch's layout."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, repr=False)
class Conv(_Kernel):
    """A convolution with ``channels`` output channels; ``channels=None`` means the channels of the input.

    ``padding`` may be ``"SAME"`` (the size is ``ceil(n / stride)``) or ``"VALID"``, as in JAX and Keras.
    ``learned=False`` is a convolution with fixed weights, which has no parameters.

    >>> Conv(3, padding=1, channels=16).size([303], 0), Conv(3, 2, padding="SAME").size([303], 0)
    (303, 152)
    >>> Conv((3, 5), padding=(1, 2), channels=16).parameters([3], axes=2)
    {'kernel': (16, 3, 3, 5), 'bias': (16,)}
    """

    kernel: PerAxis
    stride: PerAxis = 1
    _: KW_ONLY
    channels: int | None = None
    padding: Padding = 0
    dilation: PerAxis = 1
    groups: int = 1
    bias: bool = True
    learned: bool = True

    word = "conv"

    def size(self, sizes: Sequence[int], axis: int) -> int:
        """The size that :func:`.arithmetic.window_size` returns."""
        kernel, stride, dilation = (on_axis(v, axis) for v in (self.kernel, self.stride, self.dilation))
        rounding = "same" if self.padding == "SAME" else "floor"
        return window_size(sizes[0], kernel, stride, *_padded(self.padding, axis), dilation, rounding)

    def _kernel(self, channels: Sequence[int], axes: int) -> tuple[int, ...]:
        """(output, input / groups, positions)."""
        made = self.channels_after(channels, axes)
        return made, quotient(channels[0], self.groups), *_on_all(self.kernel, axes)

    def multiply_adds(self, given: Sequence[Sequence[int]], made: Sequence[int], channels: Sequence[int]) -> int:
        """The kernel is applied at every position of the output."""
        return prod(self._kernel(channels, len(made))) * prod(made)


@dataclass(frozen=True, slots=True, repr=False)
class ConvTranspose(_Kernel):
    """A transposed convolution as in PyTorch, or as in JAX and Keras with ``padding="SAME"`` or ``"VALID"``.

    ``channels`` are the output channels; ``channels=None`` means the channels of the input. The size is ``n·stride``
    for SAME and ``n·stride + max(span - stride, 0)`` for VALID, with ``span = dilation·(kernel - 1) + 1``. PyTorch
    requires that the output padding is smaller than the stride or the dilation.

    Raises :class:`ConfigError` for output padding with SAME or VALID, and the errors of :class:`Operation`.

    >>> up = ConvTranspose(3, 2, padding=1, output_padding=1)
    >>> up.size([151], 0), ConvTranspose(3, 2, padding="SAME").size([151], 0)
    (302, 302)
    >>> ConvTranspose(2, 2, channels=8).parameters([16], axes=2)
    {'kernel': (16, 8, 2, 2), 'bias': (8,)}
    """

    kernel: PerAxis
    stride: PerAxis = 1
    _: KW_ONLY
    channels: int | None = None
    padding: Padding = 0
    output_padding: PerAxis = 0
    dilation: PerAxis = 1
    groups: int = 1
    bias: bool = True
    learned: bool = True

    word = "transposed conv"

    def __post_init__(self) -> None:
        Operation.__post_init__(self)
        if isinstance(self.padding, str) and self.output_padding != 0:
            says = f"padding={self.padding!r} already fixes the size, so output_padding must be 0"
            raise ConfigError.of(repr(self), "output_padding", "", says, "output_padding=0")

    def size(self, sizes: Sequence[int], axis: int) -> int:
        """:func:`.arithmetic.transposed_size`, or :func:`.arithmetic.jax_transposed_size` for SAME and VALID."""
        kernel, stride, dilation = (on_axis(v, axis) for v in (self.kernel, self.stride, self.dilation))
        if isinstance(self.padding, str):
            return jax_transposed_size(sizes[0], kernel, stride, dilation, self.padding)
        more = on_axis(self.output_padding, axis)
        return transposed_size(sizes[0], kernel, stride, *sides_on(self.padding, axis), dilation, more)

    def needs(self, sizes: Sequence[int], axis: int) -> tuple[Need, ...]:
        """PyTorch's limit on output padding."""
        more = on_axis(self.output_padding, axis)
        if isinstance(more, int) and more == 0:
            return ()
        most = self._most_output_padding(axis)
        fix = _within_limits(self, "output_padding", self._most_output_padding) if _exceeds(more, most) else ""
        of = "one less than the larger of stride and dilation"
        return (Need("output_padding", more, AT_MOST, most, "output_padding", of, fix=fix),)

    def _most_output_padding(self, axis: int) -> int:
        stride, dilation = (on_axis(v, axis) for v in (self.stride, self.dilation))
        return monus(stride + monus(dilation, stride), 1)

    def _kernel(self, channels: Sequence[int], axes: int) -> tuple[int, ...]:
        """(input, output / groups, positions)."""
        made = self.channels_after(channels, axes)
        return channels[0], quotient(made, self.groups), *_on_all(self.kernel, axes)

    def multiply_adds(self, given: Sequence[Sequence[int]], made: Sequence[int], channels: Sequence[int]) -> int:
        """The kernel is applied at every position of the input."""
        return prod(self._kernel(channels, len(made))) * prod(given[0])


def _require_one_rounding(operation: "MaxPool | AvgPool") -> None:
    if operation.padding == "SAME" and operation.ceil_mode:
        says = "padding='SAME' already rounds up, so ceil_mode must be False"
        raise ConfigError.of(repr(operation), "ceil_mode", "", says, "ceil_mode=False")


def _pool_size(operation: "MaxPool | AvgPool", n: int, axis: int, dilation: int) -> int:
    kernel = on_axis(operation.kernel, axis)
    stride = kernel if operation.stride is None else on_axis(operation.stride, axis)
    rounding = "same" if operation.padding == "SAME" else "ceil" if operation.ceil_mode else "floor"
    return window_size(n, kernel, stride, *_padded(operation.padding, axis), dilation, rounding)


def _pool_needs(operation: "MaxPool | AvgPool", axis: int) -> tuple[Need, ...]:
    def half(axis: int) -> int:
        return quotient(on_axis(operation.kernel, axis), 2)

    before, after = _padded(operation.padding, axis)
    amounts = {"padding": before} if before is after else {"padding before": before, "padding after": after}
    return tuple(
        Need(
            "padding",
            amount,
            AT_MOST,
            half(axis),
            of,
            "half the window",
            fix=_within_limits(operation, "padding", half) if _exceeds(amount, half(axis)) else "",
        )
        for of, amount in amounts.items()
        if not isinstance(amount, int) or amount > 0
    )


def _exceeds(amount: int, most: int) -> bool:
    """Whether an integer exceeds a limit; ``False`` for symbols."""
    return isinstance(amount, int) and isinstance(most, int) and amount > most


def _within_limits(operation: "ConvTranspose | MaxPool | AvgPool", name: str, most: Callable[[int], int]) -> str:
    """The argument ``name`` with its values cut to their limits on every axis."""
    axes = range(max(operation.axes().values(), default=1))
    of_axes = [tuple(min(amount, most(axis)) for amount in sides_on(getattr(operation, name), axis)) for axis in axes]
    return f"{name}={written_value(shortest([a if a == b else (a, b) for a, b in of_axes]))}"


@dataclass(frozen=True, slots=True, repr=False)
class MaxPool(Operation):
    """Max-pooling. PyTorch requires that the padding is at most half the window.

    ``stride=None`` means a stride equal to the kernel.

    Raises :class:`ConfigError` for ``ceil_mode`` with ``padding="SAME"``, and the errors of :class:`Operation`.

    >>> MaxPool(2).size([303], 0), MaxPool(2, ceil_mode=True).size([303], 0), MaxPool(3, 2, padding=1).size([303], 0)
    (151, 152, 152)
    """

    kernel: PerAxis
    stride: PerAxis | None = None
    _: KW_ONLY
    padding: Padding = 0
    dilation: PerAxis = 1
    ceil_mode: bool = False

    word = "max-pool"
    nonzero = ("kernel", "stride", "dilation")

    def __post_init__(self) -> None:
        Operation.__post_init__(self)
        _require_one_rounding(self)

    def size(self, sizes: Sequence[int], axis: int) -> int:
        """The size that :func:`.arithmetic.window_size` returns."""
        return _pool_size(self, sizes[0], axis, on_axis(self.dilation, axis))

    def needs(self, sizes: Sequence[int], axis: int) -> tuple[Need, ...]:
        """PyTorch's limit on padding."""
        return _pool_needs(self, axis)


@dataclass(frozen=True, slots=True, repr=False)
class AvgPool(Operation):
    """Average pooling. PyTorch requires that the padding is at most half the window.

    ``stride=None`` means a stride equal to the kernel. A window is divided by the number of its positions in the image
    and its padding; with ``count_include_pad=False``, of those in the image alone. PyTorch's ``avg_pool3d`` also
    rejects a padded image that is smaller than the window: a graph that was read from it has a :class:`Require`.

    Raises :class:`ConfigError` for ``ceil_mode`` with ``padding="SAME"``, and the errors of :class:`Operation`.

    >>> AvgPool(2).size([303], 0)
    151
    """

    kernel: PerAxis
    stride: PerAxis | None = None
    _: KW_ONLY
    padding: Padding = 0
    ceil_mode: bool = False
    count_include_pad: bool = True

    word = "average pool"
    nonzero = ("kernel", "stride")

    def __post_init__(self) -> None:
        Operation.__post_init__(self)
        _require_one_rounding(self)

    def size(self, sizes: Sequence[int], axis: int) -> int:
        """The size that :func:`.arithmetic.window_size` returns."""
        return _pool_size(self, sizes[0], axis, 1)

    def needs(self, sizes: Sequence[int], axis: int) -> tuple[Need, ...]:
        """PyTorch's limit on padding."""
        return _pool_needs(self, axis)
