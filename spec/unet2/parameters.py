"""The shapes of the two-level network's parameters, for a config from which it can be built (SPEC section 6)."""

from collections.abc import Iterator

from ..arithmetic.naturals import natural
from .building import check_config
from .config import UNet2Config
from .layers import Layer, layer_shapes


def layer_parameters(
    cfg: UNet2Config, in_channels: int, out_channels: int
) -> Iterator[tuple[Layer, tuple[int, int, int, int], tuple[int]]]:
    """Each layer with the shapes of its kernel, ``(out, in, k, k)`` or transposed ``(in, out, k, k)``, and of its bias.

    Raises :class:`ShapeError` where no network can be built: see :func:`check_config`.

    >>> [(layer.name, kernel, bias) for layer, kernel, bias in layer_parameters(UNet2Config(), 3, 1)][0]
    ('down1_1', (64, 3, 3, 3), (64,))
    """
    check_config(cfg, in_channels, out_channels).raise_if_failed()
    yield from layer_shapes(cfg, natural(in_channels, "in_channels"), natural(out_channels, "out_channels"))
