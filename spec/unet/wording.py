"""The sentences and fixes of a config, in the words of its caller.

Conditions and fixes are about the fields of :class:`UNetConfig`. Someone who wrote the config by
:meth:`UNetConfig.of_levels` has no such fields: a field is ``levels[i].stride``, ``levels[i].block.groups`` or
``bottom.groups`` to them. Here the fields become what was written, in one place.
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from ..conditions import Condition
from ..messages.written import written_value
from .by_level import BY_LEVEL, CHANNELS, STEPS, at, entries
from .config import MOST, UNetConfig
from .level import Block, Level

_DEFAULTS = UNetConfig()


def judged_as(cfg: UNetConfig) -> UNetConfig:
    """Return the config to judge: with an entry for each level if its caller wrote each level.

    So a fix changes only the levels at fault.

    >>> from wellshaped.spec import Block, Level
    >>> judged_as(UNetConfig.of_levels([Level(block=Block(channels=8))], Block(channels=16))).groups
    (8, 8)
    """
    if not cfg.is_of_levels:
        return cfg
    of_levels: dict[str, Any] = {}
    for field in BY_LEVEL:
        value, count = getattr(cfg, field), entries(field, cfg.levels)
        if count and value is not None:
            of_levels[field] = tuple(at(value, i) for i in range(count))
    return replace(cfg, **of_levels)


def config_as_written(cfg: UNetConfig) -> str:
    """Return the call that made a config.

    >>> from wellshaped.spec import Block, Level
    >>> config_as_written(UNetConfig.of_levels([Level(block=Block(channels=8))], Block(channels=16), axes=3))
    'UNetConfig.of_levels(levels, bottom, axes=3)'
    """
    if not cfg.is_of_levels:
        return repr(cfg)
    of_whole = [(f.name, getattr(cfg, f.name)) for f in fields(cfg) if f.name not in _OF_LEVELS]
    differing = [f"{name}={written_value(v)}" for name, v in of_whole if v != getattr(_DEFAULTS, name)]
    return f"UNetConfig.of_levels({', '.join(('levels', 'bottom', *differing))})"


_OF_LEVELS = ("levels", *CHANNELS, *BY_LEVEL)


def sentence(condition: Condition, cfg: UNetConfig) -> str:
    """Return what a condition says of a config, with its numbers.

    >>> from wellshaped.spec import Block, Level
    >>> from wellshaped.spec.unet.conditions import UNET_WELL_FORMED
    >>> (condition,) = [of for of in UNET_WELL_FORMED if of.name == "stride_pos"]
    >>> sentence(condition, UNetConfig(levels=2, stride=(2, 0)))
    'stride=(2, 0) must be at least 1'
    >>> level = Level(block=Block(channels=8))
    >>> sentence(condition, UNetConfig.of_levels([level, replace(level, stride=0)], Block(channels=16)))
    'levels[1].stride=0 must be at least 1'
    """
    judged = judged_as(cfg)
    given, holds = _written(judged, condition.field, cfg.is_of_levels), condition.holds(judged)
    wrong = given
    if not holds and len(given) > 1:
        value: Any = condition.value(judged) if condition.value else getattr(_DEFAULTS, condition.field)
        better = _written(replace(judged, **{condition.field: value}), condition.field, cfg.is_of_levels)
        wrong = {place: v for place, v in given.items() if better[place] != v} or given
    place, value = next(iter(wrong.items()))
    subject = f"{place}={written_value(value)}" + (f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else "")
    if condition.numbered and not holds:
        return f"{subject} {condition.numbered(judged)}"
    return condition.says.replace(condition.field, subject, 1)


def _written(cfg: UNetConfig, field: str, by_level: bool) -> dict[str, Any]:
    """Return what the caller wrote for a field: each place, with its value."""
    if not by_level or (field not in _OF_LEVELS):
        return {field: getattr(cfg, field)}
    if field == "levels":
        return {"len(levels)": cfg.levels}
    name, values = ("channels", cfg.channels) if field in CHANNELS else (field, getattr(cfg, field))
    block = "" if field in STEPS else ".block"
    of_levels = {f"levels[{i}]{block}.{name}": at(values, i) for i in range(min(cfg.levels, MOST))}
    found = of_levels if field in STEPS else {**of_levels, f"bottom.{name}": at(values, -1)}
    return found or {field: values}  # without levels


def fix_as_written(cfg: UNetConfig, fix: Mapping[str, Any]) -> str:
    """Return the changes of a fix: fields of the call that made the config, and counts of channels.

    Levels that become the same are written together: ``levels[0]=levels[1]=Level(…)``.

    >>> from wellshaped.spec import Block, Level
    >>> fix_as_written(UNetConfig(levels=2), {"stride": 2, "in_channels": 1})
    'stride=2, in_channels=1'
    >>> cfg = UNetConfig.of_levels([Level(block=Block(channels=8), stride=0)], Block(channels=16))
    >>> fix_as_written(cfg, {"stride": 2, "in_channels": 1})
    'levels[0]=Level(block=Block(channels=8)), in_channels=1'
    """
    of_levels = {name: value for name, value in fix.items() if cfg.is_of_levels and name in _OF_LEVELS}
    changes = _levels(cfg, replace(cfg, **of_levels)) if of_levels else []
    others = (f"{name}={written_value(value)}" for name, value in fix.items() if name not in of_levels)
    return ", ".join((*changes, *others))


def _levels(cfg: UNetConfig, fixed: UNetConfig) -> list[str]:
    """Return the assignments that make the levels and the bottom of ``cfg`` those of ``fixed``."""
    after = [fixed.level(i) for i in range(fixed.levels)]
    before = [cfg.level(i) for i in range(min(cfg.levels, fixed.levels))]
    changes: list[str] = []
    places: dict[Level | Block, str] = {}
    if cfg.levels != fixed.levels:
        kept = f"levels[:{fixed.levels}]" if before == after else written_value(after)
        changes = [f"levels={kept}"]
        places[fixed.bottom] = "bottom="
    else:
        now = {f"levels[{i}]": (before[i], of) for i, of in enumerate(after)} | {"bottom": (cfg.bottom, fixed.bottom)}
        for place, (old, new) in now.items():
            if old != new:
                places[new] = f"{places.get(new, '')}{place}="
    return [*changes, *(f"{place}{written_value(value)}" for value, place in places.items())]
