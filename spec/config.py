"""The twelve numbers of the two-level U-Net, and when they are well-formed (SPEC section 3).

Mirrors ``UNet2Config`` of ``NN/Spec/Models/Unet.lean``. Well-formedness is a property of a config, not a condition of
making one: an ill-formed config can be written down, shown and tested, but nothing can be built from it.
"""

from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any

from .architecture import layer_shapes
from .elements import Lever, always, judge_arrays, judge_windows, mend, smaller
from .naturals import judge_at_least_one, natural
from .report import Report, Verdict, refuse
from .written import Written, kind_of, written_number


def _number(default: int, lean: str, says: str) -> int:
    """A field with its default, its name in the Lean source, and its meaning."""
    return field(default=default, metadata={"lean": lean, "says": says})


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class UNet2Config(Written):
    """The hyperparameters of a two-level U-Net: twelve natural numbers, keyword-only, with the usual defaults.

    The fields, in the order of the source: ``pool_kernel``, ``pool_stride`` of the max-pooling; ``conv_kernel``,
    ``conv_stride``, ``conv_padding`` of the convolution blocks; ``up_kernel``, ``up_stride``, ``up_padding`` of the
    transposed convolution; ``head_kernel``, ``head_stride``, ``head_padding`` of the output convolution; and
    ``base_channels``. All kernels are square, all paddings symmetric.

    Raises :class:`ShapeError` for a field that is not a natural number. Source: SPEC section 3.

    >>> UNet2Config(base_channels=16)
    UNet2Config(base_channels=16)
    >>> UNet2Config(base_channels=16).pool_stride
    2
    """

    pool_kernel: int = _number(2, "poolKernel", "Window of the max-pooling.")
    pool_stride: int = _number(2, "poolStride", "Stride of the max-pooling.")
    conv_kernel: int = _number(3, "convKernel", "Kernel of the block convolutions.")
    conv_stride: int = _number(1, "convStride", "Stride of the block convolutions.")
    conv_padding: int = _number(1, "convPadding", "Zero padding on each side in the block convolutions.")
    up_kernel: int = _number(2, "upKernel", "Kernel of the transposed convolution.")
    up_stride: int = _number(2, "upStride", "Stride of the transposed convolution.")
    up_padding: int = _number(0, "upPadding", "Positions that the transposed convolution loses on each side.")
    head_kernel: int = _number(1, "headKernel", "Kernel of the output convolution.")
    head_stride: int = _number(1, "headStride", "Stride of the output convolution.")
    head_padding: int = _number(0, "headPadding", "Zero padding on each side in the output convolution.")
    base_channels: int = _number(64, "baseC", "Channels of the first block; the second has twice as many.")

    def __post_init__(self) -> None:
        for name in FIELDS:
            object.__setattr__(self, name, natural(getattr(self, name), name))


FIELDS: dict[str, Field[int]] = {f.name: f for f in fields(UNet2Config)}
"""Each field by its name, with its default; ``metadata`` has its Lean name (``lean``) and its meaning (``says``)."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A named fact about a value: what it ``says``, the ``field`` that it is about, and when it ``holds``."""

    name: str
    field: str
    says: str
    holds: Callable[[Any], bool]


def _nonzero(name: str, field_name: str) -> Condition:
    return Condition(name, field_name, f"{field_name} must be at least 1", lambda cfg: getattr(cfg, field_name) >= 1)


WELL_FORMED: tuple[Condition, ...] = (
    _nonzero("poolK_ne0", "pool_kernel"),
    _nonzero("poolStride_ne0", "pool_stride"),
    _nonzero("convK_ne0", "conv_kernel"),
    _nonzero("upK_ne0", "up_kernel"),
    _nonzero("upStride_ne0", "up_stride"),
    _nonzero("headK_ne0", "head_kernel"),
    _nonzero("baseC_pos", "base_channels"),
    # The source leaves these two free. Its first-edition formulas accept a stride of 0.
    _nonzero("convStride_ne0", "conv_stride"),
    _nonzero("headStride_ne0", "head_stride"),
)
"""The nine facts of a well-formed config: the source's seven, and two that it leaves out (SPEC section 3)."""


def check_config(cfg: UNet2Config, in_channels: int = 1, out_channels: int = 1) -> Report:
    """Whether a network can be built: it is well-formed, has channels in and out, and no array is too large.

    No array may have more than 2³¹ - 1 elements, and no number of a window may be larger than that. Raises
    :class:`ShapeError` where ``cfg`` is not a config or a count not a natural number.

    >>> print(check_config(UNet2Config(pool_stride=0, base_channels=0)))
    UNet2Config(pool_stride=0, base_channels=0) does not fit.
      poolStride_ne0, baseC_pos: UNet2Config is not well-formed: pool_stride=0 must be at least 1; base_channels=0 must be at least 1.
      fix: pool_stride=2, base_channels=64
    >>> print(check_config(UNet2Config(base_channels=2**14)))
    UNet2Config(base_channels=16384) does not fit.
      elements: an array is too large to compute with: down2_2.kernel of shape 32768×32768×3×3 has 9663676416 elements, and may have at most 2147483647.
      fix: base_channels=7723
    """  # noqa: E501 the message stands here as it is printed
    if not isinstance(cfg, UNet2Config):
        about = "cfg must be a UNet2Config, or for some a UNetConfig"
        raise refuse("the config", "config", about, f"it is {kind_of(cfg)}", "UNet2Config(pool_kernel=2, ...)")
    counts = {"in_channels": natural(in_channels, "in_channels"), "out_channels": natural(out_channels, "out_channels")}
    conditions = judge_config(cfg) + judge_positive(counts) + _judge_size(cfg, **counts)
    fix = ", ".join(
        f"{name}={value}" for name, value in config_fix(cfg, counts["in_channels"], counts["out_channels"]).items()
    )
    return Report(repr(cfg), conditions, (fix,) if fix else ())


def config_fix(cfg: UNet2Config, in_channels: int, out_channels: int) -> dict[str, Any]:
    """The fields and channel counts to change so that a network can be built; empty where one can.

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
    mended = replace(cfg, **{name: value for name, value in fix.items() if name in FIELDS})
    return fix | mend(accepted, _levers(mended, counts | fix))


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
    """What may be made smaller, first what is the most times its default: channels, or the windows of one part."""
    ratios: list[tuple[int, Lever]] = [
        (cfg.base_channels // _USUAL.base_channels, smaller("base_channels", cfg.base_channels)),
        *((counts[name], smaller(name, counts[name])) for name in ("in_channels", "out_channels")),
    ]
    # A pooling and the upsampling that undoes it change together.
    for parts in (("conv_",), ("head_",), ("pool_", "up_")):
        names = [name for name in FIELDS if name.startswith(parts)]
        usual = {name: getattr(_USUAL, name) for name in names}
        changed = {name: number for name, number in usual.items() if getattr(cfg, name) != number}
        ratios.append((max(getattr(cfg, name) // 3 for name in names), always(changed)))
    return [lever for _, lever in sorted(ratios, key=lambda of: -of[0])]


def judge_config(cfg: UNet2Config) -> tuple[Verdict, ...]:
    """The nine well-formedness facts, judged."""
    lead = "UNet2Config is not well-formed"
    given = {c.field: f"{c.field}={written_number(getattr(cfg, c.field))}" for c in WELL_FORMED}
    return tuple(Verdict(c.name, c.holds(cfg), c.says.replace(c.field, given[c.field]), lead) for c in WELL_FORMED)


_POSITIVE = {"in_channels": "h_inC", "out_channels": "h_outC", "height": "h_inH", "width": "h_inW"}


def judge_positive(counts: dict[str, int]) -> tuple[Verdict, ...]:
    """The counts that must be at least 1 (SPEC section 4), each judged under the name of its hypothesis."""
    return judge_at_least_one(counts, _POSITIVE)
