"""Functions with drawn annotations, from everything that jaxtyping can write, and calls that fit them or nearly do."""

from dataclasses import dataclass, field
from typing import Any, SupportsIndex

import jax.numpy as jnp
import numpy as np
from hypothesis import strategies as st
from jaxtyping import Array, Bool, Float, Float16, Float32, Int, Int32, Integer, Num, PyTree, Shaped, UInt8

DTYPES = {
    Float: "float32",
    Int: "int32",
    Bool: "bool",
    UInt8: "uint8",
    Float16: "float16",
    Float32: "float32",
    Int32: "int32",
    Integer: "int8",
    Num: "int16",
    Shaped: "bool",
}
"""Kinds of numbers, and a dtype that each allows."""

NAMES = ("n", "m")
SIZES = st.integers(1, 4)


@dataclass(frozen=True)
class One:
    """An annotation of one array: its axes, and how to make an array that fits sizes of the names."""

    kind: Any
    of_numpy: bool
    axes: tuple[str, ...]

    @property
    def hint(self):
        return self.kind[np.ndarray if self.of_numpy else Array, " ".join(self.axes)]

    def array(self, shape, dtype=None):
        made = np.ones(shape, dtype or DTYPES[self.kind])
        return made if self.of_numpy else jnp.asarray(made)

    def shape(self, sizes, draw):
        shape = []
        for axis in self.axes:
            name = axis.lstrip("#*")
            if axis == "...":
                shape += draw(st.sampled_from([(), (2,)]))
            elif axis == "_":
                shape.append(draw(SIZES))
            elif axis.startswith("#"):
                shape.append(draw(st.sampled_from([1, sizes[name]])))
            elif axis.startswith("*"):
                shape += sizes["*"]
            elif axis.startswith("{"):
                shape.append(sizes["first"])
            elif name in sizes:
                shape.append(sizes[name])
            elif axis.endswith("+1"):
                shape.append(sizes[axis[:-2]] + 1)
            else:
                shape.append(int(axis.rpartition("=")[2]))
        return tuple(shape)


@st.composite
def ones(draw, bound, in_order):
    """``bound`` are the names that expressions may use, since arrays before this one have them."""
    axes = []
    for _ in range(draw(st.integers(0, 3))):
        choices = [*NAMES, "_", "2", "k=3", *(f"#{name}" for name in NAMES)]
        choices += [f"{name}+1" for name in sorted(bound)]
        if in_order:
            choices.append("{x.shape[0]}")
        if not any(axis in ("...", "*b") for axis in axes):
            choices += ["...", "*b"]
        axes.append(draw(st.sampled_from(choices)))
        bound = bound | {axes[-1]} if axes[-1] in NAMES else bound
    return One(draw(st.sampled_from(list(DTYPES))), draw(st.booleans()), tuple(axes))


@dataclass
class Parameter:
    """An argument: an annotation of an array, perhaps in a container or a union, or of a number."""

    one: One
    wrapping: str
    given_numpy: bool = False

    @property
    def hint(self):
        hint = self.one.hint
        return {
            "plain": hint,
            "list": list[hint],
            "tuple": tuple[hint, hint],
            "tuples": tuple[hint, ...],
            "dict": dict[str, hint],
            "tree": PyTree[hint],
            "or None": hint | None,
            "or int": hint | int,
            "int": int,
            "float": Float[float, ""],
            "index": SupportsIndex,
            "string": hint,
        }[self.wrapping]

    def value(self, arrays):
        """A value that holds two arrays, or the first of them."""
        if self.given_numpy and self.wrapping != "tree":  # where jaxtyping asks JAX, and so nothing is converted
            arrays = [np.asarray(array) for array in arrays]
        first, second = arrays
        return {
            "list": [first, second],
            "tuple": (first, second),
            "tuples": (first, second),
            "dict": {"a": first, "b": second},
            "tree": {"a": [first], "b": second},
            "int": 3,
            "float": 2.5,
            "index": -1,
        }.get(self.wrapping, first)


@dataclass
class Function:
    """A function of up to three arguments with annotations; ``make`` makes it anew."""

    parameters: dict[str, Parameter] = field(default_factory=dict)

    def make(self):
        scope: dict[str, Any] = {}
        exec(f"def function({', '.join(self.parameters)}): return None", scope)
        hints = {name: p.hint for name, p in self.parameters.items()}
        scope |= {f"Hint_{name}": hint for name, hint in hints.items()}
        strings = {name: f"Hint_{name}" for name, p in self.parameters.items() if p.wrapping == "string"}
        scope["function"].__annotations__ = hints | strings
        return scope["function"]

    @st.composite
    @staticmethod
    def fitting(draw, self, dtype=None):
        """The arguments of a call that fits, by name."""
        sizes: dict[str, Any] = {name: draw(SIZES) for name in NAMES}
        sizes["*"] = draw(st.sampled_from([(), (3,), (2, 3)]))
        arguments = {}
        for name, parameter in self.parameters.items():
            arrays = [parameter.one.array(parameter.one.shape(sizes, draw)) for _ in range(2)]
            arguments[name] = parameter.value(arrays)
            if name == "x" and parameter.wrapping == "plain" and arrays[0].ndim:
                sizes["first"] = arrays[0].shape[0]
        return arguments

    def fitting_calls(self):
        return Function.fitting(self)

    @st.composite
    @staticmethod
    def _nearly(draw, self):
        arguments = draw(Function.fitting(self))
        name = draw(st.sampled_from(sorted(arguments)))
        return arguments | {name: draw(changed(arguments[name]))}

    def nearly_fitting_calls(self):
        """Calls that fit but for one argument, which is changed."""
        return Function._nearly(self)

    def calls(self):
        return self.fitting_calls() | self.nearly_fitting_calls()


def changed(value):
    """Another value in its place: another size, rank, dtype or kind, or another entry."""
    if isinstance(value, list | tuple):
        others = [
            st.builds(lambda new, i=i: type(value)([*value[:i], new, *value[i + 1 :]]), changed(entry))
            for i, entry in enumerate(value)
        ]
        return st.one_of(*others, st.just(list(value) if isinstance(value, tuple) else tuple(value)))
    if isinstance(value, dict):
        return st.one_of(*(changed(entry).map(lambda new, k=k: {**value, k: new}) for k, entry in value.items()))
    if not hasattr(value, "dtype"):
        return st.sampled_from(["3", None, np.ones(3, np.float32)])
    room = np if isinstance(value, np.ndarray) else jnp
    resized = [
        room.ones((*value.shape[:i], size + 1, *value.shape[i + 1 :]), value.dtype)
        for i, size in enumerate(value.shape)
    ]
    ranks = [value[None], *([value[0]] if value.ndim else [])]
    dtypes = [value.astype(dtype) for dtype in ("float32", "int32", "bool") if value.dtype != dtype]
    return st.sampled_from([*resized, *ranks, *dtypes, None, 3.0, "3"])


WRAPPINGS = (
    *("plain",) * 6,
    *("list", "tuple", "tuples", "dict", "tree", "or None", "or int", "int", "float", "index", "string"),
)


@st.composite
def functions(draw, wrappings=WRAPPINGS):
    """Functions of one to three arguments ``x``, ``y``, ``z``."""
    function = Function()
    bound: frozenset[str] = frozenset()
    for name in "xyz"[: draw(st.integers(1, 3))]:
        first = function.parameters.get("x")
        in_order = (
            first is not None and first.wrapping == "plain" and bool(set(first.one.axes) & {*NAMES, "_", "2", "k=3"})
        )
        one = draw(ones(bound, in_order and first.one.axes[0] not in ("...", "*b")))
        function.parameters[name] = Parameter(one, draw(st.sampled_from(wrappings)), draw(st.booleans()))
        if function.parameters[name].wrapping == "plain":
            bound = bound | {axis for axis in one.axes if axis in NAMES}
    return function
