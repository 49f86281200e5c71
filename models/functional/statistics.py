"""Errors for batch normalisation under JAX's own transformations, which can't update its statistics.

Flax's error is about trace levels. This one says what to write in place of ``jax.vmap(model)(x)``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flax.errors import TraceContextError
from jaxtyping import Array

from ...spec.messages.report import Report, Verdict, WellshapedError

MAPPED = "nnx.vmap(lambda model, x: model(x), in_axes=(None, 0), axis_name={axis!r})(model, x)"
"""How to call a model that keeps batch statistics on a batch in training mode."""


def normalised(norm: Any, x: Array, given_to: str) -> Array:
    """``norm(x)``. Raises :class:`WellshapedError` if the statistics can't be updated, or no axis has their name.

    >>> import jax.numpy as jnp
    >>> from flax import nnx
    >>> normalised(nnx.BatchNorm(3, rngs=nnx.Rngs(0)), jnp.ones((2, 3)), "my layer").shape
    (2, 3)
    """
    with statistics_kept(norm, given_to):
        y: Array = norm(x)
    return y


@contextmanager
def statistics_kept(norm: Any, given_to: str) -> Iterator[None]:
    """Raise :class:`WellshapedError` if the block can't update the statistics of ``norm``, or no axis has their name.

    >>> from flax import nnx
    >>> try:
    ...     with statistics_kept(nnx.BatchNorm(3, axis_name="batch", rngs=nnx.Rngs(0)), "my layer"):
    ...         raise NameError("unbound axis name: batch")
    ... except WellshapedError as error:
    ...     print(error.report.failures[0].name)
    axis_name
    """
    try:
        yield
        return
    except TraceContextError:
        error = _error(given_to, "statistics", _NOT_KEPT, _kept(norm.axis_name))
    except NameError as unbound:
        if norm.axis_name is None or norm.axis_name not in str(unbound):
            raise
        says = f"axis_name={norm.axis_name!r} is not the name of a mapped axis"
        error = _error(given_to, "axis_name", says, (MAPPED.format(axis=norm.axis_name), _EVALUATED))
    raise error  # outside of `except`, so that Python does not print Flax's error as well


_NOT_KEPT = "inside JAX's vmap, jit or grad, the running mean and variance can't be updated"
_EVALUATED = "model.eval(), to use the running statistics"


def _kept(axis: str | None) -> tuple[str, ...]:
    batch = MAPPED.format(axis=axis or "batch")
    if axis is not None:
        return (batch, _EVALUATED)
    return (
        _EVALUATED,
        "nnx.jit(lambda model, x: model(x))(model, x), for one image; nnx.grad takes the model as an argument, too",
        f'for a batch, a model built with axis_name="batch", and {batch}',
    )


def _error(given_to: str, rule: str, says: str, fixes: tuple[str, ...]) -> WellshapedError:
    return WellshapedError(Report(f"a call of {given_to} in training mode", (Verdict(rule, False, says, ""),), fixes))
