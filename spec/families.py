"""Sketches of common encoder-decoders: graphs along one axis, for questions about sizes only.

A *level* is one halving. Nodes have one channel and the names that a :class:`UNetConfig` gives them: ``encoder[0]`` is
the skip of the outermost level, ``pooled[0]`` the node after it, ``up[0]`` the node that returns to its size.
"""

from collections.abc import Sequence

from .arithmetic.naturals import natural
from .messages.choices import nearest_choice
from .messages.report import ConfigError
from .messages.written import written_argument, written_number
from .network.joins import Add
from .network.network import Network, Node
from .network.operation import Operation
from .network.resampling import Resize
from .network.skips import HOW, joined
from .network.windows import TransposedWindow, Window
from .unet.config import MOST

HALVE = Window(2, 2)
DOUBLE = TransposedWindow(2, 2)


def unet(
    levels: int,
    *,
    convs: int = 2,
    kernel: int = 3,
    padding: int | str = "same",
    down: Operation = HALVE,
    up: Operation = DOUBLE,
    join: str = "exact",
    head: Operation = Window(1),  # noqa: B008 a frozen value
) -> Network:
    """Return a U-Net. Each level has ``convs`` convolutions, a skip and a ``down`` step, then an ``up`` step and join.

    ``padding`` is the padding of the convolutions on each side; ``"same"`` keeps the size. ``join`` is ``"exact"``,
    ``"crop"``, ``"even crop"``, ``"pad"`` or ``"resize"``. Raises :class:`UsageError` for numbers that are not natural,
    and :class:`ConfigError` for another ``padding`` or ``join``, and for more than :data:`MOST` levels or convolutions.

    >>> from wellshaped.spec import compatible_sizes
    >>> print(compatible_sizes(unet(4)))
    n ≡ 0 (mod 16), n ≥ 16
    """
    if padding == "same":
        conv = Window(kernel, rounding="same")
    elif isinstance(padding, str) and not padding.strip().isdecimal():
        says = f"padding={padding[:40]!r} must be a natural number or 'same'"
        fix = f"padding={nearest_choice(padding, ('same', 'none'))!r}".replace("'none'", "0")
        raise ConfigError.of("the network", "padding", "", says, fix)
    else:
        conv = Window(kernel, padding=natural(padding, "padding"))
    block, levels = (conv,) * _few(convs, "convs"), _few(levels, "levels")
    return _u_shaped((down,) * levels, up, (join,) * levels, block, head)


def _few(value: object, name: str) -> int:
    number = natural(value, name)
    if number > MOST:
        given = f"{name}={written_number(number)}"
        raise ConfigError.of(given, name, "", f"{name} must be at most {MOST}", f"{name}=4")
    return number


def encoder_decoder(downs: Sequence[Operation], up: Operation, *, joins: Sequence[bool] | None = None) -> Network:
    """Return an encoder with the steps ``downs``, and a decoder that undoes each by ``up`` and joins a skip.

    ``joins`` says which levels have a skip, from the outermost level inwards; by default all. Encoders with strided
    convolutions, and classifiers used as encoders, have this form. Raises :class:`ConfigError` unless ``joins`` has one
    entry for each of ``downs``.

    >>> from wellshaped.spec.families import DOUBLE, HALVE
    >>> from wellshaped.spec import compatible_sizes
    >>> print(compatible_sizes(encoder_decoder((HALVE, HALVE), DOUBLE, joins=(False, True))))
    n ≡ 0 or 1 (mod 4), n ≥ 4
    """
    joins = (True,) * len(downs) if joins is None else joins
    if len(joins) != len(downs):
        says = f"joins has {len(joins)} entries, and must have one for each of the {len(downs)} downs"
        raise ConfigError.of("the network", "joins", "", says, "joins=None for a skip at every level")
    return _u_shaped(downs, up, ["exact" if there else "" for there in joins], (), None)


def _u_shaped(
    downs: Sequence[Operation], up: Operation, joins: Sequence[str], block: Sequence[Operation], head: Operation | None
) -> Network:
    """Go down and back up, with the ``block`` at each level. ``joins`` has how to join each skip, "" for no skip."""
    for how in joins:
        if how and how not in HOW:
            says = f"join must be one of {', '.join(HOW)}"
            raise ConfigError.of(written_argument("join", how), "join", "", says, f"join={nearest_choice(how, HOW)!r}")
    nodes: list[Node] = []

    def blocked(name: str, given: str) -> str:
        for i, operation in enumerate(block):
            to = name if i == len(block) - 1 else f"{name}.{i}"
            nodes.append(Node(to, operation, given))
            given = to
        return given

    skips: list[str] = []
    now = "x"
    for level, down in enumerate(downs):
        skips.append(blocked(f"encoder[{level}]", now))
        now = f"pooled[{level}]"
        nodes.append(Node(now, down, skips[-1]))
    now = blocked("bottom", now)
    for level in reversed(range(len(downs))):
        nodes.append(Node(f"up[{level}]", up, now))
        now = f"up[{level}]"
        if joins[level]:
            nodes += joined(level, skips[level], now, joins[level], Add())
            now = f"joined[{level}]"
        now = blocked(f"decoder[{level}]", now)
    if head is not None:
        nodes.append(Node("y", head, now))
    return Network({"x": 1}, nodes, axes=1)


def ronneberger2015() -> Network:
    """Return the U-Net of the paper: four levels, unpadded 3×3 convolutions, skips cropped evenly.

    The paper requires an even size before every pooling. Even crops require the same.

    >>> from wellshaped.spec import run
    >>> run(ronneberger2015(), 572).sizes["y"]
    388
    """
    return unet(4, padding=0, join="even crop")


def resnet_unet() -> Network:
    """Return a U-Net on a ResNet encoder, as in segmentation_models_pytorch: five halvings that round up, four joins.

    The stem is a 7×7 convolution and a 3×3 pooling, the stages 3×3 convolutions, all of stride 2 and padded; upsampling
    is nearest. The outermost upsampling has no skip to join.

    >>> from wellshaped.spec import compatible_sizes
    >>> print(compatible_sizes(resnet_unet()))
    n ≡ 0 or 31 (mod 32), n ≥ 31
    """
    stem, halve = Window(7, 2, padding=3), Window(3, 2, padding=1)
    return encoder_decoder((stem, halve, halve, halve, halve), Resize(2), joins=(False, True, True, True, True))


def strided_unet(levels: int, *, kernel: int = 3) -> Network:
    """Return a U-Net of strided convolutions and transposed ones with output padding, as in MONAI with residual units.

    There is no skip at the size of the input: the outermost upsampling is the last step.

    >>> from wellshaped.spec import compatible_sizes
    >>> print(compatible_sizes(strided_unet(4)))
    n ≡ 0 or 15 (mod 16), n ≥ 15
    """
    half, levels = natural(kernel, "kernel") // 2, _few(levels, "levels")
    down = Window(kernel, 2, padding=half)
    up = TransposedWindow(kernel, 2, padding=half, output_padding=1)
    return encoder_decoder((down,) * levels, up, joins=tuple(level > 0 for level in range(levels)))
