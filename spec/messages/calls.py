"""The error of a call whose arguments are misspelled, missing or too many: one message, with a fix for each of them."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from inspect import Parameter, signature
from typing import Any, TypeVar, cast

from .choices import near_name
from .report import Report, UsageError, Verdict
from .written import clipped, in_words, written_argument, written_value

Called = TypeVar("Called", bound=Callable[..., Any])


class CallError(UsageError, TypeError):
    """A call has an argument that there is not, or lacks one that it needs. It is also a ``TypeError``, like Python's.

    >>> from wellshaped.spec import UNetConfig
    >>> UNetConfig(level=3)
    Traceback (most recent call last):
    ...
    wellshaped.spec.messages.calls.CallError: a call of UNetConfig can't be used.
      unknown_argument: UNetConfig has no argument level.
      fix: levels=3
    """


def call_error(
    name: str,
    parameters: Sequence[Parameter],
    args: Sequence[object],
    kwargs: Mapping[str, object],
    usual: Mapping[str, str],
    surplus: str = "",
) -> CallError | None:
    """Return the error of a call by the ``name`` of what is called, or ``None`` if the arguments bind.

    ``usual`` has the text of a value for arguments that must be given. ``surplus`` is the fix for more arguments by
    position than there are, if they are no argument by name; without it, the fix leaves them out.

    >>> def conv(x, *, kernel, padding=0): ...
    >>> print(call_error("conv", list(signature(conv).parameters.values()), (1, 2), {"pading": 3}, {}))
    a call of conv can't be used.
      unknown_argument, surplus_argument: conv has no argument pading; conv takes 1 argument by
          position, and got 2.
      fix: padding=3, kernel=2
    """
    by_position = [p.name for p in parameters if p.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)]
    by_name = [p.name for p in parameters if p.kind in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)]
    kinds = {p.kind for p in parameters}
    said: list[tuple[str, str]] = []
    fixes: list[str] = []
    given = {*by_position[: len(args)], *kwargs}
    for wrong in kwargs if Parameter.VAR_KEYWORD not in kinds else ():
        if wrong not in by_name:
            said.append(("unknown_argument", f"{name} has no argument {wrong}"))
            near = near_name(wrong, [of for of in by_name if of not in given]) or near_name(wrong, by_name)
            given |= {near} if near else set()
            names = f"; its arguments are {in_words(by_name)}" if by_name else ""
            fixes.append(_given(near, kwargs[wrong], usual) if near else f"leave out {wrong}{names}")
    for twice in by_position[: len(args)]:
        if twice in kwargs:
            said.append(("surplus_argument", f"{name} got {twice} by position and by name"))
            fixes.append(f"leave out {written_argument(twice, kwargs[twice])}")
    needed = [p.name for p in parameters if p.name in {*by_position, *by_name} and p.default is Parameter.empty]
    missing = [of for of in needed if of not in given]
    more = args[len(by_position) :] if Parameter.VAR_POSITIONAL not in kinds else ()
    if more:
        count = f"{len(by_position) or 'no'} argument{'s' * (len(by_position) != 1)}"
        said.append(("surplus_argument", f"{name} takes {count} by position, and got {len(args)}"))
        meant = missing if by_position else [*missing, *(of for of in by_name if of not in {*given, *missing})]
        if len(more) <= len(meant):
            fixes += [_given(of, value, usual) for of, value in zip(meant, more, strict=False)]
            missing = missing[len(more) :]
        else:
            fixes.append(surplus or f"leave out {in_words([clipped(written_value(value)) for value in more])}")
    for of in missing:
        said.append(("missing_argument", f"{name} needs {of}"))
        fixes.append(f"{of}={usual.get(of, '…')}")
    if not said:
        return None
    verdicts = tuple(Verdict(rule, False, says, "") for rule, says in said)
    return CallError(Report(f"a call of {name}", verdicts, (", ".join(fixes),)))


def _given(name: str, value: object, usual: Mapping[str, str]) -> str:
    """Return an argument by name. A value whose text is no code is replaced by the usual one."""
    text = written_value(value)
    return f"{name}={text if text == clipped(text) else usual.get(name, '…')}"


def calls_explained(surplus: str = "", /, **usual: str) -> Callable[[Called], Called]:
    """Return a decorator for a class, or a method: calls whose arguments do not bind raise :class:`CallError`.

    ``surplus`` and ``usual`` are as for :func:`call_error`.

    >>> from wellshaped.spec import Block
    >>> Block()
    Traceback (most recent call last):
    ...
    wellshaped.spec.messages.calls.CallError: a call of Block can't be used.
      missing_argument: Block needs channels.
      fix: channels=64
    """

    def explained(called: Called) -> Called:
        if not isinstance(called, type):
            return cast(Called, _explained(called, surplus, usual))
        called.__init__ = _explained(called.__init__, surplus, usual)  # type: ignore[misc]  # of this class, and no other
        return called

    return explained


def _explained(function: Callable[..., Any], surplus: str, usual: Mapping[str, str]) -> Callable[..., Any]:
    @wraps(function)
    def call(of: Any, /, *args: Any, **kwargs: Any) -> Any:
        try:
            return function(of, *args, **kwargs)
        except TypeError:
            kind = of.__name__ if isinstance(of, type) else type(of).__name__
            name = kind if function.__name__ == "__init__" else f"{kind}.{function.__name__}"
            _, *parameters = signature(function).parameters.values()
            error = call_error(name, parameters, args, kwargs, usual, surplus)
            if error is None:  # the body raised it
                raise
        raise error  # outside of `except`, so that Python does not print its own error as well

    return call
