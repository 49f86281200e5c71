"""The twelve numbers of the two-level U-Net, and when they are well-formed (SPEC section 3).

Mirrors ``UNet2Config`` of ``NN/Spec/Models/Unet.lean``. You can create, print and test an ill-formed config, but you
can't build a network from it.
"""

from dataclasses import Field, dataclass, field, fields

from ..arithmetic.naturals import judge_at_least_one, natural
from ..conditions import Condition
from ..messages.calls import calls_explained
from ..messages.report import Verdict, WellshapedError, all_at_once, raise_all
from ..messages.written import Written, written_number


def _number(default: int, lean: str, says: str) -> int:
    """Return a field with its default, its name in the Lean source, and its meaning."""
    return field(default=default, metadata={"lean": lean, "says": says})


@calls_explained()
@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class UNet2Config(Written):
    """The hyperparameters of a U-Net that halves once: twelve natural numbers, keyword-only, with the usual defaults.

    So it has two resolutions.

    The fields, in the order of the Lean specification:

    - max-pooling: ``pool_kernel``, ``pool_stride``
    - convolution blocks: ``conv_kernel``, ``conv_stride``, ``conv_padding``
    - transposed convolution: ``up_kernel``, ``up_stride``, ``up_padding``
    - output convolution: ``head_kernel``, ``head_stride``, ``head_padding``
    - channels of the first block: ``base_channels``

    All kernels are square, all paddings symmetric.

    Raises :class:`UsageError` for a field that is not a natural number. Source: SPEC section 3.

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
    up_padding: int = _number(0, "upPadding", "Positions that the transposed convolution cuts off on each side.")
    head_kernel: int = _number(1, "headKernel", "Kernel of the output convolution.")
    head_stride: int = _number(1, "headStride", "Stride of the output convolution.")
    head_padding: int = _number(0, "headPadding", "Zero padding on each side in the output convolution.")
    base_channels: int = _number(64, "baseC", "Channels of the first block; the second has twice as many.")

    def __post_init__(self) -> None:
        errors: list[WellshapedError] = []
        for name in FIELDS:
            with all_at_once(errors):
                object.__setattr__(self, name, natural(getattr(self, name), name, DEFAULTS[name]))
        raise_all(errors)


FIELDS: dict[str, Field[int]] = {f.name: f for f in fields(UNet2Config)}
"""Each field by its name, with its default; ``metadata`` has its Lean name (``lean``) and its meaning (``says``)."""

DEFAULTS: dict[str, int] = {name: of.default for name, of in FIELDS.items() if isinstance(of.default, int)}
"""The default of each field."""


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
    # The source has no condition on these two: its formulas accept a stride of 0.
    _nonzero("convStride_ne0", "conv_stride"),
    _nonzero("headStride_ne0", "head_stride"),
)
"""The nine conditions of a well-formed config: seven of the Lean specification, and two of our own (SPEC section 3)."""


def judge_config(cfg: UNet2Config) -> tuple[Verdict, ...]:
    """Judge the nine conditions."""
    given = {c.field: f"{c.field}={written_number(getattr(cfg, c.field))}" for c in WELL_FORMED}
    return tuple(Verdict(c.name, c.holds(cfg), c.says.replace(c.field, given[c.field]), "") for c in WELL_FORMED)


_POSITIVE = {"in_channels": "h_inC", "out_channels": "h_outC"}


def judge_positive(counts: dict[str, int]) -> tuple[Verdict, ...]:
    """Judge whether each count is at least 1, under the name of its hypothesis (SPEC section 4)."""
    return judge_at_least_one(counts, _POSITIVE)
