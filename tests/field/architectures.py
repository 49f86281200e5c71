"""Published encoder-decoders, written as graphs from the facts in ``architectures.json``.

The file says of each network its layers, in PyTorch's arithmetic and with few channels, which sizes it takes and which
it makes (found by running it in PyTorch), and how many parameters it has.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wellshaped.spec.network import (
    Activation,
    Add,
    AvgPool,
    Concat,
    Conv,
    ConvTranspose,
    Crop,
    CropTo,
    CropToSmallest,
    Input,
    MaxPool,
    Mean,
    Multiply,
    Network,
    Node,
    Norm,
    Operation,
    Pad,
    PadTo,
    PadToMultiple,
    Require,
    Resize,
    ResizeTo,
    Scale,
    Slice,
)

ARCHITECTURES: dict[str, dict[str, Any]] = {
    entry["id"]: entry for entry in json.loads((Path(__file__).parent / "architectures.json").read_text("utf-8"))
}

_MODES = {
    "reflect": "mirrored",
    "reflect, extended": "mirrored, extended",
    "replicate": "replicated",
    "zeros": "zeros",
}
_BROADCAST = {None: "never", "space": "positions", "channels": "channels"}


def graph(entry: dict[str, Any]) -> Network:
    """The network of an entry."""
    inputs = [
        Input(name, of_it["channels"], single=of_it.get("sizes") == "one") for name, of_it in entry["inputs"].items()
    ]
    nodes = [node for layer in entry["layers"] for node in _nodes(layer)]
    return Network(inputs, nodes, entry["outputs"], entry["axes"])


def _nodes(layer: dict[str, Any]) -> Iterator[Node]:
    """The node of a layer, after one that requires something where the layer does."""
    inputs, name = list(layer["inputs"]), layer["name"]
    if layer.get("exact"):
        yield Node(f"{name}_exact", Require(multiple=layer["stride"]), inputs)
        inputs = [f"{name}_exact"]
    if "at_most" in layer:
        yield Node(f"{name}_near", Require(within=layer["at_most"]), (*inputs, layer["to"]))
        inputs = [f"{name}_near"]
    if "to" in layer:
        inputs.append(layer["to"])
    yield Node(name, _operation(layer), inputs)


def _taken(layer: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: layer[name] for name in names if name in layer}


def _operation(layer: dict[str, Any]) -> Operation:
    window = _taken(layer, "kernel", "stride", "padding", "dilation")
    match layer["op"]:
        case "conv":
            more = _taken(layer, "groups", "bias")
            return Conv(**window, **more, channels=layer["out"], learned=not layer.get("fixed", False))
        case "conv_transpose":
            more = _taken(layer, "groups", "bias", "output_padding")
            return ConvTranspose(**window, **more, channels=layer["out"], learned=not layer.get("fixed", False))
        case "max_pool":
            return MaxPool(**window, **_taken(layer, "ceil_mode"))
        case "avg_pool":
            return AvgPool(**window, **_taken(layer, "ceil_mode"))
        case "resize" if "to" in layer:
            return ResizeTo(**_taken(layer, "mode", "align_corners"))
        case "resize":
            return Resize(**_taken(layer, "factor", "mode", "align_corners", "less"))
        case "crop":
            return _crop(layer)
        case "pad":
            return _pad(layer)
        case "norm":
            return Norm(layer["kind"], epsilon=layer["eps"], **_taken(layer, "groups", "affine"))
        case "activation":
            return Activation(layer["kind"], **_taken(layer, "slope"))
        case "add":
            return Add(broadcast=_BROADCAST[layer.get("broadcast")])
        case "multiply":
            return Multiply(broadcast=_BROADCAST[layer.get("broadcast")])
        case "channels":
            return Slice(layer["start"], layer["stop"])
    return {"concat": Concat(), "global_pool": Mean(), "scale": Scale()}[layer["op"]]


def _crop(layer: dict[str, Any]) -> Operation:
    if "amount" in layer:
        return Crop((tuple(layer["amount"]),))
    if layer["where"] == "centre, both":
        return CropToSmallest()
    return CropTo({"centre": None, "start": 0, "offset": layer.get("offset")}[layer["where"]])


def _pad(layer: dict[str, Any]) -> Operation:
    mode = _MODES[layer.get("mode", "zeros")]
    if "amount" in layer:
        return Pad((tuple(layer["amount"]),), mode=mode)
    if "multiple" in layer:
        return PadToMultiple(layer["multiple"], mode=mode, where=layer["where"])
    return PadTo(where=layer["where"], mode=mode)
