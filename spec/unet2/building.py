"""Can a two-level network be built from a config, and if not, what is the nearest config? (SPEC section 3)"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..arithmetic.naturals import natural
from ..conditions import ASK, require_kind
from ..elements import Lever, always, judge_arrays, judge_windows, least_changes, smaller
from ..messages.report import ConfigError, Report, Verdict
from .config import FIELDS, WELL_FORMED, UNet2Config, judge_config, judge_positive
from .layers import layer_shapes


def check_config(cfg: UNet2Config, in_channels: int = 1, out_channels: int = 1) -> Report:
    """Report whether a network can be built: the config is well-formed, there are channels, and no array is too large.

    Arrays have at most 2³¹ - 1 elements, and the numbers of a window are at most that. Raises :class:`UsageError` if
    ``cfg`` is not a :class:`UNet2Config` or a count is not a natural number.

    >>> from wellshaped.spec import UNet2Config
    >>> print(check_config(UNet2Config(pool_stride=0, base_channels=0)))
    UNet2Config(pool_stride=0, base_channels=0) is not well-formed.
      poolStride_ne0, baseC_pos: pool_stride=0 must be at least 1; base_channels=0 must be at least 1.
      fix: pool_stride=2, base_channels=64
    >>> print(check_config(UNet2Config(base_channels=2**14)))
    UNet2Config(base_channels=16384) is not well-formed.
      elements: an array is too large to compute with: down2_2.kernel of shape 32768×32768×3×3 has
          9663676416 elements, and may have at most 2147483647.
      fix: base_channels=7723
    """
    require_kind(cfg, UNet2Config, {"UNetConfig": "check_unet_config(cfg)", **ASK})
    counts = {"in_channels": natural(in_channels, "in_channels"), "out_channels": natural(out_channels, "out_channels")}
    verdicts = judge_config(cfg) + judge_positive(counts) + _judge_size(cfg, **counts)
    fix = ", ".join(
        f"{name}={value}" for name, value in config_fix(cfg, counts["in_channels"], counts["out_channels"]).items()
    )
    return Report(repr(cfg), verdicts, (fix,) if fix else (), error=ConfigError)


def config_fix(cfg: UNet2Config, in_channels: int, out_channels: int) -> dict[str, Any]:
    """Return the fields and channel counts to change so that a network can be built; nothing if it can be.

    >>> config_fix(UNet2Config(pool_stride=0), 1, 0)
    {'pool_stride': 2, 'out_channels': 1}
    """
    counts = {"in_channels": in_channels, "out_channels": out_channels}
    fix: dict[str, Any] = {c.field: FIELDS[c.field].default for c in WELL_FORMED if not c.holds(cfg)}
    fix |= {name: 1 for name, count in counts.items() if count == 0}

    def accepted(changes: Mapping[str, Any]) -> bool:
        changed: dict[str, Any] = {name: getattr(cfg, name) for name in FIELDS} | counts | fix | dict(changes)
        given = [changed.pop(name) for name in counts]
        return all(verdict.holds for verdict in _judge_size(UNet2Config(**changed), *given))

    if accepted({}):
        return fix
    fixed = replace(cfg, **{name: value for name, value in fix.items() if name in FIELDS})
    return fix | least_changes(accepted, _levers(fixed, counts | fix))


def _judge_size(cfg: UNet2Config, in_channels: int, out_channels: int) -> tuple[Verdict, ...]:
    arrays = (
        (f"{layer.name}.{part}", shape)
        for layer, *shapes in layer_shapes(cfg, in_channels, out_channels)
        for part, shape in zip(("kernel", "bias"), shapes, strict=True)
    )
    numbers = {name: getattr(cfg, name) for name in FIELDS if name != "base_channels"}
    return judge_arrays(arrays), judge_windows(numbers)


_USUAL = UNet2Config()


def _levers(cfg: UNet2Config, counts: Mapping[str, int]) -> list[Lever]:
    """Return what can be made smaller: channels, or the windows of one part. The farthest from its default is first."""
    ratios: list[tuple[int, Lever]] = [
        (cfg.base_channels // _USUAL.base_channels, smaller("base_channels", cfg.base_channels)),
        *((counts[name], smaller(name, counts[name])) for name in ("in_channels", "out_channels")),
    ]
    # A pooling and its upsampling change together.
    for parts in (("conv_",), ("head_",), ("pool_", "up_")):
        names = [name for name in FIELDS if name.startswith(parts)]
        usual = {name: getattr(_USUAL, name) for name in names}
        changed = {name: number for name, number in usual.items() if getattr(cfg, name) != number}
        ratios.append((max(getattr(cfg, name) // 3 for name in names), always(changed)))
    return [lever for _, lever in sorted(ratios, key=lambda of: -of[0])]
