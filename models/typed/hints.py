"""The annotations of a function as objects, also where they are written as strings."""

from collections.abc import Callable
from inspect import Parameter, Signature, get_annotations, signature
from types import FrameType
from typing import Any, get_type_hints

from ...spec.report import refuse


def resolved(function: Callable[..., Any], enclosing: dict[str, Any]) -> Signature:
    """The signature of ``function`` with objects for its annotations; ``enclosing`` are the names around it.

    Raises :class:`ShapeError` for a string that means nothing where it stands: a check of it would check nothing.
    """
    found = signature(function)
    try:
        hints = get_type_hints(function, localns=enclosing or None, include_extras=True)
    except (NameError, AttributeError) as error:
        name = getattr(function, "__qualname__", repr(function))
        says = f"{error}, so that a call could not be checked"
        fix = "import the name where the program runs, not under TYPE_CHECKING alone"
        raise refuse(f"{name}, decorated with checked,", "annotation", "unknown annotation", says, fix) from None
    parameters = [p.replace(annotation=hints.get(p.name, Parameter.empty)) for p in found.parameters.values()]
    return found.replace(parameters=parameters, return_annotation=hints.get("return", Signature.empty))


def names_around(function: Callable[..., Any], frame: FrameType) -> dict[str, Any]:
    """The local names of the functions and classes that ``function`` is defined in, innermost in ``frame``.

    Only strings need them, so there are none where no annotation is a string.
    """
    if not any(isinstance(hint, str) for hint in get_annotations(function).values()):
        return {}
    scopes = [part for part in function.__qualname__.split(".")[:-1] if part != "<locals>"]
    names: dict[str, Any] = {}
    at: FrameType | None = frame
    for _ in scopes:
        if at is not None:
            names = {**at.f_locals, **names}
            at = at.f_back
    return names
