"""A level of a U-Net and a block of convolutions, as values."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

from ..messages.calls import calls_explained
from ..messages.report import UsageError, WellshapedError, all_at_once, raise_all
from ..messages.written import Written, kind_of, written_argument
from .by_level import Sizes
from .choices import USUAL, entry

ALONE = {"nearest alone": "nearest", "bilinear alone": "bilinear"}
"""The upsamplings that resize without a convolution, and the same ones with it."""


USUAL_BLOCK = f"Block(channels={USUAL['channels']})"
USUAL_LEVEL = f"Level(block={USUAL_BLOCK})"


@calls_explained(channels=str(USUAL["channels"]))
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


@calls_explained(block=USUAL_BLOCK)
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


def require_block(value: object, name: str) -> None:
    """Raise :class:`UsageError`, with the argument's ``name``, unless the value is a :class:`Block`."""
    _require(value, Block, name, name, USUAL_BLOCK)


def require_levels(value: object) -> None:
    """Raise :class:`UsageError` unless ``value`` is a list or a tuple of :class:`Level` values."""
    if not isinstance(value, tuple | list):
        says = f"it is {kind_of(value)}, and must be a list"
        fix = "levels=list(levels)" if isinstance(value, Iterable) else f"levels=[{USUAL_LEVEL}]"
        raise UsageError.of(written_argument("levels", value), "levels", "", says, fix)
    errors: list[WellshapedError] = []
    for i, of in enumerate(value):
        with all_at_once(errors):
            _require(of, Level, f"levels[{i}]", "levels", USUAL_LEVEL)
    raise_all(errors)


def _require(value: object, kind: type, name: str, rule: str, usual: str) -> None:
    if not isinstance(value, kind):
        says = f"it is {kind_of(value)}, and must be a {kind.__name__}"
        raise UsageError.of(written_argument(name, value), rule, "", says, f"{name}={usual}")


def _read_fields(value: Block | Level) -> None:
    """Replace each field by its value as :func:`.choices.entry` reads it."""
    errors: list[WellshapedError] = []
    for f in fields(value):
        given = getattr(value, f.name)
        with all_at_once(errors):
            if f.name == "block":
                require_block(given, f.name)
            elif given is not None or f.default is not None:
                object.__setattr__(value, f.name, entry(given, f.name, f.name))
    raise_all(errors)
