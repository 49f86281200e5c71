"""Records what PyTorch computes of single layers with drawn numbers, in ``layer_vectors.json``: values and gradients.

In an environment with PyTorch 2.13 or newer and this project's test dependencies, from the top of the repository:
``python -m tests.conformance.make_layer_vectors``. The file has each network, so the tests draw nothing.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "support"))

import torch  # noqa: E402
from hypothesis import HealthCheck, Phase, given, settings  # noqa: E402

from wellshaped.spec.network import Activation, Network, Node, Norm, Operation  # noqa: E402
from wellshaped.spec.network.data import data_of  # noqa: E402

from ..models.test_graph_values import NORMS  # noqa: E402
from ..models.test_operations import KINDS, SMOOTH, cases  # noqa: E402
from .layers_in_torch import of_pytorch  # noqa: E402

AXES = (1, 2, 3)
DRAWN = 80
"""How many layers of each kind are drawn for each number of axes. Those that add something are recorded."""
LEAST = 4
"""How many are recorded at least, if so many differ."""

Layer = tuple[Network, list[tuple[int, ...]]]
"""A network of one layer, and the sizes of its images."""


def drawn(kind: type, axes: int) -> list[Layer]:
    """Layers of this kind over so many axes. Hypothesis begins with simple ones, so the last ones come first here."""
    found: dict[str, Layer] = {}

    @settings(max_examples=DRAWN, derandomize=True, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(cases(kind, axes))
    def draw(case):
        network, _, images = case
        sizes = [image.shape[1:] for image in images]
        found.setdefault(f"{network.nodes} {sizes}", (network, sizes))

    draw()
    return [*found.values()][::-1]


def aspects(layer: Layer) -> set[tuple[object, ...]]:
    """What a layer shows: for each argument and each axis, a choice, or whether a number is 0, 1 or more.

    A padding shows whether there is some before and after, and whether it is the same on both sides.
    """
    network, sizes = layer
    operation: Operation = network.nodes[0].operation
    shown: set[tuple[object, ...]] = {("images", len(sizes))}
    choices = tuple(
        (of.name, value) for of in fields(operation) if isinstance(value := getattr(operation, of.name), str)
    )
    for name in (of.name for of in fields(operation)):
        value = getattr(operation, name, None)
        for axis, of_axis in enumerate(value if isinstance(value, tuple) else [value]):
            shown.add((name, axis, _kind_of(of_axis), *choices))
    return shown


def _kind_of(value: object) -> object:
    if isinstance(value, tuple):
        return (*(min(side, 1) for side in value), value[0] == value[-1])
    return min(value, 2) if type(value) is int else value


def recorded(layers: list[Layer]) -> Iterator[dict[str, object]]:
    """The entries of those layers that PyTorch has, and that show what no earlier one does."""
    seen: set[tuple[object, ...]] = set()
    spare = []
    count = 0
    for layer in layers:
        new = aspects(layer) - seen
        if not new and len(spare) == LEAST:
            continue
        if (numbers := of_pytorch(*layer)) is None:
            continue
        network, sizes = layer
        entry = {"network": data_of(network), "sizes": sizes, "numbers": numbers}
        if new:
            seen |= new
            count += 1
            yield entry
        else:
            spare.append(entry)
    yield from spare[: max(LEAST - count, 0)]


def listed() -> dict[str, list[list[Layer]]]:
    """The layers of each kind for each number of axes: drawn ones, every norm, and every smooth activation."""

    def alone(operation, axes):
        network = Network({"x": 4}, (Node("of", operation),), axes=axes)
        return network, [(3, 2, 4)[:axes]]

    every = {kind.__name__: [drawn(kind, axes) for axes in AXES] for kind in KINDS}
    every[Norm.__name__] = [[alone(norm, axes) for norm in NORMS] for axes in AXES]
    every["smooth Activation"] = [[alone(Activation(kind), axes) for kind in SMOOTH] for axes in AXES]
    return every


def main() -> None:
    """Write the file, beside this one."""
    record = {kind: [of for layers in of_axes for of in recorded(layers)] for kind, of_axes in listed().items()}
    lines = [
        f" {json.dumps(kind)}: [\n" + ",\n".join(f"  {json.dumps(of)}" for of in layers) + "\n ]"
        for kind, layers in record.items()
    ]
    text = f'{{\n "torch_version": {json.dumps(torch.__version__)},\n' + ",\n".join(lines) + "\n}\n"
    (HERE / "layer_vectors.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
