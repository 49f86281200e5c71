"""The annotations of a function as objects, even if they are written as strings."""

from collections.abc import Callable
from inspect import Parameter, Signature, get_annotations, signature
from types import FrameType
from typing import Any, get_type_hints

from ...spec.messages.report import UsageError


def resolved(function: Callable[..., Any], around: list[FrameType]) -> Signature:
    """The signature of ``function`` with its annotations as objects; ``around`` are the :func:`scopes_around` it.

    Raises :class:`UsageError` if a string names something unknown, because then nothing could be checked.
    """
    found = signature(function)
    names = {parameter.__name__: parameter for parameter in getattr(function, "__type_params__", ())}
    for frame in around:
        names |= frame.f_locals
    try:
        hints = get_type_hints(function, localns=names or None, include_extras=True)
    except (NameError, AttributeError) as error:
        says = f"{error}, so calls can't be checked"
        fix = "write the annotation without quotes, or define the name at run time"
        raise UsageError.of(f"{_name(function)}, decorated with checked,", "annotation", "", says, fix) from None
    parameters = [p.replace(annotation=hints.get(p.name, Parameter.empty)) for p in found.parameters.values()]
    return found.replace(parameters=parameters, return_annotation=hints.get("return", Signature.empty))


def scopes_around(function: Callable[..., Any], frame: FrameType | None) -> list[FrameType]:
    """The frames of the functions and classes that ``function`` is defined in, outermost first.

    ``frame`` is the one that decorates it. Only strings need these frames, so the list is empty if no annotation is a
    string. A function that has returned has no frame, so it is missing, with all that encloses it.
    """
    if not any(isinstance(hint, str) for hint in get_annotations(function).values()):
        return []
    around: list[FrameType] = []
    scope = function.__qualname__.rpartition(".")[0].removesuffix(".<locals>")
    while scope and frame is not None:
        while frame is not None and _of(frame) != (scope, function.__module__):
            frame = frame.f_back
        if frame is not None:
            around.insert(0, frame)
        scope = scope.rpartition(".")[0].removesuffix(".<locals>")
    return around


def _of(frame: FrameType) -> tuple[str, object]:
    """The qualified name and the module of the code that a frame runs."""
    return frame.f_code.co_qualname, frame.f_globals.get("__name__")


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", repr(function))
