"""An entry of the zoo: a bug as a person writes it, what it does, and what catches it.

The line with the bug ends in ``# meant: ...``, which holds the correct line. So the network that must pass and the one
that must not differ only by this line.
"""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import jax.numpy as jnp
import numpy as np

BY = ("type", "obligation", "conformance")
KINDS = ("crashes", "wrong shape", "wrong values", "runs as meant")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One bug.

    - ``source``: ``"specification"``, or the address of a thread that reports it.
    - ``plain``: the bug in plain Flax or JAX. The text of its outcome contains ``happens``.
    - ``by``: what catches it: a ``"type"``, an ``"obligation"``, or ``"conformance"`` if every shape is right.
    - ``caught``: the same bug with the library's types, or as a question before building. Its error has ``message``.
    - ``meant``: returns what ``plain`` should return, independently; for conformance, from a reference.
    """

    name: str
    says: str
    source: str
    plain: Callable[[], Any]
    happens: str
    by: str
    message: str
    caught: Callable[[], Any] | None = None
    meant: Callable[[], Any] | None = None

    def catch(self) -> Any:
        """Run the bug with the library. Raises if the library catches it."""
        if self.caught is not None:
            return self.caught()
        return require_conformance(self.plain(), self.meant())

    def happened(self) -> "Outcome":
        """The outcome of the plain network."""
        return outcome(self.plain, self.meant or corrected(self.plain))

    def corrected(self) -> "Entry":
        """The same entry without the bug."""
        caught = None if self.caught is None else corrected(self.caught)
        return replace(self, plain=corrected(self.plain), caught=caught, meant=self.meant or corrected(self.plain))


@cache
def corrected(function: Callable[[], Any]) -> Callable[[], Any]:
    """``function`` with each line that has a ``# meant:`` replaced by the correct line."""
    text, count = re.subn(r"^( *)\S?.*# meant: (.*)$", r"\1\2", inspect.getsource(function), flags=re.M)
    if count == 0:
        raise LookupError(f"{function.__name__} does not say what is meant")
    scope = dict(function.__globals__)
    exec(compile(text, f"{function.__name__}, corrected", "exec"), scope)
    return scope[function.__name__]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a call: one of :data:`KINDS`, and a text with the error, the shapes or the values."""

    kind: str
    text: str


@cache
def outcome(function: Callable[[], Any], meant: Callable[[], Any]) -> Outcome:
    """Run both and compare. The outcome is cached, because the page and the tests both need it."""
    try:
        result = np.asarray(function())
    except Exception as error:
        return Outcome("crashes", f"{type(error).__name__}: {error}")
    expected = np.asarray(meant())
    if result.shape != expected.shape:
        return Outcome("wrong shape", f"runs, and gives shape {result.shape} where {expected.shape} is meant")
    if (found := _difference(result, expected)) is not None:
        shape = f"the right shape, {result.shape}, and " if result.shape else ""
        return Outcome("wrong values", f"runs, and gives {shape}{found}")
    return Outcome("runs as meant", f"runs, and gives what is meant, of shape {result.shape}")


def _difference(result: np.ndarray, expected: np.ndarray) -> str | None:
    """Where the two differ most, or ``None`` if they differ only by rounding."""
    off = np.abs(result - expected)
    if off.max() <= 1e-5 * max(np.abs(expected).max(), 1.0):
        return None
    at = tuple(int(i) for i in np.unravel_index(off.argmax(), off.shape))
    return f"{_shown(result[at])} where {_shown(expected[at])} is meant{f', at {at}' if at else ''}"


def _shown(number: Any) -> str:
    return str(int(number)) if float(number).is_integer() else f"{number:.3g}"


def require_conformance(result: Any, expected: Any) -> None:
    """Raise AssertionError unless the array has the shape and values of the reference."""
    result, expected = np.asarray(result), np.asarray(expected)
    if result.shape != expected.shape:
        raise AssertionError(f"not the reference: shape {result.shape} where it has {expected.shape}")
    if (found := _difference(result, expected.astype(result.dtype))) is not None:
        shape = f"the shapes agree, {result.shape}, and the values do not: " if result.shape else ""
        raise AssertionError(f"not the reference: {shape}{found}")


def image(*shape: int) -> Any:
    """Small whole numbers, the same in every call. Sums of their products are exact."""
    return jnp.asarray(np.random.default_rng(sum(shape)).integers(-4, 5, shape), jnp.float32)
