"""Who proves: Z3 for all naturals, Coq with proofs of its own, enumeration over a box. One kind of answer for all.

``prove(theorem, by=...)`` always answers: proved, refuted with a counterexample, unknown, or not checked here.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, combinations_with_replacement, count, product
from time import perf_counter

from ..spec.messages.choices import nearest_choice
from ..spec.messages.report import UsageError
from .theorem import Theorem

REFUTED, UNKNOWN, NOT_CHECKED = "refuted", "unknown", "not checked here"
HOLDS_IN_A_BOX = "holds in a box"


@dataclass(frozen=True, slots=True)
class Proof:
    """What ``by`` says of a theorem: the ``verdict``, a ``counterexample`` where refuted, and what there is to say."""

    theorem: str
    by: str
    verdict: str
    counterexample: Mapping[str, int] | None = None
    seconds: float = 0.0
    says: str = ""


Prover = Callable[[Theorem, float], tuple[str, Mapping[str, int] | None, str]]
"""From a theorem and a time limit in seconds to the verdict, the counterexample and what there is to say."""


def prove(theorem: Theorem, by: str = "z3", *, seconds: float = 60.0) -> Proof:
    """Ask a prover: ``"z3"`` or ``"coq"`` (all naturals), ``"enumeration"`` (a box of small ones), ``"crosshair"``.

    CrossHair runs the shipped Python on symbols and looks for a counterexample; it never proves. Z3 and CrossHair come
    with the extra ``proofs``; for Coq, ``coqc`` must be on the path. Where one is missing, the verdict says so.
    Raises :class:`ShapeError` for a prover that is none of these.

    >>> from wellshaped.proofs_of_shape import THEOREMS
    >>> prove(THEOREMS[5], by="enumeration").verdict
    'holds in a box'
    """
    from . import coq_reading, z3_reading

    provers: dict[str, Prover] = {
        "z3": z3_reading.prove_by_z3,
        "coq": coq_reading.prove_by_coq,
        "enumeration": prove_by_enumeration,
        "crosshair": prove_by_crosshair,
    }
    if by not in provers:
        raise UsageError.of(
            f"by={by!r}",
            "by",
            "no such prover",
            f"it must be one of {', '.join(provers)}",
            f'by="{nearest_choice(by, provers)}"',
        )
    started = perf_counter()
    verdict, counterexample, says = provers[by](theorem, seconds)
    return Proof(theorem.name, by, verdict, counterexample, perf_counter() - started, says)


_BOX = 40_000
"""At the most so many choices of numbers are tried, and none of a number above :data:`_BOUND`."""

_BOUND = 2_000


def prove_by_enumeration(theorem: Theorem, seconds: float) -> tuple[str, Mapping[str, int] | None, str]:
    """Run the shipped functions on every choice of small numbers, and on the witness with one or two numbers moved."""
    started = perf_counter()
    names = theorem.variables
    bound = next(b for b in count() if b == _BOUND or (b + 2) ** len(names) > _BOX)
    box = (dict(zip(names, numbers, strict=True)) for numbers in product(range(bound + 1), repeat=len(names)))
    for tried, values in enumerate(chain(box, _around(theorem.witness))):
        if not theorem.holds(**values):
            return REFUTED, values, f"by {tried + 1} choices"
        if perf_counter() - started > seconds:
            return UNKNOWN, None, f"time ran out after {tried + 1} choices"
    return HOLDS_IN_A_BOX, None, f"for all numbers up to {bound} and around the witness, and no others"


def _around(witness: Mapping[str, int]) -> Iterator[dict[str, int]]:
    for one, other in combinations_with_replacement(witness, 2):
        for a, b in product(range(-2, 3), repeat=2):
            moved = {**witness, one: max(witness[one] + a, 0)}
            yield {**moved, other: max(moved[other] + b, 0)}


def prove_by_crosshair(theorem: Theorem, seconds: float) -> tuple[str, Mapping[str, int] | None, str]:
    """Run the shipped Python on CrossHair's symbolic integers, through Hypothesis, path by path."""
    try:
        import hypothesis_crosshair_provider  # noqa: F401 what Hypothesis calls the backend "crosshair"
        from hypothesis import given, settings
        from hypothesis import strategies as st
        from hypothesis.errors import HypothesisException
    except ModuleNotFoundError as error:
        return NOT_CHECKED, None, f"{error.name} is not installed (extra proofs)"
    started = perf_counter()
    failed: dict[str, int] = {}

    @settings(backend="crosshair", max_examples=100, deadline=None, database=None, derandomize=True)
    @given(**{name: st.integers(min_value=0) for name in theorem.variables})
    def look(**numbers: int) -> None:
        if perf_counter() - started < seconds and not theorem.holds(**numbers):
            failed.clear()
            failed.update({name: int(number) for name, number in numbers.items()})
            raise AssertionError(theorem.name)

    try:
        look()
    except (AssertionError, HypothesisException):  # the second where CrossHair does not find the same path again
        if failed and not theorem.holds(**failed):
            return REFUTED, failed, "and the shipped functions agree"
    return UNKNOWN, None, "no counterexample on the paths that CrossHair took"


def smallest_counterexample(theorem: Theorem, up_to: int) -> Mapping[str, int] | None:
    """The numbers of the smallest sum, then first in order, for which the statement fails; ``None`` up to that sum."""
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
