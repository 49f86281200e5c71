"""What PyTorch computes of a single layer, with the arrays of :mod:`layer_cases`: its value and its gradients."""

import numpy as np
import torch
from graph_functions import is_in_torch
from torch_networks import TorchNetwork, parameters_of

from wellshaped.spec.network import Activation, Network

from .layer_cases import arrays_of, images_of, of_output, summaries

LACKING = {
    "no ceil mode for this padding": "a padding that differs before and after",
    "smaller than kernel size": "an average over three axes of an image below the kernel in ceil mode",
}
"""What PyTorch lacks, by the text of the error."""


def of_pytorch(network: Network, sizes: list[tuple[int, ...]]) -> dict[str, list[float]] | None:
    """What PyTorch computes of a network of one layer, as numbers by name; ``None`` if PyTorch has no such layer."""
    (node,) = network.nodes
    if not is_in_torch(network, sizes[0]) or node.operation == Activation("hardsigmoid"):
        return None  # in float64 too, PyTorch's derivative of hardsigmoid is a sixth in float32
    try:
        numbers = _computed(network, sizes)
    except (ValueError, RuntimeError) as error:
        if not any(text in str(error) for text in LACKING):
            raise
        return None
    return numbers if np.isfinite([*numbers.values()]).all() else None  # a window that reads only padding


def _computed(network: Network, sizes: list[tuple[int, ...]]) -> dict[str, list[float]]:
    images = [torch.tensor(image[None], requires_grad=True) for image in images_of(network, sizes)]
    arrays = arrays_of(network)
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
