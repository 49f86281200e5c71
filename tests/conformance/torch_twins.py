"""The published PyTorch networks with weights that are not their defaults, and what their names stand for.

Needs PyTorch and the packages of ``make_published_vectors.py``.
"""

import copy

import torch
from torch import nn

from .make_published_vectors import PUBLISHED, _Mean, _Timed, tensors_of
from .plan_cases import BUNDLES
from .published_arrays import noise
from .published_cases import CASES

COUNT = 7
"""The ``num_batches_tracked`` of every norm."""


def twin(key: str) -> nn.Module:
    """The network of a case, or of a bundle, as it computes."""
    if key in CASES:
        return PUBLISHED[key]().eval()
    from monai.bundle import ConfigParser

    made: nn.Module = ConfigParser({"network_def": copy.deepcopy(BUNDLES[key])}).get_parsed_content("network_def")
    return made.eval()


def inside(model: nn.Module) -> nn.Module:
    """The network whose state dict people have."""
    return model.model if isinstance(model, _Timed | _Mean) else model


def fill(model: nn.Module, seed: str) -> None:
    """Give every array values that no constructor gives."""
    with torch.no_grad():
        for name, tensor in inside(model).state_dict().items():
            values = torch.tensor(noise(f"{seed}: {name}", tuple(tensor.shape)))
            if name.endswith("num_batches_tracked"):
                tensor.fill_(COUNT)
            elif tensor.ndim > 1:
                tensor.copy_(values * (2 / max(tensor[0].numel(), 4)) ** 0.5)
            else:
                tensor.copy_(0.2 * values if name.endswith(("bias", "mean")) else 1 + 0.5 * values.tanh())


def names_of(key: str) -> list[tuple[str, str, str, str]]:
    """For each name in the state dict: the first name of the same array, our name of it if it was found, its shape.

    Our names are found by the order in which layers run, or by paths, as for the recorded values.
    """
    model = twin(key)
    state = inside(model).state_dict()
    ours: dict[int, str] = {}
    if key in CASES:
        images = [torch.tensor(noise(*given), dtype=torch.float32) for given in CASES[key].images(key, "evaluation")]
        ours = {of.data_ptr(): ".".join(array) for array, of in tensors_of(CASES[key], model, images).items()}
    first: dict[int, str] = {}
    rows = []
    for name, tensor in state.items():
        place = tensor.data_ptr()
        shape = "x".join(map(str, tensor.shape))
        rows.append((name, first.setdefault(place, name), ours.get(place, ""), shape))
    return rows
