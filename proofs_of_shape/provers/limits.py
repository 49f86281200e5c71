"""How long a prover may take."""

from ...spec.messages.report import UsageError
from ...spec.messages.written import clipped, kind_of, written_argument


def require_seconds(seconds: object) -> None:
    """Raise :class:`UsageError` unless ``seconds`` is a number above 0.

    >>> require_seconds(0)
    Traceback (most recent call last):
    ...
    wellshaped.spec.messages.report.UsageError: seconds=0 can't be used.
      seconds: it must be a number above 0.
      fix: seconds=60
    """
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:
        given = clipped(written_argument("seconds", seconds))
        kind = "" if isinstance(seconds, int | float) else f"it is {kind_of(seconds)}, and "
        raise UsageError.of(given, "seconds", "", f"{kind or 'it '}must be a number above 0", "seconds=60")


def milliseconds(seconds: float) -> int:
    """The time as Z3's ``timeout``: at least 1, and a number of 32 bits."""
    return int(min(max(1000 * seconds, 1), 2**32 - 1))
