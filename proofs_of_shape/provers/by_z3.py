"""Theorems proved by Z3 for all natural numbers. Z3 reads them as SMT-LIB, with naturals as integers of at least 0."""

from collections.abc import Iterator, Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any

from ..smt_reading import Division, refutation_text
from ..terms import Formula, conjunction, implies
from ..theorem import Theorem
from .limits import milliseconds
from .proof import NOT_CHECKED, PROVED, REFUTED, UNKNOWN

if TYPE_CHECKING:
    import z3


def refutation(
    statement: Formula | bool, variables: tuple[str, ...], division: Division
) -> "tuple[z3.Solver, dict[str, Any]]":
    """Return a solver that looks for naturals for which the statement fails, and its symbols for them by name."""
    import z3

    solver = z3.Solver()
    *definitions, failure = z3.parse_smt2_string(refutation_text(statement, variables, division))
    solver.add(failure, *definitions)  # in this order: Z3 takes longer for the definitions first
    return solver, {name: z3.Int(name) for name in variables}


def goals(statement: Formula | bool) -> Iterator[Formula | bool]:
    """Yield statements that all hold iff ``statement`` does. Z3 answers several small ones sooner than one large one.

    Each part of a conjunction may assume the parts before it. An equivalence becomes two implications.

    >>> from wellshaped.proofs_of_shape.terms import conjunction, iff, variable
    >>> n = variable("n")
    >>> [str(goal) for goal in goals(conjunction(n >= 1, iff(n >= 2, n >= 3)))]
    ['n ≥ 1', '(n ≥ 1 → (n ≥ 2 → n ≥ 3))', '(n ≥ 1 → (n ≥ 3 → n ≥ 2))']
    """
    op, args = ("", ()) if isinstance(statement, bool) else (statement.op, statement.args)
    match op:
        case "∧":
            for n, part in enumerate(args):
                yield from (implies(conjunction(*args[:n]), goal) for goal in goals(part))
        case "→":
            yield from (implies(args[0], goal) for goal in goals(args[1]))
        case "↔":
            yield from goals(implies(args[0], args[1]))
            yield from goals(implies(args[1], args[0]))
        case _:
            yield statement


_TURNS: tuple[tuple[Division, float], ...] = (
    *(("both", 1 / 64), ("defined", 1 / 64), ("both", 1 / 16), ("defined", 1 / 16), ("both", 1 / 4), ("defined", 1)),
)
"""How each turn writes quotients, and its share of the time at most. No way to write them is faster for all goals."""


def prove_by_z3(theorem: Theorem, seconds: float) -> tuple[str, Mapping[str, int] | None, str]:
    """Prove the theorem, or report a counterexample. It counts only if the shipped functions, run on it, agree."""
    try:
        import z3
    except ModuleNotFoundError:
        return NOT_CHECKED, None, "z3 is not installed (extra proofs)"

    end = perf_counter() + seconds
    for goal in goals(theorem.statement()):
        says = ""
        for division, share in _TURNS:
            solver, numbers = refutation(goal, theorem.variables, division)
            solver.set("timeout", milliseconds(min(seconds * share, end - perf_counter())))
            answer = solver.check()
            if answer == z3.sat:
                model = solver.model()
                found = {name: model.eval(number, model_completion=True).as_long() for name, number in numbers.items()}
                if not theorem.holds(**found):
                    return REFUTED, found, "and the shipped functions agree"
                return UNKNOWN, None, f"Z3 gives {found} as a counterexample, for which the shipped functions hold"
            if answer == z3.unsat:
                break
            says = f"Z3 says {solver.reason_unknown()}"
        else:
            return UNKNOWN, None, says
    return PROVED, None, "for all natural numbers"
