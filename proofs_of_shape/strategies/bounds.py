"""The numbers that bound what a strategy draws."""

from ...spec.arithmetic.naturals import natural
from ...spec.messages.report import UsageError


def bound(value: int, name: str) -> int:
    """The natural number ``value`` that bounds what is drawn; raise :class:`ShapeError` unless it is at least 1.

    >>> bound(3, "max_levels")
    3
    """
    if natural(value, name) == 0:
        raise UsageError.of(
            f"{name}=0", name, "nothing to draw from", f"{name}=0 must be at least 1", f"{name}=1 or more"
        )
    return value
