"""Weights from PyTorch, and back: ``load_torch`` and ``state_dict`` (SPEC sections 6 and 8)."""

import inspect
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ...spec.answers.any_network import AnyNetwork, as_network, building, graph_of, title
from ...spec.arithmetic.naturals import natural
from ...spec.files.models import is_momentum
from ...spec.messages.faults import Faults
from ...spec.messages.report import UsageError
from ...spec.messages.written import clipped, kind_of, written_argument, written_value
from ...spec.network.network import Network, Node
from ...spec.network.windows import Conv, ConvTranspose
from ...spec.presets.catalogue import PRESETS
from ...spec.unet.config import UNetConfig
from .arrays import batch_norms, graph_of_model, require_ours, unknown, variables_of
from .description import without_arrays
from .torch_layout import TorchArray, TorchLayout, torch_layout
from .torch_source import TorchWeights, likely_prefix, torch_weights

if TYPE_CHECKING:
    from flax import nnx


_ANY = MappingProxyType({"in_channels": None, "out_channels": None})
"""Channels that the arrays say."""


def load_torch(
    source: "str | os.PathLike[str] | Mapping[str, Any]",
    network: AnyNetwork,
    *,
    in_channels: int | None = None,
    out_channels: int | None = None,
    prefix: str = "",
    momentum: float = 0.1,
    axis_name: str | tuple[str, ...] | None = None,
    dtype: Any = None,
    param_dtype: Any = None,
    precision: Any = None,
    remat: str | Iterable[str] = (),
) -> "nnx.Module":
    """Return a network with the weights of its counterpart in PyTorch: a :class:`UNet`, ``UNet2`` or ``TypedNetwork``.

    - ``source``: the path of a ``.pt``, ``.pth`` or ``.safetensors`` file, or a state dict with arrays of NumPy or
      tensors of PyTorch. A file is read without PyTorch, and no code in it runs. A checkpoint around the weights and a
      prefix of all names, such as ``module.``, are left out.
    - ``network``: the name of a preset, a config or a graph. The names are those of the published code of a preset, and
      of nnU-Net and MONAI for their networks. Otherwise they are ours, with ``.0`` for ``[0]``.
    - ``in_channels``, ``out_channels``: the channels of a config or preset. By default, the arrays say them.
    - ``prefix``: only names that start with it are read, without it: ``"generator."``.
    - ``momentum``: that of PyTorch's batch norms, the part of a batch in new statistics. Here it becomes
      ``1 - momentum``, the part that is kept.
    - ``axis_name``, ``dtype``, ``param_dtype``, ``precision``, ``remat``: as for :class:`TypedNetwork`. By default the
      arrays keep their dtype, if all have the same and JAX has it, and become ``float32`` otherwise.

    Every array is accounted for. Only those without a use for the output are left out: the counts of batches, and
    heads for training. Call ``model.eval()`` to predict with batch norms.

    Raises :class:`FileError` for a file, and :class:`UsageError` for a state dict, with all arrays that are missing,
    unknown or of another shape, and the nearest names. Raises :class:`UsageError` for another argument that can't be
    used. Source: SPEC sections 6 and 8.

    >>> import numpy as np
    >>> from wellshaped.spec import Conv, Network, Node
    >>> network = Network({"x": 1}, (Node("y", Conv(3, channels=2)),))
    >>> model = load_torch({"y.weight": np.ones((2, 1, 3, 3), np.float32), "y.bias": np.zeros(2, np.float32)}, network)
    >>> model["y"].kernel.shape
    (2, 1, 3, 3)
    >>> load_torch({"y.weigth": np.ones((2, 1, 3, 3)), "y.bias": np.zeros(3)}, network)
    Traceback (most recent call last):
    ...
    wellshaped.spec.messages.report.UsageError: the state dict for the network from x to y can't be used.
      unknown: it has arrays that the network has not: 'y.weigth' (did you mean y.weight?).
      missing: it lacks arrays of the network: y.weight.
      shape: it has arrays of other shapes: y.bias is (3,), and must be (2,).
      fix: the weights of this network
    """
    return loaded(
        source,
        network,
        channels={"in_channels": in_channels, "out_channels": out_channels},
        prefix=prefix,
        momentum=momentum,
        types={"dtype": dtype, "param_dtype": param_dtype, "precision": precision},
        run={"axis_name": axis_name, "remat": remat},
    )[0]


def loaded(
    source: Any,
    network: AnyNetwork,
    *,
    channels: Mapping[str, int | None] = _ANY,
    prefix: str = "",
    momentum: float = 0.1,
    types: Mapping[str, Any] = MappingProxyType({}),
    run: Mapping[str, Any] = MappingProxyType({}),
) -> "tuple[nnx.Module, TorchWeights]":
    """Return the model of :func:`load_torch`, and the weights as they were found."""
    if not isinstance(prefix, str):
        says = f"it is {kind_of(prefix)}, and must be a text"
        raise UsageError.of("prefix", "prefix", "", says, 'prefix="model."')
    if not is_momentum(momentum):
        says = f"it is {clipped(written_value(momentum))}, and must be a number from 0 to 1"
        raise UsageError.of(written_argument("momentum", momentum), "momentum", "", says, "momentum=0.1")
    given: Channels = {of: None if n is None else natural(n, of) for of, n in channels.items()}
    layout = torch_layout(graph_of(network))
    weights = torch_weights(source, _names(layout), prefix)
    network, given = _with_channels(network, given, layout, weights.arrays)
    graph = graph_of(network, **given)
    layout = torch_layout(graph)
    chosen = _chosen(layout, weights, network)
    ins, outs = (given[of] or 1 for of in ("in_channels", "out_channels"))
    model = without_arrays(as_network(network), (ins, outs), _types(types, chosen), run)
    _fill(model, chosen, 1 - float(momentum))
    return model, weights


def _names(layout: TorchLayout) -> list[str]:
    return [name for array in layout.arrays for name in array.names]


Channels = Mapping[str, int | None]


def _with_channels(
    network: AnyNetwork, given: Channels, layout: TorchLayout, arrays: Mapping[str, Any]
) -> tuple[AnyNetwork, Channels]:
    """The network with the given channels, or those of the arrays: a preset that is a graph is built again."""
    graph = graph_of(network)
    found = dict(given)
    for of, node in (("in_channels", _first(graph)), ("out_channels", _last(graph))):
        if found[of] is None and node is not None:
            found[of] = _channels(of, node, layout, arrays)
    value = as_network(network)
    if not isinstance(value, Network):
        building(network, **found).report.raise_if_failed()
        return value, found
    function = PRESETS.functions.get(network) if isinstance(network, str) else None
    if function is None:
        building(value, **given).report.raise_if_failed()
        return value, dict.fromkeys(given)
    takes = inspect.signature(function).parameters
    ins, outs = found["in_channels"], found["out_channels"]
    counts = {
        **found,
        "sources": outs // ins if ins and outs else None,
    }  # Wave-U-Net's output has each source's channels
    made = function(**{of: n for of, n in counts.items() if n is not None and of in takes})
    made = replace(made, name=str(network))
    building(made, **given).report.raise_if_failed()
    return made, dict.fromkeys(given)


def _first(graph: Network) -> Node | None:
    """The first convolution of the image."""
    convs = (node for node in graph.nodes if isinstance(node.operation, Conv | ConvTranspose))
    return next((node for node in convs if node.inputs[0] == graph.image.name), None)


def _last(graph: Network) -> Node | None:
    """The convolution that makes the channels of the output: nothing after it has parameters."""
    nodes = {node.name: node for node in graph.nodes}
    node = nodes.get(graph.outputs[0])
    while node is not None and not isinstance(node.operation, Conv | ConvTranspose):
        node = nodes.get(node.inputs[0])
    return node


def _channels(of: str, node: Node, layout: TorchLayout, arrays: Mapping[str, Any]) -> int | None:
    """The channels that a convolution has in the arrays, or ``None`` if they do not say it."""

    def given(part: str) -> Any:
        names = next((array.names for array in layout.arrays if array.ours == f"{node.path}.{part}"), ())
        return next((arrays[name] for name in names if name in arrays), None)

    array, bias = given("kernel"), given("bias")
    if getattr(node.operation, "groups", 1) != 1:
        return None
    if array is None or array.ndim < 2 or 0 in array.shape:  # then the bias may say it
        return bias.size or None if of == "out_channels" and bias is not None and bias.ndim == 1 else None
    transposed = isinstance(node.operation, ConvTranspose)
    axis = (of == "in_channels") != transposed  # a kernel has (out, in), a transposed one (in, out)
    return int(array.shape[axis])


def _chosen(layout: TorchLayout, weights: TorchWeights, network: AnyNetwork) -> dict[str, Any]:
    """The array for each of ours, in our shape. Raises the error of the weights, with all differences."""
    given, faults = weights.arrays, Faults()
    shapes = {name: array.shape for name, array in given.items()}
    names_of = {array.ours: array.found_in(shapes) for array in layout.arrays}
    known = {name for array in layout.arrays for name in (*array.names, *names_of[array.ours])}
    missing = [array.names[0] for array in layout.arrays if not names_of[array.ours]]
    for name in (*given, *weights.others):
        if name not in known and not layout.leaves_out(name):
            what = "arrays that the network has not" if name in given else "values that are no arrays"
            faults.add("unknown", f"it has {what}", (unknown(name, missing), _FIX))
    for name in missing:
        faults.add("missing", "it lacks arrays of the network", (name, _FIX))
    chosen: dict[str, Any] = {}
    for array in layout.arrays:
        names = names_of[array.ours]
        if names:
            chosen[array.ours] = _checked(array, names, given, faults)
    if faults:
        found = f" ({', '.join(weights.said)})" if weights.said else ""
        report, prefix = faults.report(f"{weights.subject}{found} for {title(network)}"), likely_prefix(given, known)
        preset = None if chosen else _preset_of(given)
        fix = f"prefix={written_value(clipped(prefix))}" if prefix else f'the network "{preset}"' if preset else ""
        fix = fix or _other_width(layout, given, network)
        raise weights.error(replace(report, fixes=(fix,)) if fix else report)
    return chosen


def _other_width(layout: TorchLayout, given: Mapping[str, Any], network: AnyNetwork) -> str:
    """The fix for weights of the same U-Net with other base channels, or ``""``."""
    config = as_network(network)
    if not isinstance(config, UNetConfig):
        return ""
    sizes = {name: array.shape for name, array in given.items()}
    first, last = _first(graph_of(config)), _last(graph_of(config))
    if first is None or last is None:
        return ""
    base, ins, outs = (
        _channels(of, node, layout, given)
        for of, node in (("out_channels", first), ("in_channels", first), ("out_channels", last))
    )
    if not (base and ins and outs):
        return ""
    wanted = torch_layout(graph_of(replace(config, base_channels=base), ins, outs)).arrays
    alike = all(sizes.get(name) == array.torch_shape for array in wanted for name in array.names)
    return f"base_channels={base} in the config" if alike else ""


def _preset_of(arrays: Mapping[str, Any]) -> str | None:
    """The preset whose names most arrays have, or ``None`` if no preset has nearly all of its arrays there."""
    shares = {}
    for preset in PRESETS:
        known = torch_layout(graph_of(preset)).arrays
        shares[preset] = sum(any(name in arrays for name in array.names) for array in known) / len(known)
    best = max(shares, key=lambda name: shares[name])
    return best if shares[best] > 0.9 else None


_FIX = "the weights of this network"


def _checked(array: TorchArray, names: list[str], given: Mapping[str, Any], faults: Faults) -> Any:
    """The array that has these names, in our shape."""
    import jax.numpy as jnp
    import numpy as np

    value = given[names[0]]
    if not array.may_be(value.shape) and names[0] in array.names:
        says = f"{names[0]} is {value.shape}, and must be {array.torch_shape}"
        faults.add("shape", "it has arrays of other shapes", (says, _FIX))
        return value
    if not jnp.issubdtype(value.dtype, jnp.floating):
        says = f"{names[0]} is of {value.dtype}"
        faults.add("dtype", "it has arrays that are not floating-point", (says, _FIX))
    for name in names[1:]:
        if not (value.shape == given[name].shape and np.array_equal(value, given[name], equal_nan=True)):
            says = f"{names[0]} and {name}"
            faults.add("copies", "it has different values for one array", (says, _FIX))
    return value.reshape(array.shape)


def _types(types: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a model's class. The dtype of the arrays is the default, if JAX has it now."""
    import jax.numpy as jnp
    import numpy as np

    made = dict(types)
    if made.get("param_dtype") is None:
        found = {array.dtype for array in chosen.values()}
        same = found.pop() if len(found) == 1 else "float32"
        made["param_dtype"] = jnp.asarray(np.zeros((), same)).dtype
    return made


def _fill(model: "nnx.Module", chosen: Mapping[str, Any], momentum: float) -> None:
    import jax.numpy as jnp
    import numpy as np

    for name, variable in variables_of(model).items():
        dtype, given = variable.get_value().dtype, np.asarray(chosen[name])
        most = float(jnp.finfo(dtype).max)  # type: ignore[no-untyped-call]  # JAX has no types here
        if float(np.abs(given[np.isfinite(given)]).max(initial=0)) > most:
            says = f"{name} has a number that {dtype} can't hold"
            raise UsageError.of("the weights", "overflow", "", says, "param_dtype=jnp.float64, with jax_enable_x64")
        variable.set_value(jnp.asarray(given, dtype))
    for norm in batch_norms(model).values():
        norm.momentum = momentum


def state_dict(
    model: "nnx.Module",
    *,
    batches: int = 0,
    others: "str | os.PathLike[str] | Mapping[str, Any] | None" = None,
) -> dict[str, Any]:
    """Return the arrays of a network with the names and shapes of PyTorch, as NumPy arrays: the inverse of
    :func:`load_torch`.

    - ``model``: a :class:`UNet`, a :class:`UNet2` or a :class:`TypedNetwork`.
    - ``batches``: the ``num_batches_tracked`` of batch norms, which no default of PyTorch reads.
    - ``others``: a file or a state dict, which gives the arrays that PyTorch has and our network has not. Without deep
      supervision, nnU-Net's networks have such heads.

    In PyTorch: ``net.load_state_dict({name: torch.from_numpy(a) for name, a in state_dict(model).items()})``. Arrays of
    ``bfloat16``, which NumPy has not, become ``float32``.

    Raises :class:`UsageError` for another model, and for another argument that can't be used. Source: SPEC section 6.

    >>> from flax import nnx
    >>> from wellshaped.models import UNet
    >>> from wellshaped.spec import UNetConfig
    >>> model = UNet(UNetConfig(levels=2, base_channels=4, norm="batch", bias=False), 3, 2, rngs=nnx.Rngs(0))
    >>> arrays = state_dict(model)
    >>> arrays["down1.maxpool_conv.1.double_conv.0.weight"].shape, arrays["outc.conv.bias"].shape
    ((8, 4, 3, 3), (2,))
    """
    import numpy as np

    require_ours(model, "state_dict(model) of a network of wellshaped")
    count = natural(batches, "batches")
    layout = torch_layout(graph_of_model(model))
    arrays = {name: np.array(variable.get_value()) for name, variable in variables_of(model).items()}
    made: dict[str, Any] = {}
    for array in layout.arrays:
        value = arrays[array.ours].reshape(array.torch_shape)
        value = value.astype(np.float32) if value.dtype.name == "bfloat16" else value
        made |= dict.fromkeys(array.names, value)
    made |= {name: np.array(count, np.int64) for name in layout.counters}
    if others is not None:
        found = torch_weights(others, _names(layout)).arrays
        made |= {name: array for name, array in found.items() if name not in made and layout.leaves_out(name)}
    return made
