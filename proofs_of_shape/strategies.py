"""Hypothesis strategies for what this library is about: configs, networks, sizes that fit and just do not, and arrays.

They build what they promise instead of filtering, and each says what it shrinks toward: so a failing test shows the
smallest config, network or array that fails. They need Hypothesis, which is asked for only here.

>>> from hypothesis import given
>>> @given(configs())
... def shows_that_these_fit(cfg):
...     assert not compatible_sizes(cfg).is_finite
>>> shows_that_these_fit()
"""

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from ..spec.choices import nearest_choice
from ..spec.compatible import Network, compatible_sizes
from ..spec.config import FIELDS, WELL_FORMED, UNet2Config, check_config
from ..spec.naturals import natural
from ..spec.network import AxisNetwork
from ..spec.norms import fit_together, padded_together
from ..spec.parameters import parameter_shapes
from ..spec.report import refuse
from ..spec.size_set import SizeSet
from ..spec.steps import Join, Keep, Resize, Save, SpaceToDepth, Step, Transposed, Window
from ..spec.unet import CHOICES, UNetConfig
from .annotated_arrays import Entries
from .annotated_arrays import from_annotation as from_annotation
from .graph_strategies import graphs as graphs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..models.params import UNet2Params


# Configs.


def configs(*, max_kernel: int = 5, max_stride: int = 3, max_channels: int = 4) -> st.SearchStrategy[UNet2Config]:
    """Well-formed configs that fit sizes without end: all that have convolutions of stride 1, within the bounds.

    The bounds are for kernels, paddings aside, strides and channels. Shrinks toward kernels, strides and channels of 1
    and no padding: the config that keeps every size.

    >>> from hypothesis import find
    >>> find(configs(), lambda cfg: cfg.pool_stride > 1 and cfg.conv_padding > 0)
    UNet2Config(pool_kernel=1, up_kernel=1, base_channels=1)
    """
    bounds = {"max_kernel": max_kernel, "max_stride": max_stride, "max_channels": max_channels}
    for name, bound in bounds.items():
        _at_least_one(bound, name)
    return _configs(**bounds)


@st.composite
def _configs(draw: st.DrawFn, max_kernel: int, max_stride: int, max_channels: int) -> UNet2Config:
    # A convolution of stride 1 keeps every size iff its kernel is odd and half padded; of another stride, only a few.
    conv, head = (draw(st.integers(0, (max_kernel - 1) // 2)) for _ in range(2))
    pool_kernel = draw(st.integers(1, max_kernel))
    stride = draw(st.integers(1, max_stride))
    up_padding = draw(st.integers(0, 2))
    return UNet2Config(
        pool_kernel=pool_kernel,
        pool_stride=stride,
        conv_kernel=2 * conv + 1,
        conv_padding=conv,
        up_kernel=pool_kernel + 2 * up_padding + draw(st.integers(0, stride - 1)),
        up_stride=stride,
        up_padding=up_padding,
        head_kernel=2 * head + 1,
        head_padding=head,
        base_channels=draw(st.integers(1, max_channels)),
    )


def any_configs() -> st.SearchStrategy[UNet2Config]:
    """Twelve numbers from 0 to 7: hardly ever well-formed and compatible with anything. Shrinks toward zeros.

    >>> from hypothesis import find
    >>> find(any_configs(), lambda cfg: cfg.pool_kernel == 3).conv_kernel
    0
    """
    return st.builds(UNet2Config, **{name: st.integers(0, 7) for name in FIELDS})


def ill_formed_configs(condition_name: str | None = None) -> st.SearchStrategy[UNet2Config]:
    """Configs that break exactly one condition of :data:`WELL_FORMED`: the named one, or any.

    But for that one number they are as of :func:`configs`, and they shrink as those do, toward the first condition.
    Raises :class:`ShapeError` for a name that no condition has.

    >>> from hypothesis import find
    >>> find(ill_formed_configs("upStride_ne0"), lambda cfg: True).up_stride
    0
    """
    broken = [condition for condition in WELL_FORMED if condition_name in (None, condition.name)]
    if not broken:
        says = f"{condition_name!r} must be one of {', '.join(condition.name for condition in WELL_FORMED)}"
        fix = f'condition_name="{nearest_choice(condition_name, (c.name for c in WELL_FORMED))}"'
        raise refuse(f"condition_name={condition_name!r}", "condition_name", "no such condition", says, fix)
    fields = st.sampled_from([condition.field for condition in broken])
    return st.builds(lambda cfg, field: replace(cfg, **{field: 0}), configs(), fields)


def nearly_fitting_configs() -> st.SearchStrategy[UNet2Config]:
    """A fitting config with up to two numbers changed: on the edge between fitting some sizes, few, and none.

    Shrinks toward no number changed, and the smallest of :func:`configs`.

    >>> from hypothesis import find
    >>> print(compatible_sizes(find(nearly_fitting_configs(), lambda cfg: compatible_sizes(cfg).is_finite)))
    no size
    """
    changes = st.lists(st.tuples(st.sampled_from(sorted(FIELDS)), st.integers(0, 7)), max_size=2)
    near = configs(max_kernel=7, max_stride=7)
    return st.builds(lambda cfg, changed: replace(cfg, **dict(changed)), near, changes)


def unet_configs(*, max_levels: int = 3, max_channels: int = 4) -> st.SearchStrategy[UNetConfig]:
    """Well-formed configs of the family that fit sizes without end, with every choice of every field.

    ``max_channels`` is for a level's channels, before they are multiplied for groups. Shrinks toward one level with one
    convolution of one channel, and the defaults of the other fields.

    >>> from hypothesis import find
    >>> find(unet_configs(), lambda cfg: cfg.norm == "batch" and cfg.residual)
    UNetConfig(levels=1, base_channels=1, multipliers=(1, 1), convs_per_block=1, norm='batch', residual=True)
    """
    return _unet_configs(_at_least_one(max_levels, "max_levels"), _at_least_one(max_channels, "max_channels"))


@st.composite
def _unet_configs(draw: st.DrawFn, max_levels: int, max_channels: int) -> UNetConfig:
    chosen = {name: draw(st.sampled_from([getattr(UNetConfig(), name), *choices])) for name, choices in CHOICES.items()}
    if chosen["padding"] == "none" and chosen["join"] == "exact":
        chosen["join"] = "crop"  # nothing unpadded is met exactly
    levels = draw(st.integers(1, max_levels))
    groups = draw(st.integers(1, 2)) if chosen["norm"] == "group" else UNetConfig().groups
    return UNetConfig(
        levels=levels,
        base_channels=groups if chosen["norm"] == "group" else 1,
        multipliers=tuple(draw(st.integers(1, max_channels)) for _ in range(levels + 1)),
        convs_per_block=draw(st.integers(1, 3)),
        conv_kernel=draw(st.sampled_from((3, 1, 5))),
        groups=groups,
        **chosen,
    )


def _at_least_one(value: int, name: str) -> int:
    if natural(value, name) == 0:
        raise refuse(f"{name}=0", name, "nothing to draw from", f"{name}=0 must be at least 1", f"{name}=1 or more")
    return value


# Networks along one axis.

_small = st.integers(0, 3)
_strides = st.sampled_from([1, 2, 2, 3])
_dilations = st.sampled_from([1, 1, 2])
_pairs: st.SearchStrategy[tuple[Step, Step]] = st.sampled_from(
    [
        (Window(2, 2), Transposed(2, 2)),
        (Window(2, 2), Resize(2)),
        (Window(2, 2, rounding="ceil"), Resize(2)),
        (Window(3, 2, 1, 1), Transposed(3, 2, 1, 1, output_padding=1)),
        (Window(3, 2, 1, 1), Resize(2)),
        (Window(3, 2, rounding="same"), Transposed(4, 2, 1, 1)),
        (Window(3, 3), Resize(3)),
        (SpaceToDepth(2), Resize(2)),
    ]
)
"""A step down, and a step up that undoes it for every multiple of the stride."""
_kept: st.SearchStrategy[tuple[Step, ...]] = st.sampled_from(
    [(), (Window(3, 1, 1, 1), Keep()), (Window(3, rounding="same"), Keep())]
)
_hows = ("exact", "exact", "exact", "crop", "even crop", "pad")
_joins = st.sampled_from(_hows)
_joins_or_none = st.sampled_from([*_hows, *_hows, None, None, None])


def windows() -> st.SearchStrategy[Window]:
    """Sliding windows that have a size: kernels to 5, strides to 3, every rounding. Shrinks toward ``Window(1)``.

    >>> from hypothesis import find
    >>> find(windows(), lambda window: window.rounding == "ceil")
    Window(kernel=1, rounding='ceil')
    """
    roundings = st.sampled_from(["floor", "floor", "ceil", "same"])
    return st.builds(Window, st.integers(1, 5), _strides, _small, _small, _dilations, roundings)


def transposed_windows() -> st.SearchStrategy[Transposed]:
    """Transposed windows, with kernels to 5 and strides to 3. Shrinks toward ``Transposed(1)``.

    >>> from hypothesis import find
    >>> find(transposed_windows(), lambda step: step.before == 2)
    Transposed(kernel=1, before=2)
    """
    return st.builds(Transposed, st.integers(1, 5), _strides, _small, _small, _dilations, _small)


def sized_steps() -> st.SearchStrategy[Step]:
    """Every step that changes a size. Shrinks toward ``Resize(1)``, the one with the fewest numbers.

    >>> from hypothesis import find
    >>> find(sized_steps(), lambda step: step.size(5) == 10)
    Resize(factor=2)
    """
    resizes, blocks = st.builds(Resize, st.integers(1, 3)), st.builds(SpaceToDepth, st.integers(2, 3))
    return st.one_of(windows(), transposed_windows(), resizes, blocks)


def networks(max_levels: int = 6, *, fitting: bool = False) -> st.SearchStrategy[AxisNetwork]:
    """Encoder-decoders: at each level a block, a skip and a step down; then back, each level but one or two undone.

    More than half fit sizes without end; with ``fitting=True`` all do. Shrinks toward one level of plain halving and
    doubling, joined exactly.

    >>> from hypothesis import find
    >>> smallest = find(networks(), lambda network: True)
    >>> smallest == AxisNetwork((Save("level0"), Window(2, 2), Transposed(2, 2), Join("level0")))
    True
    """
    return _networks(_at_least_one(max_levels, "max_levels"), fitting)


@st.composite
def _networks(draw: st.DrawFn, max_levels: int, fitting: bool) -> AxisNetwork:
    levels = draw(st.integers(1, max_levels))
    changed = set() if fitting or not draw(st.booleans()) else draw(st.sets(st.integers(0, levels - 1), max_size=2))
    convs = _kept if fitting else draw(st.sampled_from([_kept, _kept, _kept | st.just((Window(3),))]))
    encoder: list[Step] = []
    decoder: list[Step] = []
    for i in range(levels):
        down, up = (draw(windows()), draw(transposed_windows())) if i in changed else draw(_pairs)
        how = draw(_joins_or_none)  # one draw, or a network without a join would be smaller in Hypothesis's eyes
        joined = [Join(f"level{i}", how)] if how else []
        encoder += [*draw(convs), Save(f"level{i}"), down]
        decoder = [up, *joined, *draw(convs), *decoder]
    return AxisNetwork((*encoder, *draw(convs), *decoder), returns_its_size=draw(st.booleans()))


def programs(max_steps: int = 10) -> st.SearchStrategy[AxisNetwork]:
    """Networks of steps in any order: a join with any skip before it, or with none of them.

    Up to ``max_steps`` steps, some with a :class:`Keep` after them. Shrinks toward no step at all.

    >>> from hypothesis import find
    >>> network = find(programs(), lambda network: Join("skip0") in network.steps)
    >>> network.steps.index(Save("skip0")) < network.steps.index(Join("skip0"))
    True
    """
    return _programs(natural(max_steps, "max_steps"))


@st.composite
def _programs(draw: st.DrawFn, max_steps: int) -> AxisNetwork:
    steps: list[Step] = []
    names: list[str] = []
    for i in range(draw(st.integers(0, max_steps))):
        kind = draw(st.sampled_from(["sized", "sized", "save", *(["join", "join"] if names else [])]))
        if kind == "sized":
            steps += [draw(sized_steps()), *([Keep()] if draw(st.integers(0, 4)) == 4 else [])]
        elif kind == "save":
            names.append(f"skip{i}")
            steps.append(Save(names[-1]))
        else:
            steps.append(Join(draw(st.sampled_from(names)), draw(_joins)))
    return AxisNetwork(tuple(steps), returns_its_size=draw(st.booleans()))


# Sizes.


def compatible(network: Network, max_index: int = 6) -> st.SearchStrategy[int]:
    """One of the first ``max_index + 1`` sizes that fit ``network``. Shrinks toward the smallest of them.

    Raises :class:`ShapeError` where no size fits.

    >>> from hypothesis import find
    >>> find(compatible(UNet2Config()), lambda n: n > 3)
    4
    """
    return st.sampled_from(list(islice(_some_size(network), natural(max_index, "max_index") + 1)))


def minimally_incompatible(network: Network, max_index: int = 6) -> st.SearchStrategy[int]:
    """A size that does not fit ``network`` while the size one below or one above does: where a check goes wrong first.

    It stands beside one of the first ``max_index + 1`` sizes that fit, or where a part of them begins or ends. Shrinks
    toward the smallest, which is one below the smallest that fits, perhaps 0.

    Raises :class:`ShapeError` where no size fits.

    >>> from hypothesis import find
    >>> find(minimally_incompatible(UNet2Config()), lambda n: n > 1)
    3
    """
    fit = _some_size(network)
    members = set(islice(fit, natural(max_index, "max_index") + 1))
    ends = (*fit.head, *islice(fit.tail, len(members)))
    members |= {end for part in ends for end in (part.first, part.maximum) if end is not None}
    return st.sampled_from(sorted({n for m in members for n in (m - 1, m + 1) if n not in fit}))


def image_sizes(cfg: UNet2Config | UNetConfig, max_index: int = 6) -> st.SearchStrategy[tuple[int, int]]:
    """A height and a width that fit ``cfg`` together, each one of the first ``max_index + 1`` that do.

    Of a config with group or instance norms the smallest heights and widths, which :func:`compatible` draws, may not
    fit together: their statistics would be of a single number. Shrinks toward the smallest image.

    Raises :class:`ShapeError` where no size fits.

    >>> from hypothesis import find
    >>> find(image_sizes(UNetConfig(levels=3, norm="instance")), lambda sizes: True)
    (8, 16)
    """
    sizes = list(islice(fit := _some_size(cfg), natural(max_index, "max_index") + 1))
    pairs = [(high, wide) for high in sizes for wide in sizes if fit_together(cfg, high, wide)]
    larger = padded_together(cfg, fit, sizes[0], sizes[0])
    if larger is None:
        raise refuse(repr(cfg), "image_sizes", "no size to draw", "no two sizes fit together", "norm='none'")
    return st.sampled_from(sorted({larger, *pairs}, key=lambda pair: pair[0] * pair[1]))


def _some_size(network: Network) -> SizeSet:
    fit = compatible_sizes(network)
    if not fit:
        shown = repr(network) if isinstance(network, UNet2Config) else "the network"
        says = "its set of compatible sizes is empty"
        fix = "strategies.configs() and strategies.networks(fitting=True) fit some size"
        raise refuse(shown, "compatible", "no size to draw", says, fix)
    return fit


# Images and parameters.


def images(
    cfg: UNet2Config, in_channels: int = 1, *, max_index: int = 2, elements: Entries | None = None
) -> "st.SearchStrategy[NDArray[np.float32]]":
    """Images that ``cfg`` takes: float32 NumPy arrays (C, H, W), each side of the first ``max_index + 1`` that fit.

    The entries are from -1 to 1, unless ``elements`` is a strategy for them. Shrinks toward zeros of the smallest size.

    Raises :class:`ShapeError` where no network can be built, or where no size fits.

    >>> from hypothesis import find
    >>> find(images(UNet2Config(), 3), lambda x: True).shape
    (3, 2, 2)
    """
    import numpy as np
    from hypothesis.extra import numpy as hnp

    check_config(cfg, in_channels).raise_if_failed()
    sizes = compatible(cfg, max_index)
    entries = st.floats(-1, 1, width=32, allow_subnormal=False) if elements is None else elements
    return hnp.arrays(np.float32, st.tuples(st.just(in_channels), sizes, sizes), elements=entries)


def params(
    cfg: UNet2Config, in_channels: int = 1, out_channels: int = 1, *, elements: Entries | None = None
) -> "st.SearchStrategy[UNet2Params]":
    """Parameters for ``cfg``: the sixteen float32 arrays of a :class:`~wellshaped.models.UNet2Params`.

    The entries are whole numbers from -2 to 2, so that sums of a few are exact in float32, unless ``elements`` is a
    strategy for them. Meant for a few channels, as of :func:`configs`. Shrinks toward zeros.

    Raises :class:`ShapeError` where no network can be built.

    >>> from hypothesis import find
    >>> p = find(params(UNet2Config(base_channels=1)), lambda p: p.out1x1.bias[0] > 0)
    >>> p.out1x1.bias.item() in (1, 2), p.down1_1.kernel.shape, p.down1_1.kernel.dtype.name
    (True, (1, 1, 3, 3), 'float32')
    """
    import numpy as np
    from hypothesis.extra import numpy as hnp

    from ..models.params import LayerParams, UNet2Params

    entries = st.integers(-2, 2) if elements is None else elements
    layers = {
        layer.name: st.builds(LayerParams, *(hnp.arrays(np.float32, shape, elements=entries) for shape in shapes))
        for layer, *shapes in parameter_shapes(cfg, in_channels, out_channels)
    }
    given = {"cfg": cfg, "in_channels": in_channels, "out_channels": out_channels}
    return st.builds(UNet2Params, **{name: st.just(value) for name, value in given.items()}, **layers)
