"""Hypothesis strategies for arrays, from a jaxtyping annotation."""

import ast
import builtins
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from types import UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

from hypothesis import strategies as st

from ...spec.arithmetic.naturals import natural
from ...spec.messages.report import UsageError

if TYPE_CHECKING:
    import numpy as np

Entries = st.SearchStrategy[Any]

_DTYPES = [
    *("float32", "float16", "float64", "int32", "int8", "int16", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("bool", "complex64", "complex128"),
]
"""The dtypes to draw from, the plainest first."""
_RARE = [
    *("bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3b11fnuz", "float8_e4m3fnuz", "float8_e5m2fnuz"),
    *("float4_e2m1fn", "int4", "uint4", "int2", "uint2"),
]
"""Drawn only if an annotation allows no plainer dtype. JAX has these dtypes, and Hypothesis does not."""
_SIDE = 5
"""The largest size of an axis whose size is not given."""


def from_annotation(annotation: Any, elements: Entries | None = None, /, **axes: Any) -> st.SearchStrategy[Any]:
    """Arrays ``x`` with ``isinstance(x, annotation)``, for a jaxtyping annotation of JAX or NumPy arrays.

    - Each name has one size from 1 to 5. Give it with ``c=3``, or a strategy for it with ``c=st.integers(1, 9)``.
    - ``*batch`` and ``...`` are up to two axes, or those of a tuple: ``batch=(2, 3)``.
    - ``#n`` is ``n`` or 1, and ``_`` is any size. The names in ``h+1`` get sizes for which it is a natural number.
    - The dtype is one that the annotation allows. JAX has ``float64`` and other 64-bit dtypes only if
      ``jax_enable_x64`` is set. Dtypes such as 8-bit floats are drawn only if no plainer dtype is allowed.
    - Numbers are finite, unless ``elements`` is a strategy for them.
    - A union is any of its annotations.

    Shrinks toward zeros, sizes of 1, no axes for ``*batch``, and the plainest dtype.

    Raises :class:`UsageError` if ``annotation`` is not the annotation of an array, or if it allows no dtype that can be
    drawn. Also if an axis depends on more than the annotation (``{arg}``, ``?tree``, a name that no earlier axis has),
    or if you give a size for an axis that it does not have. While drawing, raises it if a drawn size does not fit.

    >>> import numpy as np
    >>> from hypothesis import find
    >>> from jaxtyping import Float
    >>> find(from_annotation(Float[np.ndarray, "c h h+1"], c=3), lambda x: x.sum() > 0).shape
    (3, 1, 2)
    """
    if get_origin(annotation) in (Union, UnionType):
        return st.one_of(*(from_annotation(one, elements, **axes) for one in get_args(annotation)))
    if not hasattr(annotation, "dim_str") or not hasattr(annotation, "dtypes"):
        subject = getattr(annotation, "__name__", repr(annotation))
        says = "it must be a jaxtyping annotation such as Float[Array, 'c h w'] or Int[np.ndarray, 'n']"
        raise UsageError.of(subject, "annotation", "not an annotation of an array", says, "Float[Array, 'c h w']")
    kind = getattr(annotation.array_type, "__name__", repr(annotation.array_type)).rpartition(".")[2]
    subject = f"{annotation.dtype.__name__}[{kind}, {annotation.dim_str!r}]"
    is_jax = _is_jax(annotation, subject)
    dtypes = _allowed(annotation, is_jax, subject)
    parts = _parts(annotation, subject)
    names = sorted({part.text for part in parts if part.kind in ("name", "several") and part.text})
    if unknown := sorted(set(axes) - set(names)):
        named = f"the named axes are {', '.join(names)}" if names else "no axis has a name"
        says = f"sizes are given for {', '.join(unknown)}, but {named}"
        fix = f"leave out {', '.join(unknown)}"
        raise UsageError.of(subject, "axes", "no such axis", says, fix)
    if not any(isinstance(given, st.SearchStrategy) for given in axes.values()):
        _choices(parts, _checked(parts, axes), subject)  # raises now what drawing would raise later
    return _arrays(parts, axes, subject, dtypes, is_jax, elements)


@dataclass(frozen=True, slots=True)
class _Part:
    """One axis of an annotation. Its ``kind`` is name, expression, fixed, any or several."""

    kind: str
    text: str
    may_be_one: bool = False


def _is_jax(annotation: Any, subject: str) -> bool:
    import jax
    import numpy as np

    if annotation.array_type in (np.ndarray, Any):
        return False
    if annotation.array_type is jax.Array:
        return True
    kind = getattr(annotation.array_type, "__name__", repr(annotation.array_type))
    says = f"arrays of {kind} can't be drawn, only those of jax.Array or np.ndarray"
    raise UsageError.of(subject, "array", "", says, f"Float[Array, {annotation.dim_str!r}]")


def _allowed(annotation: Any, is_jax: bool, subject: str) -> "list[np.dtype[Any]]":
    """Return the dtypes to draw from, the plainest first."""
    import jax.numpy as jnp
    import numpy as np

    def allows(dtype: "np.dtype[Any]") -> bool:
        # jaxtyping compares the name of the scalar type.
        name, rules = dtype.type.__name__, annotation.dtypes
        if not isinstance(rules, tuple | list):
            return True
        return any(rule.match(name) if isinstance(rule, re.Pattern) else rule == name for rule in rules)

    has_64_bits = not is_jax or jnp.result_type(float) == jnp.float64  # whether jax_enable_x64 is set
    wide = set() if has_64_bits else {"float64", "int64", "uint64", "complex128"}
    plain = [dtype for dtype in map(np.dtype, _DTYPES) if allows(dtype)]
    rare = [np.dtype(getattr(jnp, name)) for name in _RARE if hasattr(jnp, name)]
    found = [dtype for dtype in plain if dtype.name not in wide] or [dtype for dtype in rare if allows(dtype)]
    if found:
        return found
    if plain:
        says = f"JAX has no {plain[0].name} unless jax_enable_x64 is set"
        raise UsageError.of(subject, "dtype", "no dtype to draw", says, 'jax.config.update("jax_enable_x64", True)')
    says = "it allows no dtype of numbers or truth values"
    raise UsageError.of(subject, "dtype", "no dtype to draw", says, f"Float[Array, {annotation.dim_str!r}]")


def _parts(annotation: Any, subject: str) -> list[_Part]:
    """Return the axes, read as jaxtyping reads them."""
    parts: list[_Part] = []
    for word in annotation.dim_str.split():
        marks, text = "", word
        while text and text != "..." and (text[0] in "#*_?" or text.count("=") == 1):
            if text[0] in "#*_?":
                marks, text = marks + text[0], text[1:]
            else:
                text = text.partition("=")[2]
        if "?" in marks or "{" in text:
            source = "a place in a PyTree" if "?" in marks else "a function's arguments"
            says = f"the size of {word} depends on {source}, not on the annotation alone"
            fix = "a plain name, with its size as a keyword argument"
            raise UsageError.of(subject, "axis", "", says, fix)
        if "*" in marks or text == "...":
            parts.append(_Part("several", "" if "_" in marks or text == "..." else text))
        elif not text or text.isidentifier():
            parts.append(_Part("any" if "_" in marks else "name", text, "#" in marks))
        elif re.fullmatch(r"[+-]?\d+", text):
            parts.append(_Part("fixed", str(natural(int(text), "axis")), "#" in marks))
        else:
            _check_expression(text, parts, subject)
            parts.append(_Part("expression", text, "#" in marks))
    return parts


def _check_expression(text: str, before: list[_Part], subject: str) -> None:
    try:
        used = _names_in(text)
    except SyntaxError:
        raise UsageError.of(subject, "axis", "", f"{text} is not a Python expression", "for example h+1") from None
    # An axis #n of size 1 leaves n open, so jaxtyping can't check an expression in n.
    known = {part.text for part in before if part.kind == "name" and not part.may_be_one}
    if unknown := sorted(used - known):
        says = f"{text} needs {', '.join(unknown)}, but no plain axis before it has that name"
        fix = f"an axis {unknown[0]} before {text}"
        raise UsageError.of(subject, "axis", "", says, fix)


def _names_in(text: str) -> set[str]:
    nodes = ast.walk(ast.parse(text, mode="eval"))
    return {node.id for node in nodes if isinstance(node, ast.Name)} - set(dir(builtins))


def _checked(parts: list[_Part], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given sizes: natural numbers, or tuples of them for names of several axes."""
    several = {part.text for part in parts if part.kind == "several"}
    sizes: dict[str, Any] = {}
    for name, value in given.items():
        if name not in several:
            sizes[name] = natural(value, name)
        elif isinstance(value, tuple):
            sizes[name] = tuple(natural(size, name) for size in value)
        else:
            says = f"*{name} stands for several axes, so its sizes must be a tuple"
            raise UsageError.of(f"{name}={value!r}", "axes", "", says, f"{name}=({value!r},)")
    return sizes


def _choices(parts: list[_Part], sizes: dict[str, Any], subject: str) -> list[dict[str, int]]:
    """Return the choices of sizes for which every expression is a natural number, the smallest first."""
    expressions = [part.text for part in parts if part.kind == "expression"]
    free = sorted(set().union(*map(_names_in, expressions)) - set(sizes))
    combinations = sorted(product(range(1, _SIDE + 1), repeat=len(free)), key=sum)
    choices = [dict(zip(free, combination, strict=True)) for combination in combinations]
    found = [chosen for chosen in choices if all(_value(text, sizes | chosen) is not None for text in expressions)]
    if not found:
        tried = [*(f"{name} from 1 to {_SIDE}" for name in free), *(f"{name}={size}" for name, size in sizes.items())]
        says = f"{', '.join(expressions)} must be a whole number ≥ 0, and is not for {', '.join(tried)}"
        fix = f"other sizes, such as {(free or sorted(sizes) or ['h'])[0]}=st.integers(10, 20)"
        raise UsageError.of(subject, "axis", "no sizes to draw", says, fix)
    return found


def _value(text: str, sizes: dict[str, Any]) -> int | None:
    """Return the value of an expression, or ``None`` if it is not a natural number."""
    try:
        value = eval(text, dict(sizes))  # as jaxtyping does with the same text
        return int(value) if value >= 0 and value == int(value) else None
    except ArithmeticError:
        return None


@st.composite
def _arrays(
    draw: st.DrawFn,
    parts: list[_Part],
    axes: dict[str, Any],
    subject: str,
    dtypes: "list[np.dtype[Any]]",
    is_jax: bool,
    elements: Entries | None,
) -> Any:
    import jax.numpy as jnp
    import numpy as np
    from hypothesis.extra import numpy as hnp

    dtype, shape = draw(st.sampled_from(dtypes)), _shape(draw, parts, axes, subject)
    rare = dtype.name in _RARE
    if elements is None and dtype.name == "bfloat16":
        elements = st.floats(width=16, allow_nan=False, allow_infinity=False)  # finite in bfloat16 as well
    elif elements is None:
        zero_or_one = st.sampled_from([0, 1])
        elements = zero_or_one if rare else hnp.from_dtype(dtype, allow_nan=False, allow_infinity=False)
    array = draw(hnp.arrays(np.float32 if rare else dtype, shape, elements=elements)).astype(dtype)
    return jnp.asarray(array) if is_jax else array


def _shape(draw: st.DrawFn, parts: list[_Part], axes: dict[str, Any], subject: str) -> tuple[int, ...]:
    given = {name: draw(how) if isinstance(how, st.SearchStrategy) else how for name, how in axes.items()}
    sizes = _checked(parts, given)
    sizes |= draw(st.sampled_from(_choices(parts, sizes, subject)))
    shape: list[int] = []
    for part in parts:
        match part.kind:
            case "several":
                shape += sizes[part.text] if part.text in sizes else draw(st.lists(st.integers(1, 3), max_size=2))
                continue
            case "any":
                size = draw(st.integers(1, _SIDE))
            case "fixed":
                size = int(part.text)
            case "expression":
                size = _value(part.text, sizes) or 0
            case _:
                if part.text not in sizes:
                    sizes[part.text] = draw(st.integers(1, _SIDE))
                size = sizes[part.text]
        shape.append(draw(st.sampled_from([1, size])) if part.may_be_one else size)
    return tuple(shape)
