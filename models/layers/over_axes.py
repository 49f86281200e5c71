"""What the layers of one, two and three axes share: an operation of a graph, its size, and the types of a call.

A layer computes one operation of :mod:`wellshaped.spec`, with PyTorch's arithmetic (SPEC sections 8 and 10). Its type
has the channels and the sizes that the operation returns. An image that does not fit is explained by
:func:`wellshaped.spec.check`, for the graph of this operation alone.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, SupportsIndex, TypeVar

from flax import nnx
from jaxtyping import Array, Float

from ...spec.answers.proposals import layouts
from ...spec.arithmetic.naturals import natural
from ...spec.elements import judge_arrays, judge_windows
from ...spec.messages.report import ConfigError, Report, ShapeError, UsageError, Verdict
from ...spec.messages.written import clipped, written_value
from ...spec.network import Network, Node, Operation
from ...spec.network.network import MAX_LETTERS
from ...spec.network.operation import SIZE_FACTORS, Fault, numbers_in, zero_faults
from ..cpu.eager import compiled_if_eager
from ..fits import require_fit
from ..operations.table import VALUES
from ..symbolic import SYMBOL, GivenSize, Size
from ..typed import remembered, shown
from ..typed.diagnosis import not_natural

Made = TypeVar("Made", bound=Operation)

if TYPE_CHECKING:
    Numbers = SupportsIndex | tuple[Any, ...] | list[Any]
else:
    Numbers = Any
"""A number for all axes, or one for each, as an argument. The operation checks it."""


def made_of(kind: type[Made], **numbers: Any) -> Made:
    """An operation with these fields. Raises its errors, and :class:`UsageError` for a symbolic size in a field.

    >>> from ...spec.network import Crop
    >>> made_of(Crop, amounts=(1, 2))
    Crop(amounts=(1, 2))
    """
    for name, value in numbers.items():
        for number in value if isinstance(value, tuple | list) else (value,):
            if type(number) is SYMBOL:
                raise not_natural(number, name)
    return kind(**numbers)


@compiled_if_eager("operation", "names", "precision")
def value_of(*arrays: Array, operation: Operation, names: tuple[str, ...] = (), precision: Any = None) -> Array:
    """The result of an operation on an image, which is followed by the parameters with these ``names``.

    >>> import jax.numpy as jnp
    >>> from ...spec.network import MaxPool
    >>> value_of(jnp.arange(5.0)[None], operation=MaxPool(2)).tolist()
    [[1.0, 3.0]]
    """
    return VALUES[type(operation)](operation, arrays[:1], dict(zip(names, arrays[1:], strict=True)), precision)


class OperationLayer(nnx.Module):
    """A layer that computes its ``operation`` over this number of ``axes``. Subclasses type the call."""

    axes: ClassVar[int]
    operation: Any

    @remembered
    def size(self, n: GivenSize, axis: SupportsIndex = 0) -> Size:
        """The output size along an axis of size ``n``, by the operation's own size function.

        Raises :class:`UsageError` for an axis that the layer does not have.
        """
        axis = natural(axis, "axis")
        if axis >= self.axes:
            says = f"axis={axis} must be below {self.axes}, the number of axes of {type(self).__name__}"
            raise UsageError.of(f"axis={axis}", "axis", "", says, "axis=0")
        made: int = self.operation.size([natural(n, "n")], axis)
        return made

    @property
    def _is_plain(self) -> bool:
        """Whether it has two axes with the same numbers, so that its own function computes it."""
        return False

    def _width(self, n: GivenSize) -> Size:
        """:meth:`size` along the second axis. A subclass of a plain layer may have a ``size`` of one argument."""
        return self.size(n) if self._is_plain else self.size(n, 1)

    def _require_fit(self, x: Array) -> None:
        """Raise :class:`ShapeError` if the operation can't take the channels and the sizes of ``x``."""
        name = type(self).__name__
        for fault in self.operation.faults([x.shape[0]], self.axes):
            raise channels_error(fault, name, x)
        require_fit(_alone(name, self.operation, x.shape[0], self.axes), None, x, layouts(self.axes)[0])

    def _computed(self, x: Array) -> Array:
        """The operation's result. Raises :class:`ShapeError` if ``x`` does not fit."""
        self._require_fit(x)
        y: Array = value_of(x, operation=self.operation)
        return y


class OverOneAxis(OperationLayer):
    """The call of a layer that takes any number of channels, over one axis."""

    axes = 1

    @remembered
    def __call__(
        self, x: Float[Array, "C L"]
    ) -> Float[Array, "{self.operation.channels_after([x.shape[0]],1)} {self.size(x.shape[1])}"]:
        """``(C, L)`` to the operation's channels and size."""
        return self._computed(x)


class OverTwoAxes(OperationLayer):
    """The call of a layer that takes any number of channels, over two axes."""

    axes = 2

    @remembered
    def __call__(
        self, x: Float[Array, "C H W"]
    ) -> Float[
        Array, "{self.operation.channels_after([x.shape[0]],2)} {self.size(x.shape[1])} {self.size(x.shape[2],1)}"
    ]:
        """``(C, H, W)`` to the operation's channels and sizes."""
        return self._computed(x)


class OverThreeAxes(OperationLayer):
    """The call of a layer that takes any number of channels, over three axes."""

    axes = 3

    @remembered
    def __call__(
        self, x: Float[Array, "C D H W"]
    ) -> Float[
        Array,
        "{self.operation.channels_after([x.shape[0]],3)} "
        "{self.size(x.shape[1])} {self.size(x.shape[2],1)} {self.size(x.shape[3],2)}",
    ]:
        """``(C, D, H, W)`` to the operation's channels and sizes."""
        return self._computed(x)


def require_well_formed(
    layer: str, operation: Operation, channels: int, axes: int, named: Operation | None = None
) -> None:
    """Raise :class:`ConfigError` if an operation can't be built for inputs with these ``channels`` and ``axes``.

    The error calls it ``named``, if another operation is judged in its place.

    >>> from ...spec.network import Conv
    >>> require_well_formed("Conv1d", Conv(3, channels=8, groups=3), 6, 1)
    Traceback (most recent call last):
    ...
    wellshaped.spec.messages.report.ConfigError: Conv1d with Conv(kernel=3, channels=8, groups=3) is not well-formed.
      groups_divide: the output has 8 channels, and their number must be a multiple of groups=3.
      fix: groups=1
    """
    faults = list(_axes_faults(layer, operation, axes)) or [
        *zero_faults(operation, SIZE_FACTORS),
        *operation.faults([channels], axes),
    ]
    verdicts = [Verdict(fault.rule, False, fault.says, "") for fault in faults]
    fixes = [fault.fix for fault in faults if isinstance(fault.fix, str) and fault.fix]
    if not faults:
        verdicts = [judge_windows(numbers_in(operation))]
        shapes = operation.parameters([channels], axes)
        verdicts += [judge_arrays(shapes.items())] if shapes else []
        fixes = ["fewer channels, or a smaller kernel" if verdicts[0].holds else "smaller numbers"]
    subject = f"{layer} with {clipped(repr(operation if named is None else named), MAX_LETTERS)}"
    Report(subject, tuple(verdicts), tuple(dict.fromkeys(fixes)), error=ConfigError).raise_if_failed()


def _axes_faults(layer: str, operation: Operation, axes: int) -> Iterator[Fault]:
    for name, count in operation.axes().items():
        if count != axes:
            value = getattr(operation, name)
            says = f"{name}={written_value(value)} has numbers for {count} axes, and {layer} has {axes}"
            first = (value[0],) if isinstance(value[0], tuple) else value[0]
            yield Fault("axes_differ", says, f"{name}={written_value(first)}")


def channels_error(fault: Fault, layer: str, x: Array) -> ShapeError:
    """The error for an image whose channels the operation can't take."""
    fix = f"x with {fault.expected[1]} channels" if fault.expected else "other channels"
    return ShapeError.of(f"x = {shown(x)}, given to {layer},", fault.rule, "", fault.says, fix)


@lru_cache(maxsize=256)
def _alone(layer: str, operation: Operation, channels: int, axes: int) -> Network:
    """The graph of one operation, with the layer's name."""
    name = clipped(f"{layer} with {operation!r}", MAX_LETTERS)
    return Network({"x": channels}, (Node(layer, operation),), axes=axes, name=name)
