"""The answer before anything is built: does this image fit this config, and if not, what would (SPEC 3 to 5)."""

from dataclasses import replace
from typing import Any

from .choices import nearest_choice
from .compatible import compatible_sizes
from .config import FIELDS, UNet2Config, check_config, config_fix, judge_config, judge_positive
from .explain import UNSOLVED, explain, near, resized, solved
from .naturals import natural
from .norms import fit_together, judge_norms, padded_together, required
from .obligations import OBLIGATIONS
from .report import Report, Verdict, refuse
from .unet import UNET_WELL_FORMED, UNetConfig, check_unet_config, unet_fix
from .written import kind_of, written_number


def check(
    cfg: UNet2Config | UNetConfig, in_channels: int, out_channels: int, height: int, width: int, *, layout: str = "CHW"
) -> Report:
    """Judge every condition at once: whether the network can be built, and whether it takes an image of this size.

    Of a :class:`UNet2Config` these are well-formedness, at least one of everything, arrays that are not too large, and
    the eight obligations. Of a :class:`UNetConfig`, whose network need not return the size that it is given, what its
    nodes require takes the place of the eight; and a normalisation needs statistics of more than one number
    (:mod:`wellshaped.spec.norms`), for which a batch norm gets a warning. ``layout`` is that of the image which the
    proposed fix crops or pads.

    The network runs on ``(in_channels, height, width)`` iff the report is ``ok``; that of a :class:`UNet2Config` then
    gives ``(out_channels, height, width)``. Raises :class:`ShapeError` where ``cfg`` is not a config or a number not
    natural; what does not fit is in the report, not raised (see :meth:`Report.raise_if_failed`). Source: SPEC sections
    3, 4 and 8.

    >>> check(UNet2Config(), 1, 1, 304, 384).ok
    True
    >>> print(check(UNet2Config(), 1, 1, 303, 384))
    input (1, 303, 384) of UNet2Config() does not fit.
      h_upH: height 303 does not survive: pool 303 → 151, upsample 151 → 302, the skip needs 303.
      fix: height 302 (crop 1) or 304 (pad 1); all heights that fit: n ≡ 0 (mod 2), n ≥ 2
      fix: x[:, :302, :384] or jnp.pad(x, ((0, 0), (0, 1), (0, 0)))
    >>> print(check(UNetConfig(levels=3, norm="instance"), 1, 1, 8, 8))
    input (1, 8, 8) of UNetConfig(levels=3, norm='instance') does not fit.
      more_than_one: the instance norm of a single number leaves only its bias: bottom.0, bottom: 1×1 positions.
      fix: height 16 (pad 8); heights that fit by themselves: n ≡ 0 (mod 8), n ≥ 8
      fix: jnp.pad(x, ((0, 0), (0, 8), (0, 0)))
    """
    if layout not in ("CHW", "HWC"):
        fix = f'layout="{nearest_choice(layout, ("CHW", "HWC"))}"'
        raise refuse(f"layout={layout!r}", "layout", "no such layout", "it must be CHW or HWC", fix)
    building, mended, channels = _building(cfg, in_channels, out_channels)
    sizes = {"height": natural(height, "height"), "width": natural(width, "width")}
    axes = {"C": natural(in_channels, "in_channels"), "H": sizes["height"], "W": sizes["width"]}
    subject = f"input ({', '.join(written_number(axes[axis]) for axis in layout)}) of {cfg!r}"
    positive = judge_positive(sizes)
    if mended is None:  # A size is only worth mending for a config that sizes can fit.
        owed = _owed(cfg, sizes) if isinstance(cfg, UNet2Config) else ()
        return Report(subject, building.conditions + positive + owed, building.fixes)
    owed = positive + _owed(cfg, sizes)
    norms: tuple[Verdict, ...] = ()
    if isinstance(cfg, UNetConfig) and building.ok and all(verdict.holds for verdict in owed):
        norms = judge_norms(cfg, **sizes)
    meant = norms if isinstance(cfg, UNetConfig) and required(cfg) else ()
    warnings = tuple(verdict for verdict in norms if not (meant or verdict.holds))
    conditions = building.conditions + owed + meant
    if all(verdict.holds for verdict in conditions):
        return Report(subject, conditions, warnings=warnings)
    return Report(subject, conditions, building.fixes + _fixes(mended, channels, sizes, layout), warnings)


def _building(
    cfg: UNet2Config | UNetConfig, in_channels: int, out_channels: int
) -> tuple[Report, UNet2Config | UNetConfig | None, tuple[int, int]]:
    """Whether a network can be built, and the config and the channels of the one that its fix proposes.

    There is no such config where ``cfg`` is not well-formed.
    """
    counts = {"in_channels": natural(in_channels, "in_channels"), "out_channels": natural(out_channels, "out_channels")}
    if isinstance(cfg, UNetConfig):
        report = check_unet_config(cfg, in_channels, out_channels)
        well_formed = all(condition.holds(cfg) for condition in UNET_WELL_FORMED)
        fix = {} if report.ok else unet_fix(cfg, **counts)
    else:
        report = check_config(cfg, in_channels, out_channels)
        well_formed = all(verdict.holds for verdict in judge_config(cfg))
        fix = {} if report.ok else config_fix(cfg, counts["in_channels"], counts["out_channels"])
    changes: dict[str, Any] = {name: value for name, value in fix.items() if name not in counts}
    ins, outs = ({**counts, **fix}[name] for name in counts)
    return report, (replace(cfg, **changes) if well_formed else None), (ins, outs)


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


def _fixes(
    cfg: UNet2Config | UNetConfig, channels: tuple[int, int], sizes: dict[str, int], layout: str
) -> tuple[str, ...]:
    """The nearest sizes that work, expressions that make them, and the config that has more of them; none where all do.

    Whichever of the sizes is chosen for the height, and whichever for the width, the two fit together.
    """
    fit = solved(cfg)
    fits = all(explain(cfg, n).ok if fit is None else n in fit for n in sizes.values())
    if fits and fit_together(cfg, **sizes):
        return ()
    if fit is None:
        return (UNSOLVED,)
    ways = {axis: near(fit, n) for axis, n in sizes.items()}
    whole = "all {}s that fit"
    if all(ways.values()) and not fit_together(cfg, *map(min, ways.values())):
        larger = padded_together(cfg, fit, *map(max, ways.values()))
        ways = {axis: [n] for axis, n in zip(ways, larger, strict=True)} if larger else {axis: [] for axis in ways}
        whole = "{}s that fit by themselves"
    lines, pastes = [], []
    if all(ways.values()):
        for axis, n in sizes.items():
            if ways[axis] != [n]:
                lines.append(f"{axis} {resized(n, ways[axis])}; {whole.format(axis)}: {fit}")
        low, high = ({axis[0].upper(): end(found) for axis, found in ways.items()} for end in (min, max))
        given = {axis[0].upper(): n for axis, n in sizes.items()}
        if low != given and all(low[axis] <= n for axis, n in given.items()):
            pastes.append(f"x[{', '.join(f':{written_number(low[axis])}' if axis in low else ':' for axis in layout)}]")
        if high != given and all(high[axis] >= n for axis, n in given.items()):
            pads = {axis: high[axis] - n for axis, n in given.items()}
            pastes.append(f"jnp.pad(x, ({', '.join(f'(0, {written_number(pads.get(axis, 0))})' for axis in layout)}))")
    if pastes:
        lines.append(" or ".join(pastes))
    if fit.is_finite:
        lines.append(mending(cfg, *channels))
    elif not all(ways.values()):
        lines.append("norm='none' in the config")
    return tuple(lines)


def mending(cfg: UNet2Config | UNetConfig, in_channels: int = 1, out_channels: int = 1) -> str:
    """How :func:`repair` would change ``cfg``, and what would then fit, in words; of a :class:`UNetConfig`, its join.

    Where arrays would become too large, channels become fewer.

    >>> mending(UNet2Config(conv_padding=0))
    'conv_padding=1 in the config, for sizes n ≡ 0 (mod 2), n ≥ 2'
    """
    if isinstance(cfg, UNetConfig):
        mended_unet = replace(cfg, join="even crop")
        return f"join='even crop' in the config, for sizes {compatible_sizes(mended_unet)}"
    mended = repair(cfg)
    fix = config_fix(mended, in_channels, out_channels)
    mended = replace(mended, **{name: value for name, value in fix.items() if name in FIELDS})
    changed = {name: getattr(mended, name) for name in FIELDS if getattr(cfg, name) != getattr(mended, name)}
    change = [f"{name}={written_number(number)}" for name, number in changed.items()]
    fewer = "".join(f" and {name}={value}" for name, value in fix.items() if name not in FIELDS)
    return f"{', '.join(change)} in the config{fewer}, for sizes {compatible_sizes(mended)}"


def repair(cfg: UNet2Config) -> UNet2Config:
    """A config like ``cfg`` that fits sizes without end, for a well-formed ``cfg``: what a report proposes.

    Convolutions get stride 1 and the padding that keeps sizes (an even kernel, for which there is none, grows by 1);
    the upsampling gets the stride of the pooling and, where that is not enough, the kernel that undoes it.

    >>> repair(UNet2Config(conv_padding=0, up_stride=3))
    UNet2Config()
    """
    if not isinstance(cfg, UNet2Config):
        says = f"it is {kind_of(cfg)}, and must be a UNet2Config"
        raise refuse("the config", "config", "nothing to repair", says, "UNet2Config(...)")
    changes: dict[str, int] = {}
    for part in ("conv", "head"):
        kernel = getattr(cfg, f"{part}_kernel") // 2 * 2 + 1
        changes |= {f"{part}_kernel": kernel, f"{part}_stride": 1, f"{part}_padding": kernel // 2}
    rest = cfg.up_kernel - 2 * cfg.up_padding - cfg.pool_kernel
    if not 0 <= rest < cfg.pool_stride:
        changes["up_kernel"] = cfg.pool_kernel + 2 * cfg.up_padding
    return replace(cfg, **changes, up_stride=cfg.pool_stride)
