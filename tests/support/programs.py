"""An oracle: networks along one axis as plain programs of steps, and a walk that knows nothing of the library.

A program is a list of tuples, each a step on the size at hand:

- ``("window", kernel, stride, before, after, dilation, rounding)``, ``rounding`` as in PyTorch, or SAME;
- ``("transposed", kernel, stride, before, after, dilation, output_padding)``, ``("resize", factor)``;
- ``("blocks", block)``: space to depth, of a multiple of ``block``;
- ``("save", name)``: remember the size; ``("join", name, how)``: meet it, exactly, or after one of both is cropped
  about its centre (evenly), padded or resized to the other;
- ``("keep",)``: the step before has not changed the size; ``("returns",)``: the size is that of the input.

The walk computes with whole arrays of sizes, by the formulas of SPEC section 2 and PyTorch's pages.
"""

import numpy as np
from hypothesis import strategies as st

from wellshaped.spec import Add, CropTo, Network, Node, PadTo, Require, Resize, ResizeTo, TransposedWindow, Window


def window_sizes(n, kernel, stride, before, after, dilation, rounding):
    """The formula of PyTorch's Conv1d and MaxPool1d pages, and SAME padding as TensorFlow defines it."""
    if 0 in (kernel, stride, dilation):
        return np.zeros_like(n)
    room = n + before + after - dilation * (kernel - 1) - 1
    if rounding == "same":
        return np.ceil(n / stride).astype(int)
    if rounding == "floor":
        return np.where(room >= 0, room // stride + 1, 0)
    size = np.ceil(room / stride).astype(int) + 1
    # "Sliding windows that would start in the right padded region are ignored."
    while np.any(late := (size > 0) & ((size - 1) * stride >= n + before)):
        size = size - late
    return np.maximum(size, 0)


def transposed_sizes(n, kernel, stride, before, after, dilation, output_padding):
    """The formula of PyTorch's ConvTranspose1d page."""
    if 0 in (kernel, stride, dilation):
        return np.zeros_like(n)
    size = (n - 1) * stride - (before + after) + dilation * (kernel - 1) + output_padding + 1
    return np.where(n >= 1, np.maximum(size, 0), 0)


def walk(program, numbers):
    """The sizes before the first step and after each, and which of the ``numbers`` meet everything that is required."""
    sizes, ok, saved, before = [numbers], numbers >= 1, {}, numbers
    for kind, *of_step in program:
        now = sizes[-1]
        if kind == "save":
            saved[of_step[0]] = now
        elif kind == "keep":
            ok = ok & (now == before)
        elif kind == "returns":
            ok = ok & (now == numbers)
        elif kind == "join":
            lost = saved[of_step[0]] - now
            ok = (
                ok
                & {
                    "exact": lost == 0,
                    "crop": lost >= 0,
                    "even crop": (lost >= 0) & (lost % 2 == 0),
                    "pad": lost >= 0,
                    "resize": True,
                }[of_step[1]]
            )
            now = saved[of_step[0]] if of_step[1] in ("pad", "resize") else now
        else:
            before = now
            if kind == "window":
                now = window_sizes(now, *of_step)
            elif kind == "transposed":
                now = transposed_sizes(now, *of_step)
            elif kind == "resize":
                now = now * of_step[0]
            else:
                block = of_step[0]
                ok = ok & (now % block == 0 if block else False)
                now = now // block if block else now * 0
            ok = ok & (now >= 1)
        sizes.append(now)
    return sizes, ok


# The graph of a program.

_TO_THE_OTHER = {  # how a join makes sizes equal, and whether the skip changes
    "crop": (CropTo(), True),
    "even crop": (CropTo(odd="never"), True),
    "pad": (PadTo(), False),
    "resize": (ResizeTo(), False),
}


def graph_and_names(program):
    """The graph of a program, and the name of the node at hand before the first step and after each."""
    nodes, names, saved = [], ["x"], {}
    before = "x"

    def add(name, operation, *inputs):
        nodes.append(Node(name, operation, inputs))
        return name

    for i, (kind, *of_step) in enumerate(program):
        now, name = names[-1], f"step {i}"
        if kind == "save":
            saved[of_step[0]] = name = now
        elif kind in ("keep", "returns"):
            add(name, Require(equal=True), now, before if kind == "keep" else "x")
        elif kind == "join":
            skip, how = saved[of_step[0]], of_step[1]
            if how == "exact":
                add(name, Add(), now, skip)
            else:
                operation, of_skip = _TO_THE_OTHER[how]
                changed = add(f"{name} sized", operation, *((skip, now) if of_skip else (now, skip)))
                add(name, Add(), changed, now if of_skip else skip)
        else:
            before = now
            if kind == "blocks":
                now = add(f"{name} whole", Require(multiple=of_step[0]), now)
            add(name, operation_of(kind, *of_step), now)
        names.append(name)
    return Network({"x": 1}, nodes, names[-1], axes=1), names


def operation_of(kind, *numbers):
    """The operation of a step that changes the size."""
    if kind in ("window", "transposed"):
        kernel, stride, before, after, dilation, last = numbers
        more = {"padding": ((before, after),), "dilation": dilation}
        if kind == "window":
            return Window(kernel, stride, rounding=last, **more)
        return TransposedWindow(kernel, stride, output_padding=last, **more)
    return Resize(*numbers) if kind == "resize" else Window(*numbers, *numbers)


def graph(program):
    return graph_and_names(program)[0]


# What is drawn.

_small, _few = st.integers(0, 3), st.integers(1, 5)
_strides, _dilations = st.sampled_from([1, 2, 2, 3]), st.sampled_from([1, 1, 2])
_roundings = st.sampled_from(["floor", "floor", "ceil", "same"])
windows = st.tuples(st.just("window"), _few, _strides, _small, _small, _dilations, _roundings)
transposed = st.tuples(st.just("transposed"), _few, _strides, _small, _small, _dilations, _small)
sized = st.one_of(
    windows,
    transposed,
    st.tuples(st.just("resize"), st.integers(1, 3)),
    st.tuples(st.just("blocks"), st.integers(2, 3)),
)
_HOWS = ("exact", "exact", "exact", "crop", "even crop", "pad")
_hows = st.sampled_from([*_HOWS, "resize"])


def window(kernel, stride=1, before=0, after=0, dilation=1, rounding="floor"):
    return ("window", kernel, stride, before, after, dilation, rounding)


def transposed_window(kernel, stride=1, before=0, after=0, dilation=1, output_padding=0):
    return ("transposed", kernel, stride, before, after, dilation, output_padding)


_PAIRS = [  # a step down, and a step up that undoes it for every multiple of the stride
    (window(2, 2), transposed_window(2, 2)),
    (window(2, 2), ("resize", 2)),
    (window(2, 2, rounding="ceil"), ("resize", 2)),
    (window(3, 2, 1, 1), transposed_window(3, 2, 1, 1, output_padding=1)),
    (window(3, 2, 1, 1), ("resize", 2)),
    (window(3, 2, rounding="same"), transposed_window(4, 2, 1, 1)),
    (window(3, 3), ("resize", 3)),
    (("blocks", 2), ("resize", 2)),
]
_kept = st.sampled_from([(), (window(3, 1, 1, 1), ("keep",)), (window(3, rounding="same"), ("keep",))])


@st.composite
def programs(draw, max_steps=10):
    """Steps in any order: a join with any skip before it, or with none of them."""
    steps, names = [], []
    for i in range(draw(st.integers(0, max_steps))):
        kind = draw(st.sampled_from(["sized", "sized", "save", *(["join", "join"] if names else [])]))
        if kind == "sized":
            steps += [draw(sized), *([("keep",)] if draw(st.integers(0, 4)) == 4 else [])]
        elif kind == "save":
            names.append(f"skip{i}")
            steps.append(("save", names[-1]))
        else:
            steps.append(("join", draw(st.sampled_from(names)), draw(_hows)))
    return [*steps, *([("returns",)] if draw(st.booleans()) else [])]


@st.composite
def encoder_decoders(draw, max_levels=6):
    """At each level a block, a skip and a step down; then back, each level but one or two undone."""
    levels = draw(st.integers(1, max_levels))
    changed = draw(st.sets(st.integers(0, levels - 1), max_size=2)) if draw(st.booleans()) else set()
    convs = draw(st.sampled_from([_kept, _kept, _kept | st.just((window(3),))]))
    encoder, decoder = [], []
    for i in range(levels):
        down, up = (draw(windows), draw(transposed)) if i in changed else draw(st.sampled_from(_PAIRS))
        how = draw(st.sampled_from([*_HOWS, *_HOWS, None, None, None]))
        joined = [("join", f"level{i}", how)] if how else []
        encoder += [*draw(convs), ("save", f"level{i}"), down]
        decoder = [up, *joined, *draw(convs), *decoder]
    return [*encoder, *draw(convs), *decoder, *([("returns",)] if draw(st.booleans()) else [])]
