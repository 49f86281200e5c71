"""Why a call does not fit its annotations: which argument is wrong, what it must be, and how to fix it.

An argument is blamed in two cases only. First, it does not fit its annotation, whatever the other arguments are: it has
a wrong type, dtype or number of axes, or another size than the annotation fixes. Second, all other arguments fit
together, and jaxtyping accepts the call with an array of the right shape in its place. Otherwise no argument is blamed.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from inspect import Parameter, Signature
from itertools import compress
from types import UnionType
from typing import Annotated, Any, SupportsIndex, Union, get_args, get_origin

import jax
import jax.numpy as jnp
import numpy as np
from beartype.door import is_bearable
from flax import nnx
from jaxtyping import PyTree

from ...spec.arithmetic.naturals import natural
from ...spec.messages.calls import CallError, call_error
from ...spec.messages.choices import near_choices
from ...spec.messages.report import Report, ShapeError, UsageError, Verdict, WellshapedError
from ...spec.messages.written import kind_of, written_argument
from ...spec.network.network import Network
from ...spec.presets import PRESETS
from ...spec.unet.config import UNetConfig
from ...spec.unet2.config import UNet2Config
from ..symbolic import GivenSize
from .axes import Axis, Expected, Shape, Sizes, axes_of
from .causes import Observed, likely
from .entries import ANYTHING, NO_MATCH, annotation_of, behind, entries_of, is_array_hint

Arguments = Mapping[str, Any]


def diagnosis(
    function: Callable[..., Any],
    types: Signature,
    arguments: Arguments,
    given: tuple[str, ...],
    accepts: Callable[[Arguments], bool],
) -> WellshapedError | None:
    """The error for the argument at fault, or ``None`` if it is not certain which one that is.

    ``types`` is the signature with resolved annotations. ``given`` names the arguments that the caller passed.
    ``accepts`` says whether a call with other arguments would be accepted.
    """
    call = _Call(function, types, arguments, given, accepts)
    for part in call.parts:
        if _fault_alone(part, {**call.constants, part.argument: arguments[part.argument]}):
            return call.error(part, call.expected(part))
    return call.at_odds()


@dataclass(frozen=True, slots=True)
class _Part:
    """A value with its annotation: an argument, or an entry of a container."""

    argument: str
    at: tuple[str, ...]
    value: Any
    hint: Any
    broken: bool = False

    @property
    def path(self) -> str:
        """How to write the value: ``skips[2]``."""
        return self.argument + "".join(self.at)

    @property
    def axes(self) -> tuple[Axis, ...] | None:
        """The axes of the annotation; ``None`` if it is not an array's annotation, or its axes can't be read."""
        return axes_of(self.hint) if is_array_hint(self.hint) else None


def _parts(argument: str, value: Any, hint: Any, at: tuple[str, ...] = ()) -> Iterator[_Part]:
    """The value, or its entries if it is a container. A value that is not the right container is ``broken``."""
    hint = behind(hint)
    if hint in ANYTHING:
        return
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        yield from _parts(argument, value, args[0], at)
    elif origin in (Union, UnionType):
        yield from _parts_of_union(argument, value, hint, at)
    else:
        entries = entries_of(value, hint)
        if entries is None or entries is NO_MATCH:
            yield _Part(argument, at, value, hint, broken=entries is NO_MATCH)
        for entry in entries or ():
            yield from _parts(argument, entry.value, entry.hint, (*at, entry.at))


def _parts_of_union(argument: str, value: Any, hint: Any, at: tuple[str, ...]) -> Iterator[_Part]:
    """The parts of the fitting member, else of the only member of its type, else one broken part."""
    members = [list(_parts(argument, value, one, at)) for one in get_args(hint)]
    faults = [[_fault_alone(part, {}) for part in parts] for parts in members]
    fitting = [parts for parts, found in zip(members, faults, strict=True) if not any(found)]
    of_its_kind = [
        parts
        for parts, found in zip(members, faults, strict=True)
        if not (parts and parts[0].at == at and found[0] in ("type", "array"))
    ]
    if fitting or len(of_its_kind) == 1:
        yield from (fitting or of_its_kind)[0]
    else:
        yield _Part(argument, at, value, hint, broken=True)


def _fault_alone(part: _Part, constants: Arguments) -> str:
    """The rule that a value breaks whatever the other arguments are; ``""`` if it breaks none."""
    value, hint = part.value, part.hint
    if not is_array_hint(hint):
        return "type" if part.broken or not _is_bearable(value, hint) else ""
    if hint.array_type is not Any and not isinstance(value, hint.array_type):
        return "array"
    if not isinstance(value, hint.dtype[hint.array_type, "..."]):
        return "dtype"
    axes = part.axes
    return "" if axes is None or Sizes(constants).learn(axes, value.shape, "") else "shape"


def _is_bearable(value: Any, hint: Any) -> bool:
    try:
        return is_bearable(value, hint)
    except Exception:  # it contains sizes that only the whole call defines
        return True


_USUAL = {nnx.Rngs: "nnx.Rngs(0)", SupportsIndex: "1"}
"""The text of a value for an argument that must be given, by its annotation."""


def unbound_error(
    function: Callable[..., Any], types: Signature, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> CallError | None:
    """The error for misspelled, missing or surplus arguments; ``None`` if the arguments bind."""
    name, parameters = getattr(function, "__name__", type(function).__name__), list(types.parameters.values())
    usual = {p.name: _USUAL[p.annotation] for p in parameters if p.annotation in (nnx.Rngs, SupportsIndex)}
    if "self" in types.parameters and args:
        kind = type(args[0]).__name__
        name = kind if name in ("__init__", "__call__") else f"{kind}.{name}"
        parameters, args = parameters[1:], args[1:]
    return call_error(name, parameters, args, kwargs, usual)


class _Call:
    """One call: its arguments in order, as parts, and what each must be, given the others."""

    def __init__(
        self,
        function: Callable[..., Any],
        types: Signature,
        arguments: Arguments,
        given: tuple[str, ...],
        accepts: Callable[[Arguments], bool],
    ) -> None:
        self.arguments = arguments
        self._accepts = accepts
        self._is_ours = function.__module__.startswith("wellshaped.models")
        self.given_to = type(arguments["self"]).__name__ if "self" in arguments else function.__name__
        self._hints = {name: parameter.annotation for name, parameter in types.parameters.items()}
        self._defaults = {p.name: p.default for p in types.parameters.values() if p.default is not Parameter.empty}
        hints = {name: annotation_of(types.parameters[name]) for name in given}  # defaults are not checked
        self.parts = [part for name, hint in hints.items() for part in _parts(name, arguments[name], hint)]
        arrays = {part.argument for part in self.parts if is_array_hint(part.hint)}
        self.constants = {name: value for name, value in arguments.items() if name not in arrays}

    def expected(self, part: _Part) -> list[Expected] | None:
        """The size of each axis, given the other arguments that fit; ``None`` if the annotation can't be read."""
        sizes = Sizes({name: value for name, value in self.arguments.items() if name != part.argument})
        for other in self.parts:
            if other.axes is not None and other is not part and not _fault_alone(other, {}):
                sizes.learn(other.axes, other.value.shape, f", as in {other.path}")
        axes = part.axes
        return None if axes is None else sizes.beside(self.arguments).expected(axes, getattr(part.value, "shape", ()))

    def at_odds(self) -> WellshapedError | None:
        """The error for the one argument without which the others fit. Tries the first misfit first."""
        arrays = [part for part in self.parts if part.axes is not None]
        sizes = Sizes(self.arguments)
        first = next((p for p in arrays if not sizes.learn(p.axes or (), p.value.shape, "")), None)
        if first is None:
            return None
        for candidate in [first, *(part for part in arrays if part is not first)]:
            expected = self.expected(candidate)
            if expected is None:
                continue
            shape = _nearest(expected, candidate.value.shape)
            if shape != candidate.value.shape and self._accepts_shape(candidate, shape):
                return self.error(candidate, expected)
        return None

    def _accepts_shape(self, part: _Part, shape: Shape, dtype: Any = None) -> bool:
        """Whether the call is accepted with an array of this shape in place of the part. Computes nothing."""
        dtype = part.value.dtype if dtype is None else dtype
        if any(n < 0 for n in shape) or part.hint.array_type not in (*_ARRAYS, Any):
            return False
        if part.hint.array_type is np.ndarray:
            return self._accepts_with(part, np.broadcast_to(np.zeros((), dtype), shape))
        found = []
        jax.eval_shape(lambda x: found.append(self._accepts_with(part, x)), jax.ShapeDtypeStruct(shape, dtype))
        return found[0]

    def _takes(self, part: _Part, shape: Shape) -> bool:
        """Whether the call is accepted with this shape and, if a network was called, the sizes fit the network."""
        takes = getattr(self.arguments.get("self"), "_takes", None)
        return self._accepts_shape(part, shape) and (takes is None or takes(shape))

    def _accepts_with(self, part: _Part, array: Any) -> bool:
        return self._accepts(
            {**self.arguments, part.argument: _replaced(self.arguments[part.argument], part.at, array)}
        )

    # The messages.

    def error(self, part: _Part, expected: list[Expected] | None) -> WellshapedError:
        """The error for a wrong part; an array must be as ``expected``."""
        value, hint, name = part.value, part.hint, part.path
        if not is_array_hint(hint):
            if hint in (SupportsIndex, GivenSize) and self._is_ours:
                return not_natural(value, name)
            says = f"it is {_described(value)}, and must be {written(hint)}"
            return self._error(part, "type", "type", says, (self._made(part),))
        proposal = (
            f"{name} as {written(hint)}" if expected is None else f"{name} of shape ({self._proposed(part, expected)})"
        )
        if hint.array_type is not Any and not isinstance(value, hint.array_type):
            # A NumPy array was not converted because JAX does not have its dtype.
            about = "dtype" if type(value) is np.ndarray and hint.array_type in _ARRAYS else "type"
            return self._error(part, "array", about, *self._not_an_array(part, proposal))
        if not isinstance(value, hint.dtype[hint.array_type, "..."]):
            says = f"it holds {value.dtype}, and must hold {_numbers(hint)}"
            return self._error(part, "dtype", "dtype", says, (self._converted(part) or f"{name} of {_numbers(hint)}",))
        if expected is None:
            says = f"its shape is {tuple(value.shape)}, and must be {written(hint)}"
            return self._error(part, "shape", "shape", says, (proposal,))
        return self._of_shape(part, expected, proposal)

    def _made(self, part: _Part) -> str:
        """The fix for a value of the wrong type: its default, if it has one."""
        value, hint, name = part.value, part.hint, part.path
        if hint is bool:
            return " or ".join(f"{name}={choice}" for choice in near_choices(value, (True, False)))
        if hint not in (UNet2Config, UNetConfig):
            if part.argument in self._defaults:
                return written_argument(part.argument, self._defaults[part.argument])
            return f"{name}={_USUAL[hint]}" if hint is nnx.Rngs else f"{name} as {written(hint)}"
        cfg, text = (PRESETS.get(value), f'PRESETS["{value}"]') if isinstance(value, str) else (value, name)
        if isinstance(cfg, hint):
            return f"{name}={text}"
        network = {UNet2Config: "UNet2", UNetConfig: "UNet", Network: "TypedNetwork"}
        if type(cfg) in network and self.given_to == network[hint]:
            return f"{network[type(cfg)]}({text}, ...)"
        return f"{name}={hint.__name__}()"

    def _of_shape(self, part: _Part, expected: list[Expected], proposal: str) -> WellshapedError:
        name, shape = part.path, part.value.shape
        labels = tuple(self._label(w.axis) for w in expected)
        sizes = tuple(w.size for w in expected)
        of_batch = before_vmap(part.value)
        observed = Observed(name, shape, sizes, labels, self.arguments, lambda s: self._takes(part, s), of_batch)
        cause, fixes = likely(observed)
        fixes = fixes or (proposal,)
        template = self._template(expected)
        if len(shape) != len(expected):
            least = "at least " if any(axis.kind == "several" for axis in part.axes or ()) else ""
            says = f"it has {_count(len(shape))}, and must have {least}{len(expected)}, ({template}){cause}"
            return self._error(part, "rank", "shape", says, fixes)
        for label, size, w in zip(labels, shape, expected, strict=True):
            if not w.fits(size):
                says = f"it is {size}, and must be {w.size}{w.source}{cause}"
                return self._error(part, "channels" if label == "C" else "size", f"axis {label}", says, fixes)
        says = f"its shape is {tuple(shape)}, and must be ({template})"
        return self._error(part, "shape", "shape", says, fixes)

    def _proposed(self, part: _Part, expected: list[Expected]) -> str:
        """The shape to propose. If a name occurs twice, propose a size that is accepted."""
        template = self._template(expected)
        names = {w.axis.text for w in expected if w.by_itself}
        given = getattr(part.value, "shape", ())
        if len(names) != 1 or len(given) != len(expected):
            return template
        known = _nearest(expected, given)
        at = [w.axis.text in names for w in expected]
        shapes = [
            tuple(n if same else k for same, k in zip(at, known, strict=True))
            for n in dict.fromkeys(compress(given, at))
        ]
        accepted = [shape for shape in shapes if self._accepts_shape(part, shape)]
        return template if len(accepted) == len(shapes) or not accepted else ", ".join(map(str, accepted[0]))

    def _template(self, expected: list[Expected]) -> str:
        known = (w.size is not None and not w.by_itself for w in expected)
        return ", ".join(str(w.size) if k else self._label(w.axis) for w, k in zip(expected, known, strict=True))

    def _not_an_array(self, part: _Part, proposal: str) -> tuple[str, tuple[str, ...]]:
        value, hint, name = part.value, part.hint, part.path
        if hint.array_type not in _ARRAYS:
            return f"it is {_described(value)}, and must be of type {hint.array_type.__name__}", (proposal,)
        kind, room = _ARRAYS[hint.array_type]
        if isinstance(value, np.ma.MaskedArray):
            return f"it is masked, and must be {kind} without a mask", (f"{name}.filled(0)",)
        if isinstance(value, np.ndarray):
            if not value.dtype.isnative and value.dtype.newbyteorder("=") in _JAX_DTYPES:
                says = f"it holds {value.dtype.str}, and JAX does not support this byte order"
            else:
                says = f"it holds {value.dtype}, and must hold {_numbers(hint)}"
            return says, (self._converted(part) or proposal,)
        if isinstance(value, jax.Array):
            return f"it is a JAX array, and must be {kind}", (f"np.asarray({name})",)
        says = f"it is {_described(value)}, and must be {kind}"
        try:
            shape, dtype = np.shape(value), self._dtype(part)
            array = f"{room}.asarray({name}, {dtype})"
            fits = np.result_type(np.asarray(value)).kind in "biufc" and self._accepts_shape(part, shape, _named(dtype))
        except Exception:  # the value may be anything
            fits = False
        return says, (array if fits else proposal,)

    def _converted(self, part: _Part) -> str:
        """The expression that gives an array a dtype that fits; ``""`` if the call would still not be accepted."""
        dtype, name, given = self._dtype(part), part.path, part.value.dtype
        if not isinstance(given, np.dtype) or given.kind not in "biufcV" or given.fields:
            return ""
        if dtype is None:
            return 'jax.config.update("jax_enable_x64", True), for 64-bit numbers' if _is_wide(part.hint) else ""
        if not self._accepts_shape(part, part.value.shape, _named(dtype)):
            return ""
        if given.kind == "c" and _named(dtype).dtype.kind != "c":
            name = f"{name}.real"  # written out in the fix, because it drops the imaginary part
        scaled = " / 255" if given == np.uint8 and dtype == "jnp.float32" else ""
        return f"{name}.astype({dtype}){scaled}"

    def _dtype(self, part: _Part) -> str | None:
        """The most common dtype that the annotation allows, as source text."""
        of_numpy = part.hint.dtype[np.ndarray, "..."]
        room = _ARRAYS.get(part.hint.array_type, ("", "jnp"))[1]
        found = [name for name in _PLAINEST if isinstance(np.zeros((), _named(name)), of_numpy)]
        return f"{room}.{found[0]}" if found else None

    def _error(self, part: _Part, rule: str, about: str, says: str, fixes: tuple[str, ...]) -> WellshapedError:
        of = f" = {shown(part.value)}" if is_array_hint(part.hint) else ""
        verdict = Verdict(rule, False, says, f"{about} of {part.path}")
        error = UsageError if about == "type" else ShapeError
        return error(Report(f"{part.path}{of}, given to {self.given_to},", (verdict,), fixes))

    def _label(self, axis: Axis) -> str:
        output = _SIZE_OF.search(axis.text)
        hint = self._hints.get(output[1]) if output else None
        of = getattr(hint, "dim_str", "").split()
        if output and int(output[2]) < len(of):
            return f"{of[int(output[2])]}'"
        if axis.text.startswith("{"):  # in our layers, an expression is the number of channels
            return "C" if self._is_ours else axis.text.strip("{}")
        return axis.text


_SIZE_OF = re.compile(r"size\((\w+)\.shape\[(\d)\]")
"""Found in the annotation of an axis that is the output of a window over an argument's axis."""

_ARRAYS = {np.ndarray: ("a NumPy array", "np"), jax.Array: ("a JAX or NumPy array", "jnp")}
"""Types of arrays: what to call one, and the module that makes it."""

_PLAINEST = (
    "float32",
    "int32",
    "uint32",
    "uint8",
    "bool",
    "complex64",
    "bfloat16",
    "float16",
    "int8",
    "int16",
    "uint16",
)
"""Dtypes in order of preference: an array is converted to the first that its annotation allows."""

_JAX_DTYPES = frozenset(np.dtype(f"{kind}{bits}") for kind in ("float", "int", "uint") for bits in (16, 32, 64)) | {
    np.dtype("complex64"),
    np.dtype("complex128"),
}

_NUMBERS = {
    "Float": "floating-point numbers",
    "Int": "signed integers",
    "UInt": "unsigned integers",
    "Integer": "integers",
    "Bool": "truth values",
    "Complex": "complex numbers",
    "Inexact": "floating-point or complex numbers",
    "Real": "real numbers",
    "Num": "numbers",
    "Key": "random keys",
}
"""How to call the dtypes of an annotation; others keep their own names."""


def _numbers(hint: Any) -> str:
    name: str = hint.dtype.__name__
    return _NUMBERS.get(name, name.lower())


def _named(dtype: str | None) -> Any:
    return None if dtype is None else getattr(jnp, dtype.rpartition(".")[2])


def _is_wide(hint: Any) -> bool:
    return hint.dtype.__name__ in ("Float64", "Int64", "UInt64", "Complex128")


def _count(axes: int) -> str:
    return "1 axis" if axes == 1 else f"{axes} axes"


def _nearest(expected: list[Expected], given: Shape) -> Shape:
    """The expected shape; an axis that may have any size keeps the size given. Axes are matched from the last."""
    spare = (1,) * len(expected) + given
    return tuple(
        own if w.fits(own) or w.size is None else w.size
        for w, own in zip(expected, spare[len(spare) - len(expected) :], strict=True)
    )


def _replaced(value: Any, at: tuple[str, ...], new: Any) -> Any:
    """The container with ``new`` as the entry ``at`` this place, or ``new`` if ``at`` is empty."""
    if not at:
        return new
    if type(value) in (list, tuple):
        return type(value)(_replaced(v, at[1:], new) if at[0] == f"[{i}]" else v for i, v in enumerate(value))
    if isinstance(value, tuple) and hasattr(value, "_replace"):
        name = at[0].removeprefix(".")
        return value._replace(**{name: _replaced(getattr(value, name), at[1:], new)})
    if type(value) is dict:
        return {key: _replaced(v, at[1:], new) if at[0] == f"[{key!r}]" else v for key, v in value.items()}
    return value


def before_vmap(value: Any) -> Shape | None:
    """The shape of an array before ``jax.vmap`` took an axis from it; ``None`` outside of ``jax.vmap``."""
    if not isinstance(value, jax.core.Tracer) or getattr(value, "batch_dim", None) is None:
        return None
    shape: Shape = value.val.shape
    return shape


def _described(value: Any) -> str:
    if isinstance(value, jax.Array | np.ndarray):
        return f"a {'JAX' if isinstance(value, jax.Array) else 'NumPy'} array, {shown(value)}"
    if isinstance(value, list | tuple | dict):
        return f"a {type(value).__name__} with {len(value)} {'entry' if len(value) == 1 else 'entries'}"
    if value is None:
        return "None"
    if isinstance(value, type):
        return kind_of(value)
    kind = f"of type {type(value).__name__}"
    return kind if isinstance(value, nnx.Module) else f"{shown(value)}, {kind}"


def not_natural(value: Any, name: str) -> WellshapedError:
    """The error for a value that must be a natural number."""
    try:
        natural(value, name)
    except WellshapedError as error:
        return error
    given = f"{name}={value}"  # a symbolic size, which only an axis may have
    return UsageError.of(
        given, "natural", "not a natural number", f"{given} is symbolic, and must be a number", f"{name}=1"
    )


def written(hint: Any) -> str:
    """An annotation as a person writes it.

    >>> from jaxtyping import Array, Float
    >>> written(Float[Array, "C H"] | None), written(int)
    ("Float[Array, 'C H'] | None", 'int')
    """
    if get_origin(hint) in (Union, UnionType):
        return " | ".join(map(written, get_args(hint)))
    if hint is type(None):
        return "None"
    if hint in (SupportsIndex, GivenSize):
        return "an integer"
    if isinstance(hint, type) and issubclass(hint, PyTree) and hasattr(hint, "leaftype"):
        return f"PyTree[{written(hint.leaftype)}]"
    if is_array_hint(hint):
        kind = getattr(hint.array_type, "__name__", str(hint.array_type))
        return f"{hint.dtype.__name__}[{kind.rpartition('.')[2]}, {hint.dim_str!r}]"
    if isinstance(hint, type) and not get_args(hint):
        return str(hint.__name__)
    return str(re.sub(r"\b(?:\w+\.)+(?=\w)", "", str(hint)))


def shown(value: Any) -> str:
    """A value in one short line; an array as its dtype and shape."""
    if isinstance(value, jax.Array | np.ndarray):
        return f"{value.dtype}[{','.join(map(str, value.shape))}]"
    try:
        text = " ".join(repr(value).split())
    except Exception:  # a foreign repr may fail
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= 40 else f"{text[:37]}..."
