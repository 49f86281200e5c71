"""What follows each convolution of a network: a norm and an activation, in either order, or only one of them."""

from dataclasses import dataclass

from ..network.operation import Operation
from ..network.values import Activation, Norm


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """The norm and the activation after a convolution, and whether the convolution has a ``bias``.

    ``None`` leaves one out. ``activation_first`` puts the activation before the norm.

    >>> list(Style(norm=Norm(), activation=None).after("bn", "relu"))
    ['bn']
    """

    norm: Norm | None
    activation: Activation | None
    bias: bool = True
    activation_first: bool = False

    def after(self, norm: str, activation: str) -> dict[str, Operation]:
        """Return the operations after a convolution, in order, with these names."""
        both: list[tuple[str, Operation | None]] = [(norm, self.norm), (activation, self.activation)]
        ordered = reversed(both) if self.activation_first else both
        return {name: operation for name, operation in ordered if operation is not None}
