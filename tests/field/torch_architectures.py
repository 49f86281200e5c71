"""Where PyTorch stops in a published network: its layers are run one after the other, on tensors without values.

Needs PyTorch alone. A layer that must have its input in a certain form, and takes any in PyTorch, raises here: a crop
without room, an addition that would broadcast, a pooling of what the paper wants to be a multiple of the stride.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.nn import functional

_CONVS = [functional.conv1d, functional.conv2d, functional.conv3d]
_TRANSPOSED = [functional.conv_transpose1d, functional.conv_transpose2d, functional.conv_transpose3d]
_POOLS = {
    "max_pool": [functional.max_pool1d, functional.max_pool2d, functional.max_pool3d],
    "avg_pool": [functional.avg_pool1d, functional.avg_pool2d, functional.avg_pool3d],
}
_LINEAR = ["linear", "bilinear", "trilinear"]
_PADS = {"zeros": "constant", "reflect": "reflect", "replicate": "replicate"}


def stop(entry: dict[str, Any], sizes: Sequence[int]) -> str | None:
    """The name of the layer at which a network stops for an image of these ``sizes``; ``None`` where it runs."""
    values = {
        name: empty(of_it["channels"], *([1] * len(sizes) if of_it.get("sizes") == "one" else sizes))
        for name, of_it in entry["inputs"].items()
    }
    for layer in entry["layers"]:
        try:
            with torch.no_grad():
                made = _LAYERS[layer["op"]](layer, [values[name] for name in layer["inputs"]], values)
        except (RuntimeError, ValueError):
            return layer["name"]
        assert made.shape[1] == layer["out"], layer["name"]
        values[layer["name"]] = made
    return None


def empty(*shape: int, batch: bool = True) -> torch.Tensor:
    """A tensor of a shape, without values."""
    return torch.empty((1, *shape) if batch else shape, device="meta")


def _require(holds: bool, says: str) -> None:
    if not holds:
        raise ValueError(says)


def _per_axis(value: int | list[int], axes: int) -> list[int]:
    return value if isinstance(value, list) else [value] * axes


def _conv(layer: dict[str, Any], given: list[torch.Tensor], _: dict[str, torch.Tensor]) -> torch.Tensor:
    [x] = given
    axes, groups = x.ndim - 2, layer.get("groups", 1)
    weight = empty(layer["out"], x.shape[1] // groups, *_per_axis(layer["kernel"], axes), batch=False)
    of_it = (layer[name] for name in ("stride", "padding"))
    stride, padding = (tuple(_per_axis(value, axes)) for value in of_it)
    return _CONVS[axes - 1](x, weight, None, stride, padding, layer.get("dilation", 1), groups)


def _conv_transpose(layer: dict[str, Any], given: list[torch.Tensor], _: dict[str, torch.Tensor]) -> torch.Tensor:
    [x] = given
    axes, groups = x.ndim - 2, layer.get("groups", 1)
    weight = empty(x.shape[1], layer["out"] // groups, *_per_axis(layer["kernel"], axes), batch=False)
    of_it = (layer.get(name, 0) for name in ("stride", "padding", "output_padding"))
    stride, padding, more = (tuple(_per_axis(value, axes)) for value in of_it)
    return _TRANSPOSED[axes - 1](x, weight, None, stride, padding, more, groups)


def _pool(layer: dict[str, Any], given: list[torch.Tensor], _: dict[str, torch.Tensor]) -> torch.Tensor:
    [x] = given
    if layer.get("exact"):
        _require(all(n % layer["stride"] == 0 for n in x.shape[2:]), "the size is no multiple of the stride")
    numbers = {name: layer[name] for name in ("kernel", "stride", "padding")}
    pool = _POOLS[layer["op"]][x.ndim - 3]
    return pool(x, numbers["kernel"], numbers["stride"], numbers["padding"], ceil_mode=layer["ceil_mode"])


def _resize(layer: dict[str, Any], given: list[torch.Tensor], values: dict[str, torch.Tensor]) -> torch.Tensor:
    [x] = given
    axes = x.ndim - 2
    if "to" in layer:
        size = list(values[layer["to"]].shape[2:])
    else:
        factors = _per_axis(layer["factor"], axes)
        size = [n * factor - layer.get("less", 0) for n, factor in zip(x.shape[2:], factors, strict=True)]
    if layer["mode"] == "nearest":
        return functional.interpolate(x, size, mode="nearest")
    return functional.interpolate(x, size, mode=_LINEAR[axes - 1], align_corners=layer.get("align_corners", False))


def _crop(layer: dict[str, Any], given: list[torch.Tensor], values: dict[str, torch.Tensor]) -> torch.Tensor:
    [x] = given
    for dim in range(2, x.ndim):
        n = x.shape[dim]
        if "amount" in layer:
            before, after = layer["amount"]
            kept = n - before - after
        else:
            to = values[layer["to"]].shape[dim]
            kept = min(n, to) if layer["where"] == "centre, both" else to
            before = {"start": 0, "offset": layer.get("offset")}.get(layer["where"], (n - kept) // 2)
        _require(kept >= 0 and before >= 0 and before + kept <= n, "there is no room to crop")
        x = x.narrow(dim, before, kept)
    return x


def _pad(layer: dict[str, Any], given: list[torch.Tensor], values: dict[str, torch.Tensor]) -> torch.Tensor:
    [x] = given
    amounts: list[tuple[int, int]] = []
    for dim in range(2, x.ndim):
        n = x.shape[dim]
        if "amount" in layer:
            amounts.append(tuple(layer["amount"]))
        elif "multiple" in layer:
            amounts.append((0, -n % layer["multiple"]))
        else:
            lacking = values[layer["to"]].shape[dim] - n
            _require(0 <= lacking <= layer.get("at_most", lacking), "it lacks less than nothing, or too much")
            before = lacking // 2 if layer["where"] == "both" else 0
            amounts.append((before, lacking - before))
    mode = layer.get("mode", "zeros")
    if mode == "reflect, extended":
        [(before, after)] = amounts
        more = max(max(before, after) - x.shape[-1] + 1, 0)
        return functional.pad(functional.pad(x, (0, more)), (before, after), "reflect")[..., : -more or None]
    flat = [amount for pair in reversed(amounts) for amount in pair]
    return functional.pad(x, flat, _PADS[mode])


def _norm(layer: dict[str, Any], given: list[torch.Tensor], _: dict[str, torch.Tensor]) -> torch.Tensor:
    [x] = given
    of_channels = empty(x.shape[1], batch=False)
    match layer["kind"]:
        case "batch":
            return functional.batch_norm(x, of_channels, of_channels)
        case "instance":
            return functional.instance_norm(x)
        case "group":
            return functional.group_norm(x, layer["groups"])
    raise AssertionError(layer["kind"])


def _activation(layer: dict[str, Any], given: list[torch.Tensor], _: dict[str, torch.Tensor]) -> torch.Tensor:
    return functional.glu(given[0], dim=1) if layer["kind"] == "glu" else functional.relu(given[0])


def _elementwise(layer: dict[str, Any], given: list[torch.Tensor], _: dict[str, torch.Tensor]) -> torch.Tensor:
    first, *others = given
    for other in others:
        wanted = {
            None: first.shape,
            "space": (*first.shape[:2], *[1] * (first.ndim - 2)),
            "channels": (1, 1, *first.shape[2:]),
        }[layer.get("broadcast")]
        _require(other.shape == wanted, "the shapes differ")
        first = first + other
    return first


_LAYERS: dict[str, Callable[[dict[str, Any], list[torch.Tensor], dict[str, torch.Tensor]], torch.Tensor]] = {
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "max_pool": _pool,
    "avg_pool": _pool,
    "resize": _resize,
    "crop": _crop,
    "pad": _pad,
    "norm": _norm,
    "activation": _activation,
    "concat": lambda layer, given, values: torch.cat(given, dim=1),
    "add": _elementwise,
    "multiply": _elementwise,
    "global_pool": lambda layer, given, values: given[0].mean(dim=tuple(range(2, given[0].ndim)), keepdim=True),
    "channels": lambda layer, given, values: given[0][:, layer["start"] : layer["stop"]],
    "scale": lambda layer, given, values: given[0] * empty(given[0].shape[1], *[1] * (given[0].ndim - 2)),
}
