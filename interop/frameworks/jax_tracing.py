"""JAX's shape rules on symbolic sizes, with every comparison of sizes decided for a sample and recorded.

``jax.export`` has symbolic sizes. It can't decide some comparisons for all sizes: ``==`` is then false, which is wrong
for some sizes; ``>=`` raises; and ``if size % 2`` is always true. While :func:`deciding` is in force, every comparison
has the answer for the sample, and is recorded. If a size is looked up in a set or a dict, the trace ends, because its
hash says nothing. What a symbol can't hide, such as ``isinstance(size, int)``, shows when plain numbers are run.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations
from math import inf, prod
from operator import eq
from pathlib import PurePath
from types import CodeType, FrameType
from typing import Any

import jax
import jax.numpy as jnp
from jax import export
from jax._src.config import traceback_filtering
from jax._src.core import (  # their public names differ by version
    InconclusiveDimensionOperation,
    jaxprs_in_params,
    valid_jaxtype,
)
from jax._src.interpreters.partial_eval import DynamicJaxprTrace, DynamicJaxprTracer

from ...spec.arithmetic.naturals import as_integer
from ..sizes.expressions import Statement, balanced, holds, parsed, value
from ..sizes.overtime import Overtime, look
from ..sizes.paths import (
    ANY_ERROR,
    Accepted,
    Condition,
    End,
    Path,
    Rejected,
    Unknown,
    asks_for_values,
    names_of_outputs,
    require_arrays,
    stopped,
)
from ..sizes.places import first_line, innermost, is_own, own_frame
from ..sizes.shapes import OpenShape
from .jax_models import AbstractNetwork
from .linen_tracing import quick_linen
from .replacing import replaced


def symbols(names: tuple[str, ...]) -> dict[str, Any]:
    """A new symbolic size for each name, which is at least 1."""
    sizes = export.symbolic_shape(", ".join(names), constraints=[f"{name} >= 1" for name in names])
    return dict(zip(names, sizes, strict=True))


def expression(size: Any) -> Any:
    """A symbolic size of JAX as an expression; a number stays."""
    return int(size) if isinstance(size, int) or not export.is_symbolic_dim(size) else parsed(str(size))


@dataclass(slots=True)
class Decisions:
    """The conditions of a trace, and whether a symbolic size was found equal to the number 1."""

    conditions: list[Condition]
    met_one: bool = False


@contextmanager
def deciding(symbols: Mapping[str, Any], samples: Mapping[str, int], *, ones: bool = True) -> Iterator[Decisions]:
    """Decide each comparison of these ``symbols`` for the ``samples``, and record it.

    Symbols of earlier traces are left alone: JAX's caches still compare them. With ``ones=False`` no image is repeated
    because one of its sizes happens to be 1 for the sample.
    """
    import jax._src.export.shape_poly as rules  # the only place of these rules
    import jax._src.lax.lax as elementwise

    kind: Any = rules._DimExpr
    scopes = [symbol.scope for symbol in symbols.values()]
    decisions = Decisions([])
    comparing: list[bool] = []  # not empty while the shapes of a set are compared
    equals, hashed, divmods, bounds = kind.__eq__, kind.__hash__, kind._divmod, rules._bounds_decision
    broadcasts: Any = elementwise._try_broadcast_shapes

    def decided(difference: Any, op: str) -> bool:
        look()
        statement = Statement(op, balanced(expression(difference)))
        held = holds(statement, samples)
        decisions.conditions.append(Condition(statement, held))
        return held

    def equal(self: Any, other: Any) -> bool:
        if equals(self, other):
            return True
        if self.scope not in scopes or _looks_up_in_a_cache(sys._getframe(1).f_code):
            return False
        if not isinstance(other, kind):
            number = int(other) if isinstance(other, float) and other.is_integer() else as_integer(other)
            if number is None or (number == 1 and not ones and _repeats(sys._getframe(1))):
                return False
            other = number
        elif other.scope is not self.scope:
            return False
        difference = self - other
        same = export.is_symbolic_dim(difference) and decided(difference, "==")
        decisions.met_one = decisions.met_one or (same and isinstance(other, int) and other == 1)
        return same

    def true(self: Any) -> bool:
        return not equal(self, 0)

    def hash_of(self: Any) -> int:
        if self.scope not in scopes or comparing:
            return int(hashed(self))
        frame = sys._getframe(1)
        if is_own(frame.f_code.co_filename):
            raise InconclusiveDimensionOperation(f"the size {self} is looked up in a set or a dict")
        if _looks_up_in_keras(frame.f_code.co_filename):
            equal(self, frame.f_locals.get("value"))  # ``shape[axis] not in {value, None}``
            return hash(value(expression(self), samples))
        if _makes_sets_of_shapes(frame.f_code.co_filename):
            comparing.append(True)
            for shape, other in _pairs_of_shapes(frame):
                tuple(map(eq, shape, other))  # each comparison is recorded
            comparing.pop()
            return hash(value(expression(self), samples))
        return int(hashed(self))

    def sign(difference: Any, precision: Any) -> tuple[float, float]:
        # JAX's own bounds of nested divisions take seconds, and a sample decides the sign at once.
        if not export.is_symbolic_dim(difference):
            return difference, difference
        if difference.scope not in scopes:
            low, high = bounds(difference, precision)
            return low, high
        return (0, inf) if decided(difference, ">=") else (-inf, -1)

    def quotient(self: Any, divisor: Any) -> tuple[Any, Any]:
        # How often a number contains a size: circular padding repeats an image as often as it must.
        if not (self._is_constant and isinstance(divisor, kind) and divisor.scope in scopes):
            return tuple(divmods(self, divisor))
        number, size = int(self), value(expression(divisor), samples)
        if number < 0 or size < 1:
            return tuple(divmods(self, divisor))
        times = number // size
        for known in (number - times * divisor, (times + 1) * divisor - number - 1):
            if export.is_symbolic_dim(known):
                decided(known, ">=")
        return times, number - times * divisor

    def broadcast(*shapes: Sequence[Any], name: str) -> tuple[Any, ...]:
        # Beside the number 1 a size stays what it is, also if it is 1: there is nothing to decide.
        if len({*map(len, shapes)}) == 1:
            shapes = tuple(zip(*map(_beside_ones, zip(*shapes, strict=True)), strict=True)) or shapes
        return tuple(broadcasts(*shapes, name=name))

    with replaced(
        (kind, {"__eq__": equal, "__bool__": true, "__hash__": hash_of, "_divmod": quotient}),
        (rules, {"_bounds_decision": sign}),
        (elementwise, {"_try_broadcast_shapes": broadcast}),
    ):
        yield decisions


def _beside_ones(sizes: tuple[Any, ...]) -> tuple[Any, ...]:
    """The sizes of several arrays along one axis; if all but numbers 1 are the same size, it stands for these too."""
    others = [size for size in sizes if not (isinstance(size, int) and size == 1)]
    same = others and all(size is others[0] for size in others)
    return (others[0],) * len(sizes) if same else sizes


@lru_cache(maxsize=4096)
def _looks_up_in_a_cache(code: CodeType) -> bool:
    """Whether this code of JAX looks up sizes in a cache, which compares them by chance. A miss is always right."""
    return (*PurePath(code.co_filename).parts[-3:], code.co_name) in _CACHES


_CACHES = {("jax", "_src", "core.py", "__new__"), ("jax", "_src", "pjit.py", "_infer_params")}
"""Where types with equal shapes become one object, and where traces of functions are kept."""


def _repeats(frame: FrameType | None) -> bool:
    """Whether JAX asks whether a size is 1 to repeat an image along it: in one of the innermost six functions."""
    for _ in range(6):
        if frame is not None:
            if _is_of_jax(frame.f_code.co_filename) and frame.f_code.co_name in _REPEATS:
                return True
            frame = frame.f_back
    return False


@lru_cache(maxsize=4096)
def _is_of_jax(file: str) -> bool:
    return PurePath(file).parts[-4:-1] in (("jax", "_src", "lax"), ("jax", "_src", "numpy"))


_REPEATS = {
    *("_try_broadcast_shapes", "broadcast_to", "broadcast_in_dim", "_broadcast_in_dim_shape_rule", "matmul"),
    *("einsum", "_einsum", "filter_singleton_dims"),
}
"""The functions of JAX that repeat images."""


@lru_cache(maxsize=4096)
def _looks_up_in_keras(file: str) -> bool:
    return PurePath(file).parts[-4:] == ("keras", "src", "layers", "input_spec.py")


@lru_cache(maxsize=4096)
def _makes_sets_of_shapes(file: str) -> bool:
    """Whether a source file has rules of JAX: ``lax.stack`` puts shapes in a set. Elsewhere JAX hashes for caches."""
    return PurePath(file).parent.parts[-3:] in (("jax", "_src", "lax"), ("jax", "_src", "numpy"))


def _pairs_of_shapes(frame: FrameType) -> Iterator[tuple[Any, Any]]:
    """The pairs of shapes of equal rank among the arrays that a function and its caller work on."""
    frames = [frame, *([frame.f_back] if frame.f_back else [])]
    for values in [of for each in frames for of in each.f_locals.values() if isinstance(of, list | tuple)]:
        shapes = [of.shape for of in values if hasattr(of, "shape")]
        yield from ((a, b) for a, b in combinations(shapes, 2) if len(a) == len(b))


Sizes = Mapping[str, int]

CONSUMERS = ("conv_general_dilated", "dot_general", "pad", "gather", "scatter", "scatter-add", "sort", "fft", "scan")
"""The operations, beside reductions and windows, that compute new values from an image. It must not be empty."""


def _reshaped(jaxpr: Any) -> Iterator[tuple[Any, Any]]:
    """The shapes before and after each reshape."""
    for equation in jaxpr.eqns:
        if equation.primitive.name == "reshape":
            yield equation.invars[0].aval.shape, equation.outvars[0].aval.shape
        for inner in jaxprs_in_params(equation.params):
            yield from _reshaped(inner)


def _needed(jaxpr: Any, images: int) -> Iterator[Any]:
    """The sizes of what is computed from the last ``images`` inputs, where an operation computes something from it."""
    from_images = set(jaxpr.invars[len(jaxpr.invars) - images :])
    for equation in jaxpr.eqns:
        operands = [v for v in equation.invars if not hasattr(v, "val") and v in from_images]
        if not operands:
            continue
        from_images.update(equation.outvars)
        inner = list(jaxprs_in_params(equation.params))
        for of in inner:
            yield from _needed(of, len(of.invars))
        name = equation.primitive.name
        if not inner and (name in CONSUMERS or name.startswith(("reduce", "cum", "arg", "select_and"))):
            for operand in operands:
                yield from operand.aval.shape
    for of in jaxpr.outvars:
        if hasattr(of, "aval"):
            yield from of.aval.shape


class JaxTracer:
    """A JAX network on images of these ``shapes``, with the names of open sizes, and ``dtypes``."""

    def __init__(self, network: AbstractNetwork, shapes: Sequence[OpenShape], dtypes: Sequence[Any]) -> None:
        self.network, self.shapes, self.dtypes = network, shapes, dtypes
        self.parameters: Any = None
        self._drawn: dict[Any, Any] = {}
        self._norms: set[str] = set()

    def prepare(self, sizes: Sizes) -> object:
        """Let the network choose the shapes of its parameters by images of these sizes, and return these shapes."""
        with _watched():
            self.parameters = self.network.parameters(*self._images(sizes))
        return [getattr(of, "shape", None) for of in jax.tree.leaves(self.parameters)]

    def path_of(self, samples: Sizes, held: Sizes) -> Path:
        """Trace with a symbol for each of the samples, and plain numbers for the ``held`` sizes."""
        named = symbols(tuple(samples))
        with deciding(named, samples) as decisions:
            end = self._end({**held, **named})
        if isinstance(end, Accepted) and decisions.met_one:  # otherwise a trace without ones is the same
            named = symbols(tuple(samples))
            with deciding(named, samples, ones=False):
                again = self._end({**held, **named})
            end = replace(end, by_broadcasting=not isinstance(again, Accepted))
        return Path(tuple(decisions.conditions), end)

    def trial_of(self, sizes: Sizes) -> End:
        """What JAX does with these sizes."""
        return self._end(sizes)

    def recorded(self, sizes: Sizes) -> tuple[Any, list[Any], bool]:
        """What runs on these sizes, up to an error: the jaxpr, the paths of the parameters, whether it ran to its end.

        The last inputs of the jaxpr are the images.
        """
        images = self._images(sizes)
        paths, _ = jax.tree_util.tree_flatten_with_path(self.parameters)
        leaves, tree = jax.tree.flatten((self.parameters, *images))
        finished = []

        def run(*of: Any) -> Any:
            try:
                result = self.network.apply(*jax.tree.unflatten(tree, of))
            except Exception:
                return ()
            finished.append(True)
            return [leaf for leaf in jax.tree.leaves(result) if hasattr(leaf, "shape")]

        with _plain_convolutions():
            return jax.make_jaxpr(run)(*leaves), [path for path, _ in paths], bool(finished)

    def _images(self, sizes: Mapping[str, Any]) -> list[Any]:
        shapes = [tuple(sizes.get(n, n) if isinstance(n, str) else n for n in shape) for shape in self.shapes]
        return [jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in zip(shapes, self.dtypes, strict=True)]

    def _end(self, sizes: Mapping[str, Any]) -> End:
        try:
            images = self._images(sizes)
            leaves, tree = jax.tree.flatten((self.parameters, *images))

            def apply(*of: Any) -> Any:
                result = self.network.apply(*jax.tree.unflatten(tree, of))
                arrays = jax.tree.map(lambda leaf: leaf if _is_array(leaf) else None, result)
                require_arrays(result, jax.tree.leaves(arrays))
                return arrays

            run = jax.make_jaxpr(apply, return_shape=True)
            # Filtering the frames of an error is slow; they are read here.
            with traceback_filtering("off"), _watched(), _shapes_only(self._drawn), quick_linen(self._norms):
                jaxpr, result = run(*leaves)
        except (Exception, SystemExit) as error:
            return _failure(error)
        except Overtime as error:
            return stopped(error)
        for old, new in _reshaped(jaxpr.jaxpr):
            if prod(old) != prod(new):  # recorded; JAX itself compares only plain numbers
                return Rejected(ANY_ERROR, f"cannot reshape {old} into {new}")
        outputs = [of for of in jax.tree_util.tree_leaves_with_path(result) if hasattr(of[1], "shape")]
        output = tuple(tuple(map(expression, leaf.shape)) for _, leaf in outputs)
        names = names_of_outputs([[_part(key) for key in path] for path, _ in outputs])
        return Accepted(output, frozenset(map(expression, _needed(jaxpr.jaxpr, len(images)))), names=names)


def _is_array(leaf: Any) -> bool:
    """Whether JAX takes this for an array. It rejects a text, for example, that somebody returns beside an array."""
    return hasattr(leaf, "shape") or valid_jaxtype(leaf)


def _part(key: Any) -> str | int:
    """A position in a list, or the text of another key."""
    return key.idx if isinstance(key, jax.tree_util.SequenceKey) else jax.tree_util.keystr((key,), simple=True)


def _plain_convolutions() -> AbstractContextManager[object]:
    """Let this library's own layers use JAX's convolutions, if they are in use."""
    backend = sys.modules.get(f"{__name__.split('.')[0]}.models.cpu.backend")
    return nullcontext() if backend is None else backend.convolutions("stock")


@contextmanager
def _watched() -> Iterator[None]:
    """Look at the time before each operation: a network may have an endless loop."""
    process: Any = DynamicJaxprTrace.process_primitive

    def watched(self: Any, *of: Any, **more: Any) -> Any:
        look()
        return process(self, *of, **more)

    with replaced((DynamicJaxprTrace, {"process_primitive": watched})):
        yield


@contextmanager
def _shapes_only(drawn: dict[Any, Any]) -> Iterator[None]:
    """Let JAX not do what costs time and has no effect on shapes. It takes half of a reading's time.

    - Its messages say where a value came from. They are written at every ``hasattr(x, "sharding")``, and Flax asks this
      for each batch norm.
    - Its functions with a derivative of their own, such as ``jax.nn.relu``, are traced a second time for it.
    - Its elementwise functions are compiled, which traces each once more.
    - Flax's Linen traces how each parameter is drawn, in each call, only to compare its shape. ``drawn`` remembers it.
    """
    value, elementwise = jax.custom_jvp.__call__, jnp.ufunc.__call__
    eval_shape: Any = jax.eval_shape

    def value_alone(self: Any, *args: Any, **more: Any) -> Any:
        of_jax = self.fun.__module__.startswith("jax.")
        return getattr(self.fun, "__wrapped__", self.fun)(*args, **more) if of_jax else value(self, *args, **more)

    def at_once(self: Any, *args: Any, **more: Any) -> Any:
        compiled: Any = getattr(self, "_ufunc__static_props", {}).get("call")
        arrays = compiled is not None and not more and all(hasattr(x, "aval") for x in args)
        return compiled.__wrapped__(*args) if arrays else elementwise(self, *args, **more)

    def once(fun: Any, *args: Any, **more: Any) -> Any:
        key = _drawing(fun)
        if key is None:
            return eval_shape(fun, *args, **more)
        if key not in drawn:
            drawn[key] = eval_shape(fun, *args, **more)
        return drawn[key]

    with replaced(
        (DynamicJaxprTracer, {"_origin_msg": lambda self: ""}),
        (jax, {"eval_shape": once}),
        (jax.custom_jvp, {"__call__": value_alone}),
        (jnp.ufunc, {"__call__": at_once}),
    ):
        yield


def _drawing(fun: Any) -> Any:
    """What identifies how Linen draws a parameter; ``None`` for another function or a symbolic shape."""
    if getattr(fun, "__module__", "") != "flax.core.scope" or not fun.__closure__:
        return None
    given = dict(zip(fun.__code__.co_freevars, (cell.cell_contents for cell in fun.__closure__), strict=True))
    if given.keys() != {"init_fn", "init_args", "init_kwargs"}:
        return None
    leaves, tree = jax.tree.flatten((given["init_args"], given["init_kwargs"]))  # a list has no hash
    if any(export.is_symbolic_dim(of) for of in leaves):
        return None
    key = given["init_fn"], tuple(leaves), tree
    try:
        hash(key)
    except TypeError:
        return None
    return key


def _failure(error: Exception | SystemExit) -> End:
    text = first_line(error)
    at, raised = own_frame(error.__traceback__), innermost(error.__traceback__)
    remains = isinstance(error, InconclusiveDimensionOperation) and "divide evenly" in text
    if remains or "total size must be unchanged" in text:
        # A reshape leaves a remainder, or changes the count: a condition says so. Plain sizes fail elsewhere in JAX.
        return Rejected(ANY_ERROR, text, at, raised)
    for kind, does in _WITH_VALUES.items():
        if isinstance(error, kind):
            return asks_for_values(does, at)
    if isinstance(error, _UNDECIDED):
        return Unknown(f"{type(error).__name__}: {text}")
    return Rejected(type(error).__name__, text, at, raised)


_WITH_VALUES: dict[type[Exception], str] = {
    jax.errors.TracerBoolConversionError: "branches on values",
    jax.errors.NonConcreteBooleanIndexError: "makes an image whose size depends on values",
    jax.errors.ConcretizationTypeError: "reads values",
    jax.errors.TracerIntegerConversionError: "reads values",
    jax.errors.TracerArrayConversionError: "reads values",
}
"""What code does with an image's values, by JAX's error. The first class that fits says it."""


_UNDECIDED = (jax.errors.JAXTypeError, jax.errors.JAXIndexError, InconclusiveDimensionOperation)
