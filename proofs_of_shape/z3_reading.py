"""Theorems proved by Z3, which reads them as SMT-LIB: natural numbers are its integers that are at least 0."""

from collections.abc import Iterator, Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any

from .smt_reading import Division, refutation_text
from .terms import Formula, conjunction, implies
from .theorem import Theorem

if TYPE_CHECKING:
    import z3


def refutation(
    statement: Formula | bool, variables: tuple[str, ...], division: Division
) -> "tuple[z3.Solver, dict[str, Any]]":
    """A solver that looks for natural numbers for which the statement fails, and these numbers."""
    import z3

    solver = z3.Solver()
    *definitions, failure = z3.parse_smt2_string(refutation_text(statement, variables, division))
    solver.add(failure, *definitions)  # in this order: Z3 takes longer for the definitions first
    return solver, {name: z3.Int(name) for name in variables}


def goals(statement: Formula | bool) -> Iterator[Formula | bool]:
    """Statements that all hold iff this one does: Z3 answers several small ones sooner than one large one.

    Of a conclusion in parts, each part may assume those before it, and of an equivalence each side assumes the other.

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
"""How a turn writes quotients, and at most which share of the time it has: no reading is faster for all goals."""


def prove_by_z3(theorem: Theorem, seconds: float) -> tuple[str, Mapping[str, int] | None, str]:
    """For all naturals. A counterexample is only reported where the shipped functions, run on it, agree."""
    try:
        import z3
    except ModuleNotFoundError:
        return "not checked here", None, "z3 is not installed (extra proofs)"

    end = perf_counter() + seconds
    for goal in goals(theorem.statement()):
        says = ""
        for division, share in _TURNS:
            solver, numbers = refutation(goal, theorem.variables, division)
            solver.set("timeout", max(int(1000 * min(seconds * share, end - perf_counter())), 1))
            answer = solver.check()
            if answer == z3.sat:
                model = solver.model()
                found = {name: model.eval(number, model_completion=True).as_long() for name, number in numbers.items()}
                if not theorem.holds(**found):
                    return "refuted", found, "and the shipped functions agree"
                return "unknown", None, f"Z3's counterexample {found} is none"
            if answer == z3.unsat:
                break
            says = f"Z3 says {solver.reason_unknown()}"
        else:
            return "unknown", None, says
    return "proved", None, "for all natural numbers"
