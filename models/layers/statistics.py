"""Batch normalisation keeps statistics, which JAX's own transformations can't update: what to write instead.

Flax says so in terms of trace levels. Here the person who wrote ``jax.vmap(model)(x)`` reads what to write.
"""

from typing import Any

from flax.errors import TraceContextError
from jaxtyping import Array

from ...spec.messages.report import Report, ShapeError, Verdict

MAPPED = "nnx.vmap(lambda model, x: model(x), in_axes=(None, 0), axis_name={axis!r})(model, x)"
"""How a model that keeps batch statistics takes a batch in training mode."""


def normalised(norm: Any, x: Array, given_to: str) -> Array:
    """``norm(x)``. Raises :class:`ShapeError` where the statistics can't be updated, or their axis has no name.

    >>> import jax.numpy as jnp
    >>> from flax import nnx
    >>> normalised(nnx.BatchNorm(3, rngs=nnx.Rngs(0)), jnp.ones((2, 3)), "my layer").shape
    (2, 3)
    """
    try:
        y: Array = norm(x)
    except TraceContextError:
        error = _error(given_to, "statistics", _NOT_KEPT, _kept(norm.axis_name))
    except NameError as unbound:
        if norm.axis_name is None or norm.axis_name not in str(unbound):
            raise
        says = f"axis_name={norm.axis_name!r} names no axis that is mapped here"
        error = _error(given_to, "axis_name", says, (MAPPED.format(axis=norm.axis_name), _EVALUATED))
    else:
        return y
    raise error  # here, where Flax's own error is not shown beside it


_NOT_KEPT = "JAX's vmap, jit and grad can't update the running mean and variance of a model that they close over"
_EVALUATED = "model.eval(), to use the running statistics"


def _kept(axis: str | None) -> tuple[str, ...]:
    batch = MAPPED.format(axis=axis or "batch")
    if axis is not None:
        return (batch, _EVALUATED)
    return (
        _EVALUATED,
        "nnx.jit(lambda model, x: model(x))(model, x), for one image; nnx.grad takes the model in the same way",
        f'for a batch, a model built with axis_name="batch", and {batch}',
    )


def _error(given_to: str, rule: str, says: str, fixes: tuple[str, ...]) -> ShapeError:
    verdict = Verdict(rule, False, says, "the statistics of the batch")
    return ShapeError(Report(f"a call of {given_to} in training mode", (verdict,), fixes))
