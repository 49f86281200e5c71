"""Reading a jaxpr: its equations one after the other, also those of the functions that it calls."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

from .draft import Array, Constant, Image, NoStepError, Unread, path_of_all, small_number
from .equation import Equation
from .walker import Walker

Rule = Callable[["JaxWalker", Equation, Sequence[Array]], Sequence[Array]]
"""What an equation with an image among its operands computes."""

_CALLS = frozenset(
    (
        *("pjit", "jit", "closed_call", "core_call", "remat", "remat2", "checkpoint", "custom_jvp_call"),
        *("custom_vjp_call", "custom_vjp_call_jaxpr", "custom_lin", "custom_vjp_generic_call", "custom_vmap_call"),
    )
)


class JaxWalker(Walker):
    """The nodes of a jaxpr. ``line_of(equation)`` is the user's line that an equation comes from.

    ``rules`` has the rules of operations by name, and ``calls`` those of functions that are read as one operation.
    ``in_closure`` has the paths of arrays by their ids.
    """

    def __init__(
        self,
        axes: int,
        rules: Mapping[str, Rule],
        calls: Mapping[str, Rule],
        line_of: Any,
        in_closure: Mapping[int, tuple[str | int, ...]],
    ) -> None:
        super().__init__(axes)
        self.rules, self.calls, self.line_of, self.in_closure = rules, calls, line_of, in_closure
        self._around: list[Any] = []

    def walk(self, jaxpr: Any, given: Sequence[Array], constants: Sequence[Any]) -> list[Array]:
        """The outputs of a jaxpr with these operands. ``constants`` are the arrays that it closes over."""
        known: dict[Any, Array] = dict(zip(jaxpr.invars, given, strict=True))
        known |= {
            of: Constant(self.in_closure.get(id(array), ()))
            for of, array in zip(jaxpr.constvars, constants, strict=False)
        }

        def value(atom: Any) -> Array:
            return Constant(value=atom.val) if hasattr(atom, "val") else known.get(atom, Constant())

        for of in jaxpr.eqns:
            known.update(zip(of.outvars, self._results(_equation(of), [*map(value, of.invars)]), strict=True))
        return [*map(value, jaxpr.outvars)]

    def _results(self, equation: Equation, given: Sequence[Array]) -> Sequence[Array]:
        outs = len(equation.source.outvars)
        if not any(isinstance(of, Image | Unread) for of in given):
            return [self._part(equation, _of_constants(equation, given), given, i) for i in range(outs)]
        around = tuple(self._around)

        def line() -> str:
            return next(filter(None, map(self.line_of, (equation.source, *reversed(around)))), "")

        name = str(equation.params.get("name", "")).lstrip("_") if equation.name in _CALLS else ""
        return self.applied(name or equation.name, given, outs, lambda: self._by_rule(equation, given), line)

    def _part(self, equation: Equation, found: Constant, given: Sequence[Array], i: int) -> Constant:
        """What was computed from parameters alone; a part of one is a parameter of its own layer."""
        made = getattr(equation.source.outvars[i].aval, "shape", ())
        first = equation.operands[0] if equation.operands else ()
        if not found.path or len(first) < 2 or prod(made) >= prod(first) or not _takes_a_part(equation.source):
            return found
        numbers = [of.value for of in given[1:] if isinstance(of, Constant)]
        key = (str(equation.params), str(numbers), i)
        return replace(found, path=self.part_of(found.path, key, all(of is not None for of in numbers)))

    def _by_rule(self, equation: Equation, given: Sequence[Array]) -> Sequence[Array]:
        if equation.name in _CALLS:
            return self._called(equation, given)
        if equation.name in self.rules:
            return self.rules[equation.name](self, equation, given)
        raise NoStepError("")

    def _called(self, equation: Equation, given: Sequence[Array]) -> Sequence[Array]:
        rule = self.calls.get(str(equation.params.get("name", "")))
        inner = next(
            (equation.params[of] for of in ("jaxpr", "call_jaxpr", "fun_jaxpr", "call") if of in equation.params), None
        )
        if rule is not None:
            return rule(self, equation, given)
        if inner is None:
            raise NoStepError("")
        self._around.append(equation.source)
        try:
            return self.walk(getattr(inner, "jaxpr", inner), given, getattr(inner, "consts", ()))
        finally:
            self._around.pop()


def _equation(of: Any) -> Equation:
    shapes = [tuple(getattr(getattr(atom, "aval", None), "shape", ())) for atom in of.invars]
    shape = tuple(getattr(of.outvars[0].aval, "shape", ())) if of.outvars else ()
    return Equation(of.primitive.name, of.params, shapes, shape, of)


_PARTS = frozenset(("slice", "dynamic_slice", "gather", "split"))
_OF_PARTS = _PARTS | {
    *("squeeze", "reshape", "broadcast_in_dim", "concatenate", "convert_element_type"),
    *("lt", "add", "select_n", "clamp", "pjit", "jit"),
}
"""What taking a part of an array may consist of: the part itself, its indices, and axes of size 1."""


def _takes_a_part(source: Any) -> bool:
    """Whether an equation only takes a part of an array; that of a function, whether all within it do."""
    names, left = set[str](), [source]
    while left:
        equation = left.pop()
        names.add(equation.primitive.name)
        inner = (getattr(of, "jaxpr", of) for of in equation.params.values())
        left += [of for jaxpr in inner for of in getattr(jaxpr, "eqns", ())]
    return bool(names & _PARTS) and names <= _OF_PARTS


def _of_constants(equation: Equation, given: Sequence[Array]) -> Constant:
    constants = [of for of in given if isinstance(of, Constant)]
    path = path_of_all(constants)
    epsilon = next((of.epsilon for of in constants if of.epsilon is not None), None)
    along = None
    if equation.name == "add":
        epsilon = next((small for of in constants if (small := small_number(of)) is not None), epsilon)
    if equation.name == "broadcast_in_dim":
        before = constants[0].along
        placed = enumerate(zip(equation.params["broadcast_dimensions"], equation.operands[0], strict=True))
        along = tuple(d for axis, (d, n) in placed if n != 1 and (before is None or axis in before))
    return Constant(path, epsilon, along=along, places=_counts(equation.source) or any(of.places for of in constants))


def _counts(equation: Any) -> bool:
    """Whether an equation makes the numbers 0, 1, 2, …, also inside of a call."""
    inner = (getattr(of, "jaxpr", of) for of in equation.params.values())
    within = (each for of in inner for each in getattr(of, "eqns", ()))
    return equation.primitive.name == "iota" or any(map(_counts, within))
