"""Exact sizes and graphs for any PyTorch network."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..spec.network.network import Network
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
    - ``budget``: a :class:`Budget`, which limits the traces, the tried sizes and the seconds for each axis.
    - ``progress``: a function that is told what is being done.

    PyTorch checks that an index is in bounds only when it computes values, and here it computes none. So ``read_torch``
    computes the values of small tensors that depend on no image and no parameter, follows those of ``torch.arange`` and
    a few others, and checks the indices itself. An index that is read from an image, a buffer or a random number is
    assumed to be in bounds. Many operations check their dtypes only then, too: one on tensors of
    different dtypes, or of whole numbers, is run once, on zeros. An open size is at most 2**40, because PyTorch counts
    elements in 64 bits.

    PyTorch is not a dependency. Raises :class:`UsageError` if it is not installed, for a model that can't be called and
    for a text that is not a shape. Source: SPEC section 11.

    >>> import torch                                                            # doctest: +SKIP
    >>> pool = torch.nn.MaxPool2d(2)                                            # doctest: +SKIP
    >>> read_torch(torch.nn.Sequential(pool, pool), "1 3 H W")["H"]             # doctest: +SKIP
    <SizeSet n ≥ 4>
    """
    tracer, framework, images = _opened(model, shapes, dtypes, arguments)
    return read(tracer, name_of(model), framework, images, budget, progress)


def graph_of_torch(
    model: Any,
    *shapes: str,
    dtypes: Any = "float32",
    arguments: Mapping[str, Any] | None = None,
    budget: Budget = Budget(),  # noqa: B008 it is a value
    progress: Callable[[str], None] = lambda said: None,
) -> Network:
    """The graph of a PyTorch network. All questions of :mod:`wellshaped.spec` can be asked about it.

    The arguments are those of :func:`read_torch`. It splits the sizes into groups in which PyTorch runs the same
    functions. These are recorded at some sizes of each group, and each function becomes a node. Of a group that ends
    below 64 only the sizes are compared. If a padding or a target size depends on the image size, it becomes a pad to a
    multiple, or a crop, pad or resize to the size of another node. Nodes have the paths of their modules. The graph is
    confirmed before it is returned: it has PyTorch's sizes at every node, and the same sizes fit.

    If the network checks in Python that a size is a multiple of a number or large enough, a :class:`Require` node
    after the input has this requirement.

    A graph says what happens to sizes and channels, and which positions are read. It is not enough to compute values: a
    subtraction appears as :class:`Add`, and an elementwise function that is no kind of :class:`Activation` is left out.
    Also left out: a learned factor for all channels, a learned vector that is not a bias of a convolution or a norm,
    and numbers such as a factor of a sum, the value of a padding or the divisor of a pooling. A kernel that is computed
    from a parameter is a kernel like others, and channels in another order are not told from the first. The larger of
    two images also appears as :class:`Add`, a maximum or a sum over all positions as :class:`Mean`, and a pooling of
    minima as :class:`MaxPool`: they read the same positions.
    :func:`from_torch` loads the weights and compares the values.

    PyTorch is not a dependency. Raises :class:`WellshapedError` with the rule ``no_step`` for a function that is not in
    SPEC section 8, and with another rule if no graph agrees with the network, and :class:`UsageError` as
    :func:`read_torch` does. Source: SPEC section 11.

    >>> import torch                                                            # doctest: +SKIP
    >>> model = torch.nn.Sequential(torch.nn.MaxPool2d(2), torch.nn.Conv2d(3, 8, 3))   # doctest: +SKIP
    >>> [(node.name, node.operation) for node in graph_of_torch(model, "1 3 H W").nodes]   # doctest: +SKIP
    [('0', MaxPool(kernel=2)), ('1', Conv(kernel=3, channels=8))]
    """
    return read_with_graph(model, shapes, dtypes, arguments, budget, progress)[1]


def read_with_graph(
    model: Any,
    shapes: Sequence[str],
    dtypes: Any,
    arguments: Mapping[str, Any] | None,
    budget: Budget,
    progress: Callable[[str], None],
) -> tuple[ModelSizes, Network]:
    """What :func:`read_torch` and :func:`graph_of_torch` return."""
    from .graphs.draft import Draft
    from .graphs.drafting import Roles
    from .graphs.graph_reading import graph_of
    from .graphs.torch_drafting import drafted

    tracer, framework, images = _opened(model, shapes, dtypes, arguments)
    answer = read(tracer, name_of(model), framework, images, budget, progress)

    def drafter(sizes: Mapping[str, int], roles: Roles) -> Draft:
        return drafted(tracer.recorded(sizes), answer.shapes, sizes, roles)

    return answer, graph_of(answer, drafter, progress)


def _opened(model: Any, shapes: Sequence[str], dtypes: Any, arguments: Mapping[str, Any] | None) -> tuple[Any, ...]:
    """The tracer of the network, the framework, and the shapes."""
    from .frameworks.torch_models import VERSION, as_network  # it raises UsageError where PyTorch is not installed
    from .frameworks.torch_tracing import TorchTracer

    network = as_network(model, arguments or {})
    images = [open_shape(shape) for shape in shapes]
    return TorchTracer(network, images, one_for_each(dtypes, images)), f"torch {VERSION}", images
