"""The shapes of the parameters of the two-level network (SPEC section 6)."""

from collections.abc import Iterator

from ..arithmetic.naturals import natural
from .building import check_config
from .config import UNet2Config
from .layers import Layer, layer_shapes


def layer_parameters(
    cfg: UNet2Config, in_channels: int, out_channels: int
) -> Iterator[tuple[Layer, tuple[int, int, int, int], tuple[int]]]:
    """Yield each layer with the shapes of its kernel and of its bias.

    A kernel is ``(out, in, k, k)``, or ``(in, out, k, k)`` if transposed. Raises :class:`ConfigError` if no network can
    be built (:func:`check_config`), and :class:`UsageError` for a count that is not a natural number.

    >>> from wellshaped.spec import UNet2Config
    >>> [(layer.name, kernel, bias) for layer, kernel, bias in layer_parameters(UNet2Config(), 3, 1)][0]
    ('down1_1', (64, 3, 3, 3), (64,))
    """
    check_config(cfg, in_channels, out_channels).raise_if_failed()
    yield from layer_shapes(cfg, natural(in_channels, "in_channels"), natural(out_channels, "out_channels"))
