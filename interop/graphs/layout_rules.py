"""Operations that move values and compute none: reshapes, transposes, crops, pads, concatenations, resizes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from .draft import Array, Constant, Image, NoStepError, Pending
from .equation import Equation
from .parts import CHANNEL, REPEAT, Part, of_axis, of_channels, placed, reshaped, size_of
from .walker import Walker


def reshape(walker: Walker, equation: Equation, given: Sequence[Array]) -> Sequence[Array]:
    """The same values in another shape."""
    image = given[0]
    assert isinstance(image, Image)
    shape = equation.shape
    dims = reshaped(image.dims, shape)
    if dims is None:
        settled = walker.settled(image)
        dims, image = reshaped(settled.dims, shape), settled
    if dims is None:
        raise NoStepError("it splits an axis unevenly")
    return [replace(image, dims=dims)]


def transpose(walker: Walker, equation: Equation, given: Sequence[Array]) -> Sequence[Array]:
    """The axes in another order."""
    (image,) = given
    assert isinstance(image, Image)
    return [replace(image, dims=tuple(image.dims[d] for d in equation.params["permutation"]))]


def squeeze(walker: Walker, equation: Equation, given: Sequence[Array]) -> Sequence[Array]:
    """Without axes of size 1."""
    (image,) = given
    assert isinstance(image, Image)
    left = tuple(parts for d, parts in enumerate(image.dims) if d not in equation.params["dimensions"])
    return [replace(image, dims=left)]


def broadcast(walker: Walker, equation: Equation, given: Sequence[Array]) -> Sequence[Array]:
    """The values repeated along new axes, and along axes of size 1."""
    image, shape = given[0], equation.shape
    assert isinstance(image, Image)
    image = walker.unmixed(image)
    placed = dict(zip(equation.params["broadcast_dimensions"], image.dims, strict=True))
    dims = tuple(
        placed[d] if d in placed and size_of(placed[d]) == size else (Part(REPEAT, size),) * (size != 1)
        for d, size in enumerate(shape)
    )
    return [replace(image, dims=dims)]


def in_a_row(image: Image, counts: Sequence[int]) -> Image:
    """The image several times in a row along each axis of the array."""
    dims = ((Part(REPEAT, n), *parts) if n != 1 else parts for n, parts in zip(counts, image.dims, strict=True))
    return replace(image, dims=tuple(dims))


def tile(walker: Walker, equation: Equation, given: Sequence[Array]) -> Sequence[Array]:
    """The image several times in a row: ``jnp.tile``."""
    (image,) = given
    assert isinstance(image, Image)
    return [in_a_row(image, equation.params["reps"])]


def gather(walker: Walker, equation: Equation, given: Sequence[Array]) -> Sequence[Array]:
    """Chosen channels: those whose numbers are in a constant array."""
    image, index = given
    layout, sizes = equation.params["dimension_numbers"], equation.params["slice_sizes"]
    if not (isinstance(image, Image) and isinstance(index, Constant) and len(layout.start_index_map) == 1):
        raise NoStepError("its index is an array")
    (d,) = layout.start_index_map
    shape, places = walker.shape(image), [e for e in range(len(equation.shape)) if e not in layout.offset_dims]
    others = [(n, m) for e, (n, m) in enumerate(zip(shape, sizes, strict=True)) if e != d]
    if places != [d] or tuple(layout.collapsed_slice_dims) != (d,) or any(n != m for n, m in others):
        raise NoStepError("its index is an array")
    return [walker.chosen(image, d, equation.shape[d])]


def crop(walker: Walker, equation: Equation, given: Sequence[Array]) -> Sequence[Array]:
    """A slice: a crop of positions, with a stride if it has one, or a slice of channels."""
    image, of = given[0], equation.params
    assert isinstance(image, Image)
    strides = of["strides"] or (1,) * len(image.dims)
    return [sliced(walker, image, of["start_indices"], of["limit_indices"], strides)]


def dynamic_crop(walker: Walker, equation: Equation, given: Sequence[Array]) -> Sequence[Array]:
    """A slice that starts at plain numbers."""
    image, *starts = given
    assert isinstance(image, Image)
    try:
        first = [int(of.value) for of in starts]  # type: ignore[union-attr]  # an image has none
    except (AttributeError, TypeError, ValueError):
        raise NoStepError("where it starts is computed") from None
    sizes, shape = equation.params["slice_sizes"], walker.shape(image)
    first = [min(max(n if n >= 0 else n + a, 0), a - b) for n, a, b in zip(first, shape, sizes, strict=True)]
    return [sliced(walker, image, first, [a + b for a, b in zip(first, sizes, strict=True)], [1] * len(first))]


def split(walker: Walker, equation: Equation, given: Sequence[Array]) -> Sequence[Array]:
    """Several slices along one axis."""
    (image,), axis = given, equation.params["axis"]
    assert isinstance(image, Image)
    shape, results, start = walker.shape(image), [], 0
    for size in equation.params["sizes"]:
        starts = [start if d == axis else 0 for d in range(len(shape))]
        stops = [start + size if d == axis else n for d, n in enumerate(shape)]
        results.append(sliced(walker, image, starts, stops, [1] * len(shape)))
        start += size
    return results


def sliced(walker: Walker, image: Image, starts: Sequence[int], stops: Sequence[int], strides: Sequence[int]) -> Image:
    """The positions or channels from ``starts`` up to, but not including, ``stops`` along each axis of the array."""
    shape = walker.shape(image)
    whole = [(0, n, 1) for n in shape]
    taken = list(zip(starts, stops, strides, strict=True))
    changed = [d for d in range(len(shape)) if taken[d] != whole[d]]
    if not changed:
        return image
    image = _with_plain_axes(walker, image, changed)
    node, dims = walker.nodes[image.node], list(image.dims)
    sides, sizes, steps = [(0, 0)] * walker.axes, list(node.sizes), [1] * walker.axes
    for d in changed:
        start, stop, step = taken[d]
        if all(part.role == REPEAT for part in dims[d]):
            count = -(-(stop - start) // step)
            dims[d] = (Part(REPEAT, count),) * (count != 1)
        elif dims[d][0].role == CHANNEL:
            image = Image(image.node, tuple(dims), image.pending)
            image = _sliced_channels(walker, image, d, start, stop, step)
            dims = list(image.dims)
        else:
            k = walker.require_axis(image, d)
            sides[k], steps[k] = (-start, stop - shape[d]), step
            sizes[k] = stop - start
            dims[d] = of_axis(k, sizes[k])
    at = image.node
    if any(side != (0, 0) for side in sides):
        at = walker.add("edges", (at,), sizes, walker.nodes[at].channels, fixed={"mode": "zeros"}, sides=tuple(sides))
    if max(steps) > 1:
        strided = [-(-n // step) for n, step in zip(sizes, steps, strict=True)]
        at = walker.add("strided", (at,), strided, walker.nodes[at].channels, fixed={"stride": tuple(steps)})
        for d in changed:
            moved = _axis_of(dims[d])
            if moved is not None:
                dims[d] = of_axis(moved, strided[moved])
    return Image(at, tuple(dims), image.pending if at == image.node else Pending())


def _axis_of(parts: Sequence[Part]) -> int | None:
    return int(parts[0].role[1]) if len(parts) == 1 and parts[0].role[0] == "axis" else None


def _with_plain_axes(walker: Walker, image: Image, changed: Sequence[int]) -> Image:
    """The image, whole, with only positions or only channels in the axes that change."""
    if all(part.role == REPEAT for d in changed for part in image.dims[d]):
        return image
    image = walker.whole(image)
    if all(walker.axis_in(image, d) is not None or len(image.dims[d]) == 1 for d in changed):
        return image
    return walker.settled(image)


def _sliced_channels(walker: Walker, image: Image, d: int, start: int, stop: int, step: int) -> Image:
    image = walker.repeated(image)  # the node that was resized stands before the slice
    parts, node = image.dims[d], walker.nodes[image.node]
    if len(parts) != 1 or step != 1 or parts[0].size * parts[0].stride != node.channels:
        raise NoStepError("it takes channels that are not next to each other")
    stride = parts[0].stride
    fixed = {"start": start * stride, "stop": stop * stride}
    at = walker.add("slice", (image.node,), node.sizes, (stop - start) * stride, fixed=fixed)
    left = (Part(CHANNEL, stop - start, stride),) if stop - start != 1 else ()
    return Image(at, placed(image.dims, d, left))


def pad(walker: Walker, equation: Equation, given: Sequence[Array]) -> Sequence[Array]:
    """Zeros, or another number, around the image; negative amounts crop it."""
    image, config = given[0], equation.params["padding_config"]
    if not isinstance(image, Image):
        raise NoStepError("what it pads with is computed from an image")
    if any(inside for _, _, inside in config):
        raise NoStepError("it pads between positions")
    return [padded(walker, image, [(before, after) for before, after, _ in config], "zeros")]


def padded(walker: Walker, image: Image, amounts: Sequence[tuple[int, int]], mode: str) -> Image:
    """The image with these amounts before and after it, along each axis of the array. Negative amounts crop it."""
    changed = [d for d, both in enumerate(amounts) if both != (0, 0)]
    if not changed:
        return image
    image = walker.settled(image)
    node, dims = walker.nodes[image.node], list(image.dims)
    sides, sizes = [(0, 0)] * walker.axes, list(node.sizes)
    for d in changed:
        if any(part.role == CHANNEL for part in dims[d]):
            raise NoStepError("it pads channels")
        if not dims[d]:
            raise NoStepError("it pads an axis of a single position")
        k = walker.require_axis(image, d)
        sides[k] = amounts[d]
        sizes[k] += sum(amounts[d])
        dims[d] = of_axis(k, sizes[k])
    at = walker.add("edges", (image.node,), sizes, node.channels, fixed={"mode": mode}, sides=tuple(sides))
    return Image(at, tuple(dims))


def resized(
    walker: Walker, image: Image, shape: Sequence[int], path: tuple[str | int, ...] = (), **fixed: Any
) -> Image:
    """The image resized to this shape, in the mode that ``fixed`` has."""
    before = walker.shape(image)
    changed = [d for d, size in enumerate(shape) if size != before[d]]
    if not changed:
        return image
    image = walker.settled(image)
    node, dims = walker.nodes[image.node], list(image.dims)
    sizes = list(node.sizes)
    # Axes of a single position, after a mean, are taken in order.
    singles = iter([k for k, size in enumerate(node.sizes) if size == 1])
    for d in changed:
        k = walker.require_axis(image, d) if dims[d] else next(singles, None)
        if k is None:
            raise NoStepError("it resizes an axis that is not of the image")
        sizes[k] = shape[d]
        dims[d] = of_axis(k, shape[d])
    at = walker.add("resize", (image.node,), sizes, node.channels, fixed=fixed, path=path)
    return Image(at, tuple(dims))


def stack(walker: Walker, equation: Equation, given: Sequence[Array]) -> Sequence[Array]:
    """The same image several times along a new axis."""
    images, d = [of for of in given if isinstance(of, Image)], equation.params["axis"]
    if len(images) != len(given) or not all_alike(images):
        raise NoStepError("different images are put on a new axis")
    return [replace(images[0], dims=(*images[0].dims[:d], (Part(REPEAT, len(images)),), *images[0].dims[d:]))]


def _spread(walker: Walker, image: Image, to: Image) -> Image:
    """The image, with a single position that is repeated along axes of another image as a resize to its size."""
    repeated = {
        e: int(theirs[0].role[1])
        for e, (own, theirs) in enumerate(zip(image.dims, to.dims, strict=True))
        if own and all(part.role == REPEAT for part in own) and len(theirs) == 1 and theirs[0].role[0] == "axis"
    }
    node = walker.nodes[image.node]
    if not repeated or any(node.sizes[k] != 1 for k in repeated.values()):
        return image
    sizes = [walker.nodes[to.node].sizes[k] if k in repeated.values() else n for k, n in enumerate(node.sizes)]
    at = walker.add("resize", (image.node,), sizes, node.channels, fixed={"mode": "nearest"})
    return Image(at, tuple(to.dims[e] if e in repeated else parts for e, parts in enumerate(image.dims)))


def concatenate(walker: Walker, equation: Equation, given: Sequence[Array]) -> Sequence[Array]:
    """Images joined on their channels; along an axis, zeros around an image, or an image repeated."""
    d = equation.params["dimension"]
    images = [of for of in given if isinstance(of, Image)]
    if len(images) == len(given) == 1:
        return images
    if len(images) > 1 and len(images) == len(given) and all_alike(images) and not images[0].dims[d]:
        dims = (*images[0].dims[:d], (Part(REPEAT, len(images)),), *images[0].dims[d + 1 :])
        return [replace(images[0], dims=dims)]
    if any(isinstance(of, Constant) for of in given):
        if len(images) != 1 or any(part.role == CHANNEL for part in images[0].dims[d]):
            raise NoStepError("images and constants are joined")
        at = next(i for i, of in enumerate(given) if isinstance(of, Image))
        sizes = [shape[d] for shape in equation.operands]
        amounts = [(0, 0)] * len(images[0].dims)
        amounts[d] = sum(sizes[:at]), sum(sizes[at + 1 :])
        return [padded(walker, images[0], amounts, "zeros")]
    settled = [walker.settled(of) for of in images]
    if any(part.role[0] == "axis" for of in settled for part in of.dims[d]):
        raise NoStepError("images are joined along an axis, not on channels")
    settled = [walker.require_channels(of, d) for of in settled]
    first = max(settled, key=lambda of: walker.nodes[of.node].sizes)
    settled = [_spread(walker, of, first) for of in settled]
    for of in settled:
        if any(of.dims[e] != first.dims[e] for e in range(len(of.dims)) if e != d):
            raise NoStepError("its operands have different axes in one place")
    counts = [walker.nodes[of.node].channels for of in settled]
    joined = tuple(of.node for of in settled)
    at = walker.add("concat", joined, walker.nodes[first.node].sizes, sum(counts))
    return [Image(at, placed(first.dims, d, of_channels(sum(counts))))]


def all_alike(images: Sequence[Image]) -> bool:
    """Whether the images are the same array."""
    return all(of == images[0] for of in images)
