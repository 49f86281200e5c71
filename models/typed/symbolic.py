"""Checks of a call whose arrays have symbolic sizes, as while ``jax.export`` traces a function.

jaxtyping writes the value of an expression in braces as text, and reads the text again. It can't read ``16*h`` again.
So such a call is checked with the :class:`.axes.Sizes` of this library, which keep the values.
"""

from collections.abc import Callable, Mapping
from inspect import Signature
from typing import Any

import jax
from jaxtyping import TypeCheckError, jaxtyped

from ..symbolic import Inconclusive, any_symbolic
from .axes import Sizes, axes_of
from .diagnosis import shown, written
from .entries import ANYTHING, annotation_of, fits


def has_symbols(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Whether an argument is an array with a symbolic size."""
    return any(isinstance(value, jax.Array) and any_symbolic(value.shape) for value in (*args, *kwargs.values()))


def call_with_symbols(
    types: Signature,
    body: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    *,
    open_results: bool,
) -> Any:
    """Check the arguments, call ``body``, and check its result.

    Raises jaxtyping's ``TypeCheckError`` if a value does not fit, and JAX's error if JAX can't decide whether it fits.
    With ``open_results``, a result then fits: the body may compute the same size by another formula.
    """
    bound = types.bind(*args, **kwargs)
    given = dict(bound.arguments)
    bound.apply_defaults()
    sizes = Sizes(bound.arguments)

    def array_fits(value: Any, hint: Any) -> bool:
        axes = axes_of(hint)
        alone = isinstance(value, hint.dtype[hint.array_type, "..."])
        return alone and (axes is None or sizes.learn(axes, value.shape, ""))

    for name, value in given.items():
        hint = annotation_of(types.parameters[name])
        try:
            holds = fits(value, hint, array_fits)
        except Inconclusive as error:
            error.add_note(f"{name} = {shown(value)} is checked here: it must be {written(hint)}.")
            raise
        if not holds:
            raise TypeCheckError(f"The argument {name} does not fit its annotation.")
    with jaxtyped("context"):
        result = body(*args, **kwargs)
    hint = types.return_annotation
    try:
        holds = hint in ANYTHING or fits(result, hint, array_fits)
    except Inconclusive:
        if not open_results:
            raise
        holds = True
    if not holds:
        raise TypeCheckError("The result does not fit its annotation.")
    return result
