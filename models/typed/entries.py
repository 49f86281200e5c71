"""Whether a value fits an annotation: jaxtyping and beartype decide, for every entry of a container, every time.

beartype alone looks at one entry of a list, chosen at random.
"""

from collections.abc import Callable, Collection, ItemsView, Iterable, Mapping
from inspect import Parameter, signature
from types import UnionType
from typing import (
    Annotated,
    Any,
    NamedTuple,
    NewType,
    SupportsIndex,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from beartype.door import is_bearable
from jaxtyping import AbstractArray

ANYTHING = (Any, Parameter.empty)


class MisfitError(Exception):
    """A value that does not fit its annotation."""


def every_entry(function: Callable[..., Any]) -> Callable[..., Any]:
    """A type checker for ``jaxtyping.jaxtyped``, which gives it one function for the arguments and one for the result.

    The function for the result takes the arguments too, but does not check them again.
    """
    parts = signature(function)
    hints = {name: annotation_of(parameter) for name, parameter in parts.parameters.items()}
    in_order = tuple(hints.values())
    simple = not any(p.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD) for p in parts.parameters.values())

    def of_arguments(*args: Any, **kwargs: Any) -> None:
        if simple:  # binding takes longer than checking a few arrays
            pairs = (*zip(args, in_order, strict=False), *((value, hints[name]) for name, value in kwargs.items()))
        else:
            pairs = tuple((value, hints[name]) for name, value in parts.bind(*args, **kwargs).arguments.items())
        for value, hint in pairs:
            _require(value, hint)

    def of_result(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        _require(result, parts.return_annotation)
        return result

    return of_arguments if parts.return_annotation in ANYTHING else of_result


def annotation_of(parameter: Parameter) -> Any:
    """The annotation of what a parameter holds: a tuple for ``*args``, a dict for ``**kwargs``."""
    hint = parameter.annotation
    if hint in ANYTHING:
        return Any
    several: dict[Any, Any] = {Parameter.VAR_POSITIONAL: tuple.__class_getitem__((hint, ...))}
    several[Parameter.VAR_KEYWORD] = dict.__class_getitem__((str, hint))
    return several.get(parameter.kind, hint)


def _require(value: Any, hint: Any) -> None:
    if not fits(value, hint):
        raise MisfitError


def fits(value: Any, hint: Any, array_fits: Callable[[Any, Any], bool] = isinstance) -> bool:
    """Whether ``value`` fits ``hint``. Binds the names of axes in jaxtyping's scope, as ``isinstance`` does.

    ``array_fits`` says whether an array fits its annotation.

    >>> fits([1, 2], list[int]), fits([1] * 99 + ["2"], list[int])
    (True, False)
    """
    if hint is Any or hint is Parameter.empty:
        return True
    if isinstance(hint, type) and issubclass(hint, AbstractArray):
        return array_fits(value, hint)
    if hint is SupportsIndex and type(value) is int:  # checking a protocol takes Python 20 µs
        return True
    hint = behind(hint)
    origin = get_origin(hint)
    if hint is Any:
        return True
    if origin in (Union, UnionType):
        return any(fits(value, one, array_fits) for one in get_args(hint))
    if origin is Annotated:
        return fits(value, get_args(hint)[0], array_fits) and is_bearable(value, hint)
    if is_array_hint(hint):
        return array_fits(value, hint)
    entries = entries_of(value, hint)
    if entries is None:
        return is_bearable(value, hint)
    return entries is not NO_MATCH and all(fits(entry.value, entry.hint, array_fits) for entry in entries)


def is_array_hint(hint: Any) -> bool:
    """Whether an annotation is a jaxtyping array type."""
    return isinstance(hint, type) and issubclass(hint, AbstractArray)


def behind(hint: Any) -> Any:
    """The annotation that a ``NewType``, a type alias or a ``TypeVar`` stands for. Any other is returned unchanged.

    >>> behind(NewType("Sizes", list[int])), behind(TypeVar("T", int, str)), behind(int)
    (list[int], typing.Union[int, str], <class 'int'>)
    """
    while True:
        origin = get_origin(hint)
        if isinstance(hint, NewType):
            hint = hint.__supertype__
        elif isinstance(hint, TypeVar):
            hint = Union[hint.__constraints__] if hint.__constraints__ else hint.__bound__ or Any  # noqa: UP007 a tuple of members
        elif hasattr(origin, "__value__"):  # type Name[T] = ..., from Python 3.12 on
            hint = origin.__value__[get_args(hint)]
        elif hasattr(hint, "__value__") and not isinstance(hint, type):
            hint = hint.__value__
        else:
            return hint


class Entry(NamedTuple):
    """One entry of a container: its place, as written after the container's name, its value and its annotation."""

    at: str
    value: Any
    hint: Any


NO_MATCH: list[Entry] = []
"""In place of entries, if a value is not the container that its annotation asks for."""


def entries_of(value: Any, hint: Any) -> list[Entry] | None:
    """All entries of a container with their annotations; ``None`` if ``hint`` is not a container's annotation.

    Return :data:`NO_MATCH` if the value is another type of container, a tuple of another length, or lacks a key.

    >>> [(entry.at, entry.value) for entry in entries_of({"a": (1, 2)}, dict[str, tuple[int, ...]])]
    [("'s key", 'a'), ("['a']", (1, 2))]
    """
    origin, args = get_origin(hint), get_args(hint)
    if origin is None:
        return _entries_of_class(value, hint)
    if not isinstance(origin, type) or not issubclass(origin, Iterable):
        return None
    if not isinstance(value, origin):
        return NO_MATCH
    return _entries(value, origin, args)


def _entries(value: Any, origin: type, args: tuple[Any, ...]) -> list[Entry] | None:
    if issubclass(origin, tuple) and args[-1:] != (...,):
        of_one_each = [Entry(f"[{i}]", *pair) for i, pair in enumerate(zip(value, args, strict=False))]
        return of_one_each if len(value) == len(args) else NO_MATCH
    if not isinstance(value, Collection):  # an iterator: looking at its entries would use them up
        return []
    if issubclass(origin, ItemsView):
        args = (tuple.__class_getitem__(args),)
    if isinstance(value, Mapping):
        if len(args) != 2:
            return None
        pairs = ((Entry("'s key", k, args[0]), Entry(f"[{k!r}]", v, args[1])) for k, v in value.items())
        return [entry for pair in pairs for entry in pair]
    is_one_kind = len(args) == 1 or args[-1:] == (...,)
    return [Entry(f"[{i}]", entry, args[0]) for i, entry in enumerate(value)] if is_one_kind else None


def _entries_of_class(value: Any, kind: Any) -> list[Entry] | None:
    """The entries of a named tuple, a typed dict, or a subclass of ``list[...]`` or another container."""
    if is_typeddict(kind):
        hints = get_type_hints(kind, include_extras=True)
        if not isinstance(value, dict) or not kind.__required_keys__ <= value.keys():
            return NO_MATCH
        return [Entry(f"[{key!r}]", value[key], hint) for key, hint in hints.items() if key in value]
    if not isinstance(kind, type):
        return None
    named = issubclass(kind, tuple) and hasattr(kind, "_fields")
    bases = [base for base in getattr(kind, "__orig_bases__", ()) if _is_container(get_origin(base))]
    if not named and not bases:
        return None
    if not isinstance(value, kind):
        return NO_MATCH
    if named:
        hints = get_type_hints(kind, include_extras=True)
        return [Entry(f".{name}", getattr(value, name), hint) for name, hint in hints.items()]
    return _entries(value, get_origin(bases[0]) or kind, get_args(bases[0]))


def _is_container(origin: Any) -> bool:
    return isinstance(origin, type) and issubclass(origin, Collection)
