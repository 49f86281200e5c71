"""Attributes of a framework's modules and classes that are replaced while a network is traced."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

_lock = threading.RLock()  # they are global

_MISSING = object()


@contextmanager
def replaced(*attributes: tuple[Any, Mapping[str, Any]]) -> Iterator[None]:
    """Replace attributes of modules and classes of JAX, for all threads, and restore them at the end."""
    with _lock:
        before = [(of, name, vars(of).get(name, _MISSING)) for of, more in attributes for name in more]
        try:
            for of, more in attributes:
                for name, new in more.items():
                    setattr(of, name, new)
            yield
        finally:
            for of, name, old in before:
                if old is _MISSING:
                    delattr(of, name)
                else:
                    setattr(of, name, old)
