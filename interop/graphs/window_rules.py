"""Convolutions, products with a matrix, and poolings (SPEC section 8)."""

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

from .draft import Array, Constant, Image, NoStepError, layer_path
from .equation import Equation
from .parts import CHANNEL, Dims, Part, of_axis, of_channels, parts_of
from .walker import Walker


def _by_constants(given: Sequence[Array]) -> tuple[Image, Constant]:
    if len(given) != 2 or not isinstance(given[0], Image) or not isinstance(given[1], Constant):
        raise NoStepError("the kernel is computed from an image")
    return given[0], given[1]


def _is_learned(walker: Walker, kernel: Constant, equation: Equation) -> bool:
    return kernel.learned and (bool(kernel.path or equation.path) or not walker.has_paths)


def convolution(walker: Walker, equation: Equation, given: Sequence[Array]) -> Sequence[Array]:
    """A convolution, or a transposed one if the image is dilated."""
    image, kernel = _by_constants(given)
    of, image = equation.params, walker.settled(image)
    layout = of["dimension_numbers"]
    (batch, features, *spatial), (_, _, *of_kernel) = layout.lhs_spec, layout.rhs_spec
    (new_batch, new_features, *new_spatial) = layout.out_spec
    if of["batch_group_count"] != 1:
        raise NoStepError("its batch has groups")
    walker.require_batch(image, batch)
    image = walker.require_channels(image, features)
    axes = _axes_of(walker, image, spatial)
    node, made = walker.nodes[image.node], equation.shape
    kernels, shape = [1] * walker.axes, equation.operands[1]
    strides, dilations, factors = ([1] * walker.axes for _ in range(3))
    sides, sizes = [(0, 0)] * walker.axes, list(node.sizes)
    for i, k in enumerate(axes):
        of_axis_k = shape[of_kernel[i]], of["window_strides"][i], of["rhs_dilation"][i], of["lhs_dilation"][i]
        if k is None:
            if (*of_axis_k, *of["padding"][i]) != (1, 1, 1, 1, 0, 0):
                raise NoStepError("it has an axis more than the image")
            continue
        kernels[k], strides[k], dilations[k], factors[k] = of_axis_k
        sides[k], sizes[k] = tuple(of["padding"][i]), made[new_spatial[i]]
    numbers = {"kernel": tuple(kernels), "dilation": tuple(dilations), "groups": of["feature_group_count"]}
    transposed = of.get("transposed", max(factors) > 1)
    if "output_padding" in of:
        numbers["output_padding"] = tuple(_along(walker.axes, axes, of["output_padding"], 0))
    if transposed and max(strides) > 1:
        raise NoStepError("it is dilated and has a stride")
    at = image.node
    if not transposed and any(side < 0 for both in sides for side in both):
        crops = tuple((min(before, 0), min(after, 0)) for before, after in sides)
        cropped = [n + sum(both) for n, both in zip(node.sizes, crops, strict=True)]
        at = walker.add("edges", (at,), cropped, node.channels, fixed={"mode": "zeros"}, sides=crops)
        sides = [(max(before, 0), max(after, 0)) for before, after in sides]
    at = walker.add(
        "conv_transpose" if transposed else "conv",
        (at,),
        sizes,
        made[new_features],
        fixed=numbers if transposed else {**numbers, "learned": _is_learned(walker, kernel, equation)},
        sides=tuple(sides),
        stride=tuple(factors if transposed else strides),
        path=layer_path(kernel.path) or equation.path,
    )
    dims: list[Any] = [()] * len(made)
    dims[new_batch], dims[new_features] = image.dims[batch], of_channels(made[new_features])
    for i, k in enumerate(axes):
        if k is not None:
            dims[new_spatial[i]] = of_axis(k, sizes[k])
    return [Image(at, tuple(dims))]


def _axes_of(walker: Walker, image: Image, spatial: Sequence[int]) -> list[int | None]:
    """The axis of the image behind each spatial axis. An axis of a single position is one that is left."""
    found = [walker.require_axis(image, d) if image.dims[d] else None for d in spatial]
    left = [k for k in range(walker.axes) if k not in found]
    if any(walker.nodes[image.node].sizes[k] != 1 for k in left):
        raise NoStepError("an axis of the image is not among its axes")
    singles = [i for i, k in enumerate(found) if k is None]
    for i, k in zip(singles, left, strict=False):
        found[i] = k
    return found


def _along(count: int, axes: Sequence[int | None], numbers: Sequence[int], other: int) -> list[int]:
    """The numbers of these axes, in the order of the image's axes."""
    found = [other] * count
    for k, number in zip(axes, numbers, strict=True):
        if k is not None:
            found[k] = number
    return found


def product(walker: Walker, equation: Equation, given: Sequence[Array]) -> Sequence[Array]:
    """A product with a matrix over the channels: a convolution with a window of one position."""
    first = isinstance(given[0], Image)
    image, matrix = _by_constants(given if first else given[::-1])
    contracted, batch = equation.params["dimension_numbers"]
    image = walker.settled(image)
    over, along = (of[0 if first else 1] for of in (contracted, batch))
    free = [d for d in range(len(image.dims)) if d not in over and d not in along]
    node = walker.nodes[image.node]
    taken = [part for d in over for part in image.dims[d]]
    if any(part.role != CHANNEL for part in taken):
        what = "positions" if any(part.role[0] == "axis" for part in taken) else "other things than channels"
        raise NoStepError(f"it multiplies {what} by a parameter")
    left = parts_of(tuple(image.dims[d] for d in (*free, *along)), "channel")
    if left or prod(part.size for part in taken) != node.channels:
        raise NoStepError("it takes some channels, and not all")
    theirs = equation.operands[1 if first else 0]
    skipped = {*contracted[1 if first else 0], *batch[1 if first else 0]}
    counts = [size for d, size in enumerate(theirs) if d not in skipped]
    if any(image.dims[d] for d in along):
        raise NoStepError("its parameter has a batch")
    ones = (1,) * walker.axes
    at = walker.add(
        "conv",
        (image.node,),
        node.sizes,
        prod(counts),
        fixed={"kernel": ones, "dilation": ones, "groups": 1, "learned": _is_learned(walker, matrix, equation)},
        sides=((0, 0),) * walker.axes,
        stride=ones,
        path=layer_path(matrix.path) or equation.path,
    )
    channels = tuple(
        (Part(CHANNEL, size, prod(counts[i + 1 :])),) if size != 1 else () for i, size in enumerate(counts)
    )
    before, own = ((),) * len(along), tuple(image.dims[d] for d in free)
    return [Image(at, before + (own + channels if first else channels + own))]


def pooling(kind: str) -> Any:
    """The rule of a pooling; a sum becomes the average that it is divided to."""

    def rule(walker: Walker, equation: Equation, given: Sequence[Array]) -> Sequence[Array]:
        (image,), of = given, equation.params
        assert isinstance(image, Image)
        return [_pooled(walker, walker.settled(image), kind, of, equation.shape, equation.path)]

    return rule


def own_pooling(walker: Walker, equation: Equation, given: Sequence[Array]) -> Sequence[Array]:
    """Max-pooling of this library, over the last two axes."""
    (image,), of = given, equation.params
    assert isinstance(image, Image)
    ones = (1,) * (len(image.dims) - 2)
    windows, strides = (*ones, *(of["kernel"],) * 2), (*ones, *(of["stride"],) * 2)
    numbers = {"window_dimensions": windows, "window_strides": strides, "padding": ((0, 0),) * len(windows)}
    return [_pooled(walker, walker.settled(image), "max_pool", numbers, equation.shape)]


def _pooled(
    walker: Walker, image: Image, kind: str, of: Any, made: Sequence[int], path: tuple[str | int, ...] = ()
) -> Image:
    node = walker.nodes[image.node]
    windows, strides, dilations = ([1] * walker.axes for _ in range(3))
    sides, sizes, dims = [(0, 0)] * walker.axes, list(node.sizes), list(image.dims)
    rank = len(dims)
    of_each = zip(
        of["window_dimensions"],
        of["window_strides"],
        of.get("window_dilation") or (1,) * rank,
        of.get("base_dilation") or (1,) * rank,
        map(tuple, of["padding"]),
        strict=True,
    )
    for d, (window, stride, dilation, base, padding) in enumerate(of_each):
        if (window, padding) == (1, (0, 0)) and (stride == 1 or not dims[d]):
            continue
        if base != 1:
            raise NoStepError("its image is dilated")
        if not dims[d]:
            raise NoStepError("it pools a single position")
        if any(part.role == CHANNEL for part in dims[d]):
            raise NoStepError("it pools channels")
        k = walker.require_axis(image, d)
        windows[k], strides[k], dilations[k], sides[k] = window, stride, dilation, padding
        sizes[k], dims[d] = made[d], of_axis(k, made[d])
    fixed = {"dilation": tuple(dilations)} | ({"ceil_mode": True} if of.get("ceil_mode") else {})
    fixed |= {} if of.get("count_include_pad", True) else {"count_include_pad": False}
    at = walker.add(
        kind,
        (image.node,),
        sizes,
        node.channels,
        fixed=fixed,
        path=path,
        sides=tuple(sides),
        window=tuple(windows),
        stride=tuple(strides),
    )
    return Image(at, tuple(dims))


def reduction(kind: str) -> Any:
    """The rule of a sum or maximum: over blocks of positions it is a pooling, otherwise a statistic of the image."""

    def rule(walker: Walker, equation: Equation, given: Sequence[Array]) -> Sequence[Array]:
        image, axes = given[0], equation.params["axes"]
        assert isinstance(image, Image)
        if len([of for of in given if isinstance(of, Image)]) != 1:
            raise NoStepError("it reduces several images together")
        if walker.has_norm(image) or walker.is_complete(image) or walker.is_a_mean(image):
            image = walker.whole(image)
        image = walker.arranged(image)
        removed = parts_of(tuple(image.dims[d] for d in axes), "axis")
        if any(not walker.is_axis(image, part) for part in removed):
            return [_pooled_blocks(walker, image, kind, axes)]
        return [_statistic(walker, image, kind, axes)]

    return rule


def _without(dims: Dims, axes: Sequence[int]) -> Dims:
    return tuple(parts for d, parts in enumerate(dims) if d not in axes)


def _pooled_blocks(walker: Walker, image: Image, kind: str, axes: Sequence[int]) -> Image:
    image = walker.whole(image)
    node = walker.nodes[image.node]
    block, sizes = [1] * walker.axes, list(node.sizes)
    for part in (part for d in axes for part in image.dims[d]):
        if part.role[0] != "axis" or part.stride != 1 or walker.is_axis(image, part):
            raise NoStepError("it reduces something else than blocks of positions")
        k = int(part.role[1])
        block[k], sizes[k] = part.size, sizes[k] // part.size
    dims = tuple(
        tuple(
            Part(part.role, part.size, part.stride // block[int(part.role[1])]) if part.role[0] == "axis" else part
            for part in parts
        )
        for parts in _without(image.dims, axes)
    )
    at = walker.add("require", (image.node,), node.sizes, node.channels, fixed={"multiple": tuple(block)})
    at = walker.add(
        "max_pool" if kind == "max" else "avg_pool",
        (at,),
        sizes,
        node.channels,
        fixed={"dilation": (1,) * walker.axes},
        sides=((0, 0),) * walker.axes,
        window=tuple(block),
        stride=tuple(block),
    )
    return Image(at, dims)


def _statistic(walker: Walker, image: Image, kind: str, axes: Sequence[int]) -> Image:
    left = _without(image.dims, axes)
    removed = [part for d in axes for part in image.dims[d] if part.role[0] != "repeat"]
    if not removed:
        return Image(image.node, left, image.pending)
    channels = [part.size for part in parts_of(left, "channel")]
    of_axis = any(part.role[0] == "axis" for part in removed)
    single = set(walker.nodes[image.node].sizes) == {1}
    if single and any(part.role[0] == "batch" for part in removed):
        name, groups = "batch", 1
    elif single and channels:
        name, groups = "group", channels[0]
    elif not of_axis:
        name, groups = "layer", channels[0] if channels else 1
    elif parts_of(left, "axis"):
        name, groups = "some", 2
    elif any(part.role[0] == "batch" for part in removed):
        name, groups = "batch", 1
    elif any(part.role == CHANNEL for part in removed):
        name, groups = "group", channels[0] if channels else 1
    else:
        name, groups = "instance", 1
    statistics = image.pending.statistics | {(name, groups, kind)}
    return Image(image.node, left, replace(image.pending, number=walker.fresh().number, statistics=statistics))
