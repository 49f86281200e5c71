"""Batch normalisation, and its errors under transformations that can't update its statistics.

Flax's error is about trace levels. This one says what to write in place of ``jax.vmap(model)(x)``.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from numbers import Real
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from flax.errors import TraceContextError
from jax import lax
from jax.custom_batching import custom_vmap
from jaxtyping import Array

from ...spec.messages.report import Report, UsageError, Verdict, WellshapedError, all_at_once, raise_all
from ...spec.messages.written import written_argument

AxisName = str | tuple[str, ...]
"""The name of the axis of a batch, or several names, where ``vmap`` has one axis and ``shard_map`` another."""

MAPPED = "nnx.vmap(lambda model, x: model(x), in_axes=(None, 0), axis_name={axis!r})(model, x)"
"""How to call a model that keeps batch statistics on a batch in training mode."""


def require_statistics(momentum: object, axis_name: object) -> None:
    """Raise :class:`UsageError` for a ``momentum`` or an ``axis_name`` that batch norms can't use.

    >>> require_statistics(0.9, ("images", "batch"))
    >>> require_statistics("a", None)
    Traceback (most recent call last):
    ...
    wellshaped.spec.messages.report.UsageError: momentum='a' can't be used.
      momentum: it must be a number from 0 to 1: the part of the running statistics that a step keeps.
      fix: momentum=0.99
    """
    errors: list[WellshapedError] = []
    with all_at_once(errors):
        if isinstance(momentum, bool) or not isinstance(momentum, Real) or not 0 <= float(momentum) <= 1:
            says = "it must be a number from 0 to 1: the part of the running statistics that a step keeps"
            raise UsageError.of(written_argument("momentum", momentum), "momentum", "", says, "momentum=0.99")
    with all_at_once(errors):
        names = axis_name if isinstance(axis_name, tuple) else () if axis_name is None else (axis_name,)
        if not all(isinstance(name, str) and name for name in names):
            says = "it must be the name of an axis, or a tuple of names"
            raise UsageError.of(written_argument("axis_name", axis_name), "axis_name", "", says, 'axis_name="batch"')
    raise_all(errors)


def batch_norm(channels: int, *, param_dtype: Any, momentum: float, **numbers: Any) -> nnx.BatchNorm:
    """Flax's batch norm in training mode. For parameters of float64 its statistics are so, too; Flax's are float32.

    ``momentum`` is the part of the running statistics that a step keeps. Raises :class:`UsageError` unless it is a
    number from 0 to 1, and for an ``axis_name`` that is neither a name nor a tuple of names.

    >>> batch_norm(3, param_dtype=jnp.bfloat16, momentum=0.99, rngs=nnx.Rngs(0)).mean.dtype
    dtype('float32')
    """
    require_statistics(momentum, numbers.get("axis_name"))
    types = {"param_dtype": param_dtype, "momentum": float(momentum), "promote_dtype": _in_32_bits}
    norm = nnx.BatchNorm(channels, use_running_average=False, **types, **numbers)
    dtype = jnp.promote_types(jnp.float32, param_dtype)
    norm.mean, norm.var = (nnx.BatchStat(of[...].astype(dtype)) for of in (norm.mean, norm.var))
    return norm


def _in_32_bits(arrays: Sequence[Array | None], /, *, dtype: Any = None, **_: Any) -> list[Array | None]:
    """The arrays in one dtype of at least 32 bits. In 16 bits, Flax's evaluation mode loses digits and gradients."""
    common = jnp.result_type(*(of for of in arrays if of is not None)) if dtype is None else dtype
    wide = jnp.promote_types(common, jnp.float32)
    return [None if of is None else jnp.asarray(of, wide) for of in arrays]


def normalised(norm: Any, x: Array, given_to: str) -> Array:
    """``norm(x)``. Raises :class:`WellshapedError` if the statistics can't be updated, or no axis has their name.

    Without a ``dtype``, the result has the common dtype of ``x`` and the parameters, whatever that of the statistics
    is. Without ``axis_name``, ``nnx.vmap`` would return other statistics for each image. Flax's error comes after the
    call, and names only a path and an axis.

    >>> import jax.numpy as jnp
    >>> from flax import nnx
    >>> normalised(nnx.BatchNorm(3, rngs=nnx.Rngs(0)), jnp.ones((2, 3)), "my layer").shape
    (2, 3)
    """
    before = _mean_to_update(norm)
    with statistics_kept(norm, given_to):
        y: Array = norm(x)
    if isinstance(norm, nnx.BatchNorm) and norm.dtype is None:
        y = y.astype(jnp.promote_types(x.dtype, norm.param_dtype))
    if before is not None and isinstance(after := norm.mean[...], jax.core.Tracer):  # no transformation, no vmap
        _require_one_mean(before, after, given_to)
    return y


def _mean_to_update(norm: Any) -> Array | None:
    """The running mean of a batch norm that updates it from its own input alone."""
    updates = isinstance(norm, nnx.BatchNorm) and norm.axis_name is None and not norm.use_running_average
    return norm.mean[...] if updates else None


def _require_one_mean(before: Array, after: Array, given_to: str) -> None:
    """Raise :class:`WellshapedError` if a ``vmap`` maps the mean ``after`` a call, and not the one ``before`` it."""

    @custom_vmap
    def mean(before: Array, after: Array) -> Array:
        return after

    @mean.def_vmap
    def mapped(_: int, is_mapped: list[bool], before: Array, after: Array) -> tuple[Array, bool]:
        if is_mapped[1] and not is_mapped[0]:
            batch = _BATCH.format(mapped=MAPPED.format(axis="batch"))
            raise training_error(given_to, "axis_name", _OF_EACH_IMAGE, (_EVALUATED, batch))
        return after, is_mapped[1]

    mean(lax.stop_gradient(before), lax.stop_gradient(after))  # it has no derivative


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
        with state_kept(given_to, "statistics", _NOT_KEPT, _kept(norm.axis_name)):
            yield
        return
    except NameError as unbound:
        names = (norm.axis_name,) if isinstance(norm.axis_name, str) else norm.axis_name or ()
        if not any(name in str(unbound) for name in names):
            raise
        says = f"axis_name={norm.axis_name!r} is not the name of a mapped axis"
        error = training_error(given_to, "axis_name", says, (MAPPED.format(axis=norm.axis_name), _EVALUATED))
    raise error  # outside of `except`, so that Python does not print Flax's error as well


@contextmanager
def state_kept(given_to: str, rule: str, says: str, fixes: tuple[str, ...]) -> Iterator[None]:
    """Raise :class:`WellshapedError` with this rule and these fixes if the block can't change the state of a layer.

    >>> try:
    ...     with state_kept("my layer", "stream", "it can't advance", ("model.eval()",)):
    ...         raise TraceContextError("another trace level")
    ... except WellshapedError as error:
    ...     print(error.report.failures[0].name)
    stream
    """
    try:
        yield
        return
    except TraceContextError:
        error = training_error(given_to, rule, says, fixes)
    raise error  # outside of `except`, so that Python does not print Flax's error as well


_NOT_KEPT = "inside JAX's vmap, jit or grad, the running mean and variance can't be updated"
_OF_EACH_IMAGE = "it has no axis_name, so each image that is mapped would have its own running mean and variance"
_BATCH = 'for a batch, a model built with axis_name="batch", and {mapped}'
_EVALUATED = "model.eval(), to use the running statistics"


def _kept(axis: AxisName | None) -> tuple[str, ...]:
    batch = MAPPED.format(axis=axis or "batch")
    if axis is not None:
        return (batch, _EVALUATED)
    return (
        _EVALUATED,
        "nnx.jit(lambda model, x: model(x))(model, x), for one image; nnx.grad takes the model as an argument, too",
        _BATCH.format(mapped=batch),
    )


def training_error(given_to: str, rule: str, says: str, fixes: tuple[str, ...]) -> WellshapedError:
    """The error of a call in training mode that JAX does not allow.

    >>> training_error("Dropout", "stream", "it can't advance", ("model.eval()",)).report.fixes
    ('model.eval()',)
    """
    return WellshapedError(Report(f"a call of {given_to} in training mode", (Verdict(rule, False, says, ""),), fixes))
