"""What an entry of the zoo is: a bug as a person writes it, what becomes of it, and what catches it.

A line of an entry's code ends in ``# meant: ...`` where the bug is; what stands there, put in the line's place, is the
network without the bug. So the network that must pass differs from the one that must not by that and nothing else.
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

    - ``source``: ``"specification"``, or the address of a thread in which somebody has it.
    - ``plain``: the bug in plain Flax or JAX. Of what it returns or raises, ``happens`` is in the text.
    - ``by``: what catches it: a ``"type"``, an ``"obligation"``, or ``"conformance"`` where no shape can see it.
    - ``caught``: the same bug with the library's types, or the question asked before; ``message`` is in its error.
    - ``meant``: what ``plain`` should return, from elsewhere: for conformance, from a reference.
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
        """The bug with the library; raises where the library catches it."""
        if self.caught is not None:
            return self.caught()
        return require_conformance(self.plain(), self.meant())

    def happened(self) -> "Outcome":
        """What became of the plain network."""
        return outcome(self.plain, self.meant or mended(self.plain))

    def mended(self) -> "Entry":
        """The same entry without the bug."""
        caught = None if self.caught is None else mended(self.caught)
        return replace(self, plain=mended(self.plain), caught=caught, meant=self.meant or mended(self.plain))


@cache
def mended(function: Callable[[], Any]) -> Callable[[], Any]:
    """``function`` with what stands behind each ``# meant:`` in the place of its line."""
    text, count = re.subn(r"^( *)\S?.*# meant: (.*)$", r"\1\2", inspect.getsource(function), flags=re.M)
    if count == 0:
        raise LookupError(f"{function.__name__} does not say what is meant")
    scope = dict(function.__globals__)
    exec(compile(text, f"{function.__name__}, mended", "exec"), scope)
    return scope[function.__name__]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a call: one of :data:`KINDS`, and what there is to see of it."""

    kind: str
    text: str


@cache
def outcome(function: Callable[[], Any], meant: Callable[[], Any]) -> Outcome:
    """Run both, and say how they differ; kept, as the page and the tests ask the same."""
    try:
        came = np.asarray(function())
    except Exception as error:
        return Outcome("crashes", f"{type(error).__name__}: {error}")
    wanted = np.asarray(meant())
    if came.shape != wanted.shape:
        return Outcome("wrong shape", f"runs, and gives shape {came.shape} where {wanted.shape} is meant")
    if (found := _difference(came, wanted)) is not None:
        shape = f"the right shape, {came.shape}, and " if came.shape else ""
        return Outcome("wrong values", f"runs, and gives {shape}{found}")
    return Outcome("runs as meant", f"runs, and gives what is meant, of shape {came.shape}")


def _difference(came: np.ndarray, wanted: np.ndarray) -> str | None:
    """Where the two are farthest apart, if what rounding does is not all of it."""
    off = np.abs(came - wanted)
    if off.max() <= 1e-5 * max(np.abs(wanted).max(), 1.0):
        return None
    at = tuple(int(i) for i in np.unravel_index(off.argmax(), off.shape))
    return f"{_shown(came[at])} where {_shown(wanted[at])} is meant{f', at {at}' if at else ''}"


def _shown(number: Any) -> str:
    return str(int(number)) if float(number).is_integer() else f"{number:.3g}"


def require_conformance(came: Any, wanted: Any) -> None:
    """Refuse an array that has other values than the reference has."""
    came, wanted = np.asarray(came), np.asarray(wanted)
    if came.shape != wanted.shape:
        raise AssertionError(f"not the reference: shape {came.shape} where it has {wanted.shape}")
    if (found := _difference(came, wanted.astype(came.dtype))) is not None:
        shape = f"the shapes agree, {came.shape}, and the values do not: " if came.shape else ""
        raise AssertionError(f"not the reference: {shape}{found}")


def image(*shape: int) -> Any:
    """Small whole numbers, the same each time: sums of their products are not rounded."""
    return jnp.asarray(np.random.default_rng(sum(shape)).integers(-4, 5, shape), jnp.float32)
