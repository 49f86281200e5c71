"""A theorem as a value: its claim, its assumptions, and a witness that the assumptions can hold."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from inspect import signature
from typing import Any

from .terms import Formula, conjunction, implies, variable


@dataclass(frozen=True, slots=True)
class Theorem:
    """A statement about all natural numbers, built by calling the shipped size functions on symbols.

    ``claim(**numbers)`` returns the assumptions and the conclusion: formulas if called on symbols, truth values if
    called on integers. Its parameters are the ``variables``. ``says`` is the statement in one sentence, and ``mirrors``
    names its source. The numbers of ``witness`` meet the assumptions, so the theorem is not empty. A statement with a
    ``counterexample`` is false, and provers must refute it; these are the smallest numbers (by their sum, then in
    order) for which it fails.

    >>> even = Theorem("even", "Twice a number is at least it.", "", lambda n: ((), n * 2 >= n), {"n": 0})
    >>> even.variables, even.holds(n=3), str(even.statement())
    (('n',), True, '(n·2) ≥ n')
    """

    name: str
    says: str
    mirrors: str
    claim: Callable[..., tuple[tuple[Any, ...], Any]] = field(repr=False)
    witness: Mapping[str, int]
    counterexample: Mapping[str, int] | None = field(default=None)

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the numbers that the statement is about."""
        return tuple(signature(self.claim).parameters)

    def holds(self, **numbers: int) -> bool:
        """Whether the statement holds for these numbers. This runs the shipped functions."""
        assumptions, conclusion = self.claim(**numbers)
        return bool(implies(conjunction(*assumptions), conclusion))

    def assumes(self, **numbers: int) -> bool:
        """Whether these numbers meet the assumptions."""
        return bool(conjunction(*self.claim(**numbers)[0]))

    def statement(self) -> Formula:
        """The statement on symbols."""
        assumptions, conclusion = self.claim(**{name: variable(name) for name in self.variables})
        result: Formula = implies(conjunction(*assumptions), conclusion)
        return result


Claim = Callable[..., tuple[tuple[Any, ...], Any]]


def adding_to(theorems: list[Theorem]) -> Callable[..., Callable[[Claim], Claim]]:
    """Return a decorator that makes a theorem of a claim and adds it to the list.

    Its arguments are the other fields of :class:`Theorem`, in their order.
    """

    def theorem(
        name: str, says: str, mirrors: str, witness: Mapping[str, int], counterexample: Mapping[str, int] | None = None
    ) -> Callable[[Claim], Claim]:
        def added(claim: Claim) -> Claim:
            theorems.append(Theorem(name, says, mirrors, claim, witness, counterexample))
            return claim

        return added

    return theorem
