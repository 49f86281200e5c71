"""What a config says of one level, as values: a block, and how a level is left and entered."""

from dataclasses import dataclass

from .by_level import Sizes

ALONE = {"nearest alone": "nearest", "bilinear alone": "bilinear"}
"""The upsamplings that resize without a convolution, and the same ones with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block of ``convs`` convolutions, each with its norm and activation, in their ``order``.

    ``groups`` is 1 unless the norm has groups. The other fields are those of :class:`UNetConfig`.
    """

    channels: int
    kernel: Sizes
    convs: int
    norm: str
    groups: int
    activation: str
    order: str
    residual: bool

    @property
    def norm_first(self) -> bool:
        """Whether a norm follows each convolution, before the activation."""
        return self.norm != "none" and self.order == "norm first"

    @property
    def norm_last(self) -> bool:
        """Whether a norm follows each activation."""
        return self.norm != "none" and self.order != "norm first"


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One level: its two blocks, its ``stride``, how it is left and entered, and how its skip is joined.

    The fields are those of :class:`UNetConfig`. Every number is one for all axes, or a tuple with one for each.
    """

    encoder: Block
    decoder: Block
    stride: Sizes
    downsampling: str
    upsampling: str
    upsampling_kernel: Sizes
    skip: str

    @property
    def channels(self) -> int:
        """The channels of both blocks."""
        return self.encoder.channels
