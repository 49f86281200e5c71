"""Can a U-Net be built from a config, and if not, what is the nearest config?"""

from collections.abc import Mapping
from dataclasses import replace
from math import gcd, lcm
from typing import Any

from ..arithmetic.naturals import LARGEST, judge_at_least_one, natural
from ..conditions import ASK, require_kind
from ..elements import Lever, always, judge_arrays, least_changes, smaller
from ..messages.report import ConfigError, Report, Verdict
from ..messages.written import written_number
from ..network.network import MAX_AXES
from ..network.weights import parameter_shapes
from .by_level import BY_LEVEL, PER_AXIS, entries, fitted, mapped, numbers, short, values
from .choices import USUAL
from .conditions import UNET_WELL_FORMED
from .config import UNetConfig
from .graph import unchecked_graph
from .wording import config_as_written, fix_as_written, judged_as, sentence

_DEFAULTS = UNetConfig()


def check_unet_config(cfg: UNetConfig, in_channels: int = 1, out_channels: int | None = None) -> Report:
    """Report whether a network can be built: :data:`UNET_WELL_FORMED` holds, there are channels, no array is too large.

    Without a head, ``out_channels`` must be ``base_channels · multipliers[0]``. If you leave out ``out_channels``, a
    number that works is taken. Arrays have at most 2³¹ - 1 elements. Raises :class:`UsageError` if ``cfg`` is not a
    :class:`UNetConfig` or a count is not a natural number.

    >>> from wellshaped.spec import UNetConfig
    >>> print(check_unet_config(UNetConfig(levels=0, norm="group", base_channels=12)))
    UNetConfig(levels=0, base_channels=12, norm='group') is not well-formed.
      levels_pos, groups_divide: levels=0 must be at least 1; groups=8 must divide the channels of every
          level, 12.
      fix: levels=4, groups=6
    """
    require_kind(cfg, UNetConfig, {"UNet2Config": "check_config(cfg)", **ASK})
    if out_channels is None:
        out_channels = 1 if cfg.head or not cfg.channels else cfg.channels[0]
    counts = {"in_channels": natural(in_channels, "in_channels"), "out_channels": natural(out_channels, "out_channels")}
    judged = tuple(Verdict(c.name, c.holds(cfg), sentence(c, cfg), "") for c in UNET_WELL_FORMED)
    channels = judge_at_least_one(counts)
    if not cfg.head and cfg.channels:
        asked, made = written_number(out_channels), written_number(cfg.channels[0])
        says = f"without a head out_channels={asked} must be the channels of the first level, {made}"
        channels += (Verdict("head", out_channels == cfg.channels[0], says, ""),)
    if all(verdict.holds for verdict in judged):
        channels += (_judge_size(cfg, *(max(count, 1) for count in counts.values())),)
    fix = fix_as_written(cfg, unet_fix(cfg, **counts))
    return Report(config_as_written(cfg), judged + channels, (fix,) if fix else (), error=ConfigError)


def unet_fix(cfg: UNetConfig, in_channels: int, out_channels: int) -> dict[str, Any]:
    """Return the fields and channel counts to change so that a network can be built; nothing if it can be.

    >>> unet_fix(UNetConfig(levels=40), 1, 1)
    {'levels': 7}
    """
    counts = {"in_channels": in_channels, "out_channels": out_channels}
    fix: dict[str, Any] = {}
    fixed = cfg = judged_as(cfg)
    while broken := _broken(fixed):
        fix |= broken  # a new value may break another condition
        fixed = replace(fixed, **broken)
    fix |= {name: 1 for name, count in counts.items() if count == 0}

    def changed(changes: Mapping[str, Any]) -> tuple[UNetConfig, int, int]:
        fields: dict[str, Any] = {**counts, **fix, **changes}
        ins, outs = fields.pop("in_channels"), fields.pop("out_channels")
        now = replace(cfg, **fields)
        now = replace(now, **_cut(now))
        return now, ins, outs if now.head else now.channels[0]

    def accepted(changes: Mapping[str, Any]) -> bool:
        now, ins, outs = changed(changes)
        return all(c.holds(now) for c in UNET_WELL_FORMED) and _judge_size(now, ins, outs).holds

    if not accepted({}):
        fix |= least_changes(accepted, _levers(fixed, {**counts, **fix}))
        fix |= _cut(replace(cfg, **{name: value for name, value in fix.items() if name not in counts}))
    outs = changed({})[2]
    return fix | ({"out_channels": outs} if outs != fix.get("out_channels", out_channels) else {})


def _broken(cfg: UNetConfig) -> dict[str, Any]:
    """Return the fields that break a condition, each with a value that meets it."""
    broken = _axes_of_values(cfg)
    rest = replace(cfg, **broken)
    for c in UNET_WELL_FORMED:
        if c.field not in broken and not c.holds(rest):
            broken[c.field] = c.value(rest) if c.value else getattr(_DEFAULTS, c.field)
    return broken


def _axes_of_values(cfg: UNetConfig) -> dict[str, Any]:
    """Return ``axes`` as the values say that have a number for each axis, if they agree and it was not given."""
    counts = {len(v) for field in PER_AXIS for v in values(getattr(cfg, field)) if isinstance(v, tuple)}
    said = cfg.axes != _DEFAULTS.axes or len(counts) != 1 or not counts <= {*range(1, MAX_AXES + 1)} - {cfg.axes}
    return {} if said else {"axes": counts.pop()}


def _judge_size(cfg: UNetConfig, in_channels: int, out_channels: int) -> Verdict:
    # A third convolution of a block is as large as the second.
    counts = {field: getattr(cfg, field) for field in ("convs_per_block", "decoder_convs")}
    two = {field: mapped(count, lambda n: min(n, 2)) for field, count in counts.items() if count is not None}
    shapes = parameter_shapes(unchecked_graph(replace(cfg, **two), in_channels, out_channels))
    return judge_arrays(
        (f"{layer}.{array}", shape) for layer, of_it in shapes.items() for array, shape in of_it.items()
    )


def _levers(cfg: UNetConfig, counts: Mapping[str, int]) -> list[Lever]:
    """Return what can be made smaller. The farthest from its default is first."""
    multipliers = cfg.multipliers or (1,)
    step = _step(cfg)
    few = min(cfg.base_channels // step, LARGEST)
    doubling = {} if cfg.multipliers is None else {"multipliers": None}
    kernel, stride = max(numbers(cfg.conv_kernel)), max(numbers(cfg.stride))
    ratios = [
        (cfg.base_channels // _DEFAULTS.base_channels, Lever(lambda k: {"base_channels": k * step}, few)),
        (cfg.levels // _DEFAULTS.levels, Lever(lambda k: {"levels": k, **doubling}, cfg.levels)),
        (max(multipliers) // 16, Lever(lambda k: {"multipliers": tuple(min(m, k) for m in multipliers)}, 16)),
        (
            kernel // 3,
            Lever(lambda k: _at_most(cfg, "conv_kernel", 2 * k - 1), min(kernel // 2, LARGEST)),
        ),
        (max(numbers(cfg.groups)) // USUAL["groups"], always({"groups": 1, "base_channels": _DEFAULTS.base_channels})),
        *((counts[name], smaller(name, counts[name])) for name in (["in_channels"] + ["out_channels"] * cfg.head)),
    ]
    if stride > 2:  # the kernels of transposed convolutions are as large
        no_kernel = {} if cfg.upsampling_kernel is None else {"upsampling_kernel": None}
        ratios.append((stride // 2, Lever(lambda k: {**_at_most(cfg, "stride", k), **no_kernel}, min(stride, LARGEST))))
    if cfg.upsampling_kernel is not None:
        ratios.append((max(numbers(cfg.upsampling_kernel)) // 2, always({"upsampling_kernel": None})))
    return [lever for _, lever in sorted(ratios, key=lambda of: -of[0])]


def _step(cfg: UNetConfig) -> int:
    """Return what ``base_channels`` must be a multiple of: so the groups divide the channels of every level."""
    every = [cfg.level(i).block for i in range(cfg.levels)] + [cfg.bottom]
    return lcm(*(block.norm_groups // gcd(block.norm_groups, block.channels // cfg.base_channels) for block in every))


def _cut(cfg: UNetConfig) -> dict[str, Any]:
    """Return the fields that have entries for more levels than there are, without these."""
    counts = {field: entries(field, cfg.levels) for field in BY_LEVEL}
    given = {field: getattr(cfg, field) for field in BY_LEVEL}
    return {
        field: fitted(v, counts[field]) for field, v in given.items() if isinstance(v, tuple) and len(v) > counts[field]
    }


def _at_most(cfg: UNetConfig, field: str, most: int) -> dict[str, object]:
    changed = mapped(getattr(cfg, field), lambda n: min(n, most))
    return {field: short(changed) if isinstance(changed, tuple) else changed}
