"""Statements read by Z3: natural numbers are its integers that are at least 0."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .terms import Formula, Term
from .theorem import Theorem

if TYPE_CHECKING:
    import z3


class Reader:
    """Reads statements over the same variables, and collects the ``facts`` that define what it had to name.

    A quotient becomes a number ``q`` of its own with what defines it, ``b·q ≤ a < b·q + b``; and two quotients of equal
    numbers are equal, which Z3 does not always see by itself when the divisor is a variable. With ``own_division``, Z3
    is also told that ``q`` is what its own division gives: this helps with some statements and hinders with others.
    """

    def __init__(self, variables: tuple[str, ...], own_division: bool) -> None:
        import z3

        self.own_division = own_division
        self.numbers = {name: z3.Int(name) for name in variables}
        self.facts: list[Any] = [number >= 0 for number in self.numbers.values()]
        self._quotients: dict[str, tuple[Any, Any, Any]] = {}

    def read(self, statement: Formula | Term | bool) -> Any:
        """The Z3 expression of a statement or a term."""
        import z3

        if isinstance(statement, bool):
            return z3.BoolVal(statement)
        if statement.op == "var":
            return self.numbers[statement.args[0]]
        if statement.op == "const":
            return z3.IntVal(statement.args[0])
        args = [self.read(arg) for arg in statement.args]
        match statement.op:
            case "+":
                return args[0] + args[1]
            case "·":
                return args[0] * args[1]
            case "∸":
                return z3.If(args[0] >= args[1], args[0] - args[1], 0)
            case "/":
                return self._quotient(str(statement), *args)
            case "=" | "↔":
                return args[0] == args[1]
            case "≥":
                return args[0] >= args[1]
            case "∧":
                return z3.And(*args)
            case "∨":
                return z3.Or(*args)
            case "¬":
                return z3.Not(args[0])
            case "→":
                return z3.Implies(args[0], args[1])
        raise AssertionError(f"no reading of {statement.op}")

    def _quotient(self, text: str, a: Any, b: Any) -> Any:
        import z3

        if text not in self._quotients:
            q = z3.Int(f"quotient {len(self._quotients)}")
            self.facts += [q >= 0, z3.If(b == 0, q == 0, z3.And(b * q <= a, a < b * q + b))]
            if self.own_division:
                self.facts.append(q == z3.If(b == 0, 0, a / b))
            for other, c, d in self._quotients.values():
                self.facts.append(z3.Implies(z3.And(a == c, b == d), q == other))
            self._quotients[text] = q, a, b
        return self._quotients[text][0]


def refutation(
    statement: Formula, variables: tuple[str, ...], *, own_division: bool = True
) -> "tuple[z3.Solver, dict[str, Any]]":
    """A solver that looks for natural numbers for which the statement fails, and these numbers."""
    import z3

    reader = Reader(variables, own_division)
    solver = z3.Solver()
    solver.add(z3.Not(reader.read(statement)), *reader.facts)
    return solver, reader.numbers


def prove_by_z3(theorem: Theorem, seconds: float) -> tuple[str, Mapping[str, int] | None, str]:
    """For all naturals. A counterexample is only reported where the shipped functions, run on it, agree."""
    try:
        import z3
    except ModuleNotFoundError:
        return "not checked here", None, "z3 is not installed (extra proofs)"

    says = ""
    for own_division, share in ((True, 1 / 6), (False, 5 / 6)):
        solver, numbers = refutation(theorem.statement(), theorem.variables, own_division=own_division)
        solver.set("timeout", max(int(1000 * seconds * share), 1))
        answer = solver.check()
        if answer == z3.unsat:
            return "proved", None, "for all natural numbers"
        if answer == z3.sat:
            model = solver.model()
            found = {name: model.eval(number, model_completion=True).as_long() for name, number in numbers.items()}
            if not theorem.holds(**found):
                return "refuted", found, "and the shipped functions agree"
            return "unknown", None, f"Z3's counterexample {found} is none"
        says = f"Z3 says {solver.reason_unknown()}"
    return "unknown", None, says
