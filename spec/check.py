"""The answer before anything is built: does this image fit this config, and if not, what would (SPEC 3 to 5)."""

from dataclasses import replace

from .compatible import compatible_sizes
from .config import FIELDS, UNet2Config, check_config, judge_config, judge_positive
from .naturals import natural
from .obligations import OBLIGATIONS
from .report import Report, Verdict


def check(cfg: UNet2Config, in_channels: int, out_channels: int, height: int, width: int) -> Report:
    """Judge every condition at once: well-formedness, at least one of everything, and the eight obligations.

    The network runs on ``(in_channels, height, width)`` and gives ``(out_channels, height, width)`` iff the report is
    ``ok``. Raises :class:`ShapeError` where ``cfg`` is not a config or a number not natural; what does not fit is in
    the report, not raised (see :meth:`Report.raise_if_failed`). Source: SPEC sections 3 and 4.

    >>> check(UNet2Config(), 1, 1, 304, 384).ok
    True
    >>> print(check(UNet2Config(), 1, 1, 303, 384))
    input (1, 303, 384) of UNet2Config() does not fit.
      h_upH: height 303 does not survive: pool 303 → 151, upsample 151 → 302, the skip needs 303.
      fix: height 302 (crop 1) or 304 (pad 1); all heights that fit: n ≡ 0 (mod 2), n ≥ 2
      fix: x[:, :302, :384] or jnp.pad(x, ((0, 0), (0, 1), (0, 0)))
    """
    building = check_config(cfg, in_channels, out_channels)
    sizes = {"height": natural(height, "height"), "width": natural(width, "width")}
    subject = f"input ({natural(in_channels, 'in_channels')}, {sizes['height']}, {sizes['width']}) of {cfg!r}"
    owed = tuple(
        Verdict(o.name, o.holds(cfg, n), o.says(cfg, n), f"{o.axis} {n} does not survive")
        for o in OBLIGATIONS
        for n in (sizes[o.axis],)
    )
    conditions = building.conditions + judge_positive(sizes) + owed
    # A size is only worth mending for a config that sizes can fit.
    mendable = all(v.holds for v in judge_config(cfg)) and not all(v.holds for v in judge_positive(sizes) + owed)
    return Report(subject, conditions, building.fixes + (_fixes(cfg, sizes) if mendable else ()))


def _fixes(cfg: UNet2Config, sizes: dict[str, int]) -> tuple[str, ...]:
    """The nearest sizes that work on each axis, expressions that make them, and the config that has more of them."""
    fit = compatible_sizes(cfg)
    wrong = {axis: n for axis, n in sizes.items() if n not in fit}
    lines = []
    for axis, n in wrong.items():
        ways = [f"{m} (crop {n - m})" for m in [fit.below(n)] if m is not None]
        ways += [f"{m} (pad {m - n})" for m in [fit.above(n)] if m is not None]
        if ways:
            lines.append(f"{axis} {' or '.join(ways)}; all {axis}s that fit: {fit}")
    below = [m for n in sizes.values() for m in [fit.below(n)] if m is not None]
    pads = [m - n for n in sizes.values() for m in [fit.above(n)] if m is not None]
    pastes = []
    if len(below) == 2:
        pastes.append(f"x[:, :{below[0]}, :{below[1]}]")
    if len(pads) == 2:
        pastes.append(f"jnp.pad(x, ((0, 0), (0, {pads[0]}), (0, {pads[1]})))")
    if pastes:
        lines.append(" or ".join(pastes))
    if fit.is_finite:
        lines.append(mending(cfg))
    return tuple(lines)


def mending(cfg: UNet2Config) -> str:
    """How :func:`repair` would change ``cfg``, and what would then fit, in words.

    >>> mending(UNet2Config(conv_padding=0))
    'conv_padding=1 in the config, for sizes n ≡ 0 (mod 2), n ≥ 2'
    """
    mended = repair(cfg)
    change = [f"{name}={getattr(mended, name)}" for name in FIELDS if getattr(cfg, name) != getattr(mended, name)]
    return f"{', '.join(change)} in the config, for sizes {compatible_sizes(mended)}"


def repair(cfg: UNet2Config) -> UNet2Config:
    """A config like ``cfg`` that fits sizes without end, for a well-formed ``cfg``: what a report proposes.

    Convolutions get stride 1 and the padding that keeps sizes (an even kernel, for which there is none, grows by 1);
    the upsampling gets the stride of the pooling and, where that is not enough, the kernel that undoes it.

    >>> repair(UNet2Config(conv_padding=0, up_stride=3))
    UNet2Config()
    """
    changes: dict[str, int] = {}
    for part in ("conv", "head"):
        kernel = getattr(cfg, f"{part}_kernel") // 2 * 2 + 1
        changes |= {f"{part}_kernel": kernel, f"{part}_stride": 1, f"{part}_padding": kernel // 2}
    rest = cfg.up_kernel - 2 * cfg.up_padding - cfg.pool_kernel
    if not 0 <= rest < cfg.pool_stride:
        changes["up_kernel"] = cfg.pool_kernel + 2 * cfg.up_padding
    return replace(cfg, **changes, up_stride=cfg.pool_stride)
