"""Exact sizes for any PyTorch network: modules in training and evaluation mode, and plain functions."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .jax_reader import name_of
from .sizes.answer import ModelSizes
from .sizes.exploring import Budget
from .sizes.reading import read
from .sizes.shapes import open_shape


def read_torch(
    model: Any,
    *shapes: str,
    dtypes: Any = "float32",
    arguments: Mapping[str, Any] | None = None,
    budget: Budget = Budget(),  # noqa: B008 it is a value
    progress: Callable[[str], None] = lambda said: None,
) -> ModelSizes:
    """The exact sizes that a PyTorch network takes, decided by PyTorch's own shape rules.

    - ``model``: a module, in training or evaluation mode, or a function of images. Nothing is computed, the module does
      not change, and its parameters may be on the meta device.
    - ``shapes``: the shape of each image, such as ``"N 3 H W"``. Numbers are fixed, and each name is an open size.
    - ``dtypes``: the dtype of all images, or one for each: a ``torch.dtype`` or its name.
    - ``arguments``: further arguments of the call, by name.
    - ``budget``: the most work for one axis.
    - ``progress``: a function that is told what is being done.

    Raises :class:`UsageError` if PyTorch is not installed, for a model that can't be called, and for a text that is not
    a shape. Source: SPEC section 11.
    """
    from .frameworks.torch_models import VERSION, as_network
    from .frameworks.torch_tracing import TorchTracer

    network = as_network(model, arguments or {})
    images = [open_shape(shape) for shape in shapes]
    alike = isinstance(dtypes, str) or not isinstance(dtypes, Sequence)
    tracer = TorchTracer(network, images, [dtypes] * len(images) if alike else list(dtypes))
    return read(tracer, name_of(model), f"torch {VERSION}", images, budget, progress)
