"""Exact sizes for any JAX network: Flax NNX and Linen, Equinox, Haiku, Keras on JAX, and plain functions."""

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from .sizes.answer import ModelSizes
from .sizes.exploring import Budget
from .sizes.reading import read
from .sizes.shapes import open_shape


def read_jax(
    model: Any,
    *shapes: str,
    dtypes: Any = "float32",
    arguments: Mapping[str, Any] | None = None,
    budget: Budget = Budget(),  # noqa: B008 it is a value
    progress: Callable[[str], None] = lambda said: None,
) -> ModelSizes:
    """The exact sizes that a JAX network takes, decided by JAX's own shape rules.

    - ``model``: a function of images; a Flax NNX, Flax Linen, Equinox or Keras model; or a Haiku transform. Nothing is
      computed, and parameters get no memory: a model made under ``nnx.eval_shape`` will do.
    - ``shapes``: the shape of each image, such as ``"N 3 H W"``. Numbers are fixed, and each name is an open size.
    - ``dtypes``: the dtype of all images, or one for each.
    - ``arguments``: further arguments of the call, by name, such as ``{"train": False}``.
    - ``budget``: the most work for one axis.
    - ``progress``: a function that is told what is being done.

    A Linen module and a Haiku transform choose their parameters by an image; it has the sizes at which the answer says
    that other axes are held. Raises :class:`UsageError` for a model that can't be called and for a text that is not a
    shape, and :class:`WellshapedError` if no parameters can be made. Source: SPEC section 11.

    >>> import jax.numpy as jnp
    >>> def halve_and_double(x):
    ...     halves = x.reshape(-1, 2).mean(1)
    ...     return x + jnp.repeat(halves, 2)
    >>> sizes = read_jax(halve_and_double, "L")
    >>> sizes["L"], sizes.axes["L"].decided, sizes.output
    (<SizeSet n ≡ 0 (mod 2), n ≥ 2>, True, ('(L)',))
    """
    from .frameworks.jax_models import as_network
    from .frameworks.jax_tracing import JaxTracer

    network = as_network(model, arguments or {})
    images = [open_shape(shape) for shape in shapes]
    each = [dtypes] * len(images) if isinstance(dtypes, str) or not isinstance(dtypes, Sequence) else list(dtypes)
    tracer = JaxTracer(network, images, each)
    library = network.kind.partition(".")[0]
    framework = ", ".join(f"{name} {_version(name)}" for name in dict.fromkeys((library, "jax")))
    return read(tracer, name_of(model), framework, images, budget, progress)


def name_of(model: Any) -> str:
    """The name of a function or of a model's class."""
    return str(getattr(model, "__name__", None) or type(model).__name__)


def _version(package: str) -> str:
    try:
        return version({"haiku": "dm-haiku"}.get(package, package))
    except PackageNotFoundError:
        return "of an unknown version"
