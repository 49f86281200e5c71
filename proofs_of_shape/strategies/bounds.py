"""Check the arguments that bound a strategy."""

from ...spec.arithmetic.naturals import natural
from ...spec.messages.report import UsageError


def bound(value: int, name: str) -> int:
    """Return ``value``. Raises :class:`UsageError` if it is not a natural number of at least 1.

    >>> bound(3, "max_levels")
    3
    """
    if natural(value, name) == 0:
        raise UsageError.of(f"{name}=0", name, "", f"{name}=0 must be at least 1", f"{name}=1 or more")
    return value
