"""When a :class:`UNetConfig` is well-formed: each condition with its sentence, and with a value that meets it."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from math import gcd
from typing import Any

from ..arithmetic.naturals import LARGEST, divisor_below
from ..conditions import Condition
from ..messages.written import written_number, written_value
from ..network.fields import on_axis
from ..network.network import MAX_AXES
from .by_level import BLOCKS, BY_LEVEL, PER_AXIS, at, entries, fitted, mapped, numbers, short, values
from .config import MOST, UNetConfig
from .level import ALONE, Level

_USUAL = UNetConfig()


def _each(
    field: str, holds: Callable[[int], bool], better: Callable[[int], int]
) -> tuple[Callable[[Any], bool], None, Callable[[Any], object]]:
    """Return when all numbers of a field hold, and the field with those replaced that do not."""

    def all_hold(cfg: UNetConfig) -> bool:
        given = getattr(cfg, field)
        return given is None or all(map(holds, numbers(given)))

    def value(cfg: UNetConfig) -> object:
        changed = mapped(getattr(cfg, field), lambda n: n if holds(n) else better(n))
        return short(changed) if isinstance(changed, tuple) else changed

    return all_hold, None, value


def _counted(field: str) -> Condition:
    """Return the condition on the number of entries of a field."""
    also = " and one for the bottom" if field in BLOCKS else ""

    def holds(cfg: UNetConfig) -> bool:
        given = getattr(cfg, field)
        return not isinstance(given, tuple) or len(given) in (entries(field, cfg.levels), _only(given))

    def numbered(cfg: UNetConfig) -> str:
        given = getattr(cfg, field)
        count = f"{len(given)} {'entry' if len(given) == 1 else 'entries'}" if isinstance(given, tuple) else "one value"
        needed = written_number(entries(field, cfg.levels)) + (", one of them for the bottom" if also else "")
        return f"has {count}, and {written_number(cfg.levels)} levels need {needed}"

    def value(cfg: UNetConfig) -> object:
        given = getattr(cfg, field)
        return fitted(given, min(max(entries(field, cfg.levels), 1), MOST + 1)) if given else getattr(_USUAL, field)

    says = f"{field} must be one value, or a tuple with one for each level{also}"
    return Condition(f"{field}_count", field, says, holds, numbered, value)


def _only(given: tuple[object, ...]) -> int:
    """1 if a tuple holds one value for all levels, which has numbers for each axis."""
    return 1 if len(given) == 1 and isinstance(given[0], tuple) else -1


def _on_axes(field: str) -> Condition:
    """Return the condition on how many axes the values of a field have numbers for."""

    def fits(cfg: UNetConfig) -> Iterator[bool]:
        return (len(v) == cfg.axes for v in values(getattr(cfg, field)) if isinstance(v, tuple))

    def numbered(cfg: UNetConfig) -> str:
        counts = [len(v) for v in values(getattr(cfg, field)) if isinstance(v, tuple) and len(v) != cfg.axes]
        return f"has numbers for {counts[0] if counts else 1} axes, and the network has {written_number(cfg.axes)}"

    def value(cfg: UNetConfig) -> object:
        def of_level(v: object) -> object:
            if not isinstance(v, tuple):
                return v
            of_axes = (*v, *v[-1:] * MAX_AXES)[: min(max(cfg.axes, 1), MAX_AXES)]
            return of_axes if any(n != of_axes[0] for n in of_axes) else of_axes[0]

        return short(tuple(map(of_level, getattr(cfg, field))))

    says = f"{field} must have one number for all axes, or one for each"
    return Condition(f"{field}_axes", field, says, lambda cfg: all(fits(cfg)), numbered, value)


def _multipliers_count(cfg: UNetConfig) -> str:
    value = cfg.multipliers or ()
    needed = f"{written_number(cfg.levels + 1)}, one of them for the bottom"
    counts = f"{len(value)} numbers, and {cfg.levels} levels need {needed}"
    example = f", for example {', '.join(str(2**i) for i in range(cfg.levels + 1))}" if cfg.levels < 8 else ""
    return f"has {counts}{example}"


def _with_channels(cfg: UNetConfig) -> object:
    """Return the multipliers with each 0 replaced: by twice the one before it, or half the one after it."""
    found: list[int] = []
    given = cfg.multipliers or ()
    for i, m in enumerate(given):
        later = next((n for n in given[i:] if n), 2)
        found.append(m or (2 * found[-1] if found else max(later // 2, 1)))
    doubled = found == [found[0] * 2**i for i in range(len(found))] and found[0] == 1
    return None if doubled else tuple(found)


def _grouped(cfg: UNetConfig) -> dict[int, tuple[int, int]]:
    """Return the groups and the channels of each level with a group norm; none if a field has too many entries."""
    channels = cfg.channels
    if any(isinstance(of, tuple) and len(of) != len(channels) for of in (cfg.norm, cfg.groups)):
        return {}
    return {i: (at(cfg.groups, i), count) for i, count in enumerate(channels) if at(cfg.norm, i) == "group"}


def _divides(groups: int, channels: int) -> bool:
    return groups >= 1 and channels % groups == 0


def _groups(cfg: UNetConfig) -> str:
    grouped = _grouped(cfg)
    if isinstance(cfg.groups, tuple):
        i, (groups, channels) = next(((i, of) for i, of in grouped.items() if not _divides(*of)), (0, (0, 0)))
        where = "at the bottom" if i == cfg.levels else f"at level {i}"
        numbers = f"{written_number(groups)}, the channels {written_number(channels)}"
        return f"must divide the channels of each level; {where} it is {numbers}"
    levels = "every level" if len(grouped) == len(cfg.channels) else "every level with a group norm"
    of = ", ".join(map(written_number, dict.fromkeys(channels for _, channels in grouped.values())))
    return f"must divide the channels of {levels}, {of}"


def _dividing(cfg: UNetConfig) -> object:
    def below(groups: int, channels: int) -> int:
        return divisor_below(channels or 1, min(max(groups, 1), 1024))

    grouped = _grouped(cfg)
    if isinstance(cfg.groups, tuple):
        return short(tuple(below(*grouped[i]) if i in grouped else groups for i, groups in enumerate(cfg.groups)))
    return below(cfg.groups, gcd(*(channels for _, channels in grouped.values())))


# Conditions that compare the fields of a level. They hold while a field has the wrong number of entries.


def _levels(cfg: UNetConfig) -> list[Level]:
    """Return the levels, or none of them if a field has too few or too many entries."""
    channels = cfg.multipliers is None or len(cfg.multipliers) == cfg.levels + 1
    if not channels or cfg.levels > MOST or not all(condition.holds(cfg) for condition in _SHAPES):
        return []
    return [cfg.level(i) for i in range(cfg.levels)]


_SHAPES = (*map(_counted, BY_LEVEL), *map(_on_axes, PER_AXIS))


def _wrong_kernels(cfg: UNetConfig) -> Iterator[tuple[int, int, int]]:
    """Yield each level whose transposed convolution can't multiply the size by its stride, its kernel and stride."""
    known = cfg.upsampling_kernel is not None and 1 <= cfg.axes <= MAX_AXES
    for i, level in enumerate(_levels(cfg) if known else ()):
        if level.upsampling == "transposed":
            for axis in range(cfg.axes):
                kernel, stride = on_axis(level.kernel_up, axis), on_axis(level.stride, axis)
                if kernel < stride or (stride == 1 and kernel % 2 == 0):
                    yield i, kernel, stride


def _upsampling_kernel(cfg: UNetConfig) -> str:
    i, kernel, stride = next(_wrong_kernels(cfg), (0, 0, 0))
    odd = ", and odd for a stride of 1" if kernel >= stride else ""
    return f"must be at least the stride{odd}; at level {i} it is {written_number(kernel)}, the stride {stride}"


def _kernels_for_strides(cfg: UNetConfig) -> object:
    """Return the kernels of the transposed convolutions, with the stride in place of each wrong one."""
    wrong = {i for i, _, _ in _wrong_kernels(cfg)}
    return short(tuple(level.stride if i in wrong else level.kernel_up for i, level in enumerate(_levels(cfg))))


def _strided_residuals(cfg: UNetConfig) -> bool:
    levels = _levels(cfg)
    below = [*(level.block for level in levels[1:]), *([cfg.bottom] if levels else [])]
    return any(
        block.residual and level.downsampling == "stride" and any(n != 1 for n in values(level.stride))
        for level, block in zip(levels, below, strict=True)
    )


def _unequal_additions(cfg: UNetConfig) -> Iterator[int]:
    """Yield each level that adds a skip to an image of other channels."""
    levels = _levels(cfg) if "add" in values(cfg.skip) else []
    for i, (level, (width, below)) in enumerate(zip(levels, pairwise(cfg.channels), strict=False)):
        if level.skip == "add" and level.upsampling in ALONE and width != below:
            yield i


def _skip(cfg: UNetConfig) -> str:
    i = next(_unequal_additions(cfg), 0)
    width, below = (written_number(c) for c in (*cfg.channels[i : i + 2], 0, 0)[:2])
    alone = f"upsampling={written_value(at(cfg.upsampling, i))} has no convolution"
    return f"adds {width} channels and {below} at level {i}, because its {alone}"


def _concatenated(cfg: UNetConfig) -> object:
    wrong = set(_unequal_additions(cfg))
    return short(tuple("concat" if i in wrong else level.skip for i, level in enumerate(_levels(cfg))))


UNET_WELL_FORMED: tuple[Condition, ...] = (
    Condition("levels_pos", "levels", "levels must be at least 1", lambda cfg: cfg.levels >= 1),
    Condition("levels_few", "levels", f"levels must be at most {MOST}", lambda cfg: cfg.levels <= MOST),
    Condition("axes_pos", "axes", "axes must be at least 1", lambda cfg: cfg.axes >= 1),
    Condition("axes_few", "axes", f"axes must be at most {MAX_AXES}", lambda cfg: cfg.axes <= MAX_AXES),
    Condition("baseC_pos", "base_channels", "base_channels must be at least 1", lambda cfg: cfg.base_channels >= 1),
    Condition(
        "multipliers_count",
        "multipliers",
        "multipliers must have one number for each level and one for the bottom",
        lambda cfg: cfg.multipliers is None or len(cfg.multipliers) == cfg.levels + 1,
        _multipliers_count,
    ),
    Condition(
        "multipliers_pos",
        "multipliers",
        "multipliers must be at least 1",
        lambda cfg: cfg.multipliers is None or all(m >= 1 for m in cfg.multipliers),
        None,
        _with_channels,
    ),
    *_SHAPES,
    *(
        condition
        for name, field in (("convs", "convs_per_block"), ("decoder_convs", "decoder_convs"))
        for condition in (
            Condition(
                f"{name}_pos", field, f"{field} must be at least 1", *_each(field, lambda n: n >= 1, lambda n: 2)
            ),
            Condition(
                f"{name}_few", field, f"{field} must be at most {MOST}", *_each(field, lambda n: n <= MOST, lambda n: 2)
            ),
        )
    ),
    Condition(
        "convK_odd",
        "conv_kernel",
        "conv_kernel must be odd, so that the kernel has a centre",
        *_each("conv_kernel", lambda n: n % 2 == 1, lambda n: n + 1),
    ),
    Condition("stride_pos", "stride", "stride must be at least 1", *_each("stride", lambda n: n >= 1, lambda n: 2)),
    Condition(
        "stride_few",
        "stride",
        f"stride must be at most {LARGEST}",
        *_each("stride", lambda n: n <= LARGEST, lambda n: 2),
    ),
    Condition(
        "upK_stride",
        "upsampling_kernel",
        "upsampling_kernel must be at least the stride, and odd for a stride of 1",
        lambda cfg: not any(_wrong_kernels(cfg)),
        _upsampling_kernel,
        _kernels_for_strides,
    ),
    Condition(
        "groups_divide",
        "groups",
        "groups must divide the channels of every level",
        lambda cfg: all(_divides(*of) for of in _grouped(cfg).values()),
        _groups,
        _dividing,
    ),
    Condition(
        "residual_padding",
        "padding",
        "padding must be 'same', because a residual block with a stride has the centres of its input only then",
        lambda cfg: cfg.padding == "same" or not _strided_residuals(cfg),
    ),
    Condition(
        "skip_channels",
        "skip",
        "skip must not add other channels; only an upsampling with a convolution makes those of the level",
        lambda cfg: not any(True for _ in _unequal_additions(cfg)),
        _skip,
        _concatenated,
    ),
)
"""The conditions of a well-formed :class:`UNetConfig`."""
