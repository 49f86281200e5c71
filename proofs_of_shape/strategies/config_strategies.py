"""Hypothesis strategies for configs of both kinds: fitting, nearly fitting and ill-formed ones."""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from ...spec.messages.choices import nearest_choice
from ...spec.messages.report import UsageError
from ...spec.unet.by_level import BY_LEVEL, PER_AXIS, entries, mapped, numbers, values
from ...spec.unet.choices import CHOICES, USUAL
from ...spec.unet.config import UNetConfig
from ...spec.unet.level import ALONE
from ...spec.unet2.config import FIELDS, WELL_FORMED, UNet2Config
from .bounds import bound


def configs(*, max_kernel: int = 5, max_stride: int = 3, max_channels: int = 4) -> st.SearchStrategy[UNet2Config]:
    """Well-formed configs that infinitely many sizes fit: all those with convolutions of stride 1, within the bounds.

    ``up_kernel`` may exceed ``max_kernel``, because it grows with its padding and the stride. Shrinks toward kernels,
    strides and channels of 1 and no padding: the config that keeps every size.

    Raises :class:`UsageError` if a bound is not a natural number of at least 1.

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
    # A convolution of stride 1 keeps every size iff k = 2p + 1. One of another stride keeps only a few sizes.
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
    """Configs of twelve numbers from 0 to 7. Few are well-formed, and few have sizes that fit. Shrinks toward zeros.

    >>> from hypothesis import find
    >>> find(any_configs(), lambda cfg: cfg.pool_kernel == 3).conv_kernel
    0
    """
    return st.builds(UNet2Config, **{name: st.integers(0, 7) for name in FIELDS})


def ill_formed_configs(condition_name: str | None = None) -> st.SearchStrategy[UNet2Config]:
    """Configs that break exactly one condition of :data:`WELL_FORMED`: the named one, or any.

    These are :func:`configs` with one number set to 0. They shrink as those do, and toward the first condition.

    Raises :class:`UsageError` if no condition has that name.

    >>> from hypothesis import find
    >>> find(ill_formed_configs("upStride_ne0"), lambda cfg: True).up_stride
    0
    """
    broken = [condition for condition in WELL_FORMED if condition_name in (None, condition.name)]
    if not broken:
        says = f"{condition_name!r} must be one of {', '.join(condition.name for condition in WELL_FORMED)}"
        fix = f'condition_name="{nearest_choice(condition_name, (c.name for c in WELL_FORMED))}"'
        raise UsageError.of(f"condition_name={condition_name!r}", "condition_name", "no such condition", says, fix)
    fields = st.sampled_from([condition.field for condition in broken])
    return st.builds(lambda cfg, field: replace(cfg, **{field: 0}), configs(), fields)


def nearly_fitting_configs() -> st.SearchStrategy[UNet2Config]:
    """Fitting configs with up to two numbers changed. Infinitely many sizes fit them, a few, or none.

    Shrinks toward unchanged numbers and the smallest of :func:`configs`.

    >>> from wellshaped.spec import WELL_FORMED
    >>> from hypothesis import find
    >>> from wellshaped.spec import compatible_sizes
    >>> def fits_few(cfg):
    ...     return all(condition.holds(cfg) for condition in WELL_FORMED) and compatible_sizes(cfg).is_finite
    >>> print(compatible_sizes(find(nearly_fitting_configs(), fits_few)))
    no size
    """
    changes = st.lists(st.tuples(st.sampled_from(sorted(FIELDS)), st.integers(0, 7)), max_size=2)
    near = configs(max_kernel=7, max_stride=7)
    return st.builds(lambda cfg, changed: replace(cfg, **dict(changed)), near, changes)


def unet_configs(
    *, max_levels: int = 3, max_channels: int = 4, by_level: bool = False
) -> st.SearchStrategy[UNetConfig]:
    """Well-formed configs of the family that infinitely many sizes fit, with every choice of every field.

    They have two axes, halve by max-pooling and concatenate a skip at every level. With ``by_level``, they have one to
    three axes, and every field that may differ from level to level, or from axis to axis, does. ``max_channels`` bounds
    the multipliers. Shrinks toward one level with one convolution of one channel, and the defaults of the other fields.

    Raises :class:`UsageError` if a bound is not a natural number of at least 1.

    >>> from hypothesis import find
    >>> find(unet_configs(), lambda cfg: cfg.norm == "batch" and cfg.residual)
    UNetConfig(levels=1, base_channels=1, multipliers=(1, 1), convs_per_block=1, norm='batch', residual=True)
    """
    levels = bound(max_levels, "max_levels")
    configs = _unet_configs(levels, bound(max_channels, "max_channels"))
    return _by_level(configs) if by_level else configs


_UNIFORM = ("padding", "norm", "residual", "upsampling", "join", "concat", "bias", "head")
_RESIZED = ("transposed", "nearest", "bilinear")


@st.composite
def _unet_configs(draw: st.DrawFn, max_levels: int, max_channels: int) -> UNetConfig:
    choices = {name: CHOICES[name] for name in _UNIFORM} | {"upsampling": _RESIZED}
    chosen = {name: draw(st.sampled_from([getattr(UNetConfig(), name), *of])) for name, of in choices.items()}
    if chosen["padding"] == "none" and chosen["join"] == "exact":
        chosen["join"] = "crop"  # unpadded convolutions never allow an exact join
    levels = draw(st.integers(1, max_levels))
    groups = draw(st.integers(1, 2)) if chosen["norm"] == "group" else USUAL["groups"]
    return UNetConfig(
        levels=levels,
        base_channels=groups if chosen["norm"] == "group" else 1,
        multipliers=tuple(draw(st.integers(1, max_channels)) for _ in range(levels + 1)),
        convs_per_block=draw(st.integers(1, 3)),
        conv_kernel=draw(st.sampled_from((3, 1, 5))),
        groups=groups,
        **chosen,
    )


@st.composite
def _by_level(draw: st.DrawFn, configs: st.SearchStrategy[UNetConfig]) -> UNetConfig:
    cfg, axes = draw(configs), draw(st.sampled_from((2, 1, 3)))

    def each(field: str, value: st.SearchStrategy[Any]) -> Any:
        """One value for all levels, or one for each."""
        every, at_level = value, value
        if field in PER_AXIS:
            of_axes = st.tuples(*[value] * axes)
            every, at_level = value | of_axes.map(lambda v: (v,)), value | of_axes
        return draw(every | st.tuples(*[at_level] * entries(field, cfg.levels)))

    chosen: dict[str, Any] = {
        field: each(field, st.sampled_from(CHOICES[field])) for field in BY_LEVEL if field in CHOICES
    }
    if "group" in values(chosen["norm"]):
        chosen["groups"] = each("groups", st.sampled_from((1, 2)))
        cfg = replace(cfg, base_channels=max(numbers(chosen["groups"])))
    stride = each("stride", st.sampled_from((2, 1, 3)))
    more = draw(st.sampled_from((None, 0, 1, 2)))
    kernel = None if more is None else mapped(stride, lambda n: n + (more if n > 1 else 2 * more))
    changed = replace(
        cfg,
        axes=axes,
        convs_per_block=each("convs_per_block", st.integers(1, 2)),
        decoder_convs=each("decoder_convs", st.integers(1, 2)) if draw(st.booleans()) else None,
        conv_kernel=each("conv_kernel", st.sampled_from((3, 1))),
        stride=stride,
        upsampling_kernel=kernel,
        **chosen,
    )
    if "add" in values(changed.skip) and any(of in ALONE for of in values(changed.upsampling)):
        changed = replace(changed, multipliers=(1,) * (cfg.levels + 1))  # only equal channels can be added
    if "stride" in values(changed.downsampling) and True in values(changed.residual):
        changed = replace(changed, padding="same")
    return changed
