"""Random U-Nets of one to three axes that can be tiled, with the sizes of an image and its tiles, and their values."""

from dataclasses import dataclass
from math import prod

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from hypothesis import assume
from hypothesis import strategies as st

from wellshaped.models import TypedNetwork
from wellshaped.spec import WellshapedError, receptive_field, tiles
from wellshaped.spec.answers.tilings import least_tile
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
    DepthToSpace,
    MaxPool,
    Network,
    Node,
    Pad,
    PadTo,
    Resize,
    Scale,
    SpaceToDepth,
    sizes_that_fit,
)

CHANNELS = 2
MOST_POSITIONS = {1: 1_200, 2: 220**2, 3: 56**3}
"""Of an image, by the number of axes."""


@dataclass
class _Building:
    """A network under construction: every node that others read has :data:`CHANNELS`."""

    draw: st.DrawFn
    axes: int
    dilated: bool
    modes: tuple[str, ...]

    def __post_init__(self):
        self.nodes, self.now = [], "x"
        self.fractions = self.dilated  # a linear resize and an average have them; one is enough for exact sums

    def add(self, operation, *inputs):
        self.now = f"n{len(self.nodes)}"
        self.nodes.append(Node(self.now, operation, inputs))
        return self.now

    def each(self, values):
        """A value for each axis."""
        return tuple(self.draw(st.sampled_from(values)) for _ in range(self.axes))

    def sides(self, values):
        """A pair, before and after, for each axis."""
        return tuple(zip(self.each(values), self.each(values), strict=True))

    def once(self):
        """Whether fractions may arise here: once in a network."""
        first, self.fractions = not self.fractions, True
        return first


def _kept(of, name):
    """A step that changes a size by a constant, or not at all."""
    kinds = ["conv", "conv", "conv", "crop", "pad", "pool", "transposed", "average", "relu", "scale"]
    kind = of.draw(st.sampled_from(kinds))
    if kind == "crop":
        return of.add(Crop(of.sides((0, 0, 1, 2))), name)
    if kind == "pad":
        mode = of.draw(st.sampled_from(of.modes))
        return of.add(Pad(of.sides((0, 1, 2)), mode=mode), name)
    if kind == "pool":
        kernel = of.each((1, 2, 3))
        return of.add(MaxPool(kernel, 1, padding=tuple((k // 2, k // 2) for k in kernel)), name)
    if kind == "transposed":
        return of.add(ConvTranspose(of.each((1, 2, 3)), 1, padding=of.sides((0, 1, 2))), name)
    if kind == "average" and of.once():
        return of.add(AvgPool(of.each((1, 2)), 1), name)
    if kind == "relu":
        return of.add(Activation("relu"), name)
    if kind == "scale":
        return of.add(Scale(), name)
    dilation = of.each((1, 2)) if of.dilated else 1
    return of.add(Conv(of.each((1, 2, 3, 4)), padding=of.sides((0, 1, 2)), dilation=dilation, channels=CHANNELS), name)


def _down(of, name, strides):
    kind = of.draw(st.sampled_from(["max", "max", "wide max", "ceil", "conv", "SAME", "depth", "average"]))
    if kind == "wide max":
        return of.add(MaxPool(tuple(s + 1 for s in strides), strides, padding=tuple(int(s > 1) for s in strides)), name)
    if kind == "ceil":
        return of.add(MaxPool(strides, ceil_mode=True), name)
    if kind == "conv":
        kernel = tuple(s + of.draw(st.integers(0, 2)) for s in strides)
        return of.add(Conv(kernel, strides, padding=of.sides((0, 1)), channels=CHANNELS), name)
    if kind == "SAME":
        return of.add(Conv(tuple(s + 1 for s in strides), strides, padding="SAME", channels=CHANNELS), name)
    if kind == "depth":
        return of.add(Conv(1, channels=CHANNELS), of.add(SpaceToDepth(strides), name))
    if kind == "average" and 3 not in strides and of.once():
        return of.add(AvgPool(strides), name)
    return of.add(MaxPool(strides), name)


def _up(of, name, strides):
    kind = of.draw(st.sampled_from(["exact", "wide", "wide", "nearest", "linear", "space"]))
    if kind == "wide":
        kernel = tuple(s + of.draw(st.integers(0, 2)) for s in strides)
        output = tuple(int(s > 1 and of.draw(st.booleans())) for s in strides)
        return of.add(ConvTranspose(kernel, strides, padding=of.sides((0, 1)), output_padding=output), name)
    if kind == "nearest":
        return of.add(Resize(strides), name)
    if kind == "linear" and 3 not in strides and of.once():
        return of.add(Resize(strides, mode="linear"), name)
    if kind == "space":
        return of.add(DepthToSpace(strides), of.add(Conv(1, channels=CHANNELS * prod(strides)), name))
    return of.add(ConvTranspose(strides, strides), name)


def _joined(of, skip, now):
    how = of.draw(st.sampled_from(["smallest", "crop the skip", "crop the skip at", "pad"]))
    odd = of.draw(st.sampled_from(["after", "before"]))
    if how == "crop the skip":  # fits where the skip is the larger
        skip = of.add(CropTo(odd=odd), skip, now)
    elif how == "crop the skip at":
        skip = of.add(CropTo(of.draw(st.integers(0, 2))), skip, now)
    elif how == "pad":
        now = of.add(PadTo(where=of.draw(st.sampled_from(["both", "after"]))), now, skip)
        skip, now = of.add(CropTo(odd=odd), skip, now), now
    else:
        both = CropToSmallest(odd=odd)
        skip, now = of.add(both, skip, now), of.add(both, now, skip)
    if of.draw(st.booleans()):
        return of.add(Add(), skip, now)
    return of.add(Conv(1, channels=CHANNELS), of.add(Concat(), skip, now))


@st.composite
def unets(draw, axes=(1, 2, 3), levels=4, dilated=None, modes=("zeros", "mirrored", "replicated")):
    """U-Nets of 1 to ``levels`` levels, with as few steps as allow each kind. Numbers differ between axes.

    ``dilated`` says whether there are dilated convolutions: then a halo is an upper bound. ``None`` draws it.
    ``modes`` are those of paddings of their own.
    """
    axes = draw(st.sampled_from(axes))
    of = _Building(draw, axes, draw(st.booleans()) if dilated is None else dilated, modes)
    depth = draw(st.integers(1, min(levels, {1: 4, 2: 3, 3: 1}[axes])))
    skips, total = [], [1] * axes
    for _ in range(depth):
        for _ in range(draw(st.integers(0, 2))):
            _kept(of, of.now)
        strides = of.each((1, 2, 2, 3) if max(total) < 4 else (1, 2))
        total = [s * t for s, t in zip(strides, total, strict=True)]
        skips.append((of.now, strides))
        _down(of, of.now, strides)
    _kept(of, of.now)
    for skip, strides in reversed(skips):
        now = _up(of, of.now, strides)
        if draw(st.integers(0, 3)):
            now = _joined(of, skip, now)
        _kept(of, now)
    return Network({"x": CHANNELS}, of.nodes, axes=axes)


@st.composite
def images_in_tiles(draw, **kinds):
    """A network, the sizes of an image that fits it, and tiles with more than one along some axis."""
    network = draw(unets(**kinds))
    fitting = [sizes_that_fit(network, axis) for axis in range(network.axes)]
    assume(all(fitting))
    try:
        field = receptive_field(network)
    except WellshapedError:  # no sizes, or too many classes of them
        assume(False)
    assume(not field.unbounded)
    sizes = []
    for axis, of_axis in enumerate(fitting):
        reach, stride = sum(field.aligned[axis]), field.strides[axis]
        n = of_axis.above(2 * reach + 4 * stride + draw(st.integers(0, 3 * stride)))
        assume(n is not None)
        sizes.append(n)
    assume(prod(sizes) <= MOST_POSITIONS[network.axes])
    least = least_tile(network, sizes)
    assume(least != tuple(sizes))
    tile = tuple(draw(st.integers(low, max(low, n - 1))) for low, n in zip(least, sizes, strict=True))
    return network, tuple(sizes), tiles(network, tuple(sizes), tile)


# Values.


def with_values(network, drawn):
    """The network as a model, whose parameters are ``drawn(name, shape)``."""
    model = TypedNetwork(network, param_dtype=jax.dtypes.canonicalize_dtype(np.float64), rngs=nnx.Rngs(0))
    definition, state = nnx.split(model)
    state = jax.tree_util.tree_map_with_path(
        lambda path, leaf: jnp.asarray(drawn(str(path[-2].key), leaf.shape), leaf.dtype), state
    )
    return nnx.merge(definition, state)


def whole_numbers(seed):
    """Few ones among zeros: sums stay small. The first and the last position of a kernel are read, so none is idle."""
    rng = np.random.default_rng(seed)

    def drawn(name, shape):
        if name != "kernel":
            return rng.integers(1, 3, shape)
        values = (rng.random(shape) < 0.25 / prod(shape[1:])).astype(int)
        for corner in (0, -1):
            values[..., *(corner,) * (len(shape) - 2)] |= _one_of_each(rng, *shape[:2])
        return values

    return drawn


def _one_of_each(rng, rows, columns):
    """Zeros and ones: at least one in each row and each column, and no more than are needed."""
    ones = np.zeros((rows, columns), int)
    ones[rng.permutation(max(rows, columns)) % rows, rng.permutation(max(rows, columns)) % columns] = 1
    return ones


def normal_numbers(seed):
    rng = np.random.default_rng(seed)
    return lambda name, shape: rng.normal(size=shape) / np.sqrt(max(prod(shape[1:]), 1))


def positive_numbers(seed):
    rng = np.random.default_rng(seed)
    return lambda name, shape: rng.integers(1, 3, shape) if name != "bias" else np.zeros(shape)
