"""MONAI's three ways to double the size: a transposed convolution, linear resizing, or a pixel shuffle."""

from ..network.builder import NetworkBuilder
from ..network.edges import Pad
from ..network.resampling import DepthToSpace, Resize
from ..network.windows import AvgPool, Conv, ConvTranspose
from .blocks import same_conv

MODES = ("deconv", "nontrainable", "pixelshuffle")


def monai_upsample(
    net: NetworkBuilder, path: str, given: str, width: int, axes: int, mode: str = "deconv", align_corners: bool = True
) -> str:
    """Add MONAI's ``UpSample`` by 2, with ``width`` channels, and return its last node. ``mode`` is in :data:`MODES`.

    Source: github.com/Project-MONAI/MONAI, ``monai/networks/blocks/upsample.py``.

    >>> net = NetworkBuilder({"x": 8})
    >>> monai_upsample(net, "up", "x", 4, 2, "nontrainable"), net.channels("up.upsample_non_trainable")
    ('up.upsample_non_trainable', 4)
    """
    if mode == "deconv":
        return net.add(f"{path}.deconv", ConvTranspose(2, 2, channels=width), given)
    if mode == "nontrainable":
        if net.channels(given) != width:
            given = net.add(f"{path}.preconv", Conv(1, channels=width), given)
        resize = Resize(2, mode="linear", align_corners=align_corners)
        return net.add(f"{path}.upsample_non_trainable", resize, given)
    path = f"{path}.pixelshuffle"
    shuffled = {
        f"{path}.conv_block": same_conv(width * 2**axes),
        f"{path}.shuffled": DepthToSpace(2),
        f"{path}.pad_pool.0": Pad(((1, 0),)),
        f"{path}.pad_pool.1": AvgPool(2, 1),
    }
    return net.chain(given, shuffled)
