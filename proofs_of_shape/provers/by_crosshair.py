"""Counterexamples that CrossHair finds, by running the shipped Python on symbolic integers."""

from collections.abc import Mapping
from time import perf_counter

from ..theorem import Theorem
from .proof import NOT_CHECKED, REFUTED, UNKNOWN


def prove_by_crosshair(theorem: Theorem, seconds: float) -> tuple[str, Mapping[str, int] | None, str]:
    """Look for a counterexample path by path, with CrossHair as Hypothesis's backend. It never proves."""
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
    except (AssertionError, HypothesisException):  # the second if CrossHair does not find the same path again:
        # then they may still be its symbols, which have no value outside of the run.
        if failed and all(type(number) is int for number in failed.values()) and not theorem.holds(**failed):
            return REFUTED, failed, "and the shipped functions agree"
    return UNKNOWN, None, "no counterexample on the paths that CrossHair took"
