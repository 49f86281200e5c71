"""Numbers of an operation that are not known yet: what stands in a field until :func:`.filling.fill` finds a number."""

from dataclasses import dataclass

from ..arithmetic.naturals import natural
from ..messages.report import ConfigError
from ..messages.written import written, written_value

MOST = 255
"""The largest number that is tried where nothing else is said: hardly any window has larger ones."""


@dataclass(frozen=True, slots=True, repr=False)
class Open:
    """A number that is still open, from ``least`` to ``most``, in the place of any number that an axis can have.

    Every operation takes it, and nothing can be computed with it: sizes raise :class:`ShapeError` until
    :func:`fill` has found a number. Raises :class:`ShapeError` for bounds that are not natural, or leave no number.

    >>> from wellshaped.spec.network import ConvTranspose
    >>> ConvTranspose(3, 2, padding=1, output_padding=OPEN), Open(1, 7)
    (ConvTranspose(kernel=3, stride=2, padding=1, output_padding=OPEN), Open(least=1, most=7))
    """

    least: int = 0
    most: int = MOST

    def __post_init__(self) -> None:
        for name in ("least", "most"):
            object.__setattr__(self, name, natural(getattr(self, name), name))
        if self.least > self.most:
            says = f"least={written_value(self.least)} must be at most most={written_value(self.most)}"
            raise ConfigError.of("Open", "bounds", "no number is left", says, f"most={written_value(self.least)}")

    def __repr__(self) -> str:
        return "OPEN" if self == OPEN else written(self)


OPEN = Open()
"""A number that is still open: see :class:`Open`."""


def is_open(value: object) -> bool:
    """Whether the value of a field has an open number in it.

    >>> is_open(((0, OPEN),)), is_open((2, 2))
    (True, False)
    """
    return any(map(is_open, value)) if isinstance(value, tuple) else isinstance(value, Open)


def open_number_error(number: Open) -> ConfigError:
    """The error for an open number where a number is needed.

    >>> print(open_number_error(OPEN))
    the network is not well-formed.
      open: a number is open: an operation has OPEN in place of a number, and sizes need the number.
      fix: fill(network), which finds numbers for which sizes fit
    """
    says = f"an operation has {number} in place of a number, and sizes need the number"
    fix = "fill(network), which finds numbers for which sizes fit"
    return ConfigError.of("the network", "open", "a number is open", says, fix)
