"""Built-in functions remember the calls that they accepted, and do not check a similar call again.

This is sound because the key of a call holds everything that the annotations read:

- the shape and dtype of an array;
- the value of a number whose type is exactly ``int``;
- the class of a layer, that class's ``size``, and the numbers, configs and operations that it lists in
  ``_type_reads``.

Two kinds of arguments are not in the key. One is a default that annotations read, such as a size function: a call that
replaces it is checked each time. The other may be anything, such as ``precision``, and no annotation reads it.

The tests read the annotations of every remembered function and find nothing else in them. Any other call is checked
each time, and so is a call of a subclass without its own ``_type_reads``. Functions of a user are always checked,
because their annotations may read anything.
"""

import ast
import sys
from collections.abc import Callable
from functools import cached_property, wraps
from inspect import Parameter
from typing import Any, SupportsIndex, TypeVar, cast, get_args

import jax
from flax import nnx
from jaxtyping import AbstractArray, config, jaxtyped

from ...spec.network import (
    Activation,
    AvgPool,
    Conv,
    ConvTranspose,
    Crop,
    DepthToSpace,
    MaxPool,
    Pad,
    Resize,
    SpaceToDepth,
)
from ...spec.unet.config import UNetConfig
from ...spec.unet2.config import UNet2Config
from ..symbolic import GivenSize
from .checking import Judge
from .hints import scopes_around

Function = TypeVar("Function", bound=Callable[..., Any])
Reader = Callable[[Any], Any]

MOST = 4096
"""The largest number of calls that one function remembers."""

MEMORIES: "list[Memory]" = []
"""The memories of all remembered functions."""


class UnknownError(Exception):
    """A value that a key can't represent."""


def remembered(function: Function) -> Function:
    """:func:`checked` for functions of this library: once a call is accepted, similar calls are not checked again.

    Checked or not, the body runs once, in its own scope for the names of axes.
    """
    scoped = _in_own_scope(function)
    judge = Judge(scoped, scopes_around(function, sys._getframe(1)), is_ours=True)
    memory = Memory(judge)
    MEMORIES.append(memory)

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            key = memory.key(args, kwargs)
            expected = memory.accepted.get(key)
        except UnknownError:
            taken, named = judge.as_jax(args, kwargs)
            return judge.call(args, kwargs) if taken is args else call(*taken, **named)
        if expected is None:
            result = judge.call(args, kwargs)
            if not config.jaxtyping_disable:  # with this setting every call is accepted
                memory.accept(key, result)
            return result
        with _OWN_SCOPE:
            result = function(*args, **kwargs)
        return result if _of_result(result) == expected else judge.checked_result(result, args, kwargs)

    return cast(Function, call)


def unchecked(function: Function) -> Function:
    """The body of a remembered function, for callers whose own types already check everything that its types do."""
    return cast(Function, getattr(function, "__wrapped__", function))


_OWN_SCOPE = jaxtyped("context")
"""A scope for the names of axes. Each ``with`` starts a new one."""


def _in_own_scope(function: Function) -> Function:
    @wraps(function)
    def scoped(*args: Any, **kwargs: Any) -> Any:
        with _OWN_SCOPE:
            return function(*args, **kwargs)

    return cast(Function, scoped)


class Memory:
    """The calls that one function accepted: the key of each, with the shape and dtype of its result."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.accepted: dict[Any, Any] = {}

    @cached_property
    def _readers(self) -> dict[str, Reader]:
        parameters = self.judge.signature.parameters.values()
        hints = (*(p.annotation for p in parameters), self.judge.signature.return_annotation)
        read = set().union(*map(names_read, hints))
        return {p.name: _reader(p, p.name in read) for p in parameters}

    @cached_property
    def _in_order(self) -> tuple[Reader, ...]:
        return tuple(self._readers.values())

    def key(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Everything that the annotations read of a call. Raises :class:`UnknownError` if a key can't hold it."""
        in_order = self._in_order
        if len(args) > len(in_order):
            raise UnknownError  # too many arguments: Python raises its own error
        given = [read(value) for read, value in zip(in_order, args, strict=False)]
        if kwargs:
            given += [(name, self._readers.get(name, _unknown)(value)) for name, value in kwargs.items()]
        return tuple(given)

    def accept(self, key: Any, result: Any) -> None:
        """Remember an accepted call."""
        expected = _of_result(result)
        if expected is None:
            return
        if len(self.accepted) >= MOST:
            self.accepted.clear()
        self.accepted[key] = expected


def names_read(hint: Any) -> set[str]:
    """The names of arguments that the expressions in braces of an annotation read.

    >>> from jaxtyping import Array, Float
    >>> sorted(names_read(tuple[Float[Array, "{self.size(x.shape[1])} H"], int]))
    ['self', 'x']
    """
    if isinstance(hint, type) and issubclass(hint, AbstractArray):
        text = ast.parse(f"f{hint.dim_str!r}", mode="eval")
        return {node.id for node in ast.walk(text) if isinstance(node, ast.Name)}
    return set().union(*map(names_read, get_args(hint)))


def _reader(parameter: Parameter, read: bool) -> Reader:
    hint = parameter.annotation
    if parameter.name == "self":
        return _of_layer
    if isinstance(hint, type) and issubclass(hint, AbstractArray):
        return _of_array
    if hint in (SupportsIndex, GivenSize):
        return _of_number
    if hint is Any and not read:
        return lambda value: None
    if parameter.default is not Parameter.empty:
        return _only(parameter.default)
    return _unknown


def _unknown(value: Any) -> Any:
    raise UnknownError


def _only(default: Any) -> Reader:
    def reader(value: Any) -> None:
        if value is not default:
            raise UnknownError

    return reader


def _of_array(value: Any) -> Any:
    if not isinstance(value, jax.Array):
        raise UnknownError
    for size in value.shape:
        if type(size) is not int:  # a symbolic size, whose check may depend on the bounds of its variables
            raise UnknownError
    return value.shape, value.dtype


def _of_number(value: Any) -> int:
    if type(value) is not int:
        raise UnknownError
    return value


def _of_layer(layer: nnx.Module) -> Any:
    kind, values = type(layer), vars(layer)
    reads = vars(kind).get("_type_reads")
    if reads is None or "size" in values:
        raise UnknownError
    try:
        numbers = [values[name] for name in reads]
    except KeyError:
        raise UnknownError from None
    if not _EXACT.issuperset(map(type, numbers)):
        numbers = list(map(_exact, numbers))
    return kind, getattr(kind, "size", None), *numbers


def _exact(value: Any) -> Any:
    """What stands in a key for a value that a layer lists. Values of other types never have the same."""
    if type(value) in _EXACT:
        return value
    if type(value) is tuple:
        return tuple(map(_exact, value))
    if type(value) in (str, bool):
        return type(value), value
    raise UnknownError


_OPERATIONS = (AvgPool, Conv, ConvTranspose, Crop, DepthToSpace, MaxPool, Pad, Resize, SpaceToDepth)

_EXACT = frozenset({int, UNet2Config, UNetConfig, Activation, *_OPERATIONS})
"""The types of what a layer lists. Each is frozen, and equal values answer alike: an operation's fields are read."""


def _of_result(result: Any) -> Any:
    """Everything that the check of a result reads; ``None`` if that is not known."""
    if isinstance(result, jax.Array):
        return result.shape, result.dtype
    if isinstance(result, tuple):
        parts = tuple(map(_of_result, result))
        return None if None in parts else (type(result), parts)
    return int if type(result) is int else None
