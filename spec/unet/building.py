"""Can a U-Net be built from a config, and if not, what is the nearest config?"""

from collections.abc import Mapping
from dataclasses import replace
from math import gcd, lcm
from typing import Any

from ..arithmetic.naturals import LARGEST, divisor_below, judge_at_least_one, natural
from ..conditions import Condition, require_kind
from ..elements import Lever, always, judge_arrays, least_changes, smaller
from ..messages.report import ConfigError, Report, Verdict
from ..messages.written import written_number, written_value
from ..network.weights import parameter_shapes
from .config import UNET_WELL_FORMED, UNetConfig
from .graph import unchecked_graph

_DEFAULTS = UNetConfig()


def check_unet_config(cfg: UNetConfig, in_channels: int = 1, out_channels: int | None = None) -> Report:
    """Report whether a network can be built: :data:`UNET_WELL_FORMED` holds, there are channels, no array is too large.

    Without a head, ``out_channels`` must be ``base_channels · multipliers[0]``. ``None`` is a number that works. Arrays
    have at most 2³¹ - 1 elements. Raises :class:`UsageError` if ``cfg`` is not a :class:`UNetConfig` or a count is not
    a natural number.

    >>> from wellshaped.spec import UNetConfig
    >>> print(check_unet_config(UNetConfig(levels=0, norm="group", base_channels=12)))
    UNetConfig(levels=0, base_channels=12, norm='group') is not well-formed.
      levels_pos, groups_divide: levels=0 must be at least 1; groups=8 must divide the channels of every
          level, 12.
      fix: levels=4, groups=6
    """
    require_kind(cfg, UNetConfig, {"UNet2Config": "check_config(cfg)"})
    if out_channels is None:
        out_channels = 1 if cfg.head else cfg.channels[0]
    counts = {"in_channels": natural(in_channels, "in_channels"), "out_channels": natural(out_channels, "out_channels")}
    judged = tuple(Verdict(c.name, c.holds(cfg), _sentence(c, cfg), "") for c in UNET_WELL_FORMED)
    channels = judge_at_least_one(counts)
    if not cfg.head:
        asked, made = written_number(out_channels), written_number(cfg.channels[0])
        says = f"without a head out_channels={asked} must be the channels of the first level, {made}"
        channels += (Verdict("head", out_channels == cfg.channels[0], says, ""),)
    if all(verdict.holds for verdict in judged):
        channels += (_judge_size(cfg, *(max(count, 1) for count in counts.values())),)
    fix = ", ".join(f"{name}={written_value(value)}" for name, value in unet_fix(cfg, **counts).items())
    return Report(repr(cfg), judged + channels, (fix,) if fix else (), error=ConfigError)


def unet_fix(cfg: UNetConfig, in_channels: int, out_channels: int) -> dict[str, Any]:
    """Return the fields and channel counts to change so that a network can be built; nothing if it can be.

    >>> unet_fix(UNetConfig(levels=40), 1, 1)
    {'levels': 7}
    """
    counts = {"in_channels": in_channels, "out_channels": out_channels}
    fix: dict[str, Any] = {}
    fixed = cfg
    while broken := _broken(fixed):
        fix |= broken  # a new value may break another condition
        fixed = replace(fixed, **broken)
    fix |= {name: 1 for name, count in counts.items() if count == 0}

    def changed(changes: Mapping[str, Any]) -> tuple[UNetConfig, int, int]:
        fields: dict[str, Any] = {**counts, **fix, **changes}
        ins, outs = fields.pop("in_channels"), fields.pop("out_channels")
        now = replace(cfg, **fields)
        return now, ins, outs if now.head else now.channels[0]

    def accepted(changes: Mapping[str, Any]) -> bool:
        now, ins, outs = changed(changes)
        return all(c.holds(now) for c in UNET_WELL_FORMED) and _judge_size(now, ins, outs).holds

    if not accepted({}):
        fix |= least_changes(accepted, _levers(fixed, {**counts, **fix}))
    outs = changed({})[2]
    return fix | ({"out_channels": outs} if outs != fix.get("out_channels", out_channels) else {})


def _broken(cfg: UNetConfig) -> dict[str, Any]:
    """Return the fields that break a condition, each with a value that meets it."""
    return {c.field: _value_for(c, cfg) for c in UNET_WELL_FORMED if not c.holds(cfg)}


def _judge_size(cfg: UNetConfig, in_channels: int, out_channels: int) -> Verdict:
    network = unchecked_graph(cfg, in_channels, out_channels)
    shapes = parameter_shapes(network)
    return judge_arrays(
        (f"{layer}.{array}", shape) for layer, of_it in shapes.items() for array, shape in of_it.items()
    )


def _levers(cfg: UNetConfig, counts: Mapping[str, int]) -> list[Lever]:
    """Return what can be made smaller. The farthest from its default is first."""
    multipliers = cfg.multipliers or (1,)
    # Every level's channels stay multiples of the groups.
    step = lcm(*(cfg.groups // gcd(cfg.groups, m) for m in multipliers)) if cfg.norm == "group" else 1
    few = min(cfg.base_channels // step, LARGEST)
    doubling = {} if cfg.multipliers is None else {"multipliers": None}
    ratios = [
        (cfg.base_channels // _DEFAULTS.base_channels, Lever(lambda k: {"base_channels": k * step}, few)),
        (cfg.levels // _DEFAULTS.levels, Lever(lambda k: {"levels": k, **doubling}, cfg.levels)),
        (max(multipliers) // 16, Lever(lambda k: {"multipliers": tuple(min(m, k) for m in multipliers)}, 16)),
        (
            cfg.conv_kernel // _DEFAULTS.conv_kernel,
            Lever(lambda k: {"conv_kernel": 2 * k - 1}, min(cfg.conv_kernel // 2, LARGEST)),
        ),
        (cfg.groups // _DEFAULTS.groups, always({"groups": 1, "base_channels": _DEFAULTS.base_channels})),
        *((counts[name], smaller(name, counts[name])) for name in (["in_channels"] + ["out_channels"] * cfg.head)),
    ]
    return [lever for _, lever in sorted(ratios, key=lambda of: -of[0])]


def _sentence(condition: Condition, cfg: UNetConfig) -> str:
    value = written_value(getattr(cfg, condition.field))
    said = condition.says.replace(condition.field, f"{condition.field}={value}", 1)
    if condition.name == "multipliers_count" and cfg.multipliers is not None:
        counts = f"{len(cfg.multipliers)} numbers, and {cfg.levels} levels need {written_number(cfg.levels + 1)}"
        example = f", for example {', '.join(str(2**i) for i in range(cfg.levels + 1))}" if cfg.levels < 8 else ""
        said = f"multipliers={value} has {counts}{example}"
    if condition.name == "groups_divide":
        said = f"{said}, {', '.join(map(written_number, dict.fromkeys(cfg.channels)))}"
    return said


def _value_for(condition: Condition, cfg: UNetConfig) -> object:
    if condition.field == "groups":
        common = gcd(*cfg.channels) or 1
        return divisor_below(common, min(max(cfg.groups, 1), 1024))
    if condition.field == "conv_kernel":
        return cfg.conv_kernel + 1
    return getattr(_DEFAULTS, condition.field)
