"""The backends that compute convolutions, the choice between them, and how a primitive is lowered by the chosen one.

The choice is read while a function is traced, and becomes a parameter of the primitives in it. The platform decides
what ``"auto"`` means, when they are lowered.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal, get_args

import jax
from jax.extend.core import Primitive
from jax.interpreters import mlir
from jax.sharding import AxisType, get_abstract_mesh
from jaxtyping import Array

from ...spec.messages.choices import nearest_choice
from ...spec.messages.report import UsageError

Backend = Literal["auto", "cpu", "stock"]

_forced = jax.make_user_context("auto")


@contextmanager
def convolutions(backend: Backend) -> Generator[None]:
    """Force the backend that computes convolutions and their gradients, for what is traced inside.

    ``"cpu"`` takes this library's algorithms on every platform. ``"stock"`` takes JAX's convolution and its gradients.
    ``"auto"``, the default, is ``"cpu"`` on a CPU, and ``"stock"`` elsewhere. One image with many kernels or gradients,
    and computations over devices, are always JAX's. Wide joined images are split (:meth:`Conv2d.of_joined`) on every
    platform, except by ``"stock"``. The values agree up to rounding. Functions under ``jax.jit`` are traced again where
    the backend changes. Raises :class:`ShapeError` for any other word.

    >>> import jax.numpy as jnp
    >>> from wellshaped.models import conv2d
    >>> with convolutions("stock"):
    ...     y = conv2d(jnp.ones((1, 4, 4)), jnp.ones((2, 1, 3, 3)), jnp.zeros(2))
    >>> y.shape
    (2, 2, 2)
    """
    if backend not in get_args(Backend):
        says = f"it is {backend!r}, and must be one of {', '.join(get_args(Backend))}"
        fix = f'convolutions("{nearest_choice(backend, get_args(Backend))}")'
        raise UsageError.of(f"convolutions({backend!r})", "backend", "how convolutions are computed", says, fix)
    with _forced(backend):
        yield


def forced_backend() -> Backend:
    """The backend that :func:`convolutions` forces here, or ``"auto"``."""
    backend: Backend = _forced.value
    return backend


def over_devices() -> bool:
    """Inside ``jax.shard_map``, or on a mesh with explicit axes: there types say more than our operations do."""
    return any(axis != AxisType.Auto for axis in get_abstract_mesh().axis_types)


def lower_by_backend(primitive: Primitive, *, cpu: Callable[..., Array], stock: Callable[..., Array]) -> None:
    """Lower ``primitive`` to the function of the backend that its parameter ``backend`` names."""

    def lowered(by_default: Backend, *operands: Array, backend: Backend, **params: Any) -> Array:
        chosen = cpu if (by_default if backend == "auto" else backend) == "cpu" else stock
        return chosen(*operands, **params)

    defaults: tuple[tuple[str | None, Backend], ...] = ((None, "stock"), ("cpu", "cpu"))
    for platform, by_default in defaults:
        rule = mlir.lower_fun(partial(lowered, by_default), multiple_results=False)
        mlir.register_lowering(primitive, rule, platform=platform)
