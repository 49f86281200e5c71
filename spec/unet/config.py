"""The config of a U-Net of any number of levels. A *level* is one step down, usually a halving."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from math import gcd
from typing import Any, Self

from ..arithmetic.naturals import natural
from ..messages.calls import calls_explained
from ..messages.choices import near_name
from ..messages.report import ConfigError, UsageError, WellshapedError, all_at_once, raise_all
from ..messages.written import Written, in_words, kind_of, written_argument, written_number
from .by_level import BLOCKS, BY_LEVEL, CHANNELS, STEPS, Sizes, at, read, short
from .choices import entry, one
from .level import USUAL_BLOCK, USUAL_LEVEL, Block, Level, require_block, require_levels

MOST = 64
"""The most levels, and the most convolutions at one level. More is a mistake."""

ByLevel = int | tuple[int, ...]
"""A number, or a tuple with one for each level."""

ByLevelAndAxis = int | tuple[Sizes, ...]
"""A number, or a tuple with one for each level: a number again, or a tuple with one for each axis."""


class _Origin:
    """Remembers that a config was written level by level. It is no field: a copy with other fields is written flat."""

    __slots__ = ("_is_of_levels",)

    @property
    def is_of_levels(self) -> bool:
        """Whether :meth:`UNetConfig.of_levels` made this config. Messages then speak of its levels."""
        return getattr(self, "_is_of_levels", False)


@calls_explained()
@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class UNetConfig(_Origin, Written):
    """The hyperparameters of a U-Net with any number of levels, keyword-only.

    A field marked † may differ from level to level: it takes one value, or a tuple with one for each level, from level
    0, the full resolution, down. In the tuples of ``convs_per_block``, ``conv_kernel``, ``norm``, ``groups``,
    ``activation``, ``order`` and ``residual`` one more entry follows, for the bottom. If the entry of a level differs
    by axis, write it as a tuple: ``stride=((1, 2, 2), 2)``. A tuple with one entry holds for all levels:
    ``stride=((1, 2, 2),)``. If many fields differ, write the levels as values: see :meth:`of_levels`. If these fields
    can't describe your network, write it as a :class:`Network`.

    - ``levels``: how many steps down there are. ``axes``: 1, 2 or 3 spatial axes.
    - ``base_channels``, ``multipliers``: level ``i`` has ``base_channels · multipliers[i]`` channels. The last
      multiplier is for the bottom. ``None`` doubles the channels at each level.

    Blocks. Each level has one in the encoder and one in the decoder:

    - ``convs_per_block`` †, ``conv_kernel`` †: the number of convolutions in each block, and their kernel.
      ``decoder_convs`` †: the number in the blocks of the decoder; ``None`` is ``convs_per_block``.
    - ``padding``: the padding of these convolutions. ``"same"`` keeps the size, ``"none"`` pads nothing.
    - ``norm`` †: the norm after each convolution of a block: ``"none"``, ``"batch"``, ``"group"`` (with ``groups`` †
      groups) or ``"instance"``. An instance norm of a single value returns only the bias, so each level that has an
      instance norm must have more than one position.
    - ``activation`` †: the kind of :class:`Activation` after each convolution. ``order`` †: whether the norm comes
      before it (``"norm first"``) or after it (``"activation first"``).
    - ``residual`` †: whether a block adds its input before its last activation, like the basic block of a ResNet. If
      the channels or the sizes differ, the input passes through a 1×1 convolution. This has a norm of its
      own after it if ``order="norm first"``, and none otherwise.
    - ``bias``: whether the convolutions of the blocks have a bias.

    Down and up:

    - ``stride`` †: by how much a level divides the size. ``downsampling`` †: by ``"max"`` or ``"average"`` pooling, or
      ``"stride"``, the stride of the next block's first convolution.
    - ``upsampling`` †: ``"transposed"``, a transposed convolution; ``"nearest"`` or ``"bilinear"`` resizing (linear,
      over any number of axes) and a convolution, or no convolution with ``"nearest alone"`` and ``"bilinear alone"``;
      or ``"depth to space"``, a convolution whose channels become positions (PyTorch's ``PixelShuffle``).
    - ``upsampling_kernel`` †: the kernel of the transposed convolutions. ``None`` means the stride.

    Skips, and the end:

    - ``skip`` †: ``"concat"``, ``"add"`` or ``"none"``: how the encoder's block meets the upsampled image.
    - ``join``: what happens if their sizes differ. ``"exact"`` requires equal sizes. ``"crop"`` crops the skip about
      its centre; ``"even crop"`` also requires an even difference. ``"pad"`` pads the upsampled image to the skip's
      size. ``None`` is ``"exact"`` for ``padding="same"``, else ``"even crop"``.
    - ``concat``: which channels come first in a join, ``"skip first"`` or ``"upsampled first"``.
    - ``head``: whether a final 1×1 convolution makes the channels of the output.

    Raises :class:`UsageError` for a number that is not natural, and for a value that is not one of the choices. Values
    that do not go together, or ``levels=0``, are accepted here: :func:`check` reports them, and no network is built.

    >>> cfg = UNetConfig(levels=2, base_channels=8, norm="batch")
    >>> cfg, cfg.channels
    (UNetConfig(levels=2, base_channels=8, norm='batch'), (8, 16, 32))
    >>> from wellshaped.spec import compatible_shapes, compatible_sizes
    >>> print(compatible_sizes(cfg))
    n ≡ 0 (mod 4), n ≥ 4
    >>> print(compatible_shapes(UNetConfig(levels=2, stride=((1, 2), 2), skip=("add", "none"))))
    height: n ≡ 0 (mod 2), n ≥ 2; width: n ≡ 0 (mod 4), n ≥ 4
    """

    levels: int = 4
    base_channels: int = 64
    multipliers: tuple[int, ...] | None = None
    convs_per_block: ByLevel = 2
    conv_kernel: ByLevelAndAxis = 3
    padding: str = "same"
    norm: str | tuple[str, ...] = "none"
    groups: ByLevel = 8
    residual: bool | tuple[bool, ...] = False
    upsampling: str | tuple[str, ...] = "transposed"
    join: str | None = None
    concat: str = "skip first"
    bias: bool = True
    head: bool = True
    axes: int = 2
    decoder_convs: ByLevel | None = None
    activation: str | tuple[str, ...] = "relu"
    order: str | tuple[str, ...] = "norm first"
    stride: ByLevelAndAxis = 2
    downsampling: str | tuple[str, ...] = "max"
    upsampling_kernel: ByLevelAndAxis | None = None
    skip: str | tuple[str, ...] = "concat"

    def __post_init__(self) -> None:
        errors: list[WellshapedError] = []
        for f in fields(self):
            value = getattr(self, f.name)
            with all_at_once(errors):
                if f.name == "multipliers":
                    object.__setattr__(self, f.name, _multipliers(value))
                elif value is not None or f.default is not None:
                    object.__setattr__(self, f.name, _read(value, f.name, self.axes))
        raise_all(errors)

    @property
    def channels(self) -> tuple[int, ...]:
        """The channels of each level, and of the bottom."""
        doubling = tuple(2**level for level in range(min(self.levels, MOST) + 1))
        return tuple(self.base_channels * m for m in (doubling if self.multipliers is None else self.multipliers))

    @classmethod
    @calls_explained(levels=f"[{USUAL_LEVEL}]", bottom=USUAL_BLOCK)
    def of_levels(cls, levels: Sequence[Level], bottom: Block, **whole: Any) -> Self:
        """Return the config with these levels, from the full resolution down, and this block at the bottom.

        The fields that hold for the whole network, such as ``padding`` or ``axes``, are given by name. If the config is
        not well-formed, the error speaks of ``levels[i]`` and ``bottom``.

        Raises :class:`UsageError` unless each level is a :class:`Level` and the bottom a :class:`Block`, for a field
        that belongs to the levels, and for a field that there is not.

        >>> from wellshaped.spec import Block, Level, UNetConfig
        >>> few_slices = Level(block=Block(channels=8, conv_kernel=(1, 3, 3)), stride=(1, 2, 2))
        >>> rest = Level(block=Block(channels=16, norm="batch"), decoder_convs=1)
        >>> cfg = UNetConfig.of_levels([few_slices, rest], Block(channels=24, norm="batch", residual=True), axes=3)
        >>> cfg.channels, cfg.stride, cfg.norm, cfg.decoder_convs
        ((8, 16, 24), ((1, 2, 2), 2), ('none', 'batch', 'batch'), (2, 1))
        >>> cfg == UNetConfig.of_levels([cfg.level(0), cfg.level(1)], cfg.bottom, axes=3)
        True
        """
        errors: list[WellshapedError] = []
        with all_at_once(errors):
            require_levels(levels)
        with all_at_once(errors):
            require_block(bottom, "bottom")
        for name, value in whole.items():
            with all_at_once(errors):
                _require_whole(name, value)
        raise_all(errors)
        blocks = [*(level.block for level in levels), bottom]
        by_level = {field: short(tuple(getattr(of, field) for of in blocks)) for field in BLOCKS}
        for field in STEPS if levels else ():
            all_usual = all(getattr(of, field) is None for of in levels)
            number = {"decoder_convs": "convs_up", "upsampling_kernel": "kernel_up"}.get(field, field)
            by_level[field] = None if all_usual else short(tuple(getattr(of, number) for of in levels))
        channels = [of.channels for of in blocks]
        doubled = channels == [channels[0] * 2**i for i in range(len(channels))]
        base = channels[0] if doubled else gcd(*channels) or 1
        cfg = cls(
            levels=len(levels),
            base_channels=base,
            multipliers=None if doubled else tuple(n // base for n in channels),
            **by_level,
            **whole,
        )
        object.__setattr__(cfg, "_is_of_levels", True)
        return cfg

    @property
    def bottom(self) -> Block:
        """The block below the last level. Raises :class:`ConfigError` if a field has too few entries."""
        return self._block(self.levels)

    def level(self, i: int) -> Level:
        """Return what the config says of level ``i``; level 0 has the size of the input.

        Raises :class:`UsageError` if there is no such level, and :class:`ConfigError` if a field has too few entries.

        >>> UNetConfig(levels=2, stride=(2, 4)).level(1).stride
        4
        """
        if not 0 <= natural(i, "i") < self.levels:
            says = f"i={written_number(i)} must be less than levels={written_number(self.levels)}"
            raise UsageError.of(written_argument("i", i), "level", "", says, "cfg.bottom for the block at the bottom")
        return Level(block=self._block(i), **self._at(i, STEPS))

    def _block(self, i: int) -> Block:
        return Block(**self._at(i, ("channels", *BLOCKS)))

    def _at(self, i: int, names: Sequence[str]) -> dict[str, Any]:
        """The values of these fields at a level."""
        found = {}
        for name in names:
            try:
                found[name] = self.channels[i] if name == "channels" else at(getattr(self, name), i)
            except IndexError:
                field = "multipliers" if name == "channels" and self.multipliers is not None else name
                count = len(getattr(self, field))
                has = "1 entry" if count == 1 else f"{count} entries"
                says = f"{field} has {has}, and none for level {written_number(i)}"
                fix = "the fix that check(cfg, …) proposes"
                raise ConfigError.of(repr(self), f"{field}_count", "not well-formed", says, fix) from None
        return found

    def padding_of(self, kernel: Sizes) -> Sizes:
        """Return the padding on each side for a convolution of this ``kernel``."""
        if isinstance(kernel, tuple):
            return tuple(k // 2 for k in kernel) if self.padding == "same" else 0
        return kernel // 2 if self.padding == "same" else 0

    @property
    def joined_by(self) -> str:
        """``join``, with ``None`` replaced by its meaning."""
        return self.join or ("exact" if self.padding == "same" else "even crop")


def _require_whole(name: str, value: object) -> None:
    """Raise :class:`UsageError` unless a field of this name holds for the whole network."""
    names = [f.name for f in fields(UNetConfig)]
    meant = name if name in names else near_name(name, names)
    of_whole = [of for of in names if of not in ("levels", *CHANNELS, *BY_LEVEL)]
    if name in of_whole:
        return
    rule, says = (
        ("unknown_argument", "there is no such field") if name != meant else (name, "it follows from the levels")
    )
    fix = f"leave out {name}; the fields of the whole network are {in_words(of_whole)}"
    if meant in of_whole:
        fix = written_argument(meant, value)
    elif meant is not None:
        kind = "Level" if meant in STEPS else "Block"
        fix = f"leave out {name}: each {kind} has its own {'channels' if meant in CHANNELS else meant}"
    raise UsageError.of(written_argument(name, value), rule, "", says, fix)


def _read(value: object, name: str, axes: object) -> Any:
    """Return the value of a field as the config stores it: tuples for lists."""
    if name not in BY_LEVEL:
        return entry(one(value, name), name, name)
    return read(value, name, lambda v, shown: entry(v, shown, name, given=value, by_axis=shown != name, axes=axes))


def _multipliers(value: object) -> tuple[int, ...] | None:
    if value is None:
        return None
    if not isinstance(value, tuple | list):
        says = f"it is {kind_of(value)}, and must be a tuple of natural numbers, or None"
        raise UsageError.of(
            written_argument("multipliers", value), "multipliers", "not a tuple", says, "multipliers=None"
        )
    return tuple(natural(m, f"multipliers[{i}]") for i, m in enumerate(value))
