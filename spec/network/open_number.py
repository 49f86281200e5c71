"""Numbers of an operation that are not known yet, until :func:`.finding.fill` finds numbers for which sizes fit."""

from dataclasses import dataclass

from ..arithmetic.naturals import natural
from ..messages.report import ConfigError
from ..messages.written import written, written_value

MOST = 255
"""The largest number that is tried by default: hardly any window has larger ones."""


@dataclass(frozen=True, slots=True, repr=False)
class Open:
    """An open number, from ``least`` to ``most``. It can replace any number that an operation has for an axis.

    Computing sizes with it raises :class:`ConfigError`: first replace it by a number with :func:`fill`. Raises
    :class:`UsageError` for a bound that is not natural, and :class:`ConfigError` if ``least > most``.

    >>> from wellshaped.spec import OPEN
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
            given = f"least={written_value(self.least)}, most={written_value(self.most)}"
            says = f"least={written_value(self.least)} must not be greater than most={written_value(self.most)}"
            raise ConfigError.of(f"Open({given})", "bounds", "", says, f"most={written_value(self.least)}")

    def __repr__(self) -> str:
        return "OPEN" if self == OPEN else written(self)


OPEN = Open()
"""An open number from 0 to 255: see :class:`Open`."""


def is_open(value: object) -> bool:
    """Whether the value of a field contains an open number.

    >>> is_open(((0, OPEN),)), is_open((2, 2))
    (True, False)
    """
    return any(map(is_open, value)) if isinstance(value, tuple) else isinstance(value, Open)


def open_number_error(number: Open) -> ConfigError:
    """The error for computing with an open number.

    >>> print(open_number_error(OPEN))
    the network is not well-formed.
      open: an operation has OPEN in place of a number, and sizes need the number.
      fix: fill(network), which finds numbers for which sizes fit
    """
    says = f"an operation has {number} in place of a number, and sizes need the number"
    fix = "fill(network), which finds numbers for which sizes fit"
    return ConfigError.of("the network", "open", "", says, fix)
