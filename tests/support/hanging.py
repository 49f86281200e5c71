"""Calls that must not hang, whatever they are given. How fast they are is measured in ``benchmarks/``, not here."""

from contextlib import contextmanager
from time import process_time

HANGS = 20
"""A call that takes this many seconds of the processor hangs. Each that is tested takes a few hundredths to two."""


@contextmanager
def soon(what=""):
    """What happens inside ends before it would be said to hang."""
    started = process_time()
    yield
    assert process_time() - started < HANGS, what
