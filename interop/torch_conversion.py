"""``from_torch``: a PyTorch network as a typed network with its weights, compared with PyTorch value by value."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from ..spec.arithmetic.size_set import SizeSet
from ..spec.messages.report import UsageError, WellshapedError
from ..spec.network.network import Network
from .graphs.draft import layer_path
from .sizes.answer import ModelSizes
from .sizes.exploring import Budget
from .sizes.reading import name_of
from .sizes.shapes import OpenShape, equalities, open_sizes
from .torch_reader import read_with_graph
from .weights.torch_layout import torch_layout
from .weights.torch_weights import load_torch

if TYPE_CHECKING:
    from ..models import TypedNetwork

TOLERANCE = 1e-4
"""The most that a value may differ, as a part of the largest one. Both sides compute with 32 bits."""

LEAST = 32
"""The values are compared on images of the next two sizes that fit, from this one on."""

VALUES = (1.0, 0.0), (100.0, 50.0)
"""The spread and the mean of the values of each image: a network may limit large ones."""


def from_torch(
    model: Any,
    *shapes: str,
    arguments: Mapping[str, Any] | None = None,
    axis_name: str | tuple[str, ...] | None = None,
    dtype: Any = None,
    param_dtype: Any = None,
    precision: Any = None,
    remat: str | Iterable[str] = (),
    budget: Budget = Budget(),  # noqa: B008 it is a value
    progress: Callable[[str], None] = lambda said: None,
) -> "TypedNetwork":
    """Return a PyTorch network as a :class:`TypedNetwork` with its weights and the same values.

    :func:`graph_of_torch` reads the network, and :func:`load_torch` its arrays. Then both networks compute two random
    images; the second has another size and larger values. A graph is made for sizes: it leaves out, for example, the
    factor of a sum. If that changes a value, you get an error, and not another network. The result takes one image,
    ``(C, *sizes)``, and its outputs have their channels first, whatever the order in PyTorch.

    - ``model``: a module with its weights, in evaluation mode. Parameters that the output does not depend on, such as
      heads for training, are left out. A weight norm becomes the weights that it computes.
    - ``shapes``, ``arguments``, ``budget``, ``progress``: as for :func:`read_torch`. The batch must be a name, or 1.
    - ``axis_name``, ``dtype``, ``param_dtype``, ``precision``, ``remat``: as for :class:`TypedNetwork`. Values are
      compared without them.

    Raises :class:`UsageError` for a model without values or in training mode, the errors of :func:`graph_of_torch` and
    :func:`load_torch`, and :class:`WellshapedError` with the rule ``values`` if a value differs by more than 0.01 % of
    the largest. It names the first node that differs. PyTorch is not a dependency. Source: SPEC sections 6, 8 and 11.

    >>> import torch                                                            # doctest: +SKIP
    >>> layers = torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.MaxPool2d(2)     # doctest: +SKIP
    >>> from_torch(torch.nn.Sequential(*layers).eval(), "1 3 H W")["0"].kernel.shape  # doctest: +SKIP
    (8, 3, 3, 3)
    """
    arrays = _arrays_of(model, arguments or {})
    if not list(model.children()) and any(not layer_path((name,)) for name in arrays):  # a single layer has no path
        from torch import nn

        model = nn.Sequential(model).eval()
        arrays = {f"0.{name}": of for name, of in arrays.items()}
    answer, graph = read_with_graph(model, shapes, "float32", arguments, budget, progress)
    weights, momentum = _used(model, arrays, graph), _momentum_of(model)

    def converted(**more: Any) -> Any:
        made = load_torch(weights, graph, momentum=momentum, **more)
        made.eval()
        return made

    plain = converted()
    spatial = open_sizes(answer.shapes)[-graph.axes :]
    for sizes, (scale, mean) in zip(_two_sizes(answer, spatial), VALUES, strict=True):
        progress(f"values with {equalities(sizes)}")
        pairs = [(scale * a + mean, scale * b + mean) for a, b in _images(answer.shapes, sizes, spatial, graph)]
        _require_same(model, plain, arguments or {}, pairs)
    more = {"axis_name": axis_name, "dtype": dtype, "param_dtype": param_dtype, "precision": precision, "remat": remat}
    made: TypedNetwork = plain if all(of in (None, ()) for of in more.values()) else converted(**more)
    return made


def _two_sizes(answer: ModelSizes, spatial: Sequence[str]) -> list[dict[str, int]]:
    """The sizes of two images, with other numbers along each axis if these fit.

    If the axes depend on each other, both have the sizes at which they were held. There are two images of a batch, so
    that one that depends on the other shows.
    """
    if answer.independent is False:
        return [answer.held] * 2
    batch = {name: 2 if 2 in answer[name] else answer[name].minimum or 1 for name in answer.axes}
    return [
        batch | {name: _member(answer[name], turn + k) for k, name in enumerate(spatial)} for turn in range(len(VALUES))
    ]


def _member(sizes: SizeSet, i: int) -> int:
    """The member with the number ``i`` from :data:`LEAST` on, or the largest."""
    least = LEAST
    for _ in range(i):
        least = (sizes.above(least) or least) + 1
    return sizes.above(least) or sizes.maximum or 1


def _arrays_of(model: Any, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters and buffers of a model, by name, also those that are computed from others, as by weight norms.

    Raises :class:`UsageError` if the model has no values to compare.
    """
    from .frameworks.torch_models import as_network, computed_parameters, is_module

    as_network(model, arguments)
    says = "" if is_module(model) else "it is no module, and has no weights"
    fix = "a torch.nn.Module"
    if not says:
        arrays = {**model.state_dict(), **computed_parameters(model)}
        training = next((path or "it" for path, of in model.named_modules() if of.training), "")
        without = next((name for name, of in arrays.items() if of.is_meta), "")
        other = next((name for name, of in arrays.items() if of.is_floating_point() and of.itemsize != 4), "")
        if without:
            says, fix = f"{without} has no values: it is on PyTorch's meta device", "a model with its weights"
        elif training:
            says = f"{training} is in training mode, in which dropout and batch norms compute other values"
            fix = "model.eval() first"
        elif other:
            says = f"{other} is of {arrays[other].dtype}, and values are compared in 32 bits".replace("torch.", "")
            fix = "model.float()"
        else:
            return {name: of.detach().cpu() for name, of in arrays.items()}
    raise UsageError.of(name_of(model), "values", "", says, fix)


def _used(model: Any, arrays: Mapping[str, Any], graph: Network) -> dict[str, Any]:
    """The arrays that the graph has. The output does not depend on others."""
    shapes = {name: tuple(of.shape) for name, of in arrays.items()}
    used = set[str]()
    for array in torch_layout(graph).arrays:
        names = array.found_in(shapes)
        used |= set(names)
        if not names:
            layer = array.ours.rpartition(".")[0]
            says = f"{layer} combines channels by fixed numbers, and the graph does not have them"
            if not array.fixed:
                says = f"the model has no array {array.names[0]} for {layer}: it is computed, or a parameter of another"
            raise WellshapedError.of(f"{name_of(model)} as a typed network", "values", "", says, _FIX)
    return {name: of for name, of in arrays.items() if name in used}


_FIX = "load_torch(model.state_dict(), graph_of_torch(…)), for the layers with their weights; add what is left out"


def _momentum_of(model: Any) -> float:
    """The momentum of the batch norms, if all have the same; otherwise PyTorch's default."""
    found = {getattr(of, "momentum", None) for of in model.modules() if hasattr(of, "running_var")}
    only = found.pop() if len(found) == 1 else None
    return 0.1 if only is None else float(only)


def _images(
    shapes: Sequence[OpenShape], sizes: Mapping[str, int], spatial: Sequence[str], graph: Network
) -> Iterator[tuple[Any, Any]]:
    """A random image for each shape, as PyTorch takes it, and as the graph does."""
    import numpy as np
    import torch

    chance = torch.Generator().manual_seed(0)
    for shape, given in zip(shapes, graph.inputs, strict=True):
        image = torch.randn([sizes.get(n, n) if isinstance(n, str) else n for n in shape], generator=chance)
        # One image of a batch; then the axes of the image last.
        array = image[tuple(0 if n in sizes and n not in spatial else slice(None) for n in shape)].numpy()
        axes = [d for d, n in enumerate(n for n in shape if n not in sizes or n in spatial) if n in spatial]
        array = np.moveaxis(array, axes, range(-len(axes), 0))
        own = () if given.single else array.shape[array.ndim - len(axes) :]
        if prod(array.shape) != given.channels * prod(own):
            says = f"its batch must be 1 or a name, to compare one image with one of {given.channels} channels"
            shown = " ".join(map(str, shape))
            raise UsageError.of(f"the shape {shown}", "batch", "", says, f'"N {given.channels} {" ".join(spatial)}"')
        yield image, array.reshape(given.channels, *own)


def _require_same(model: Any, converted: Any, arguments: Mapping[str, Any], pairs: Sequence[tuple[Any, Any]]) -> None:
    """Raise the error of the rule ``values`` unless both have the same outputs."""
    import numpy as np
    import torch
    from flax import nnx

    from .frameworks.torch_models import leaves

    with torch.no_grad():
        result = model(*(image for image, _ in pairs), **arguments)
    theirs = [_numbers(of) for _, of in leaves(result)]
    if not all(np.isfinite(of).all() for of in theirs):
        return
    subject = f"{name_of(model)} as a typed network"
    names, found = converted.network.outputs, nnx.jit(_called)(converted, *(array for _, array in pairs))
    ours = found if len(names) > 1 else (found,)
    if len(ours) != len(theirs):
        says = f"it returns {len(theirs)} arrays, and the graph has {len(ours)}: one is returned twice, or is no image"
        raise WellshapedError.of(subject, "outputs", "", says, "a module that returns each image once")
    most = max(map(_difference, ours, theirs))
    if most <= TOLERANCE:
        return
    first = _first_difference(model, converted, arguments, pairs)
    at = f", first at {first}" if first else ""
    says = f"its output differs from PyTorch's by {most:.1g} of the largest value{at}: "
    says += "a graph leaves out what sizes do not depend on, such as a factor"
    raise WellshapedError.of(subject, "values", "", says, _FIX)


def _called(model: Any, *images: Any) -> Any:
    return model(*images)


def _first_difference(
    model: Any, converted: Any, arguments: Mapping[str, Any], pairs: Sequence[tuple[Any, Any]]
) -> str:
    """The first node, in the graph's order, whose result is not that of the module of its name; ``""`` if none is."""
    import torch

    found: dict[str, Any] = {}
    hooks = [of.register_forward_hook(_keeping(found, path)) for path, of in model.named_modules() if path]
    try:
        with torch.no_grad():
            model(*(image for image, _ in pairs), **arguments)
    finally:
        for hook in hooks:
            hook.remove()
    names = [node.name for node in converted.network.nodes if node.name in found]
    results = converted.results(*(array for _, array in pairs), names=names) if names else {}
    return next((name for name in names if not _difference(results[name], found[name]) <= TOLERANCE), "")


def _keeping(found: dict[str, Any], path: str) -> Callable[..., None]:
    """A hook that keeps the first result of a module: a later operation may change it in place."""
    import torch

    def hook(module: Any, given: Any, result: Any) -> None:
        if isinstance(result, torch.Tensor) and path not in found:
            found[path] = _numbers(result)

    return hook


def _numbers(tensor: Any) -> Any:
    """A copy of a tensor's values."""
    return tensor.detach().cpu().float().numpy().copy()


def _difference(ours: Any, theirs: Any) -> float:
    """The largest difference of two images, as a part of the largest value. Channels may be first or last."""
    import numpy as np

    a = np.asarray(ours, np.float32)
    if theirs.ndim and theirs.size == theirs.shape[0] * a.size:  # a batch
        theirs = theirs[:1]
    if a.size != theirs.size:
        return np.inf
    both = [theirs.reshape(a.shape)]
    if theirs.shape[-1] == a.shape[0]:
        both.append(np.moveaxis(theirs, -1, 0 if theirs.ndim == a.ndim else 1).reshape(a.shape))
    most = float(np.abs(theirs).max(initial=0)) or 1.0
    return min(float(np.abs(a - b).max(initial=0)) / most for b in both)
