"""jaxtyping annotations, checked each time a function is called or traced.

jaxtyping stores the size of each name. :mod:`.entries` decides whether a value fits. :mod:`.diagnosis` reads the same
annotations to explain why a call does not fit. Compiled code carries no check.

Every call is checked; only built-in layers skip repeated checks (:mod:`.memory`).
"""

import sys
from collections.abc import Callable, Mapping
from functools import cached_property, wraps
from inspect import Signature, iscoroutinefunction
from types import FrameType
from typing import Any, TypeVar, cast

from jaxtyping import TypeCheckError, config, jaxtyped

from ...spec.messages.report import UsageError
from .conversion import MAY_HOLD, as_jax, takes_jax
from .diagnosis import diagnosis, unbound_error
from .entries import annotation_of, every_entry
from .hints import resolved, scopes_around
from .symbolic import call_with_symbols, has_symbols

Function = TypeVar("Function", bound=Callable[..., Any])


def checked(function: Function) -> Function:
    """Check every argument and the result of ``function`` against its annotations, each time it is called or traced.

    Every entry of a list, tuple or dict is checked. A NumPy array becomes a JAX array if the annotation asks for one.

    The checked function raises :class:`ShapeError` if the shape or dtype of an argument does not fit, and
    :class:`UsageError` if its type does not. Both come with a fix. It raises jaxtyping's ``TypeCheckError`` if the
    result does not fit. If arguments do not fit together, and none is certainly wrong, it raises ``TypeCheckError``
    with a note. It raises :class:`UsageError`, which is then also a ``TypeError``, for misspelled, missing or surplus
    arguments.

    Raises :class:`UsageError` at once for a class or an async function, and at the first call if an annotation names
    something unknown.

    >>> import numpy as np
    >>> from jaxtyping import Array, Float
    >>> @checked
    ... def first_channel(x: Float[Array, "C H W"]) -> Float[Array, "H W"]:
    ...     return x[0]
    >>> first_channel(np.ones((3, 4, 5), np.float32)).shape
    (4, 5)
    """
    if isinstance(function, classmethod | staticmethod):
        return cast(Function, type(function)(checked(function.__func__)))
    if isinstance(function, property):
        parts = (function.fget, function.fset, function.fdel)
        return cast(Function, property(*(part and checked(part) for part in parts), doc=function.__doc__))
    if isinstance(function, type):
        says = "its methods would not be checked"
        fix = "@checked on each method that takes or returns arrays"
        raise UsageError.of(f"class {function.__name__}", "function", "checked is for functions", says, fix)
    if not hasattr(function, "__annotations__") or iscoroutinefunction(function):
        kind = "an async function" if iscoroutinefunction(function) else f"of type {type(function).__name__}"
        fix = "@checked on a plain function that it calls, or that calls it"
        raise UsageError.of(f"{function!r}", "function", "checked is for functions", f"it is {kind}", fix)
    judge = Judge(function, scopes_around(function, sys._getframe(1)))

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        args, kwargs = judge.as_jax(args, kwargs)
        return judge.call(args, kwargs)

    return cast(Function, call)


class _InsideError(Exception):
    """A type error from the body of a function, kept apart from errors of the function's own arguments."""

    def __init__(self, error: TypeCheckError) -> None:
        self.error = error


class Judge:
    """Checks the calls of one function. Its types are read at the first call, when every name in them is known."""

    def __init__(self, function: Callable[..., Any], around: list[FrameType], *, is_ours: bool = False) -> None:
        self.function = function
        self._is_ours = is_ours
        self._around = around

    @cached_property
    def signature(self) -> Signature:
        """The signature, with strings in annotations resolved to objects."""
        types = resolved(self.function, self._around)
        self._around = []  # frames would keep their local variables alive
        return types

    @cached_property
    def _typed(self) -> Callable[..., Any]:
        def body(*args: Any, **kwargs: Any) -> Any:
            try:
                return self.function(*args, **kwargs)
            except TypeCheckError as error:
                raise _InsideError(error) from None

        return self._with_types(self.signature, body)

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call the function; check the arguments and the result."""
        try:
            return self._typed(*args, **kwargs)
        except _InsideError as inside:
            error: Exception = inside.error
        except TypeCheckError as misfit:
            error = self._diagnosed(misfit, args, kwargs)
        except TypeError:
            unbound = unbound_error(self.function, self.signature, args, kwargs)
            if unbound is None:  # the body raised it
                raise
            error = unbound
        raise error  # outside of `except`, so that Python does not print the first error as well

    def checked_result(self, result: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Check ``result`` with the arguments, and return it."""
        return self._with_types(self.signature, lambda *_, **__: result)(*args, **kwargs)

    def _with_types(self, types: Signature, body: Callable[..., Any]) -> Callable[..., Any]:
        typed: Any = wraps(self.function)(body)
        if not typed.__name__.isidentifier():
            typed.__name__ = "function"  # jaxtyping defines a function of this name, and "<lambda>" is not a name
        typed.__signature__ = types  # jaxtyping reads it by inspect
        of_numbers = jaxtyped(typed, typechecker=every_entry)

        def call(*args: Any, **kwargs: Any) -> Any:
            if has_symbols(args, kwargs) and not config.jaxtyping_disable:
                return call_with_symbols(types, body, args, kwargs, open_results=self._is_ours)
            return of_numbers(*args, **kwargs)

        return call

    def _diagnosed(self, misfit: TypeCheckError, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Exception:
        bound = self.signature.bind(*args, **kwargs)
        given = tuple(bound.arguments)
        bound.apply_defaults()
        arguments_alone = self._with_types(
            self.signature.replace(return_annotation=Signature.empty), lambda *_, **__: None
        )

        def accepts(arguments: Mapping[str, Any]) -> bool:
            changed = self.signature.bind(*args, **kwargs)
            changed.arguments.update({name: arguments[name] for name in changed.arguments})
            try:
                arguments_alone(*changed.args, **changed.kwargs)
            except Exception:  # an annotation may compute anything from the arguments, and fail
                return False
            return True

        if accepts(bound.arguments):
            return misfit  # the result does not fit
        try:
            found = diagnosis(self.function, self.signature, bound.arguments, given, accepts)
        except Exception:  # the arguments may be anything; an error of theirs would hide the mistake
            found = None
        if found is None:
            misfit.add_note("wellshaped can't say which argument is wrong: this is jaxtyping's own error.")
        return found or misfit

    @cached_property
    def _takes_jax(self) -> dict[str, Any]:
        """The annotations that take a JAX array somewhere, by argument."""
        hints = {name: annotation_of(parameter) for name, parameter in self.signature.parameters.items()}
        return {name: hint for name, hint in hints.items() if takes_jax(hint)}

    def as_jax(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments, with NumPy arrays as JAX arrays if the annotation takes those; otherwise unchanged."""
        if not any(isinstance(value, MAY_HOLD) for value in (*args, *kwargs.values())):
            return args, kwargs
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError:
            return args, kwargs  # Python's own error follows
        given = {name: bound.arguments[name] for name in self._takes_jax if name in bound.arguments}
        taken = {name: as_jax(value, self._takes_jax[name]) for name, value in given.items()}
        if all(taken[name] is value for name, value in given.items()):
            return args, kwargs
        bound.arguments.update(taken)
        return bound.args, bound.kwargs
