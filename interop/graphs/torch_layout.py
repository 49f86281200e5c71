"""PyTorch's functions that move values and compute none: slices, reshapes, pads, concatenations, resizes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from .draft import Array, Constant, Image, NoStepError, Stack
from .layout_rules import (
    all_alike,
    broadcast,
    concatenate,
    in_a_row,
    padded,
    reshape,
    resized,
    sliced,
    stack,
    transpose,
)
from .parts import REPEAT, Part, placed
from .torch_walking import Operand, Rule, Step, ranked


def _numbers(given: Sequence[Any]) -> list[int]:
    """Numbers that were given one by one, or as one sequence."""
    return [int(of) for of in (given[0] if len(given) == 1 and isinstance(given[0], list | tuple) else given)]


def _from_start(d: int, rank: int) -> int:
    return d % rank if rank else 0


# Shapes.


def _reshaped(step: Step, x: Operand, *shape: Any, **more: Any) -> Array:
    return step.image(reshape, [x])


def _same(step: Step, x: Operand, *more: Any, **others: Any) -> Array:
    return x.array


def _permuted(step: Step, image: Image, order: Sequence[int]) -> Image:
    return step.image(transpose, [image], params={"permutation": order})


def _permute(step: Step, x: Operand, *dims: Any) -> Array:
    rank = len(x.shape)
    return _permuted(step, x.image, [_from_start(d, rank) for d in _numbers(dims)])


def _transpose(step: Step, x: Operand, dim0: int = 0, dim1: int = 1) -> Array:
    order = list(range(len(x.shape)))
    a, b = (_from_start(d, len(order)) for d in (dim0, dim1))
    order[a], order[b] = order[b], order[a]
    return _permuted(step, x.image, order)


def _last_two(step: Step, x: Operand) -> Array:
    return _transpose(step, x, -2, -1)


def _movedim(step: Step, x: Operand, source: Any, destination: Any) -> Array:
    rank = len(x.shape)
    sources, places = ([_from_start(d, rank) for d in _numbers([of])] for of in (source, destination))
    left = iter([d for d in range(rank) if d not in sources])
    order = [sources[places.index(d)] if d in places else next(left) for d in range(rank)]
    return _permuted(step, x.image, order)


def _expand(step: Step, x: Operand, *sizes: Any, **more: Any) -> Array:
    rank, more_axes = len(x.shape), len(step.shape) - len(x.shape)
    return step.image(broadcast, [x], params={"broadcast_dimensions": [d + more_axes for d in range(rank)]})


def _tiled(step: Step, x: Operand, *counts: Any) -> Array:
    """The image several times in a row."""
    numbers = _numbers(counts)
    operand = ranked(step.walker, x, len(numbers))
    return in_a_row(operand.image, [1] * (len(operand.shape) - len(numbers)) + numbers)


def _repeated(step: Step, x: Operand, repeats: Any, dim: Any = None, **more: Any) -> Array:
    """Each position several times."""
    if not isinstance(repeats, int) or dim is None:
        raise NoStepError("it repeats positions unevenly")
    image, d = step.walker.unmixed(x.image), _from_start(dim, len(x.shape))
    parts = (*image.dims[d], Part(REPEAT, repeats)) if repeats != 1 else image.dims[d]
    return replace(image, dims=placed(image.dims, d, parts))


# Slices.


def _item(step: Step, x: Operand, index: Any) -> Array:
    """``x[index]`` with slices, numbers, ``None`` and ``...``."""
    index = list(index) if isinstance(index, list | tuple) else [index]
    taken = sum(of is not None and of is not Ellipsis for of in index)
    if Ellipsis not in index:
        index.append(Ellipsis)
    at = index.index(Ellipsis)
    index[at : at + 1] = [slice(None)] * (len(x.shape) - taken)
    slices: list[tuple[int, int, int]] = []
    chosen: list[int] = []
    for of in index:
        if of is None:
            continue
        n = x.shape[len(slices)]
        if isinstance(of, slice):
            slices.append(of.indices(n))
        elif isinstance(of, int) and not isinstance(of, bool):
            slices.append((of % n, of % n + 1, 1))
        elif len(_places(of)) == 1 and of is index[len(slices)]:
            chosen.append(len(slices))
            slices.append((0, n, 1))
        else:
            raise NoStepError("its index is an array")
    if chosen:
        return _of_channels(step, _cut(step, x.image, slices), chosen)
    return step.image(reshape, [_cut(step, x.image, slices)])


def _places(index: Any) -> tuple[int, ...]:
    """The shape of an index: that of a constant tensor or of a list of numbers; none for something else."""
    if isinstance(index, Operand):
        return index.shape if isinstance(index.array, Constant) else ()
    return (len(index),) if isinstance(index, list | tuple) and all(type(of) is int for of in index) else ()


def _of_channels(step: Step, image: Image, axes: Sequence[int]) -> Image:
    """The image with chosen channels: those of the one axis that has an index."""
    (d,) = axes if len(axes) == 1 and len(step.shape) == len(image.dims) else (None,)
    if d is None:
        raise NoStepError("its index is an array")
    return step.walker.chosen(image, d, step.shape[d])


def _chosen(step: Step, x: Operand, dim: int, index: Operand) -> Array:
    return _of_channels(step, x.image, [_from_start(dim, len(x.shape))])


def _cut(step: Step, image: Image, slices: Sequence[tuple[int, int, int]]) -> Image:
    shape = step.walker.shape(image)
    # A stop is cut to where the last step ends.
    stops = [max(a, min(b, n)) for (a, b, _), n in zip(slices, shape, strict=True)]
    return sliced(step.walker, image, [a for a, _, _ in slices], stops, [c for _, _, c in slices])


def _along(step: Step, image: Image, d: int, start: int, stop: int) -> Image:
    shape = step.walker.shape(image)
    return _cut(step, image, [(start, stop, 1) if e == d else (0, n, 1) for e, n in enumerate(shape)])


def _narrow(step: Step, x: Operand, dim: int, start: int, length: int) -> Array:
    d = _from_start(dim, len(x.shape))
    start = int(start) % max(x.shape[d], 1) if int(start) < 0 else int(start)
    return _along(step, x.image, d, start, start + length)


def _select(step: Step, x: Operand, dim: int, index: int) -> Array:
    d = _from_start(dim, len(x.shape))
    at = index % x.shape[d]
    return step.image(reshape, [_along(step, x.image, d, at, at + 1)])


def _pieces(step: Step, x: Operand, _: Any = None, dim: int = 0, **more: Any) -> Sequence[Array]:
    """Slices in a row, as large as the results: ``chunk``, ``split`` and ``tensor_split``."""
    d, start, found = _from_start(more.get("dim", dim), len(x.shape)), 0, []
    for shape in step.shapes:
        found.append(_along(step, x.image, d, start, start + shape[d]))
        start += shape[d]
    return found


def _unbind(step: Step, x: Operand, dim: int = 0) -> Sequence[Array]:
    d = _from_start(dim, len(x.shape))
    rows = [_along(step, x.image, d, i, i + 1) for i in range(x.shape[d])]
    return [step.image(reshape, [row]) for row in rows]


# Pads, joins and resizes.

_MODES = {"constant": "zeros", "reflect": "mirrored", "replicate": "replicated"}


def _pad(step: Step, x: Operand, pad: Any, mode: str = "constant", value: Any = None) -> Array:
    if mode not in _MODES:
        raise NoStepError(f"the mode {mode}")
    given = _numbers([pad])
    of_last = [(given[i], given[i + 1]) for i in range(0, len(given), 2)]
    amounts = [(0, 0)] * (len(x.shape) - len(of_last)) + of_last[::-1]
    return padded(step.walker, x.image, amounts, _MODES[mode])


def _cat(step: Step, tensors: Sequence[Operand], dim: int = 0, **more: Any) -> Array:
    d = _from_start(more.get("axis", dim), len(step.shape))
    tensors = [of for of in tensors if of.shape != (0,)]
    return step.image(concatenate, tensors, params={"dimension": d})


def _hstack(step: Step, tensors: Sequence[Operand]) -> Array:
    return _cat(step, tensors, 1 if len(step.shape) > 1 else 0)


def _stack(step: Step, tensors: Sequence[Operand], dim: int = 0) -> Array:
    d, images = _from_start(dim, len(step.shape)), tuple(of.image for of in tensors)
    return step.image(stack, tensors, params={"axis": d}) if all_alike(images) else Stack(images, d)


def _interpolate(
    step: Step,
    x: Operand,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Array:
    if mode not in _RESIZES:
        raise NoStepError(f"the mode {mode}")
    if antialias and any(m < n for m, n in zip(step.shape, x.shape, strict=True)):
        raise NoStepError("with antialias=True it reads more positions")
    by_factor = scale_factor is not None and not recompute_scale_factor
    how = {"mode": _RESIZES[mode], "by_factor": by_factor, "align_corners": bool(align_corners)}
    return resized(step.walker, x.image, step.shape, step.path, **how)


_RESIZES = dict.fromkeys(("linear", "bilinear", "trilinear"), "linear") | {
    "nearest": "nearest",
    "nearest-exact": "nearest-exact",
}
"""The modes of a resize by their names in PyTorch."""


def _dropout(*, channels: bool) -> Rule:
    """Also in evaluation mode, where it does nothing: the network has it."""

    def rule(step: Step, x: Operand, p: float = 0.5, *others: Any, **more: Any) -> Array:
        if not p:
            return x.array
        image = step.walker.whole(x.image)
        node, fixed = step.walker.nodes[image.node], {"rate": float(p), "channels": channels}
        at = step.walker.add("dropout", (image.node,), node.sizes, node.channels, fixed=fixed, path=step.path)
        return replace(image, node=at)

    return rule


# Channels and blocks of positions.


def _shuffled(step: Step, image: Image, between: Sequence[int], order: Sequence[int], shape: Sequence[int]) -> Image:
    """The image in the shape ``between``, with its axes in another ``order``, in another ``shape``."""
    found = _permuted(step, step.image(reshape, [image], between), order)
    return step.image(reshape, [found], shape)


def _pixel_shuffle(step: Step, x: Operand, upscale_factor: int) -> Array:
    *batch, channels, h, w = x.shape
    r, b = upscale_factor, len(batch)
    between = (*batch, channels // (r * r), r, r, h, w)
    order = [*range(b), b, b + 3, b + 1, b + 4, b + 2]
    return _shuffled(step, x.image, between, order, step.shape)


def _pixel_unshuffle(step: Step, x: Operand, downscale_factor: int) -> Array:
    *batch, channels, h, w = x.shape
    r, b = downscale_factor, len(batch)
    between = (*batch, channels, h // r, r, w // r, r)
    order = [*range(b), b, b + 2, b + 4, b + 1, b + 3]
    return _shuffled(step, x.image, between, order, step.shape)


def _channel_shuffle(step: Step, x: Operand, groups: int) -> Array:
    """A permutation of channels is not important for sizes."""
    return step.walker.require_channels(step.walker.settled(x.image), 1)


LAYOUT: dict[str, Rule] = {
    **dict.fromkeys(("view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "view_as"), _reshaped),
    **dict.fromkeys(("reshape_as", "ravel", "atleast_2d", "atleast_3d"), _reshaped),
    **dict.fromkeys(("contiguous", "clone", "detach", "to", "type", "type_as", "float", "half", "double"), _same),
    **dict.fromkeys(("bfloat16", "cpu", "cuda", "alias", "requires_grad", "data", "positive"), _same),
    "dropout": _dropout(channels=False),
    **dict.fromkeys(("dropout1d", "dropout2d", "dropout3d", "feature_dropout"), _dropout(channels=True)),
    **dict.fromkeys(("alpha_dropout", "feature_alpha_dropout"), _same),
    "permute": _permute,
    **dict.fromkeys(("transpose", "swapaxes", "swapdims", "t", "T"), _transpose),
    **dict.fromkeys(("mT", "adjoint"), _last_two),
    **dict.fromkeys(("movedim", "moveaxis"), _movedim),
    **dict.fromkeys(("expand", "expand_as", "broadcast_to"), _expand),
    **dict.fromkeys(("repeat", "tile"), _tiled),
    "repeat_interleave": _repeated,
    "getitem": _item,
    "narrow": _narrow,
    "select": _select,
    **dict.fromkeys(("chunk", "split", "tensor_split", "split_with_sizes"), _pieces),
    "unbind": _unbind,
    "pad": _pad,
    **dict.fromkeys(("cat", "concat", "concatenate"), _cat),
    "hstack": _hstack,
    "index_select": _chosen,
    "stack": _stack,
    **dict.fromkeys(("interpolate", "upsample"), _interpolate),
    "pixel_shuffle": _pixel_shuffle,
    "pixel_unshuffle": _pixel_unshuffle,
    "channel_shuffle": _channel_shuffle,
}
"""Rules by the names of PyTorch's functions."""
