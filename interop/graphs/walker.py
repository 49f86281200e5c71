"""Reading the operations that a framework recorded at one size, one after the other, as nodes.

Rules for each operation are in :mod:`.window_rules`, :mod:`.layout_rules` and :mod:`.value_rules`. They work on
arrays as :class:`.draft.Image` values, and add nodes to the :class:`Walker`.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from ...spec.network.values import OF_CHANNELS
from .draft import Array, Constant, DraftNode, Image, IsBatchError, NoStepError, NotOpenError, Pending, Unread
from .parts import CHANNEL, REPEAT, Part, merged, of_axis, of_channels, parts_of, placed, size_of
from .pending import IN_TRAINING, ROOTS, activation_of, in_evaluation, norm_of


class Walker:
    """The nodes of one network at one size."""

    def __init__(self, axes: int) -> None:
        self.axes = axes
        self.nodes: list[DraftNode] = []
        self.failures: list[str] = []
        self.running: frozenset[tuple[str | int, ...]] = frozenset()  # the layers with running statistics
        self.has_paths = False
        """Whether the paths of the parameters are known. An array without one is then no parameter."""
        self._numbers = count(1)
        self._settled: dict[Any, Image] = {}
        self._biases: dict[int, Any] = {}  # the paths of the biases, by convolution
        self._parts: dict[tuple[str | int, ...], dict[Any, int]] = {}

    def part_of(self, path: tuple[str | int, ...], key: Any, known: bool) -> tuple[str | int, ...]:
        """The path of a part of a parameter, as a layer of its own. Equal keys are the same part if they are ``known``.

        An array of indices whose values are not known makes the part another one each time.
        """
        key = key if known else (key, next(self._numbers))
        numbers = self._parts.setdefault(path, {})
        return (*(of for of in path if of != ""), numbers.setdefault(key, len(numbers)), "kernel")

    def add(self, kind: str, inputs: tuple[int, ...], sizes: Sequence[int], channels: int, **more: Any) -> int:
        """Add a node and return its number."""
        for name in ("sides", "window", "stride"):  # NumPy's integers are not naturals
            if name in more:
                more[name] = tuple(tuple(map(int, n)) if isinstance(n, tuple) else int(n) for n in more[name])
        self.nodes.append(DraftNode(kind, inputs, tuple(map(int, sizes)), int(channels), **more))
        return len(self.nodes) - 1

    def once(self, key: tuple[Any, ...], *of: Any, **more: Any) -> int:
        """The node that was added for this key, which begins with the node's kind, or a new one."""
        if key not in self._settled:
            self._settled[key] = Image(self.add(key[0], *of, **more), ())
        return self._settled[key].node

    def biased(self, at: int, vector: Constant) -> int:
        """The convolution ``at`` with this vector as its bias. Other nodes may read it without."""
        made = self._copied(("biased", at, vector.path), bias=True)
        self._biases[made] = vector.path
        return made

    def take_bias(self, at: int, bias: Any) -> None:
        """Let the convolution ``at`` have its own bias, a tensor or ``None``."""
        self.nodes[at].bias = bias is not None
        self._biases[at] = getattr(getattr(bias, "array", None), "path", ())

    def counted_inside(self, at: int) -> int:
        """The average pooling ``at``, where the padding does not count."""
        return self._copied(("inside", at), fixed={**self.nodes[at].fixed, "count_include_pad": False})

    def _copied(self, key: tuple[Any, ...], **fields: Any) -> int:
        """The node whose number is in the key, with other fields, as a node of its own. It is added once for a key."""
        if key not in self._settled:
            self.nodes.append(replace(self.nodes[key[1]], **fields))
            self._settled[key] = Image(len(self.nodes) - 1, ())
        return self._settled[key].node

    def _used(self, outputs: Sequence[int]) -> set[int]:
        """The nodes on the way to ``outputs``."""
        used, left = set[int](), [*outputs]
        while left:
            at = left.pop()
            if at not in used:
                used.add(at)
                left += self.nodes[at].inputs
        return used

    def shares_only_a_kernel(self, outputs: Sequence[int]) -> bool:
        """Whether two layers share a kernel, but have different biases or kinds."""
        layers: dict[Any, set[Any]] = {}
        for at in self._used(outputs):
            node = self.nodes[at]
            if node.path and node.kind in ("conv", "conv_transpose") and node.fixed.get("learned", True):
                layers.setdefault(node.path, set()).add((node.kind, self._biases.get(at, ())))
        return any(len(of) > 1 for of in layers.values())

    def has_two_biases(self, outputs: Sequence[int]) -> bool:
        """Whether a convolution is read with different biases, or with one and without, on the way to ``outputs``."""
        used = self._used(outputs)
        biased = [(key[1], image.node) for key, image in self._settled.items() if key[0] == "biased"]
        ways = {at: {at, *(node for of, node in biased if of == at)} for at, _ in biased}
        return any(len(nodes & used) > 1 for nodes in ways.values())

    def applied(
        self, name: str, given: Sequence[Array], outs: int, rule: Callable[[], Sequence[Array]], line: Callable[[], str]
    ) -> Sequence[Array]:
        """What an operation computes by its rule. If no node describes it, ``failures`` has its name and its line."""
        if any(isinstance(of, Unread) for of in given):
            return [Unread()] * outs
        try:
            return rule()
        except NoStepError as why:
            about, at = str(why), line()
            self.failures.append(f"{name}{f' ({about})' if about else ''}{f' at {at}' if at else ''}")
            return [Unread()] * outs

    def shape(self, image: Image) -> tuple[int, ...]:
        """The shape of the array."""
        return tuple(size_of(parts) for parts in image.dims)

    def fresh(self, **of: Any) -> Pending:
        """Something pending, with a number of its own."""
        return Pending(next(self._numbers), **of)

    def lacks(self, image: Image) -> tuple[bool, bool]:
        """Whether the array lacks positions, and whether it lacks channels, that its node has."""
        node = self.nodes[image.node]
        there = {part.role[1] for part in parts_of(image.dims, "axis")}
        axes = any(size != 1 and k not in there for k, size in enumerate(node.sizes))
        return axes, size_of(parts_of(image.dims, "channel")) != node.channels

    def normed(self, image: Image) -> Image:
        """The image, with a pending norm as a node."""
        return self.whole(image) if image.pending.statistics or in_evaluation(image.pending) else image

    def has_norm(self, image: Image) -> bool:
        """Whether a norm is pending that is complete: what follows is not part of it."""
        of = image.pending
        divided = bool(of.statistics and of.ops & ROOTS)
        return (divided or in_evaluation(of)) and not self.is_reduced(image)

    def is_reduced(self, image: Image) -> bool:
        """Whether the array has a statistic of the image in the place of its values."""
        of_batch = any(kind == "batch" for kind, *_ in image.pending.statistics)
        return any(self.lacks(image)) or (of_batch and not parts_of(image.dims, "batch"))

    def is_a_mean(self, image: Image) -> bool:
        """Whether the array has one number for each channel: its mean over the positions."""
        without_axes, without_channels = self.lacks(image)
        return without_axes and not without_channels and not parts_of(image.dims, "axis")

    def has_activation(self, image: Image, kinds: Collection[str] = ()) -> bool:
        """Whether an activation, of one of these kinds, is pending that is complete."""
        of = image.pending
        found = None if norm_of(of) or any(self.lacks(image)) else activation_of(of)
        if found is None or (of.statistics and found["kind"] != "softmax"):
            return False
        return not kinds or found["kind"] in kinds

    def is_complete(self, image: Image) -> bool:
        """Whether an activation or a scale is pending: a reduction, or another activation, is not part of it."""
        return self.has_activation(image) or self.is_scaled(image)

    def is_scaled(self, image: Image) -> bool:
        """Whether there is a learned factor for each channel, and nothing else that was learned."""
        of = image.pending
        return of.ops == of.vectors == {"mul"} and bool(of.path)

    def ends_before(self, image: Image, name: str, of_channels: bool) -> bool:
        """Whether what is pending is complete before an operation of this name on a number, or one for each channel."""
        of = image.pending
        if self.has_activation(image):
            return True
        if not of_channels:
            return self.has_norm(image) or self.is_scaled(image)
        if name == "sub":
            return self.has_norm(image) or self.is_scaled(image) or self.is_a_mean(image)
        return name == "mul" and ("add" in of.vectors or self.is_scaled(image))

    def whole(self, image: Image) -> Image:
        """The image, with everything that is pending as nodes: a norm, an activation, a mean."""
        without_axes, without_channels = self.lacks(image)
        if not (image.pending.number or without_axes or without_channels):
            return image
        key = (image.node, image.pending, without_axes, without_channels)
        if key not in self._settled:
            at = self._reduced(image) if without_axes or without_channels else self._finished(image)
            self._settled[key] = replace(image, node=at, pending=Pending())
        return replace(image, node=self._settled[key].node, pending=Pending())

    def as_known(self, image: Image) -> Image:
        """The image, with what is pending as a node if it already is one."""
        known = self._settled.get((image.node, image.pending, *self.lacks(image)))
        return image if known is None else replace(image, node=known.node, pending=Pending())

    def _reduced(self, image: Image) -> int:
        without_axes, without_channels = self.lacks(image)
        at = image.node
        if without_axes:
            if parts_of(image.dims, "axis"):
                raise NoStepError("it reduces some axes, and not all")
            at = self._mean(at, image.pending)
        if without_channels:
            if parts_of(image.dims, "channel"):
                raise NoStepError("it reduces some channels, and not all")
            at = self.combined(at, 1)
        return at

    def combined(self, at: int, channels: int) -> int:
        """Each channel as a fixed combination of the channels of a node."""
        ones = (1,) * self.axes
        fixed = {"kernel": ones, "dilation": ones, "groups": 1, "learned": False}
        of = (at,), self.nodes[at].sizes, channels
        return self.once(("conv", at, channels), *of, fixed=fixed, sides=((0, 0),) * self.axes, stride=ones)

    def _mean(self, at: int, of: Pending) -> int:
        """The mean of a node over its positions. The maximum, and what has a root, are nodes of their own."""
        how = "root" if of.ops & ROOTS else "max" if any(how == "max" for *_, how in of.statistics) else "sum"
        return self.once(("mean", at, how), (at,), (1,) * self.axes, self.nodes[at].channels)

    def _finished(self, image: Image) -> int:
        node, of = self.nodes[image.node], image.pending
        kinds = {kind if groups <= 1 or kind == "group" else "some" for kind, groups, _ in of.statistics}
        if "some" in kinds or ("exp" in of.ops and kinds - {"layer"}):
            raise NoStepError("it has a sum or maximum over some axes or channels, and not all")
        if kinds and of.ops.isdisjoint(ROOTS | {"exp"}):
            if kinds != {"instance"}:
                raise NoStepError("a mean of channels is joined with them")
            return self._with_its_mean(image)
        fixed = norm_of(of) or activation_of(of)
        if fixed is not None:
            kind = "norm" if "groups" in fixed else "activation"
            path = of.path if kind == "norm" or fixed["kind"] in ("prelu", *OF_CHANNELS) else ()
            is_in_training = fixed["kind"] == "batch" or (fixed["kind"] == "instance" and path in self.running)
            if kind == "norm" and is_in_training and of.statistics:
                raise NoStepError(IN_TRAINING)
            return self.add(kind, (image.node,), node.sizes, node.channels, fixed=fixed, path=path)
        if "mul" in of.vectors and of.path:
            return self.add("scale", (image.node,), node.sizes, node.channels, path=of.path)
        return image.node

    def _with_its_mean(self, image: Image) -> int:
        """A sum or product of a node and its mean over the positions, which is no norm: it has no root."""
        node, of = self.nodes[image.node], image.pending
        of_ends = any(how == "max" for *_, how in of.statistics) and of.ops & {"div", "mul"}
        if of.vectors or ("sub" in of.ops and (of_ends or len(of.statistics) > 1)):
            raise NoStepError("means are subtracted, and what follows is not a norm")
        kind = "multiply" if "sub" not in of.ops and of.ops & {"div", "mul"} else "add"
        joined = {"broadcast": "positions"}
        return self.add(kind, (image.node, self._mean(image.node, of)), node.sizes, node.channels, fixed=joined)

    def activated(self, image: Image, kind: str, slope: float | None = None, path: tuple[str | int, ...] = ()) -> Image:
        """The image after an activation. The same one is a node once."""
        image = self.arranged(self.whole(image))
        node, fixed = self.nodes[image.node], {"kind": kind, "slope": slope}
        key = ("activation", kind, slope, image.node, path)
        return replace(image, node=self.once(key, (image.node,), node.sizes, node.channels, fixed=fixed, path=path))

    def settled(self, image: Image) -> Image:
        """The image with all positions of an axis, or all channels, in one axis of the array, where that is possible.

        Repeated positions become a resize, channels beside positions depth to space, and positions among the channels
        space to depth.
        """
        image = self.whole(image)
        image = replace(image, dims=tuple(map(merged, image.dims)))
        image = self._channels_in_order(image)
        for change in (self._repeated_channels, self.repeated, self._to_space, self._to_depth):
            image = change(image)
        return image

    def require_settled(self, image: Image) -> Image:
        """The image, settled. Raise if an axis of the array has something else than an axis of the image has.

        All may be in one axis: then the array was flattened.
        """
        image = self.settled(image)
        node = self.nodes[image.node]
        own = [part for parts in image.dims for part in parts if part.role[0] != "batch"]
        if not all(self.is_axis(image, part) or part == Part(CHANNEL, node.channels) for part in own):
            raise NoStepError("it repeats positions or channels, or mixes them")
        if len(own) > 1 and len([d for d in image.dims if any(part in own for part in d)]) not in (1, len(own)):
            raise NoStepError("positions and something else are in one axis")
        order = [part.role[1] for part in own if self.is_axis(image, part)]
        if order != sorted(order):
            raise NoStepError("its axes are in another order than the image's")
        return image

    def arranged(self, image: Image) -> Image:
        """The image as an operation on values reads it.

        Repeated positions are a resize, repeated channels a fixed combination, and blocks depth to space.
        """
        if any({part.role for part in parts} == {CHANNEL, REPEAT} for parts in image.dims):
            image = self._repeated_channels(self.whole(image)) if not any(self.lacks(image)) else image
        if any({"axis", "repeat"} <= {part.role[0] for part in parts} for parts in image.dims):
            image = self.repeated(self.whole(image))
        return self.unmixed(image)

    def unmixed(self, image: Image) -> Image:
        """The image with positions beside channels as depth to space, or the reverse."""
        if any({part.role[0] for part in parts} == {"axis", "channel"} for parts in image.dims):
            image = self._to_depth(self._to_space(self.whole(image)))
        return image

    def _channels_in_order(self, image: Image) -> Image:
        """A permutation of channels is not important for sizes."""
        channels = self.nodes[image.node].channels
        dims = tuple(
            of_channels(channels)
            if len(parts) > 1 and all(part.role == CHANNEL for part in parts) and size_of(parts) == channels
            else parts
            for parts in image.dims
        )
        return replace(image, dims=dims)

    def _repeated_channels(self, image: Image) -> Image:
        """Channels that are repeated are a fixed combination of the channels."""
        channels = self.nodes[image.node].channels
        for d, parts in enumerate(image.dims):
            if {part.role for part in parts} == {CHANNEL, REPEAT} and size_of(
                parts_of((parts,), "channel")
            ) == channels:
                dims = placed(image.dims, d, of_channels(size_of(parts)))
                return Image(self.combined(image.node, size_of(parts)), dims)
        return image

    def chosen(self, image: Image, d: int, count: int) -> Image:
        """The image with ``count`` of its channels, in any order, in the axis ``d`` of the array."""
        image = self.require_channels(self.settled(image), d)
        dims = placed(image.dims, d, of_channels(count))
        return Image(self.combined(image.node, count), dims)

    def is_axis(self, image: Image, part: Part) -> bool:
        """Whether a part is a whole spatial axis of the image's node."""
        return part.role[0] == "axis" and part.size == self.nodes[image.node].sizes[int(part.role[1])]

    def repeated(self, image: Image) -> Image:
        """The image with its repeated positions as a nearest resize."""
        dims, node = list(image.dims), self.nodes[image.node]
        sizes = list(node.sizes)
        for d, parts in enumerate(dims):
            if len(parts) > 1 and self.is_axis(image, parts[0]) and parts[1].role == REPEAT:
                k = int(parts[0].role[1])
                sizes[k] *= parts[1].size
                dims[d] = (*of_axis(k, sizes[k]), *parts[2:])
        if tuple(sizes) == node.sizes:
            return image
        key = ("resize", image.node, tuple(sizes))
        at = self.once(key, (image.node,), sizes, node.channels, fixed={"mode": "nearest"})
        return Image(at, tuple(dims))

    def _to_space(self, image: Image) -> Image:
        dims, node = list(image.dims), self.nodes[image.node]
        block, sizes = [1] * self.axes, list(node.sizes)
        for d, parts in enumerate(dims):
            if len(parts) == 2 and self.is_axis(image, parts[0]) and parts[1].role == CHANNEL:
                k = int(parts[0].role[1])
                block[k] = parts[1].size
                sizes[k] *= block[k]
                dims[d] = of_axis(k, sizes[k])
        if tuple(sizes) == node.sizes:
            return image
        left = [d for d, parts in enumerate(dims) if any(part.role == CHANNEL for part in parts)]
        channels = node.channels
        for of in block:
            channels //= of
        if len(left) > 1 or (left and (len(dims[left[0]]) > 1 or size_of(dims[left[0]]) != channels)):
            return image
        for d in left:
            dims[d] = of_channels(channels)
        key = ("depth_to_space", image.node, tuple(block))
        at = self.once(key, (image.node,), sizes, channels, fixed={"block": tuple(block)})
        return Image(at, tuple(dims))

    def _to_depth(self, image: Image) -> Image:
        dims, node = list(image.dims), self.nodes[image.node]
        block, sizes = [1] * self.axes, list(node.sizes)
        outer = {}
        for d, parts in enumerate(dims):
            if len(parts) == 1 and parts[0].role[0] == "axis" and parts[0].stride > 1:
                k = int(parts[0].role[1])
                if parts[0].size * parts[0].stride == node.sizes[k]:
                    outer[d], block[k], sizes[k] = k, parts[0].stride, parts[0].size
        inner = [
            d
            for d, parts in enumerate(dims)
            if d not in outer and any(part.role[0] == "axis" and block[int(part.role[1])] > 1 for part in parts)
        ]
        if not outer or len(inner) != 1:
            return image
        channels = node.channels
        for of in block:
            channels *= of
        allowed = all(part.role == CHANNEL or part.role[0] == "axis" for part in dims[inner[0]])
        if not allowed or size_of(dims[inner[0]]) != channels:
            return image
        for d, k in outer.items():
            dims[d] = of_axis(k, sizes[k])
        dims[inner[0]] = of_channels(channels)
        key = ("space_to_depth", image.node, tuple(block))
        at = self.once(key, (image.node,), sizes, channels, fixed={"block": tuple(block)})
        return Image(at, tuple(dims))

    def axis_in(self, image: Image, d: int) -> int | None:
        """The axis of the image whose positions, all of them, are the axis ``d`` of the array."""
        parts = image.dims[d]
        return int(parts[0].role[1]) if len(parts) == 1 and self.is_axis(image, parts[0]) else None

    def require_batch(self, image: Image, d: int) -> None:
        """Raise unless the axis ``d`` of the array is a batch."""
        for part in image.dims[d]:
            if part.role[0] == "axis":
                if len(image.dims[d]) == 1 and self.axes > 1:
                    raise IsBatchError(int(part.role[1]))
                raise NoStepError("positions are in the batch")
            if part.role == CHANNEL:
                raise NoStepError("channels are in the batch")

    def gated(self, image: Image, d: int, path: tuple[str, ...] = ()) -> Image:
        """One half of the channels, which the axis ``d`` of the array has, times the sigmoid of the other half."""
        image = self.require_channels(image, d)
        node = self.nodes[image.node]
        fixed = {"kind": "glu", "slope": None}
        at = self.add("activation", (image.node,), node.sizes, node.channels // 2, fixed=fixed, path=path)
        return Image(at, placed(image.dims, d, of_channels(node.channels // 2)))

    def require_channels(self, image: Image, d: int) -> Image:
        """The image with all its channels in the axis ``d`` of the array. Raise if other things are there."""
        parts, channels = image.dims[d], self.nodes[image.node].channels
        if parts and all(part.role == REPEAT for part in parts) and channels == 1:
            count = size_of(parts)
            dims = placed(image.dims, d, of_channels(count))
            return Image(self.combined(image.node, count), dims)
        if parts != of_channels(channels):
            raise NoStepError("something else than the channels is where they should be")
        return image

    def require_axis(self, image: Image, d: int) -> int:
        """The axis of the image that is the axis ``d`` of the array. Raise if it is something else."""
        k = self.axis_in(image, d)
        if k is not None:
            return k
        parts = image.dims[d]
        if len(parts) == 1 and parts[0].role[0] == "batch":
            raise NotOpenError(parts[0].size)
        raise NoStepError("positions and something else are in one axis")
