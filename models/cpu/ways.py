"""The ways to compute that a user can choose between, and how a primitive is lowered by the one that is chosen.

The way is read while a program is traced, and becomes a parameter of the primitives in it. What ``"auto"`` means is
decided by the platform, when they are lowered.
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
from ...spec.messages.report import refuse

Ways = Literal["auto", "explicit", "stock"]

_way = jax.make_user_context("auto")


@contextmanager
def convolutions(way: Ways) -> Generator[None]:
    """Force how convolutions and their gradients are computed, for what is traced inside.

    ``"explicit"`` takes this library's own rules on every platform, ``"stock"`` takes JAX's convolution and its
    gradients, and ``"auto"``, the default, takes the explicit ones on a CPU. One image with many kernels or gradients,
    and what is computed over devices, are always JAX's. Wide joined images are split
    (:meth:`Conv2d.of_joined`) on every platform, but for ``"stock"``. The values agree up to rounding. Functions under
    ``jax.jit`` are traced anew where the way changes. Raises :class:`ShapeError` for any other word.

    >>> import jax.numpy as jnp
    >>> from wellshaped.models import conv2d
    >>> with convolutions("stock"):
    ...     y = conv2d(jnp.ones((1, 4, 4)), jnp.ones((2, 1, 3, 3)), jnp.zeros(2))
    >>> y.shape
    (2, 2, 2)
    """
    if way not in get_args(Ways):
        says = f"it is {way!r}, and must be one of {', '.join(get_args(Ways))}"
        near = nearest_choice(way, get_args(Ways))
        raise refuse(f"convolutions({way!r})", "way", "how convolutions are computed", says, f'convolutions("{near}")')
    with _way(way):
        yield


def forced_way() -> Ways:
    """The way that :func:`convolutions` forces here, or ``"auto"``."""
    way: Ways = _way.value
    return way


def over_devices() -> bool:
    """Inside ``jax.shard_map``, or on a mesh with explicit axes: there types say more than our operations do."""
    return any(axis != AxisType.Auto for axis in get_abstract_mesh().axis_types)


def lower_by_way(primitive: Primitive, *, explicit: Callable[..., Array], stock: Callable[..., Array]) -> None:
    """Lower ``primitive`` to the function that its parameter ``way`` names; by ``"auto"`` to the explicit on a CPU."""

    def lowered(by_default: Ways, *operands: Array, way: Ways, **params: Any) -> Array:
        chosen = explicit if (by_default if way == "auto" else way) == "explicit" else stock
        return chosen(*operands, **params)

    defaults: tuple[tuple[str | None, Ways], ...] = ((None, "stock"), ("cpu", "explicit"))
    for platform, by_default in defaults:
        rule = mlir.lower_fun(partial(lowered, by_default), multiple_results=False)
        mlir.register_lowering(primitive, rule, platform=platform)
