"""The answer before anything is built: does this image fit this config, and if not, what would (SPEC 3 to 5)."""

from dataclasses import replace

from .compatible import compatible_sizes
from .config import FIELDS, UNet2Config, check_config, judge_config, judge_positive
from .explain import UNSOLVED, explain, nearest, solved
from .naturals import natural
from .obligations import OBLIGATIONS
from .report import Report, Verdict, refuse
from .unet import UNetConfig, check_unet_config
from .written import written_number


def check(
    cfg: UNet2Config | UNetConfig, in_channels: int, out_channels: int, height: int, width: int, *, layout: str = "CHW"
) -> Report:
    """Judge every condition at once: well-formedness, at least one of everything, and the eight obligations.

    Of a :class:`UNetConfig`, whose network need not return the size that it is given, the demands of its program take
    the place of the eight. ``layout`` is that of the image which the proposed fix crops or pads.

    The network runs on ``(in_channels, height, width)`` iff the report is ``ok``; that of a :class:`UNet2Config` then
    gives ``(out_channels, height, width)``. Raises :class:`ShapeError` where ``cfg`` is not a config or a number not
    natural; what does not fit is in the report, not raised (see :meth:`Report.raise_if_failed`). Source: SPEC sections
    3 and 4.

    >>> check(UNet2Config(), 1, 1, 304, 384).ok
    True
    >>> print(check(UNet2Config(), 1, 1, 303, 384))
    input (1, 303, 384) of UNet2Config() does not fit.
      h_upH: height 303 does not survive: pool 303 → 151, upsample 151 → 302, the skip needs 303.
      fix: height 302 (crop 1) or 304 (pad 1); all heights that fit: n ≡ 0 (mod 2), n ≥ 2
      fix: x[:, :302, :384] or jnp.pad(x, ((0, 0), (0, 1), (0, 0)))
    """
    if layout not in ("CHW", "HWC"):
        raise refuse(f"layout={layout!r}", "layout", "no such layout", "it must be CHW or HWC", 'layout="CHW"')
    if isinstance(cfg, UNetConfig):
        building = check_unet_config(cfg, in_channels, out_channels)
    else:
        building = check_config(cfg, in_channels, out_channels)
    sizes = {"height": natural(height, "height"), "width": natural(width, "width")}
    axes = {"C": natural(in_channels, "in_channels"), "H": sizes["height"], "W": sizes["width"]}
    subject = f"input ({', '.join(written_number(axes[axis]) for axis in layout)}) of {cfg!r}"
    # A size is only worth judging and mending for a config that sizes can fit.
    well_formed = check_unet_config(cfg).ok if isinstance(cfg, UNetConfig) else all(v.holds for v in judge_config(cfg))
    owed = _owed(cfg, sizes) if well_formed or isinstance(cfg, UNet2Config) else ()
    conditions = building.conditions + judge_positive(sizes) + owed
    mendable = well_formed and not all(v.holds for v in judge_positive(sizes) + owed)
    return Report(subject, conditions, building.fixes + (_fixes(cfg, sizes, layout) if mendable else ()))


def _owed(cfg: UNet2Config | UNetConfig, sizes: dict[str, int]) -> tuple[Verdict, ...]:
    """What the sizes owe to the network."""
    if isinstance(cfg, UNet2Config):
        return tuple(
            Verdict(o.name, o.holds(cfg, n), o.says(cfg, n), f"{o.axis} {written_number(n)} does not survive")
            for o in OBLIGATIONS
            for n in (sizes[o.axis],)
        )
    demands = {axis: explain(cfg, n).conditions for axis, n in sizes.items()}
    return tuple(replace(v, about=f"{axis} {v.about}") for axis, of_axis in demands.items() for v in of_axis)


def _fixes(cfg: UNet2Config | UNetConfig, sizes: dict[str, int], layout: str) -> tuple[str, ...]:
    """The nearest sizes that work on each axis, expressions that make them, and the config that has more of them."""
    fit = solved(cfg)
    if fit is None:
        return (UNSOLVED,)
    wrong = {axis: n for axis, n in sizes.items() if n not in fit}
    lines = []
    for axis, n in wrong.items():
        ways = nearest(fit, n)
        if ways:
            lines.append(f"{axis} {' or '.join(ways)}; all {axis}s that fit: {fit}")
    below = [m for n in sizes.values() for m in [fit.below(n)] if m is not None]
    pads = [m - n for n in sizes.values() for m in [fit.above(n)] if m is not None]
    pastes = []
    if len(below) == 2:
        kept = dict(zip("HW", below, strict=True))
        pastes.append(f"x[{', '.join(f':{written_number(kept[axis])}' if axis in kept else ':' for axis in layout)}]")
    if len(pads) == 2:
        added = dict(zip("HW", pads, strict=True))
        pastes.append(f"jnp.pad(x, ({', '.join(f'(0, {written_number(added.get(axis, 0))})' for axis in layout)}))")
    if pastes:
        lines.append(" or ".join(pastes))
    if fit.is_finite:
        lines.append(mending(cfg))
    return tuple(lines)


def mending(cfg: UNet2Config | UNetConfig) -> str:
    """How :func:`repair` would change ``cfg``, and what would then fit, in words; of a :class:`UNetConfig`, its join.

    >>> mending(UNet2Config(conv_padding=0))
    'conv_padding=1 in the config, for sizes n ≡ 0 (mod 2), n ≥ 2'
    """
    if isinstance(cfg, UNetConfig):
        mended_unet = replace(cfg, join="even crop")
        return f"join='even crop' in the config, for sizes {compatible_sizes(mended_unet)}"
    mended = repair(cfg)
    changed = {name: getattr(mended, name) for name in FIELDS if getattr(cfg, name) != getattr(mended, name)}
    change = [f"{name}={written_number(number)}" for name, number in changed.items()]
    return f"{', '.join(change)} in the config, for sizes {compatible_sizes(mended)}"


def repair(cfg: UNet2Config) -> UNet2Config:
    """A config like ``cfg`` that fits sizes without end, for a well-formed ``cfg``: what a report proposes.

    Convolutions get stride 1 and the padding that keeps sizes (an even kernel, for which there is none, grows by 1);
    the upsampling gets the stride of the pooling and, where that is not enough, the kernel that undoes it.

    >>> repair(UNet2Config(conv_padding=0, up_stride=3))
    UNet2Config()
    """
    if not isinstance(cfg, UNet2Config):
        says = f"it is a {type(cfg).__name__}, and must be a UNet2Config"
        raise refuse("the config", "config", "nothing to repair", says, "UNet2Config(...)")
    changes: dict[str, int] = {}
    for part in ("conv", "head"):
        kernel = getattr(cfg, f"{part}_kernel") // 2 * 2 + 1
        changes |= {f"{part}_kernel": kernel, f"{part}_stride": 1, f"{part}_padding": kernel // 2}
    rest = cfg.up_kernel - 2 * cfg.up_padding - cfg.pool_kernel
    if not 0 <= rest < cfg.pool_stride:
        changes["up_kernel"] = cfg.pool_kernel + 2 * cfg.up_padding
    return replace(cfg, **changes, up_stride=cfg.pool_stride)
