"""Records what PyTorch computes of single layers with drawn numbers, in ``layer_vectors.json``: values and gradients.

In an environment with PyTorch 2.14.1 and this project's test dependencies, from the top of the repository:
``python -m tests.conformance.make_layer_vectors``. The file has each network, so the tests draw nothing.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "support"))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from hypothesis import HealthCheck, Phase, given, settings  # noqa: E402
from torch_networks import TorchNetwork, parameters_of  # noqa: E402

from wellshaped.spec.network import Activation, Network, Node, Norm, Resize  # noqa: E402
from wellshaped.spec.network.data import data_of  # noqa: E402

from ..models.test_graph_values import NORMS  # noqa: E402
from ..models.test_operations import KINDS, LACKING, SMOOTH, cases  # noqa: E402
from .layer_cases import arrays_of, images_of, of_output, summaries  # noqa: E402

EACH = 4
"""How many layers of each kind are kept for each number of axes: the last ones. Hypothesis begins with simple ones."""


AXES = (1, 2, 3)


def drawn(kind: type, axes: int) -> list[tuple[Network, list[tuple[int, ...]]]]:
    """Networks of one operation of this kind over so many axes, with the sizes of the images."""
    found: dict[str, tuple[Network, list[tuple[int, ...]]]] = {}

    @settings(max_examples=4 * EACH, derandomize=True, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(cases(kind, axes))
    def draw(case):
        network, _, images = case
        sizes = [image.shape[1:] for image in images]
        found.setdefault(f"{network.nodes} {sizes}", (network, sizes))

    draw()
    return list(found.values())


def listed() -> dict[str, list[list[tuple[Network, list[tuple[int, ...]]]]]]:
    """The layers of each kind for each number of axes: drawn ones, every norm, and every smooth activation."""

    def alone(operation, axes):
        network = Network({"x": 4}, (Node("of", operation),), axes=axes)
        return network, [(3, 2, 4)[:axes]]

    every = {kind.__name__: [drawn(kind, axes) for axes in AXES] for kind in KINDS}
    every[Norm.__name__] = [[alone(norm, axes) for norm in NORMS] for axes in AXES]
    kinds = [kind for kind in SMOOTH if kind != "hardsigmoid"]  # PyTorch's derivative is a sixth in float32
    every["smooth Activation"] = [[alone(Activation(kind), axes) for kind in kinds] for axes in AXES]
    return every


def computed(network: Network, sizes: list[tuple[int, ...]]) -> dict[str, list[float]]:
    """What PyTorch computes of a network, as numbers by name."""
    images = [torch.tensor(image[None], requires_grad=True) for image in images_of(network, sizes)]
    arrays = arrays_of(network)
    tensors: dict[str, torch.Tensor] = {}
    (node,) = network.nodes
    of = node.operation
    if isinstance(of, Resize) and not of.align_corners:
        if any(of.less):
            raise ValueError("PyTorch has no resize by a factor to another size")
        factors = [factor / over for factor, over in zip(of.factor, of.over, strict=True)]
        mode = "nearest" if of.mode == "nearest" else ("linear", "bilinear", "trilinear")[network.axes - 1]
        y = torch.nn.functional.interpolate(images[0], scale_factor=factors, mode=mode)
    else:
        model = TorchNetwork(network).double().train()
        model.load(arrays)
        tensors = parameters_of(model, arrays).get("of", {})
        for tensor in tensors.values():
            tensor.requires_grad_()
        y = model(*images)
    (y * torch.tensor(of_output(network, y.shape[1:])[None])).sum().backward()

    def gradient(of):
        return (torch.zeros_like(of) if of.grad is None else of.grad).numpy()

    d_images = [gradient(image)[0] for image in images]
    return summaries(y[0].detach().numpy(), d_images, {name: gradient(tensor) for name, tensor in tensors.items()})


def of_pytorch(layers: list[tuple[Network, list[tuple[int, ...]]]]) -> Iterator[dict[str, object]]:
    """The entries of the record for those layers that PyTorch has."""
    for network, sizes in layers:
        try:
            numbers = computed(network, sizes)
        except (ValueError, RuntimeError) as error:
            if not any(text in str(error) for text in LACKING):
                raise
            continue
        if not np.isfinite([*numbers.values()]).all():
            continue  # a window that reads only padding
        yield {"network": data_of(network), "sizes": sizes, "numbers": numbers}


def main() -> None:
    """Write the file, beside this one."""
    record: dict[str, list[dict[str, object]]] = {}
    for kind, of_axes in listed().items():
        every = kind in (Norm.__name__, "smooth Activation")
        kept = [[*of_pytorch(layers)] for layers in of_axes]
        record[kind] = [of for found in kept for of in (found if every else found[-EACH:])]
    lines = [
        f" {json.dumps(kind)}: [\n" + ",\n".join(f"  {json.dumps(of)}" for of in layers) + "\n ]"
        for kind, layers in record.items()
    ]
    text = f'{{\n "torch_version": {json.dumps(torch.__version__)},\n' + ",\n".join(lines) + "\n}\n"
    (HERE / "layer_vectors.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
