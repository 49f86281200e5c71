"""Hypothesis strategies for U-shaped networks along one axis, and for their steps.

>>> from hypothesis import given
>>> from wellshaped.spec import compatible_sizes
>>> @given(networks(3, fitting=True))
... def these_fit(network):
...     assert not compatible_sizes(network).is_finite
>>> these_fit()
"""

from dataclasses import dataclass

from hypothesis import strategies as st

from ...spec.network import (
    Concat,
    Network,
    Node,
    Operation,
    Require,
    Resize,
    SpaceToDepth,
    TransposedWindow,
    Window,
)
from ...spec.network.skips import HOW, joined
from .bounds import bound

_small = st.integers(0, 3)
_sides = st.one_of(_small, st.tuples(st.tuples(_small, _small)))
_strides = st.sampled_from([1, 2, 2, 3])
_dilations = st.sampled_from([1, 1, 2])
_pairs: st.SearchStrategy[tuple[Operation, Operation]] = st.sampled_from(
    [
        (Window(2, 2), TransposedWindow(2, 2)),
        (Window(2, 2), Resize(2)),
        (Window(2, 2, rounding="ceil"), Resize(2)),
        (Window(3, 2, padding=1), TransposedWindow(3, 2, padding=1, output_padding=1)),
        (Window(3, 2, padding=1), Resize(2)),
        (Window(3, 2, rounding="same"), TransposedWindow(4, 2, padding=1)),
        (Window(3, 3), Resize(3)),
        (SpaceToDepth(2), Resize(2)),
    ]
)
"""Pairs of a step down and a step up that undoes it for every multiple of the stride."""

_joins = st.sampled_from(["exact", "exact", *HOW])
_joins_or_none = st.sampled_from(["exact", "exact", "exact", *HOW, *HOW, "", "", ""])


@dataclass(frozen=True)
class _Block:
    """The window of a block, or ``None``, and whether it must keep the size."""

    window: Window | None = None
    keeps: bool = True


_kept = st.sampled_from([_Block(), _Block(Window(3, padding=1)), _Block(Window(3, rounding="same"))])
_unpadded = st.just(_Block(Window(3), keeps=False))


def windows() -> st.SearchStrategy[Window]:
    """Sliding windows with kernels up to 5, strides up to 3 and every rounding. Shrinks toward ``Window(1)``.

    >>> from hypothesis import find
    >>> find(windows(), lambda window: window.rounding == "ceil")
    Window(kernel=1, rounding='ceil')
    """
    roundings = st.sampled_from(["floor", "floor", "ceil", "same"])
    kernels = st.integers(1, 5)
    return st.builds(Window, kernels, _strides, padding=_sides, dilation=_dilations, rounding=roundings)


def transposed_windows() -> st.SearchStrategy[TransposedWindow]:
    """Transposed windows with kernels up to 5 and strides up to 3. Shrinks toward ``TransposedWindow(1)``.

    >>> from hypothesis import find
    >>> find(transposed_windows(), lambda step: step.padding == 2)
    TransposedWindow(kernel=1, padding=2)
    """
    kernels = st.integers(1, 5)
    return st.builds(TransposedWindow, kernels, _strides, padding=_sides, dilation=_dilations, output_padding=_small)


def sized_steps() -> st.SearchStrategy[Operation]:
    """The steps of :func:`networks` that can change a size. Shrinks toward ``Resize(1)``, which has the fewest numbers.

    >>> from hypothesis import find
    >>> find(sized_steps(), lambda step: step.size([5], 0) == 10)
    Resize(factor=2)
    """
    resizes, blocks = st.builds(Resize, st.integers(1, 3)), st.builds(SpaceToDepth, st.integers(2, 3))
    return st.one_of(windows(), transposed_windows(), resizes, blocks)


def networks(max_levels: int = 6, *, fitting: bool = False) -> st.SearchStrategy[Network]:
    """U-shaped networks: each level has a block, a step down, a step up, and a join of any kind, or none.

    The step up undoes the step down, except at two levels at most. Some networks require an output of the input's
    size. Infinitely many sizes fit more than half of the networks, and all with ``fitting=True``. Shrinks toward one
    level of halving and doubling with an exact join.

    Raises :class:`UsageError` if ``max_levels`` is not a natural number of at least 1.

    >>> from hypothesis import find
    >>> [(node.name, node.operation) for node in find(networks(), lambda network: True).nodes]
    [('pooled[0]', Window(kernel=2, stride=2)), ('up[0]', TransposedWindow(kernel=2, stride=2)), ('joined[0]', Concat())]
    """  # noqa: E501 the list is shown as Python prints it
    return _networks(bound(max_levels, "max_levels"), fitting)


@st.composite
def _networks(draw: st.DrawFn, max_levels: int, fitting: bool) -> Network:
    levels = draw(st.integers(1, max_levels))
    changed = set() if fitting or not draw(st.booleans()) else draw(st.sets(st.integers(0, levels - 1), max_size=2))
    blocks = _kept if fitting else draw(st.sampled_from([_kept, _kept, _kept | _unpadded]))
    nodes: list[Node] = []
    ups: list[tuple[str, Operation, str, _Block]] = []
    now = "x"
    for level in range(levels):
        down, up = (draw(windows()), draw(transposed_windows())) if level in changed else draw(_pairs)
        how = draw(_joins_or_none)  # one draw, so that no join is not simpler
        skip = _blocked(nodes, f"encoder[{level}]", draw(blocks), now)
        ups.append((skip, up, how, draw(blocks)))
        now = f"pooled[{level}]"
        nodes.append(Node(now, down, skip))
    now = _blocked(nodes, "bottom", draw(blocks), now)
    for level, (skip, up, how, block) in reversed(list(enumerate(ups))):
        nodes.append(Node(f"up[{level}]", up, now))
        now = f"up[{level}]"
        if how:
            nodes += joined(level, skip, now, how, Concat())  # a concatenation accepts any channels
            now = f"joined[{level}]"
        now = _blocked(nodes, f"decoder[{level}]", block, now)
    if draw(st.booleans()):
        nodes.append(Node("y", Require(equal=True), (now, "x")))
    return Network({"x": 1}, nodes, axes=1)


def _blocked(nodes: list[Node], name: str, block: _Block, given: str) -> str:
    """Add the nodes of a block, and return the name of the last, or ``given`` if the block is empty."""
    if block.window is None:
        return given
    nodes.append(Node(name, block.window, given))
    if block.keeps:
        nodes.append(Node(f"{name} keeps", Require(equal=True), (name, given)))
    return name
