"""The choice of a backend for convolutions, and the lowering of primitives by it.

The choice is read while a function is traced, and becomes a parameter of the primitives in it. At lowering, the
platform decides what ``"auto"`` means.
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
    """Force the backend of convolutions and their gradients, for all functions that are traced inside the ``with``.

    ``"cpu"`` uses this library's algorithms on every platform. ``"stock"`` uses JAX's convolution and its gradients.
    ``"auto"``, the default, is ``"cpu"`` on a CPU and ``"stock"`` elsewhere.

    If ``jax.vmap`` maps over kernels but not over images, or ``jax.set_mesh`` gave a mesh of several devices, JAX's
    convolution is used whatever you force. :meth:`Conv2d.of_joined` convolves each of the joined images by itself if
    both have many channels; with ``"stock"`` it joins them first. All backends agree up to rounding. If the backend
    changes, ``jax.jit`` traces a function again. Raises :class:`UsageError` for any other word.

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
        raise UsageError.of(f"convolutions({backend!r})", "backend", "no such backend", says, fix)
    with _forced(backend):
        yield


def forced_backend() -> Backend:
    """The backend that :func:`convolutions` forces here, or ``"auto"``."""
    backend: Backend = _forced.value
    return backend


def over_devices() -> bool:
    """Whether arrays may be split: in ``jax.shard_map``, or where ``jax.set_mesh`` gave a mesh of several devices.

    Our primitives don't support explicit axes, and XLA would give each device a whole image for them.
    """
    mesh = get_abstract_mesh()
    return not mesh.empty and (mesh.size > 1 or any(axis != AxisType.Auto for axis in mesh.axis_types))


def has_explicit_axes() -> bool:
    """Whether JAX asks for the sharding of each reshape here: an axis of the mesh is explicit."""
    return any(axis == AxisType.Explicit for axis in get_abstract_mesh().axis_types)


def lower_by_backend(primitive: Primitive, *, cpu: Callable[..., Array], stock: Callable[..., Array]) -> None:
    """Lower ``primitive`` by ``cpu`` or ``stock``, as its parameter ``backend`` says."""

    def lowered(by_default: Backend, *operands: Array, backend: Backend, **params: Any) -> Array:
        chosen = cpu if (by_default if backend == "auto" else backend) == "cpu" else stock
        return chosen(*operands, **params)

    defaults: tuple[tuple[str | None, Backend], ...] = ((None, "stock"), ("cpu", "cpu"))
    for platform, by_default in defaults:
        rule = mlir.lower_fun(partial(lowered, by_default), multiple_results=False)
        mlir.register_lowering(primitive, rule, platform=platform)
