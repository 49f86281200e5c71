"""Exact sizes for any PyTorch network."""

from collections.abc import Callable, Mapping
from typing import Any

from .sizes.answer import ModelSizes
from .sizes.exploring import Budget
from .sizes.reading import name_of, one_for_each, read
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

    - ``model``: a module, or a function of images. A module stays in its mode, training or evaluation. Nothing is
      computed, the model does not change, and its parameters are not copied. A model made under
      ``torch.device("meta")`` will do.
    - ``shapes``: the shape of each image, such as ``"N 3 H W"``. Numbers are fixed, and each name is an open size.
    - ``dtypes``: the dtype of all images, or one for each.
    - ``arguments``: further arguments of the call, by name.
    - ``budget``: the most work for one axis.
    - ``progress``: a function that is told what is being done.

    PyTorch is not a dependency. Raises :class:`UsageError` if it is not installed, for a model that can't be called and
    for a text that is not a shape. Source: SPEC section 11.

    >>> import torch                                                            # doctest: +SKIP
    >>> pool = torch.nn.MaxPool2d(2)                                            # doctest: +SKIP
    >>> read_torch(torch.nn.Sequential(pool, pool), "1 3 H W")["H"]             # doctest: +SKIP
    <SizeSet n ≥ 4>
    """
    from .frameworks.torch_models import VERSION, as_network  # it raises UsageError where PyTorch is not installed
    from .frameworks.torch_tracing import TorchTracer

    network = as_network(model, arguments or {})
    images = [open_shape(shape) for shape in shapes]
    tracer = TorchTracer(network, images, one_for_each(dtypes, images))
    return read(tracer, name_of(model), f"torch {VERSION}", images, budget, progress)
