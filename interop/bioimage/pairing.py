"""Which tensor of a description describes which input or output of a network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ...spec.messages.written import count_word, in_words
from ...spec.network.network import Network
from .description import BioimageDescription, InputTensor, OutputTensor
from .findings import Found
from .right import tensor_names


@dataclass(frozen=True, slots=True)
class Pairs:
    """The tensors of a description by the network's names. A vector, such as a time embedding, is not among them."""

    inputs: Mapping[str, InputTensor]
    outputs: Mapping[str, OutputTensor]


def paired(description: BioimageDescription, graph: Network, found: Found) -> Pairs:
    """Pair the tensors with the network's, by name, or else in order. Report another number of tensors or axes."""
    names = tensor_names(graph)
    images = [given.name for given in graph.inputs if not given.single]
    described = [tensor for tensor in description.inputs if tensor.axes] or list(description.inputs)
    for kind, given, needed in (("inputs", described, images), ("outputs", description.outputs, graph.outputs)):
        if len(given) != len(needed):
            what = f"image{'s' * (len(needed) > 1)}" if kind == "inputs" else f"output{'s' * (len(needed) > 1)}"
            says = f"there {'are' if len(given) > 1 else 'is'} {count_word(len(given))}"
            says += f", and the network has {count_word(len(needed))} {what}: {in_words(needed)}"
            found.fault(kind, kind, "", says)
    if found.faults:
        return Pairs({}, {})
    pairs = Pairs(_by_name(described, images, names), _by_name(description.outputs, graph.outputs, names))
    for word, tensors in (("input", pairs.inputs), ("output", pairs.outputs)):
        for name, tensor in tensors.items():
            _compare(graph, name, tensor, f"{word} {tensor.name}", found)
    return pairs


T = TypeVar("T", InputTensor, OutputTensor)


def _by_name(tensors: Sequence[T], called: Sequence[str], names: Mapping[str, str]) -> dict[str, T]:
    of_name = {tensor.name: tensor for tensor in tensors}
    if all(names[name] in of_name for name in called):
        return {name: of_name[names[name]] for name in called}
    return dict(zip(called, tensors, strict=True))


def _compare(graph: Network, name: str, tensor: InputTensor | OutputTensor, at: str, found: Found) -> None:
    """Report a tensor that has another number of axes than the network, or other channels."""
    if len(tensor.axes) != graph.axes:
        axes = f": {', '.join(axis.axis for axis in tensor.axes)}" if tensor.axes else ""
        says = (
            f"the network has {count_word(graph.axes)} of space or time, and the description {len(tensor.axes)}{axes}"
        )
        found.fault("axes", at, "", says)
    if tensor.channels not in (None, graph.channels[name]):
        says = f"there are {tensor.channels}, and {name} of the network has {graph.channels[name]}"
        found.note("channels", at, "", says)
