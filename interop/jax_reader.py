"""Exact sizes and graphs for any JAX network: Flax NNX and Linen, Equinox, Haiku, Keras on JAX, and plain functions."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..spec.messages.installing import installed_version
from ..spec.messages.report import UsageError
from ..spec.messages.written import clipped, written_value
from ..spec.network.network import Network
from .sizes.answer import ModelSizes
from .sizes.exploring import Budget
from .sizes.reading import name_of, one_for_each, read
from .sizes.shapes import open_shape


def read_jax(
    model: Any,
    *shapes: str,
    dtypes: Any = "float32",
    arguments: Mapping[str, Any] | None = None,
    budget: Budget = Budget(),  # noqa: B008 it is a value
    progress: Callable[[str], None] = lambda said: None,
) -> ModelSizes:
    """Which sizes a JAX network takes, decided by JAX's own shape rules.

    ``sizes.axes["H"].decided`` says whether the answer is exact for every size. If not, its text names the sizes that
    were only tried, and those that are not known.

    - ``model``: a function of images; a Flax NNX, Flax Linen, Equinox or Keras model; or a Haiku transform. Nothing is
      computed, and parameters get no memory: a model made under ``nnx.eval_shape`` will do.
    - ``shapes``: the shape of each image, such as ``"N 3 H W"``. A number is fixed, and a name stands for any size; the
      same name twice is the same size twice.
    - ``dtypes``: the dtype of all images, or one for each.
    - ``arguments``: further arguments of the call, by name, such as ``{"train": False}``.
    - ``budget``: a :class:`Budget`, which limits the traces, the tried sizes and the seconds for each axis.
    - ``progress``: a function that is told what is being done.

    A Linen module or a Haiku transform makes its parameters from an example image. ``read_jax`` gives it the size 64 if
    it can, and reports the size as ``held``: the parameters were made for it. A dense layer on flattened positions then
    fits only this size.

    Raises :class:`UsageError` for a model that can't be called in this way, a text that is not a shape and an unknown
    dtype, and :class:`WellshapedError` if no parameters can be made. Source: SPEC section 11.

    >>> import jax.numpy as jnp
    >>> def halve_and_double(x):
    ...     halves = x.reshape(-1, 2).mean(1)
    ...     return x + jnp.repeat(halves, 2)
    >>> sizes = read_jax(halve_and_double, "L")
    >>> sizes["L"], sizes.axes["L"].decided, sizes.output
    (<SizeSet n ≡ 0 (mod 2), n ≥ 2>, True, ('(L)',))
    """
    tracer, name, framework, images = _opened(model, shapes, dtypes, arguments)
    return read(tracer, name, framework, images, budget, progress)


def graph_of_jax(
    model: Any,
    *shapes: str,
    dtypes: Any = "float32",
    arguments: Mapping[str, Any] | None = None,
    budget: Budget = Budget(),  # noqa: B008 it is a value
    progress: Callable[[str], None] = lambda said: None,
) -> Network:
    """The graph of a JAX network. All questions of :mod:`wellshaped.spec` can be asked about it.

    The arguments are those of :func:`read_jax`. It splits the sizes into groups in which JAX runs the same operations.
    These are recorded at some sizes of each group, and each operation becomes a node. Of a group that ends below 64
    only the sizes are compared. If a padding or a target size depends on the image size, it becomes SAME padding, a pad
    to a multiple, or a crop, pad or resize to the size of another node. Nodes have the names of their parameters. The
    graph is confirmed before it is returned: it has JAX's sizes at every node, and the same sizes fit.

    If the network checks in Python that a size is a multiple of a number or large enough, a :class:`Require` node
    after the input has this requirement.

    A norm with the statistics of its batch, such as a batch norm in training mode, is rejected: a tile has others. Name
    the argument of an evaluation in ``arguments``, as ``{"train": False}``, or call ``model.eval()`` first.

    A graph says what happens to sizes and channels, and which positions are read. It is not enough to compute values: a
    subtraction appears as :class:`Add`, and an elementwise function that is no kind of :class:`Activation` is left out.
    Also left out: a learned factor for all channels, and a learned vector that is not a bias of a convolution or a
    norm. The larger of two images also appears as :class:`Add`, a maximum over all positions as :class:`Mean`, and a
    pooling of minima as :class:`MaxPool`: they read the same positions.

    Raises :class:`WellshapedError` with the rule ``no_step`` for an operation that is not in SPEC section 8, and with
    another rule if no graph agrees with the network, and :class:`UsageError` as :func:`read_jax` does. Source: SPEC
    section 11.

    >>> import jax.numpy as jnp
    >>> def halve_and_double(x):
    ...     halves = x.reshape(-1, 2).mean(1)
    ...     return x + jnp.repeat(halves, 2)
    >>> graph = graph_of_jax(halve_and_double, "L")
    >>> [str(node.operation) for node in graph.nodes], graph.outputs
    (['Require(multiple=2)', 'AvgPool(kernel=2)', 'Resize(factor=2)', 'Add()'], ('sum1',))
    """
    from .frameworks.jax_models import paths_in_closure, paths_of
    from .graphs.draft import Draft
    from .graphs.drafting import Roles
    from .graphs.graph_reading import graph_of
    from .graphs.jax_drafting import Recorded, drafted

    tracer, name, framework, images = _opened(model, shapes, dtypes, arguments)
    answer = read(tracer, name, framework, images, budget, progress)
    in_closure = paths_in_closure(model, tracer.network.kind)

    def drafter(sizes: Mapping[str, int], roles: Roles) -> Draft:
        jaxpr, paths, finished = tracer.recorded(sizes)
        recorded = Recorded(jaxpr, paths_of(model, tracer.network.kind, paths), finished, in_closure)
        return drafted(recorded, answer.shapes, sizes, roles)

    return graph_of(answer, drafter, progress)


def _opened(model: Any, shapes: Sequence[str], dtypes: Any, arguments: Mapping[str, Any] | None) -> tuple[Any, ...]:
    """The tracer of the network, its name, the framework, and the shapes."""
    import jax

    from .frameworks.jax_models import as_network
    from .frameworks.jax_tracing import JaxTracer

    network = as_network(model, arguments or {})
    images = [open_shape(shape) for shape in shapes]
    each = one_for_each(dtypes, images)
    for dtype in each:
        try:
            jax.dtypes.canonicalize_dtype(dtype)
        except TypeError:
            says = f"{clipped(written_value(dtype))} is not a dtype of JAX"
            raise UsageError.of("dtypes", "dtypes", "", says, 'dtypes="float32"') from None
    tracer = JaxTracer(network, images, each)
    library = network.kind.partition(".")[0]
    packages = {"haiku": "dm-haiku"}
    names = dict.fromkeys((library, "jax"))
    framework = ", ".join(f"{name} {installed_version(packages.get(name, name))}" for name in names)
    return tracer, name_of(model), framework, images
