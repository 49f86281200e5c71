"""What follows each convolution of a network: a norm, dropout and an activation, or some of them, in any order."""

from dataclasses import dataclass

from ..network.operation import Operation
from ..network.values import Activation, Dropout, Norm


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """The norm, the dropout and the activation after a convolution, and whether the convolution has a ``bias``.

    ``None`` leaves one out. ``order`` has their first letters in order, as in MONAI: ``"NDA"``. A letter that is
    missing leaves its operation out.

    >>> style = Style(norm=Norm(), activation=Activation(), order="AN")
    >>> list(style.after(N="bn", A="relu", D="drop"))
    ['relu', 'bn']
    """

    norm: Norm | None
    activation: Activation | None
    dropout: Dropout | None = None
    bias: bool = True
    order: str = "NDA"

    def after(self, **names: str) -> dict[str, Operation]:
        """Return the operations after a convolution, in order. ``names`` has the name of the node for each letter."""
        of = {"N": self.norm, "D": self.dropout, "A": self.activation}
        return {names[letter]: operation for letter in self.order if (operation := of[letter]) is not None}
