"""Statements read by Z3: natural numbers are its integers that are at least 0."""

from collections.abc import Iterator, Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any

from .terms import Formula, Term, conjunction, digits, implies
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
        self._read: dict[int, tuple[Any, Any]] = {}
        self._quotients: dict[tuple[int, int], tuple[Any, Any, Any]] = {}

    def read(self, statement: Formula | Term | bool) -> Any:
        """The Z3 expression of a statement or a term; what occurs in several places is read once."""
        if id(statement) not in self._read:
            # With the statement: as long as it is kept, no other has its identity.
            self._read[id(statement)] = statement, self._expression(statement)
        return self._read[id(statement)][1]

    def _expression(self, statement: Formula | Term | bool) -> Any:
        import z3

        if isinstance(statement, bool):
            return z3.BoolVal(statement)
        if statement.op == "var":
            return self.numbers[statement.args[0]]
        if statement.op == "const":
            return z3.IntVal(digits(statement.args[0]))
        args = [self.read(arg) for arg in statement.args]
        match statement.op:
            case "+":
                return args[0] + args[1]
            case "·":
                return args[0] * args[1]
            case "∸":
                return z3.If(args[0] >= args[1], args[0] - args[1], 0)
            case "/":
                return self._quotient(*args)
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

    def _quotient(self, a: Any, b: Any) -> Any:
        import z3

        key = a.get_id(), b.get_id()
        if key not in self._quotients:
            q = z3.Int(f"quotient {len(self._quotients)}")
            self.facts += [q >= 0, z3.If(b == 0, q == 0, z3.And(b * q <= a, a < b * q + b))]
            if self.own_division:
                self.facts.append(q == z3.If(b == 0, 0, a / b))
            for other, c, d in self._quotients.values():
                self.facts.append(z3.Implies(z3.And(a == c, b == d), q == other))
            self._quotients[key] = q, a, b
        return self._quotients[key][0]


def refutation(
    statement: Formula | bool, variables: tuple[str, ...], *, own_division: bool = True
) -> "tuple[z3.Solver, dict[str, Any]]":
    """A solver that looks for natural numbers for which the statement fails, and these numbers."""
    import z3

    reader = Reader(variables, own_division)
    solver = z3.Solver()
    solver.add(z3.Not(reader.read(statement)), *reader.facts)
    return solver, reader.numbers


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


_TURNS = ((True, 1 / 64), (False, 1 / 64), (True, 1 / 16), (False, 1 / 16), (True, 1 / 4), (False, 1))
"""Whether a turn has Z3's own division, and at most which share of the time: no reading is faster for all goals."""


def prove_by_z3(theorem: Theorem, seconds: float) -> tuple[str, Mapping[str, int] | None, str]:
    """For all naturals. A counterexample is only reported where the shipped functions, run on it, agree."""
    try:
        import z3
    except ModuleNotFoundError:
        return "not checked here", None, "z3 is not installed (extra proofs)"

    end = perf_counter() + seconds
    for goal in goals(theorem.statement()):
        says = ""
        for own_division, share in _TURNS:
            solver, numbers = refutation(goal, theorem.variables, own_division=own_division)
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
