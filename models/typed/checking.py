"""Types that are checked: jaxtyping annotations, judged each time a function is called or traced.

jaxtyping knows the sizes that names stand for, :mod:`.entries` says when a value fits, and :mod:`.diagnosis` reads the
same annotations to say why a call does not. Compiled code carries no check.

A function is judged at every call, and its body runs once. Only built-in layers remember: see :mod:`.memory`.
"""

import sys
from collections.abc import Callable, Mapping
from functools import cached_property, wraps
from inspect import Signature, iscoroutinefunction
from types import FrameType
from typing import Any, TypeVar, cast

from jaxtyping import TypeCheckError, jaxtyped

from ...spec.messages.report import UsageError
from .conversion import MAY_HOLD, as_jax, wants_jax
from .diagnosis import diagnosis
from .entries import annotation_of, every_entry
from .hints import resolved, scopes_around

Function = TypeVar("Function", bound=Callable[..., Any])


def checked(function: Function) -> Function:
    """Check every argument and the result of ``function`` against its annotations, each time it is called or traced.

    Every entry of a list, tuple or dict is checked. Where the annotation wants a JAX array, a NumPy array is converted.

    Raises :class:`ShapeError` for an argument that does not fit, with what fixes it. Where no single argument is surely
    at fault, jaxtyping's ``TypeCheckError`` is raised as it is, with a note that says so. A result that does not fit
    raises it too. Raises :class:`ShapeError` at the first call for an annotation that names something unknown, and at
    once for a class.

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
        fix = "@checked on a plain function that is called by it, or that calls it"
        raise UsageError.of(f"{function!r}", "function", "checked is for functions", f"it is {kind}", fix)
    judge = Judge(function, scopes_around(function, sys._getframe(1)))

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        args, kwargs = judge.as_jax(args, kwargs)
        return judge.call(args, kwargs)

    return cast(Function, call)


class _InsideError(Exception):
    """What the body of a function raised, where it could be taken for a fault in the function's own types."""

    def __init__(self, error: TypeCheckError) -> None:
        self.error = error


class Judge:
    """The types of one function, which are read at its first call: then every name in them is known."""

    def __init__(self, function: Callable[..., Any], around: list[FrameType]) -> None:
        self.function = function
        self._around = around

    @cached_property
    def signature(self) -> Signature:
        """The signature, with objects for annotations."""
        types = resolved(self.function, self._around)
        self._around = []  # which would keep what is local there
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
        """The result of the function for these arguments, all of them judged."""
        try:
            return self._typed(*args, **kwargs)
        except _InsideError as inside:
            error: Exception = inside.error
        except TypeCheckError as misfit:
            error = self._diagnosed(misfit, args, kwargs)
        raise error  # here, where it is not a second error while the first one is handled

    def judged(self, result: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The ``result``, judged beside the arguments that it was computed from."""
        return self._with_types(self.signature, lambda *_, **__: result)(*args, **kwargs)

    def _with_types(self, types: Signature, body: Callable[..., Any]) -> Callable[..., Any]:
        typed: Any = wraps(self.function)(body)
        if not typed.__name__.isidentifier():
            typed.__name__ = "function"  # jaxtyping writes it into a definition, where "<lambda>" is none
        typed.__signature__ = types  # read by inspect, and so by jaxtyping
        return cast(Callable[..., Any], jaxtyped(typed, typechecker=every_entry))

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
            except Exception:  # an annotation may compute anything from the arguments
                return False
            return True

        if accepts(bound.arguments):
            return misfit  # it is the result that does not fit
        try:
            found = diagnosis(self.function, self.signature, bound.arguments, given, accepts)
        except Exception:  # what is given may be anything, and its own error is not what the person must read
            found = None
        if found is None:
            misfit.add_note("wellshaped can't say which argument is wrong: this is jaxtyping's own error.")
        return found or misfit

    @cached_property
    def _wants_jax(self) -> dict[str, Any]:
        """The annotations that want JAX's arrays somewhere, by argument."""
        hints = {name: annotation_of(parameter) for name, parameter in self.signature.parameters.items()}
        return {name: hint for name, hint in hints.items() if wants_jax(hint)}

    def as_jax(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments, with JAX's arrays for NumPy's where the annotation wants JAX's; themselves where none does."""
        if not any(isinstance(value, MAY_HOLD) for value in (*args, *kwargs.values())):
            return args, kwargs
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError:
            return args, kwargs  # Python's own error follows
        given = {name: bound.arguments[name] for name in self._wants_jax if name in bound.arguments}
        taken = {name: as_jax(value, self._wants_jax[name]) for name, value in given.items()}
        if all(taken[name] is value for name, value in given.items()):
            return args, kwargs
        bound.arguments.update(taken)
        return bound.args, bound.kwargs
