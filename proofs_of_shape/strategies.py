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
from itertools import islice, product
from math import prod
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from ..spec.answers.compatibility import compatible_shapes, compatible_sizes
from ..spec.answers.door import AnyNetwork, building, title
from ..spec.arithmetic.naturals import natural
from ..spec.arithmetic.size_set import SizeSet
from ..spec.messages.choices import nearest_choice
from ..spec.messages.report import ShapeError, refuse
from ..spec.unet.config import CHOICES, UNetConfig
from ..spec.unet2.config import FIELDS, WELL_FORMED, UNet2Config
from ..spec.unet2.parameters import layer_parameters
from .annotated_arrays import Entries
from .annotated_arrays import from_annotation as from_annotation
from .graph_strategies import graphs as graphs
from .unet_strategies import bound
from .unet_strategies import networks as networks
from .unet_strategies import sized_steps as sized_steps
from .unet_strategies import transposed_windows as transposed_windows
from .unet_strategies import windows as windows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


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
    for name, greatest in bounds.items():
        bound(greatest, name)
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
    >>> def fits_few(cfg):
    ...     return all(condition.holds(cfg) for condition in WELL_FORMED) and compatible_sizes(cfg).is_finite
    >>> print(compatible_sizes(find(nearly_fitting_configs(), fits_few)))
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
    return _unet_configs(bound(max_levels, "max_levels"), bound(max_channels, "max_channels"))


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


# Sizes.


def compatible(network: AnyNetwork, max_index: int = 6, *, axis: int | None = None) -> st.SearchStrategy[int]:
    """One of the first ``max_index + 1`` sizes that fit ``network``. Shrinks toward the smallest of them.

    ``axis`` is as in :func:`compatible_sizes`. Raises :class:`ShapeError` where no size fits.

    >>> from hypothesis import find
    >>> find(compatible(UNet2Config()), lambda n: n > 3)
    4
    """
    return st.sampled_from(list(islice(_some_size(network, axis), natural(max_index, "max_index") + 1)))


def minimally_incompatible(
    network: AnyNetwork, max_index: int = 6, *, axis: int | None = None
) -> st.SearchStrategy[int]:
    """A size that does not fit ``network`` while the size one below or one above does: where a check goes wrong first.

    It stands beside one of the first ``max_index + 1`` sizes that fit, or where a part of them begins or ends. Shrinks
    toward the smallest, which is one below the smallest that fits, perhaps 0.

    ``axis`` is as in :func:`compatible_sizes`. Raises :class:`ShapeError` where no size fits.

    >>> from hypothesis import find
    >>> find(minimally_incompatible(UNet2Config()), lambda n: n > 1)
    3
    """
    fit = _some_size(network, axis)
    members = set(islice(fit, natural(max_index, "max_index") + 1))
    ends = (*fit.head, *islice(fit.tail, len(members)))
    members |= {end for part in ends for end in (part.first, part.maximum) if end is not None}
    return st.sampled_from(sorted({n for m in members for n in (m - 1, m + 1) if n not in fit}))


def image_sizes(network: AnyNetwork, max_index: int = 6) -> st.SearchStrategy[tuple[int, ...]]:
    """Sizes that fit ``network`` together, one for each axis, each among the first ``max_index + 1`` of its axis.

    The smallest sizes of a network with group or instance norms may not fit together: their statistics would be of a
    single number. Then the next larger image is among them. Shrinks toward the smallest image.

    Raises :class:`ShapeError` where no image fits.

    >>> from hypothesis import find
    >>> find(image_sizes(UNetConfig(levels=3, norm="instance")), lambda sizes: True)
    (8, 16)
    """
    shapes = compatible_shapes(network)
    if not all(shapes.axes):
        raise _nothing_to_draw(network)
    firsts = [list(islice(fit, natural(max_index, "max_index") + 1)) for fit in shapes.axes]
    larger = shapes.above([sizes[0] for sizes in firsts])
    if larger is None:
        says = "no sizes of its axes fit together"
        raise refuse(title(network), "image_sizes", "no size to draw", says, "norm='none'")
    drawn = {larger, *(sizes for sizes in product(*firsts) if sizes in shapes)}
    return st.sampled_from(sorted(drawn, key=prod))


def _some_size(network: AnyNetwork, axis: int | None) -> SizeSet:
    fit = compatible_sizes(network, axis)
    if not fit:
        raise _nothing_to_draw(network)
    return fit


def _nothing_to_draw(network: AnyNetwork) -> ShapeError:
    says = "its set of compatible sizes is empty"
    fix = "strategies.configs() and strategies.networks(fitting=True) fit some size"
    return refuse(title(network), "compatible", "no size to draw", says, fix)


# Images and parameters.


def images(
    network: AnyNetwork, in_channels: int = 1, *, max_index: int = 2, elements: Entries | None = None
) -> "st.SearchStrategy[NDArray[np.float32]]":
    """Images that ``network`` takes: float32 NumPy arrays, channels first, with sizes of :func:`image_sizes`.

    The entries are from -1 to 1, unless ``elements`` is a strategy for them. Shrinks toward zeros of the smallest size.

    Raises :class:`ShapeError` where no network can be built, or where no image fits.

    >>> from hypothesis import find
    >>> find(images(UNet2Config(), 3), lambda x: True).shape
    (3, 2, 2)
    """
    import numpy as np
    from hypothesis.extra import numpy as hnp

    building(network, in_channels).report.raise_if_failed()
    shapes = image_sizes(network, max_index).map(lambda sizes: (in_channels, *sizes))
    entries = st.floats(-1, 1, width=32, allow_subnormal=False) if elements is None else elements
    return hnp.arrays(np.float32, shapes, elements=entries)


def params(
    cfg: UNet2Config, in_channels: int = 1, out_channels: int = 1, *, elements: Entries | None = None
) -> "st.SearchStrategy[dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]]":
    """Parameters for ``cfg``: the kernel and the bias of each layer by its name, as float32 NumPy arrays.

    The exact reference takes them so (:func:`wellshaped.spec.reference.unet2_forward`). For the network in JAX, write
    ``UNet2Params(cfg=cfg, in_channels=1, out_channels=1, **arrays)``. The entries are whole numbers from -2 to 2, so
    that sums of a few are exact in float32, unless ``elements`` is a strategy for them. Meant for a few channels, as
    in :func:`configs`. Shrinks toward zeros.

    Raises :class:`ShapeError` where no network can be built.

    >>> from hypothesis import find
    >>> arrays = find(params(UNet2Config(base_channels=1)), lambda arrays: arrays["out1x1"][1][0] > 0)
    >>> kernel, bias = arrays["down1_1"]
    >>> arrays["out1x1"][1].item() in (1, 2), kernel.shape, kernel.dtype.name, bias.shape
    (True, (1, 1, 3, 3), 'float32', (1,))
    """
    import numpy as np
    from hypothesis.extra import numpy as hnp

    entries = st.integers(-2, 2) if elements is None else elements
    layers = {
        layer.name: st.tuples(*(hnp.arrays(np.float32, shape, elements=entries) for shape in shapes))
        for layer, *shapes in layer_parameters(cfg, in_channels, out_channels)
    }
    return st.fixed_dictionaries(layers)
