"""A level of a U-Net and a block of convolutions, as values."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import cast

from ..messages.report import UsageError, WellshapedError, all_at_once, raise_all
from ..messages.written import Written, kind_of, written_argument
from .by_level import Sizes
from .choices import USUAL, entry

ALONE = {"nearest alone": "nearest", "bilinear alone": "bilinear"}
"""The upsamplings that resize without a convolution, and the same ones with it."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Block(Written):
    """A block of convolutions, each with its norm and activation, in their ``order``. Keyword-only.

    The fields are those of :class:`UNetConfig`, which says what they mean; ``channels`` is the number of channels that
    each convolution makes. A number is one for all axes, or, for ``conv_kernel``, a tuple with one for each.

    Raises :class:`UsageError` for a number that is not natural, and for a value that is not one of the choices.

    >>> from wellshaped.spec import Block
    >>> Block(channels=32, conv_kernel=(1, 3, 3), norm="instance")
    Block(channels=32, conv_kernel=(1, 3, 3), norm='instance')
    """

    channels: int
    convs_per_block: int = 2
    conv_kernel: Sizes = 3
    norm: str = "none"
    groups: int = 8
    activation: str = "relu"
    order: str = "norm first"
    residual: bool = False

    def __post_init__(self) -> None:
        _read_fields(self)

    @property
    def norm_first(self) -> bool:
        """Whether a norm follows each convolution, before the activation."""
        return self.norm != "none" and self.order == "norm first"

    @property
    def norm_last(self) -> bool:
        """Whether a norm follows each activation."""
        return self.norm != "none" and self.order != "norm first"

    @property
    def norm_groups(self) -> int:
        """The groups of the norm: 1 unless it is a group norm."""
        return self.groups if self.norm == "group" else 1


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Level(Written):
    """One level: its ``block`` in the encoder, and how it is left, entered and joined. Keyword-only.

    The block of the decoder is the same one, with ``decoder_convs`` convolutions if these are given. The other fields
    are those of :class:`UNetConfig`, which says what they mean. A number is one for all axes, or, for ``stride`` and
    ``upsampling_kernel``, a tuple with one for each.

    Raises :class:`UsageError` for a number that is not natural, and for a value that is not one of the choices.

    >>> from wellshaped.spec import Block, Level
    >>> Level(block=Block(channels=32), stride=(1, 2, 2), skip="add")
    Level(block=Block(channels=32), stride=(1, 2, 2), skip='add')
    """

    block: Block
    decoder_convs: int | None = None
    stride: Sizes = 2
    downsampling: str = "max"
    upsampling: str = "transposed"
    upsampling_kernel: Sizes | None = None
    skip: str = "concat"

    def __post_init__(self) -> None:
        require_block(self.block, "block")
        _read_fields(self)

    @property
    def channels(self) -> int:
        """The channels of both blocks."""
        return self.block.channels

    @property
    def decoder(self) -> Block:
        """The block of the decoder."""
        return self.block if self.decoder_convs is None else replace(self.block, convs_per_block=self.decoder_convs)

    @property
    def convs_up(self) -> int:
        """The number of convolutions in the block of the decoder."""
        return self.decoder.convs_per_block

    @property
    def kernel_up(self) -> Sizes:
        """The kernel of the transposed convolution: the stride if none is given."""
        return self.stride if self.upsampling_kernel is None else self.upsampling_kernel


_USUAL_BLOCK = f"Block(channels={USUAL['channels']})"


def require_block(value: object, name: str) -> None:
    """Raise :class:`UsageError`, with the argument's ``name``, unless the value is a :class:`Block`."""
    if not isinstance(value, Block):
        says = f"it is {kind_of(value)}, and must be a Block"
        raise UsageError.of(written_argument(name, value), name, "", says, f"{name}={_USUAL_BLOCK}")


def require_levels(value: object) -> Sequence[Level]:
    """Return ``value``. Raise :class:`UsageError` unless it is a list or a tuple of :class:`Level` values."""
    says = ""
    if not isinstance(value, tuple | list):
        says = f"it is {kind_of(value)}, and must be a list"
    elif wrong := [of for of in value if not isinstance(of, Level)]:
        says = f"{kind_of(wrong[0])} is no Level"
    if says:
        fix = f"levels=[Level(block={_USUAL_BLOCK})]"
        raise UsageError.of(written_argument("levels", value), "levels", "", says, fix)
    return cast(Sequence[Level], value)


def _read_fields(value: Block | Level) -> None:
    """Replace each field by its value as :func:`.choices.entry` reads it."""
    errors: list[WellshapedError] = []
    for f in fields(value):
        given = getattr(value, f.name)
        if isinstance(given, Block) or (given is None and f.default is None):
            continue
        with all_at_once(errors):
            object.__setattr__(value, f.name, entry(given, f.name, f.name))
    raise_all(errors)
