"""Python's garbage collector while a network is read: traces make many objects, and it looks at them often."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

MANY = 1_000_000
"""How many new containers start a collection: about 100 MB of them."""


@contextmanager
def rare_collections() -> Iterator[None]:
    """Collect only after :data:`MANY` new containers. With Python's own 700, it takes a quarter of a reading's time."""
    before = gc.get_threshold()
    if before[0]:  # 0: somebody has switched it off
        gc.set_threshold(max(MANY, before[0]), *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
