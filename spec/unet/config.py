"""The config of a U-Net of any number of levels, and when it is well-formed. A *level* is one halving."""

from dataclasses import dataclass, fields

from ..arithmetic.naturals import natural
from ..conditions import Condition
from ..messages.choices import near_choices
from ..messages.report import UsageError
from ..messages.written import Written, kind_of, written_argument

MOST = 64
"""The most levels, and the most convolutions at one level. More is a mistake."""

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
"""The choices for each field that is not a number."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class UNetConfig(Written):
    """The hyperparameters of a U-Net with any number of levels, keyword-only.

    - ``levels``: how often max-pooling halves the size.
    - ``base_channels``, ``multipliers``: level ``i`` has ``base_channels · multipliers[i]`` channels. The last
      multiplier is for the bottom. ``None`` doubles the channels at each level.
    - ``convs_per_block``, ``conv_kernel``: the number of convolutions in each block, and their kernel.
    - ``padding``: the padding of these convolutions. ``"same"`` keeps the size, ``"none"`` pads nothing.
    - ``norm``: the norm after each convolution of a block: ``"none"``, ``"batch"``, ``"group"`` (with ``groups``
      groups) or ``"instance"``. A norm of a single value returns only the bias, so an image must have more than one
      position at the bottom.
    - ``residual``: whether each block adds its input before its last ReLU, like the basic block of a ResNet. If the
      channels differ, the input passes a 1×1 convolution (and ``norm``).
    - ``upsampling``: ``"transposed"`` (2×2, stride 2), or ``"nearest"`` or ``"bilinear"`` doubling and a convolution.
    - ``join``: how a skip joins the upsampled image. ``"exact"`` requires equal sizes. ``"crop"`` crops the skip about
      its centre; ``"even crop"`` also requires an even difference. ``"pad"`` pads the upsampled image to the skip's
      size. ``None`` is ``"exact"`` for ``padding="same"``, else ``"even crop"``.
    - ``concat``: which channels come first in a join.
    - ``bias``: whether the convolutions of the blocks have a bias.
    - ``head``: whether a final 1×1 convolution makes the channels of the output.

    Raises :class:`UsageError` for a number that is not natural, and for a value that is not one of the choices.

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
            object.__setattr__(self, name, natural(getattr(self, name), name, _USUAL[name]))
        if self.multipliers is not None:
            if not isinstance(self.multipliers, tuple | list):
                says = f"it is {kind_of(self.multipliers)}, and must be a tuple of natural numbers, or None"
                given = written_argument("multipliers", self.multipliers)
                raise UsageError.of(given, "multipliers", "not a tuple", says, "multipliers=None")
            multipliers = tuple(natural(m, f"multipliers[{i}]") for i, m in enumerate(self.multipliers))
            object.__setattr__(self, "multipliers", multipliers)
        for name, choices in CHOICES.items():
            value = getattr(self, name)
            if not any(type(value) is type(choice) and value == choice for choice in choices):
                says = f"{name} must be one of {', '.join(map(repr, choices))}"
                fix = " or ".join(f"{name}={choice!r}" for choice in near_choices(value, choices))
                raise UsageError.of(written_argument(name, value), name, "no such choice", says, fix)

    @property
    def channels(self) -> tuple[int, ...]:
        """The channels of each level, and of the bottom."""
        doubling = tuple(2**level for level in range(min(self.levels, MOST) + 1))
        return tuple(self.base_channels * m for m in (doubling if self.multipliers is None else self.multipliers))

    def padding_of(self, kernel: int) -> int:
        """Return the padding on each side for a convolution of this ``kernel``."""
        return kernel // 2 if self.padding == "same" else 0

    @property
    def joined_by(self) -> str:
        """``join``, with ``None`` replaced by its meaning."""
        return self.join or ("exact" if self.padding == "same" else "even crop")


_USUAL: dict[str, int] = {f.name: f.default for f in fields(UNetConfig) if type(f.default) is int}

UNET_WELL_FORMED: tuple[Condition, ...] = (
    Condition("levels_pos", "levels", "levels must be at least 1", lambda cfg: cfg.levels >= 1),
    Condition("levels_few", "levels", f"levels must be at most {MOST}", lambda cfg: cfg.levels <= MOST),
    Condition("baseC_pos", "base_channels", "base_channels must be at least 1", lambda cfg: cfg.base_channels >= 1),
    Condition(
        "multipliers_count",
        "multipliers",
        "multipliers must have one number for each level and one for the bottom",
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
        "conv_kernel must be odd, so that the output has the same centre",
        lambda cfg: cfg.conv_kernel % 2 == 1,
    ),
    Condition(
        "groups_divide",
        "groups",
        "groups must divide the channels of every level",
        lambda cfg: cfg.norm != "group" or (cfg.groups >= 1 and all(c % cfg.groups == 0 for c in cfg.channels)),
    ),
)
"""The conditions of a well-formed :class:`UNetConfig`."""
