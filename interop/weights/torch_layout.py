"""The arrays that PyTorch has of a network: their names and shapes, by rules and by a table for a few families.

Our layers have PyTorch's paths, or else paths of ours, in which ``[0]`` becomes ``.0``. A ``kernel``, ``scale`` or
``slope`` is a ``weight``; ``mean`` and ``var`` are ``running_mean`` and ``running_var``. Kernels have the same layout.
A layer of vectors has no positions in PyTorch.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from ...spec.answers.any_network import title
from ...spec.messages.report import UsageError
from ...spec.network.network import Network
from ...spec.network.values import Norm
from ...spec.network.weights import array_shapes, parameter_shapes
from ...spec.unet.config import UNetConfig
from ...spec.unet.graph import unchecked_graph
from .torch_names.dynunet import DYNUNET
from .torch_names.milesial import MILESIAL
from .torch_names.nnunet import NNUNET
from .torch_names.segresnet import SEGRESNET
from .torch_names.table import NameTable, matched

Shape = tuple[int, ...]

PARTS = {"kernel": "weight", "scale": "weight", "slope": "weight", "mean": "running_mean", "var": "running_var"}
"""Our names of the arrays of a layer, and PyTorch's where they differ."""

COUNTER = "num_batches_tracked"
"""The array that PyTorch's batch norms have and ours have not."""

_OURS = NameTable(title="", level="")


class TorchArray(NamedTuple):
    """An array: our name and shape, all its names in PyTorch, its shape there, and whether it is a fixed kernel.

    A fixed kernel is a buffer in PyTorch, which may have any name below the path of its layer.
    """

    ours: str
    shape: Shape
    names: tuple[str, ...]
    torch_shape: Shape
    fixed: bool = False

    def found_in(self, shapes: Mapping[str, Shape]) -> list[str]:
        """Those of its names that are there, among the names of arrays with these shapes.

        A parameter that is no layer's has the path itself as its name, also with axes of one position.
        """
        found = [name for name in self.names if name in shapes]
        if found:
            return found
        path = self.names[0].rpartition(".")[0]
        if path in shapes and _without_ones(shapes[path]) == _without_ones(self.shape):
            return [path]
        below = [name for name in shapes if self.fixed and name.rpartition(".")[0] == path]
        return [name for name in below if shapes[name] == self.shape]

    def may_be(self, shape: Shape) -> bool:
        """Whether an array of this shape is this one.

        A kernel may lack axes of one position: that of ``torch.nn.Linear`` is ``(out, in)``.
        """
        given, own = shape[2:], self.shape[2:]
        lacks_ones = len(shape) >= 2 and shape[:2] == self.shape[:2] and _without_ones(given) == _without_ones(own)
        return shape in (self.torch_shape, self.shape) or lacks_ones


def _without_ones(shape: Shape) -> Shape:
    return tuple(n for n in shape if n != 1)


@dataclass(frozen=True, slots=True)
class TorchLayout:
    """The arrays of a network in PyTorch. ``counters`` are the names of the batch counts of batch norms.

    >>> from ...spec import graph_of
    >>> layout = torch_layout(graph_of("milesial", 3, 2))
    >>> layout.arrays[0].ours, layout.arrays[0].names, layout.arrays[0].torch_shape
    ('encoder[0].convs[0].conv.kernel', ('inc.double_conv.0.weight',), (64, 3, 3, 3))
    >>> layout.counters[:2]
    ('inc.double_conv.1.num_batches_tracked', 'inc.double_conv.4.num_batches_tracked')
    """

    table: NameTable
    arrays: tuple[TorchArray, ...]
    counters: tuple[str, ...]

    def leaves_out(self, name: str) -> bool:
        """Whether an array in PyTorch has no counterpart here, and needs none."""
        return name in self.counters or any(matched(pattern, name) is not None for pattern in self.table.unused)


@lru_cache(maxsize=64)
def torch_layout(graph: Network) -> TorchLayout:
    """Return the names and shapes that the arrays of a network have in PyTorch."""
    layers, learned = array_shapes(graph), parameter_shapes(graph)
    table = _table(graph, learned)
    levels = table.levels(learned)
    of_vectors = _of_vectors(graph)
    arrays: list[TorchArray] = []
    counters: list[str] = []
    owners: dict[str, str] = {}
    for layer, shapes in layers.items():
        path = _dotted(table.layer(layer, levels))
        for part, shape in shapes.items():
            names = table.names(f"{path}.{PARTS.get(part, part)}", levels)
            is_of_vector = part == "kernel" and layer in of_vectors
            in_torch = shape[:2] if is_of_vector else shape
            is_fixed = part == "kernel" and layer not in learned
            arrays.append(TorchArray(f"{layer}.{part}", shape, names, in_torch, is_fixed))
            for name in names:
                if owners.setdefault(name, layer) != layer:
                    says = f"{owners[name]} and {layer} both have the name {name} in PyTorch"
                    raise UsageError.of(title(graph), "names", "", says, f"another name for {layer}")
        if "var" in shapes:
            counters += table.names(f"{path}.{COUNTER}", levels)
    return TorchLayout(table, tuple(arrays), tuple(counters))


def _table(graph: Network, layers: Iterable[str]) -> NameTable:
    """The table of a network's family. A U-Net has milesial's names if it has the layers of milesial's."""
    found = next((table for table in (NNUNET, DYNUNET, SEGRESNET) if table.levels(layers)), None)
    if found is not None:
        return found
    levels = MILESIAL.levels(layers)
    norms = [node for node in graph.nodes if isinstance(node.operation, Norm)]
    if not levels or levels > 64 or not all(node.inputs[0].endswith(".conv") for node in norms):
        return _OURS
    known = unchecked_graph(UNetConfig(levels=levels, base_channels=1, norm="batch", axes=graph.axes), 1, 1)
    return MILESIAL if set(layers) == set(parameter_shapes(known)) else _OURS


def _of_vectors(graph: Network) -> set[str]:
    """The layers whose first node has a single position, because it depends on no image."""
    single = {given.name for given in graph.inputs if given.single}
    layers: dict[str, bool] = {}
    for node in graph.nodes:
        if all(name in single for name in node.inputs):
            single.add(node.name)
        layers.setdefault(node.path, node.name in single)
    return {layer for layer, is_single in layers.items() if is_single}


def _dotted(path: str) -> str:
    """``encoder.0.convs.1`` for ``encoder[0].convs[1]``."""
    return re.sub(r"\[(\d+)\]", r".\1", path)
