"""Ending a run that does not end by itself: a network may have an endless loop, and nothing outside can stop it.

A framework's tracer calls :func:`look` before each operation. So a loop ends that runs operations, and one that runs
none does not.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf
from time import monotonic

_LIMIT: ContextVar[tuple[float, float]] = ContextVar("_LIMIT", default=(inf, inf))
"""When the run in progress must have ended, and how many seconds it has."""


class Overtime(BaseException):
    """A run takes more than its seconds. It is no ``Exception``, which the user's code might catch."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"still runs after {seconds:g} seconds")


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Let :func:`look` raise :class:`Overtime` in this block after so many seconds."""
    before = _LIMIT.set((monotonic() + seconds, seconds))
    try:
        yield
    finally:
        _LIMIT.reset(before)


def look() -> None:
    """Raise :class:`Overtime` if the run in progress takes longer than it may.

    >>> with limited(-1):
    ...     look()
    Traceback (most recent call last):
    ...
    wellshaped.interop.sizes.overtime.Overtime: still runs after -1 seconds
    """
    ends, seconds = _LIMIT.get()
    if monotonic() > ends:
        raise Overtime(seconds)
