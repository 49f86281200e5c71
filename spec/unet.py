"""U-Nets of any number of levels: a config, when it is well-formed, and the program that it stands for.

A *level* is one halving. The layers of a network of ``models`` have the names that the stages here have.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from math import gcd, lcm
from typing import Any

from .choices import nearest_choice
from .config import Condition
from .elements import Lever, always, judge_arrays, mend, smaller
from .families import MOST
from .naturals import LARGEST, divisor_below, judge_at_least_one, natural
from .network import AxisNetwork, axis_network
from .report import Report, Verdict, refuse
from .steps import Join, Resize, Save, Step, Transposed, Window
from .written import Written, kind_of, written_argument, written_number, written_value

CHOICES: dict[str, tuple[object, ...]] = {
    "padding": ("same", "none"),
    "norm": ("none", "batch", "group", "instance"),
    "residual": (False, True),
    "upsampling": ("transposed", "nearest", "bilinear"),
    "join": (None, "exact", "crop", "even crop", "pad"),
    "concat": ("skip first", "upsampled first"),
    "bias": (True, False),
    "head": (True, False),
}
"""What the fields that are no numbers may be."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class UNetConfig(Written):
    """The hyperparameters of a U-Net with any number of levels, keyword-only.

    - ``levels``: how often the size is halved, by max-pooling.
    - ``base_channels`` and ``multipliers``: level ``i`` has ``base_channels · multipliers[i]`` channels, and the bottom
      is the last; ``None`` doubles them at each.
    - ``convs_per_block``, ``conv_kernel``: the convolutions of each block, and their kernel.
    - ``padding``: of these convolutions, ``"same"`` keeps the size, ``"none"`` pads nothing.
    - ``norm``: after each convolution of a block, ``"none"``, ``"batch"``, ``"group"`` (of ``groups`` groups) or
      ``"instance"``. The statistics of a single number leave only the bias: an image must be large enough to have more
      than one position at the bottom (:mod:`wellshaped.spec.norms`).
    - ``residual``: each block adds what it was given before its last ReLU, through a 1×1 convolution (and ``norm``)
      where the channels differ: the basic block of a ResNet.
    - ``upsampling``: ``"transposed"`` (2×2, stride 2), or ``"nearest"`` or ``"bilinear"`` doubling and a convolution.
    - ``join``: how a skip is met, as in :class:`Join`; ``None`` is ``"exact"`` for ``padding="same"``, else
      ``"even crop"``.
    - ``concat``: which comes first among the channels of a joined image.
    - ``bias``: whether the convolutions of the blocks have one.
    - ``head``: a 1×1 convolution to the output's channels at the end, or nothing.

    Raises :class:`ShapeError` for a field that is not a natural number or none of its choices.

    >>> cfg = UNetConfig(levels=2, base_channels=8, norm="batch")
    >>> cfg, cfg.channels
    (UNetConfig(levels=2, base_channels=8, norm='batch'), (8, 16, 32))
    >>> from wellshaped.spec import compatible_sizes
    >>> print(compatible_sizes(cfg))
    n ≡ 0 (mod 4), n ≥ 4
    """

    levels: int = 4
    base_channels: int = 64
    multipliers: tuple[int, ...] | None = None
    convs_per_block: int = 2
    conv_kernel: int = 3
    padding: str = "same"
    norm: str = "none"
    groups: int = 8
    residual: bool = False
    upsampling: str = "transposed"
    join: str | None = None
    concat: str = "skip first"
    bias: bool = True
    head: bool = True

    def __post_init__(self) -> None:
        for name in ("levels", "base_channels", "convs_per_block", "conv_kernel", "groups"):
            object.__setattr__(self, name, natural(getattr(self, name), name))
        if self.multipliers is not None:
            if not isinstance(self.multipliers, tuple | list):
                says = f"it is {kind_of(self.multipliers)}, and must be a tuple of natural numbers, or None"
                given = written_argument("multipliers", self.multipliers)
                raise refuse(given, "multipliers", "no tuple", says, "multipliers=None")
            multipliers = tuple(natural(m, f"multipliers[{i}]") for i, m in enumerate(self.multipliers))
            object.__setattr__(self, "multipliers", multipliers)
        for name, choices in CHOICES.items():
            value = getattr(self, name)
            if not any(type(value) is type(choice) and value == choice for choice in choices):
                says = f"{name} must be one of {', '.join(map(repr, choices))}"
                fix = f"{name}={nearest_choice(value, choices)!r}"
                raise refuse(written_argument(name, value), name, "no such choice", says, fix)

    @property
    def channels(self) -> tuple[int, ...]:
        """The channels of each level, and of the bottom."""
        doubling = tuple(2**level for level in range(min(self.levels, MOST) + 1))
        return tuple(self.base_channels * m for m in (doubling if self.multipliers is None else self.multipliers))

    def padding_of(self, kernel: int) -> int:
        """The zeros on each side of an image, for a convolution of this ``kernel``."""
        return kernel // 2 if self.padding == "same" else 0

    @property
    def joined_by(self) -> str:
        """``join``, or what ``None`` comes to."""
        return self.join or ("exact" if self.padding == "same" else "even crop")


UNET_WELL_FORMED: tuple[Condition, ...] = (
    Condition("levels_pos", "levels", "levels must be at least 1", lambda cfg: cfg.levels >= 1),
    Condition("levels_few", "levels", f"levels must be at most {MOST}", lambda cfg: cfg.levels <= MOST),
    Condition("baseC_pos", "base_channels", "base_channels must be at least 1", lambda cfg: cfg.base_channels >= 1),
    Condition(
        "multipliers_count",
        "multipliers",
        "multipliers must be one for each level and one for the bottom",
        lambda cfg: cfg.multipliers is None or len(cfg.multipliers) == cfg.levels + 1,
    ),
    Condition(
        "multipliers_pos",
        "multipliers",
        "multipliers must each be at least 1",
        lambda cfg: cfg.multipliers is None or all(m >= 1 for m in cfg.multipliers),
    ),
    Condition(
        "convs_pos", "convs_per_block", "convs_per_block must be at least 1", lambda cfg: cfg.convs_per_block >= 1
    ),
    Condition(
        "convs_few",
        "convs_per_block",
        f"convs_per_block must be at most {MOST}",
        lambda cfg: cfg.convs_per_block <= MOST,
    ),
    Condition(
        "convK_odd",
        "conv_kernel",
        "conv_kernel must be odd, for what comes out to have the same middle",
        lambda cfg: cfg.conv_kernel % 2 == 1,
    ),
    Condition(
        "groups_divide",
        "groups",
        "groups must divide the channels of every level",
        lambda cfg: cfg.norm != "group" or (cfg.groups >= 1 and all(c % cfg.groups == 0 for c in cfg.channels)),
    ),
)
"""When a network can be built from a :class:`UNetConfig`."""

_MENDED = UNetConfig()


def check_unet_config(cfg: UNetConfig, in_channels: int = 1, out_channels: int | None = None) -> Report:
    """Whether a network can be built: the facts of :data:`UNET_WELL_FORMED`, channels, and no array too large.

    Without a head ``out_channels`` is ``base_channels · multipliers[0]``; ``None`` is any number that it can make. No
    array may have more than 2³¹ - 1 elements.

    >>> print(check_unet_config(UNetConfig(levels=0, norm="group", base_channels=12)))
    UNetConfig(levels=0, base_channels=12, norm='group') does not fit.
      levels_pos, groups_divide: UNetConfig is not well-formed: levels=0 must be at least 1; groups=8 must divide the channels of every level, 12.
      fix: levels=4, groups=6
    """  # noqa: E501 the message stands here as it is printed
    if not isinstance(cfg, UNetConfig):
        says = f"it is {kind_of(cfg)}, and must be a UNetConfig"
        raise refuse("the config", "config", "no config of a U-Net", says, "UNetConfig(levels=4, ...)")
    if out_channels is None:
        out_channels = 1 if cfg.head else cfg.channels[0]
    counts = {"in_channels": natural(in_channels, "in_channels"), "out_channels": natural(out_channels, "out_channels")}
    facts = tuple(
        Verdict(c.name, c.holds(cfg), _said(c, cfg), "UNetConfig is not well-formed") for c in UNET_WELL_FORMED
    )
    channels = judge_at_least_one(counts)
    if not cfg.head:
        asked, made = written_number(out_channels), written_number(cfg.channels[0])
        says = f"without a head out_channels={asked} must be the channels of the first level, {made}"
        channels += (Verdict("head", out_channels == cfg.channels[0], says, "nothing makes these channels"),)
    if all(verdict.holds for verdict in facts):
        channels += (_judge_size(cfg, **counts),)
    fix = ", ".join(f"{name}={written_value(value)}" for name, value in unet_fix(cfg, **counts).items())
    return Report(repr(cfg), facts + channels, (fix,) if fix else ())


def unet_fix(cfg: UNetConfig, in_channels: int, out_channels: int) -> dict[str, Any]:
    """The fields and channel counts to change so that a network can be built; empty where one can.

    >>> unet_fix(UNetConfig(levels=40), 1, 1)
    {'levels': 7}
    """
    counts = {"in_channels": in_channels, "out_channels": out_channels}
    fix: dict[str, Any] = {}
    mended = cfg
    while broken := _broken(mended):
        fix |= broken  # mended by one condition, a field may break another
        mended = replace(mended, **broken)
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
        fix |= mend(accepted, _levers(mended, {**counts, **fix}))
    outs = changed({})[2]
    return fix | ({"out_channels": outs} if outs != fix.get("out_channels", out_channels) else {})


def _broken(cfg: UNetConfig) -> dict[str, Any]:
    """The fields whose conditions do not hold, each with a value for which they do."""
    return {c.field: _mended(c, cfg) for c in UNET_WELL_FORMED if not c.holds(cfg)}


def _judge_size(cfg: UNetConfig, in_channels: int, out_channels: int) -> Verdict:
    nodes = _program(cfg, in_channels, out_channels)
    return judge_arrays((f"{node.layer}.{array}", shape) for node in nodes for array, shape in node.arrays)


def _levers(cfg: UNetConfig, counts: Mapping[str, int]) -> list[Lever]:
    """What may be made smaller, first what is the most times its default."""
    multipliers = cfg.multipliers or (1,)
    # Every level's channels stay multiples of the groups.
    step = lcm(*(cfg.groups // gcd(cfg.groups, m) for m in multipliers)) if cfg.norm == "group" else 1
    few = min(cfg.base_channels // step, LARGEST)
    doubling = {} if cfg.multipliers is None else {"multipliers": None}
    ratios = [
        (cfg.base_channels // _MENDED.base_channels, Lever(lambda k: {"base_channels": k * step}, few)),
        (cfg.levels // _MENDED.levels, Lever(lambda k: {"levels": k, **doubling}, cfg.levels)),
        (max(multipliers) // 16, Lever(lambda k: {"multipliers": tuple(min(m, k) for m in multipliers)}, 16)),
        (
            cfg.conv_kernel // _MENDED.conv_kernel,
            Lever(lambda k: {"conv_kernel": 2 * k - 1}, min(cfg.conv_kernel // 2, LARGEST)),
        ),
        (cfg.groups // _MENDED.groups, always({"groups": 1, "base_channels": _MENDED.base_channels})),
        *((counts[name], smaller(name, counts[name])) for name in (["in_channels"] + ["out_channels"] * cfg.head)),
    ]
    return [lever for _, lever in sorted(ratios, key=lambda of: -of[0])]


def _said(condition: Condition, cfg: UNetConfig) -> str:
    value = written_value(getattr(cfg, condition.field))
    said = condition.says.replace(condition.field, f"{condition.field}={value}", 1)
    if condition.name == "groups_divide":
        said = f"{said}, {', '.join(map(written_number, dict.fromkeys(cfg.channels)))}"
    return said


def _mended(condition: Condition, cfg: UNetConfig) -> object:
    if condition.field == "groups":
        common = gcd(*cfg.channels) or 1
        return divisor_below(common, min(max(cfg.groups, 1), 1024))
    if condition.field == "conv_kernel":
        return cfg.conv_kernel + 1
    return getattr(_MENDED, condition.field)


Arrays = tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True, repr=False)
class Node(Written):
    """One stage of a network: its ``name``, its operation, from which stages, and what it does along an axis.

    ``channels`` are those of its result. ``arrays`` are the shapes of its parameters, by their paths from the
    ``layer``, which is the path of a layer in the network of ``models``. ``normed`` is how many channels share the
    statistics of its normalisation, 0 where it has none.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    channels: int
    steps: tuple[Step, ...] = ()
    layer: str | None = None
    arrays: Arrays = ()
    normed: int = 0


def program(cfg: UNetConfig, in_channels: int, out_channels: int | None = None) -> tuple[Node, ...]:
    """The stages of the network in the order in which they are computed.

    Raises :class:`ShapeError` where no network can be built: see :func:`check_unet_config`.

    >>> [node.name for node in program(UNetConfig(levels=1, convs_per_block=1), 3, 2)]
    ['x', 'encoder[0]', 'pooled[0]', 'bottom', 'up[0]', 'joined[0]', 'decoder[0]', 'y']
    """
    check_unet_config(cfg, in_channels, out_channels).raise_if_failed()
    outs = 1 if out_channels is None else natural(out_channels, "out_channels")
    return tuple(_program(cfg, natural(in_channels, "in_channels"), outs))


def _program(cfg: UNetConfig, in_channels: int, out_channels: int) -> Iterator[Node]:
    yield Node("x", "input", (), in_channels)
    now, widths = "x", cfg.channels
    for level, (ins, outs) in enumerate(zip((in_channels, *widths), widths[:-1], strict=False)):
        yield from _block(cfg, f"encoder[{level}]", now, ins, outs, Save(f"encoder[{level}]"))
        now = f"pooled[{level}]"
        yield Node(now, "max-pool", (f"encoder[{level}]",), outs, (Window(2, 2),))
    yield from _block(cfg, "bottom", now, widths[-2], widths[-1])
    now = "bottom"
    for level in reversed(range(cfg.levels)):
        name, skip, outs = f"up[{level}]", f"encoder[{level}]", widths[level]
        yield _upsampling(cfg, name, now, widths[level + 1], outs)
        parts = (skip, name) if cfg.concat == "skip first" else (name, skip)
        yield Node(f"joined[{level}]", "concat", parts, 2 * outs, (Join(skip, cfg.joined_by),))
        now = f"decoder[{level}]"
        yield from _block(cfg, now, f"joined[{level}]", 2 * outs, outs)
    if cfg.head:
        yield Node("y", "conv", (now,), out_channels, (Window(1),), "head", _conv(widths[0], out_channels, 1))


def _conv(ins: int, outs: int, kernel: int, *, bias: bool = True) -> Arrays:
    arrays: Arrays = (("kernel", (outs, ins, kernel, kernel)), ("bias", (outs,)))
    return arrays if bias else arrays[:1]


def _normed_conv(cfg: UNetConfig, ins: int, outs: int, kernel: int) -> Arrays:
    conv = _conv(ins, outs, kernel, bias=cfg.bias)
    if cfg.norm == "none":
        return conv
    scaling: Arrays = (("norm.norm.scale", (outs,)), ("norm.norm.bias", (outs,)))
    return (*((f"conv.{name}", shape) for name, shape in conv), *scaling)


def _window(cfg: UNetConfig) -> Window:
    half = cfg.padding_of(cfg.conv_kernel)
    return Window(cfg.conv_kernel, 1, half, half)


def _block(cfg: UNetConfig, name: str, given: str, ins: int, outs: int, *after: Step) -> Iterator[Node]:
    conv = "conv" if cfg.norm == "none" else f"conv, {cfg.norm} norm"
    normed = {"none": 0, "group": outs // max(cfg.groups, 1)}.get(cfg.norm, 1)
    last = cfg.convs_per_block - 1
    now = given
    for i in range(cfg.convs_per_block):
        ends = i == last and not cfg.residual
        to, op = name if ends else f"{name}.{i}", conv if i == last and cfg.residual else f"{conv}, relu"
        arrays = _normed_conv(cfg, ins if i == 0 else outs, outs, cfg.conv_kernel)
        steps = (_window(cfg), *(after if ends else ()))
        yield Node(to, op, (now,), outs, steps, f"{name}.convs[{i}]", arrays, normed)
        now = to
    if cfg.residual:
        added = given
        if ins != outs:
            added = f"{name}.shortcut"
            yield Node(added, conv, (given,), outs, (), added, _normed_conv(cfg, ins, outs, 1), normed)
        yield Node(name, "add, relu", (now, added), outs, after)


def _upsampling(cfg: UNetConfig, name: str, given: str, ins: int, outs: int) -> Node:
    if cfg.upsampling == "transposed":
        transposed = (("kernel", (ins, outs, 2, 2)), ("bias", (outs,)))
        return Node(name, "transposed conv", (given,), outs, (Transposed(2, 2),), name, transposed)
    steps = (Resize(2), _window(cfg))
    arrays = tuple((f"conv.{array}", shape) for array, shape in _conv(ins, outs, cfg.conv_kernel))
    return Node(name, f"{cfg.upsampling} resize, conv", (given,), outs, steps, name, arrays)


@axis_network.register
def _(cfg: UNetConfig) -> AxisNetwork:
    return _axis_network(cfg)


@lru_cache(maxsize=256)
def _axis_network(cfg: UNetConfig) -> AxisNetwork:
    if not all(condition.holds(cfg) for condition in UNET_WELL_FORMED):
        check_unet_config(cfg).raise_if_failed()
    return AxisNetwork(tuple(step for node in _program(cfg, 1, 1) for step in node.steps))
