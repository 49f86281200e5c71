"""What a step on several devices communicates, read from the text of its compiled program.

XLA's partitioner decides how devices exchange what they need. A convolution of an image that is split along its height
needs a few rows of the neighbours: a ``collective-permute`` of these rows. An ``all-gather`` of an image would give
every device the whole of it.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import jax

from ...spec.messages.report import UsageError
from ...spec.messages.written import kind_of
from ...spec.network.operation import counted

KINDS = (
    "all-gather",
    "all-reduce",
    "all-to-all",
    "collective-broadcast",
    "collective-permute",
    "ragged-all-to-all",
    "reduce-scatter",
)
"""The names that XLA gives to operations in which devices exchange arrays."""

_CALL = re.compile(rf"^\s*(?:ROOT )?%?\S+ = (?P<result>.*?) (?P<kind>{'|'.join(KINDS)})(?P<start>-start)?\(", re.M)
_ARRAY = re.compile(r"\b([a-z]\w*)\[([\d,]*)\]")


@dataclass(frozen=True, slots=True)
class Collective:
    """An exchange between devices: its ``kind``, and the ``dtype`` and ``shape`` of what each device gets.

    ``count`` is how often it stands in the program.

    >>> Collective("collective-permute", "f32", (1, 1, 32, 3), 2).nbytes
    768
    """

    kind: str
    dtype: str
    shape: tuple[int, ...]
    count: int

    @property
    def nbytes(self) -> int:
        """The bytes that each device gets, in all of them together."""
        return self.count * prod(self.shape) * _bits(self.dtype) // 8

    def __str__(self) -> str:
        shape = ",".join(map(str, self.shape))
        return f"{self.count} × {self.kind} of {self.dtype}[{shape}]: {counted(self.nbytes, 'byte')}"


@dataclass(frozen=True, slots=True)
class Communication:
    """All exchanges of a step. Printed, one stands on each line.

    >>> from wellshaped.models import Collective
    >>> print(Communication((Collective("all-reduce", "f32", (8,), 1),)))
    1 × all-reduce of f32[8]: 32 bytes
    """

    collectives: tuple[Collective, ...]

    @property
    def nbytes(self) -> int:
        """The bytes that each device gets in one step."""
        return sum(of.nbytes for of in self.collectives)

    def of(self, *kinds: str) -> "Communication":
        """The exchanges of these kinds alone. Raises :class:`UsageError` for a kind that is not in :data:`KINDS`."""
        for kind in kinds:
            if kind not in KINDS:
                says = f"there is no collective {kind!r}; XLA has {', '.join(KINDS)}"
                raise UsageError.of(f"kind={kind!r}", "kind", "", says, 'of("all-gather")')
        return Communication(tuple(of for of in self.collectives if of.kind in kinds))

    def __str__(self) -> str:
        return "\n".join(map(str, self.collectives)) or "no communication"


def communication(step: Any) -> Communication:
    """Return what the devices exchange in a compiled ``step``: every collective with its arrays and bytes.

    ``step`` is what ``jax.jit(function).lower(*arguments)`` returns, or that after ``.compile()``. The shapes are those
    on one device. An exchange in a loop is counted once, because the program does not say how often the loop runs.
    Raises :class:`UsageError` for anything else. Source: the text that XLA gives of the program it compiled.

    >>> import jax, jax.numpy as jnp
    >>> print(communication(jax.jit(lambda x: x + 1).lower(jnp.zeros(8))))
    no communication
    """
    if isinstance(step, jax.stages.Lowered):
        step = step.compile()
    if not isinstance(step, jax.stages.Compiled):
        says = f"it is {kind_of(step)}, and must be a lowered or compiled function"
        raise UsageError.of("step", "step", "", says, "communication(jax.jit(function).lower(*arguments))")
    found = Counter((call["kind"], *array) for call in _CALL.finditer(step.as_text() or "") for array in _results(call))
    return Communication(tuple(Collective(*of, count) for of, count in sorted(found.items())))


def _results(call: re.Match[str]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The arrays that each device gets. One that runs beside other work (``-start``) also lists what it was given."""
    arrays = [
        (dtype, tuple(map(int, sizes.split(",") if sizes else ()))) for dtype, sizes in _ARRAY.findall(call["result"])
    ]
    if call["start"] and call["kind"] in ("all-gather", "collective-permute"):
        arrays = [of for of in arrays if of != ("u32", ())]  # what a device remembers of it
        arrays = arrays[len(arrays) // 2 :]
    yield from arrays


def _bits(dtype: str) -> int:
    """The bits of an element, by XLA's name of the dtype.

    >>> [_bits(of) for of in ("f32", "bf16", "pred", "f8e4m3fn", "c64")]
    [32, 16, 8, 8, 64]
    """
    found = re.search(r"\d+", dtype)
    return int(found[0]) if found else 8
