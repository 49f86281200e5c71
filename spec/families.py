"""Encoder-decoders that people use, as networks along one axis: constructors for the common families.

A *level* is one halving. Sizes are those of one axis: for different settings per axis make one network for each.
"""

from collections.abc import Callable

from .choices import nearest_choice
from .naturals import natural
from .network import AxisNetwork
from .report import refuse
from .steps import Join, Resize, Save, Step, Transposed, Window
from .written import written_number

MOST = 64
"""Levels, or convolutions at one level: more than this is a slip."""

HALVE = Window(2, 2)
DOUBLE = Transposed(2, 2)


def unet(
    levels: int,
    *,
    convs: int = 2,
    kernel: int = 3,
    padding: int | str = "same",
    down: Step = HALVE,
    up: Step = DOUBLE,
    join: str = "exact",
    head: Step = Window(1),  # noqa: B008 a frozen value
) -> AxisNetwork:
    """A U-Net: at each of ``levels``, ``convs`` convolutions, a skip and a ``down`` step; then back ``up`` and joined.

    ``padding`` is that of the convolutions, on each side; ``"same"`` keeps the size. ``join`` is as in :class:`Join`.
    Raises :class:`ShapeError` for numbers that are not natural, and for more than :data:`MOST` levels or convolutions.

    >>> from wellshaped.spec import compatible_sizes
    >>> print(compatible_sizes(unet(4)))
    n ≡ 0 (mod 16), n ≥ 16
    """
    if padding == "same":
        conv = Window(kernel, rounding="same")
    elif isinstance(padding, str) and not padding.strip().isdecimal():
        says = f"padding={padding[:40]!r} must be a natural number or 'same'"
        fix = f"padding={nearest_choice(padding, ('same', 'none'))!r}".replace("'none'", "0")
        raise refuse("the network", "padding", "no such padding", says, fix)
    else:
        conv = Window(kernel, 1, natural(padding, "padding"), natural(padding, "padding"))
    block = (conv,) * _few(convs, "convs")
    names = [f"level{i}" for i in range(1, _few(levels, "levels") + 1)]
    encoder = [step for name in names for step in (*block, Save(name), down)]
    decoder = [step for name in reversed(names) for step in (up, Join(name, join), *block)]
    return AxisNetwork((*encoder, *block, *decoder, head))


def _few(value: object, name: str) -> int:
    number = natural(value, name)
    if number > MOST:
        given = f"{name}={written_number(number)}"
        raise refuse(given, name, "too many", f"{name} must be at most {MOST}", f"{name}=4")
    return number


def ronneberger2015() -> AxisNetwork:
    """The U-Net of the paper: four levels, unpadded 3×3 convolutions, skips cropped evenly.

    The paper asks for an even size before every pooling. That is what the even crops come to.

    >>> ronneberger2015().run(572).sizes[-1]
    388
    """
    return unet(4, padding=0, join="even crop")


def encoder_decoder(downs: tuple[Step, ...], up: Step, *, joins: tuple[bool, ...] | None = None) -> AxisNetwork:
    """An encoder of ``downs`` and a decoder that undoes each by ``up``, joining the size before each down step.

    ``joins`` says, from the outermost level inwards, where there is a skip; by default everywhere. This is the shape of
    encoders with strided convolutions and of those taken from classifiers. Raises :class:`ShapeError` where ``joins``
    has not one entry for each of ``downs``.

    >>> from wellshaped.spec import compatible_sizes
    >>> print(compatible_sizes(encoder_decoder((HALVE, HALVE), DOUBLE, joins=(False, True))))
    n ≡ 0 or 1 (mod 4), n ≥ 4
    """
    joins = (True,) * len(downs) if joins is None else joins
    if len(joins) != len(downs):
        says = f"joins has {len(joins)} entries, and must have one for each of the {len(downs)} downs"
        raise refuse("the network", "joins", "not one for each level", says, "joins=None for a skip at every level")
    encoder: list[Step] = []
    decoder: list[Step] = []
    for i, (down, joined) in enumerate(zip(downs, joins, strict=True)):
        encoder += [Save(f"level{i}"), down]
        decoder = [up, *([Join(f"level{i}")] if joined else []), *decoder]
    return AxisNetwork((*encoder, *decoder))


def resnet_unet() -> AxisNetwork:
    """A U-Net on a ResNet encoder, as in segmentation_models_pytorch: five halvings that round up, four joins.

    The stem is a 7×7 convolution and a 3×3 pooling, the stages 3×3 convolutions, all of stride 2 and padded; upsampling
    is nearest. The outermost upsampling has no skip to join.

    >>> from wellshaped.spec import compatible_sizes
    >>> print(compatible_sizes(resnet_unet()))
    n ≡ 0 or 31 (mod 32), n ≥ 31
    """
    stem, halve = Window(7, 2, 3, 3), Window(3, 2, 1, 1)
    return encoder_decoder((stem, halve, halve, halve, halve), Resize(2), joins=(False, True, True, True, True))


def strided_unet(levels: int, *, kernel: int = 3) -> AxisNetwork:
    """Strided padded convolutions down, transposed ones with output padding up: MONAI's U-Nets with residual units.

    Nothing is joined at the size of the input: the outermost upsampling is the last step.

    >>> from wellshaped.spec import compatible_sizes
    >>> print(compatible_sizes(strided_unet(4)))
    n ≡ 0 or 15 (mod 16), n ≥ 15
    """
    half, levels = natural(kernel, "kernel") // 2, _few(levels, "levels")
    down = Window(kernel, 2, half, half)
    up = Transposed(kernel, 2, half, half, output_padding=1)
    return encoder_decoder((down,) * levels, up, joins=tuple(level > 0 for level in range(levels)))


FAMILIES: dict[str, tuple[Callable[..., AxisNetwork], bool]] = {
    "unet": (unet, True),
    "strided_unet": (strided_unet, True),
    "resnet_unet": (resnet_unet, False),
    "ronneberger2015": (ronneberger2015, False),
}
"""The families by name, and whether the number of levels is to be said."""
