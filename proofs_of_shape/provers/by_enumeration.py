"""Theorems checked by running the shipped functions on small numbers."""

from collections.abc import Iterator, Mapping
from itertools import chain, combinations_with_replacement, count, product
from time import perf_counter

from ..theorem import Theorem
from .proof import HOLDS_IN_A_BOX, REFUTED, UNKNOWN

_MAX_CHOICES = 40_000
"""The box has at most this many choices of numbers."""

_BOUND = 2_000
"""No number in the box is larger."""


def prove_by_enumeration(theorem: Theorem, seconds: float) -> tuple[str, Mapping[str, int] | None, str]:
    """Try all numbers of a box, and then the witness with one or two of its numbers changed by up to 2."""
    started = perf_counter()
    names = theorem.variables
    bound = next(b for b in count() if b == _BOUND or (b + 2) ** len(names) > _MAX_CHOICES)
    box = (dict(zip(names, numbers, strict=True)) for numbers in product(range(bound + 1), repeat=len(names)))
    for tried, values in enumerate(chain(box, _around(theorem.witness))):
        if not theorem.holds(**values):
            return REFUTED, values, f"found at choice {tried + 1}"
        if perf_counter() - started > seconds:
            return UNKNOWN, None, f"time ran out after {tried + 1} choices"
    return HOLDS_IN_A_BOX, None, f"for all numbers up to {bound} and around the witness only"


def _around(witness: Mapping[str, int]) -> Iterator[dict[str, int]]:
    for one, other in combinations_with_replacement(witness, 2):
        for a, b in product(range(-2, 3), repeat=2):
            moved = {**witness, one: max(witness[one] + a, 0)}
            yield {**moved, other: max(moved[other] + b, 0)}


def smallest_counterexample(theorem: Theorem, up_to: int) -> Mapping[str, int] | None:
    """Return the smallest numbers for which the statement fails: by their sum, then in order.

    Returns ``None`` if the statement holds for all numbers with a sum of at most ``up_to``.
    """
    for total in range(up_to + 1):
        for numbers in _of_sum(total, len(theorem.variables)):
            values = dict(zip(theorem.variables, numbers, strict=True))
            if not theorem.holds(**values):
                return values
    return None


def _of_sum(total: int, length: int) -> "list[tuple[int, ...]]":
    if length == 1:
        return [(total,)]
    return [(first, *rest) for first in range(total + 1) for rest in _of_sum(total - first, length - 1)]
