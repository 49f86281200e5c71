"""The ten size functions of the two-level U-Net, and the eight equations that a size must meet (SPEC section 4).

The size functions are the left-hand sides: an obligation reads ``h_upH(cfg, H) == H``, as in the Lean source.
They are defined for all natural numbers: if a window does not fit, the size is 0. Each raises :class:`UsageError` for a
size that is not a natural number.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from ..arithmetic.sizes import conv_transpose_size, sliding_window_size
from ..messages.written import written_number
from .config import UNet2Config

SizeFunction = Callable[[UNet2Config, int], int]


def h_downH(cfg: UNet2Config, n: int) -> int:
    """Return the size after pooling an axis of size ``n``. The Lean specification writes ``down(n)``.

    ``h_downW`` is the same function, for the width.

    >>> from wellshaped.spec import UNet2Config
    >>> h_downH(UNet2Config(), 303)
    151
    """
    return sliding_window_size(n, kernel=cfg.pool_kernel, stride=cfg.pool_stride, padding=0)


def h_upH(cfg: UNet2Config, n: int) -> int:
    """Return the size after pooling ``n`` and then upsampling. The skip fits iff this is ``n``.

    ``h_upW`` is the same function, for the width.

    >>> from wellshaped.spec import UNet2Config
    >>> h_upH(UNet2Config(), 303), h_upH(UNet2Config(), 304)
    (302, 304)
    """
    return conv_transpose_size(h_downH(cfg, n), kernel=cfg.up_kernel, stride=cfg.up_stride, padding=cfg.up_padding)


def h_convH(cfg: UNet2Config, n: int) -> int:
    """Return the size after one convolution of a block, of an axis of size ``n``.

    ``h_convW`` is the same function, for the width.

    >>> from wellshaped.spec import UNet2Config
    >>> h_convH(UNet2Config(), 303), h_convH(UNet2Config(conv_padding=0), 303)
    (303, 301)
    """
    return sliding_window_size(n, kernel=cfg.conv_kernel, stride=cfg.conv_stride, padding=cfg.conv_padding)


def h_convH_down(cfg: UNet2Config, n: int) -> int:
    """Return the size after pooling ``n`` and then one convolution of the block: ``h_convH(cfg, h_downH(cfg, n))``.

    ``h_convW_down`` is the same function, for the width.

    >>> from wellshaped.spec import UNet2Config
    >>> h_convH_down(UNet2Config(), 303)
    151
    """
    return h_convH(cfg, h_downH(cfg, n))


def h_outH(cfg: UNet2Config, n: int) -> int:
    """Return the size after the output convolution, of an axis of size ``n``.

    ``h_outW`` is the same function, for the width.

    >>> from wellshaped.spec import UNet2Config
    >>> h_outH(UNet2Config(), 303)
    303
    """
    return sliding_window_size(n, kernel=cfg.head_kernel, stride=cfg.head_stride, padding=cfg.head_padding)


# Aliases for the width: kernels are square, so both axes have the same formulas. The source states each twice.
h_downW = h_downH
h_upW = h_upH
h_convW = h_convH
h_convW_down = h_convH_down
h_outW = h_outH


def _unchanged(cfg: UNet2Config, n: int) -> int:
    return n


@dataclass(frozen=True, slots=True)
class Obligation:
    """One equation between sizes: the size at the end of the ``route`` from ``n`` must equal ``required(cfg, n)``.

    - ``name``: the name in the Lean specification; ``axis``: ``"height"`` or ``"width"``.
    - ``route``: the operations in order, each with the size after it. The last size is the left-hand side.
    - ``must``: the words before the required size in a message.
    """

    name: str
    axis: str
    route: tuple[tuple[str, SizeFunction], ...] = field(repr=False)
    required: SizeFunction = field(repr=False)
    must: str

    def size(self, cfg: UNet2Config, n: int) -> int:
        """The left-hand side of the equation."""
        return self.route[-1][1](cfg, n)

    def holds(self, cfg: UNet2Config, n: int) -> bool:
        """Whether the equation holds for the size ``n`` of this axis."""
        return self.size(cfg, n) == self.required(cfg, n)

    def says(self, cfg: UNet2Config, n: int) -> str:
        """Return a sentence with the sizes along the route and the required size.

        >>> OBLIGATIONS[4].says(UNet2Config(), 303)
        'pool 303 → 151, upsample 151 → 302, the skip needs 303'
        """
        sizes = [written_number(m) for m in (n, *(size(cfg, n) for _, size in self.route))]
        steps = (f"{name} {a} → {b}" for (name, _), a, b in zip(self.route, sizes, sizes[1:], strict=False))
        return f"{', '.join(steps)}, {self.must} {written_number(self.required(cfg, n))}"


_POOL, _CONV, _KEPT = ("pool", h_downH), "block convolution", "it must keep"
_EQUATIONS = {  # name: route, right-hand side, words before it
    "h_conv{axis}": (((_CONV, h_convH),), _unchanged, _KEPT),
    "h_conv{axis}_down": ((_POOL, (_CONV, h_convH_down)), h_downH, _KEPT),
    "h_up{axis}": ((_POOL, ("upsample", h_upH)), _unchanged, "the skip needs"),
    "h_out{axis}": ((("head convolution", h_outH),), _unchanged, _KEPT),
}

OBLIGATIONS: tuple[Obligation, ...] = tuple(
    Obligation(name.format(axis=axis[0].upper()), axis, *equation)
    for name, equation in _EQUATIONS.items()
    for axis in ("height", "width")
)
"""The eight equations: four for each axis, in the order of the Lean specification, each for height, then width."""
