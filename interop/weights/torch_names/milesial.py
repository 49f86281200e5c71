"""The names in github.com/milesial/Pytorch-UNet, ``unet/unet_parts.py``: two convolutions with norms in each block."""

from collections.abc import Mapping

from .table import NameTable


def _fields(levels: int, numbers: Mapping[str, int]) -> dict[str, object]:
    """The places in a block (convolution, norm, ReLU, two times), and the count of levels from the bottom."""
    k = numbers.get("k", 0)
    return {"conv": 3 * k, "norm": 3 * k + 1, "levels": levels, "up": levels - numbers.get("i", 0)}


MILESIAL = NameTable(
    title="milesial's U-Net",
    level="up[{i}]",
    layers=(
        ("encoder[0].convs[{k}].conv", "inc.double_conv.{conv}"),
        ("encoder[0].convs[{k}].norm.norm", "inc.double_conv.{norm}"),
        ("encoder[{i}].convs[{k}].conv", "down{i}.maxpool_conv.1.double_conv.{conv}"),
        ("encoder[{i}].convs[{k}].norm.norm", "down{i}.maxpool_conv.1.double_conv.{norm}"),
        ("bottom.convs[{k}].conv", "down{levels}.maxpool_conv.1.double_conv.{conv}"),
        ("bottom.convs[{k}].norm.norm", "down{levels}.maxpool_conv.1.double_conv.{norm}"),
        ("up[{i}]", "up{up}.up"),
        ("decoder[{i}].convs[{k}].conv", "up{up}.conv.double_conv.{conv}"),
        ("decoder[{i}].convs[{k}].norm.norm", "up{up}.conv.double_conv.{norm}"),
        ("head", "outc.conv"),
    ),
    unused=("mask_values",),  # the values of the masks, which its training script adds
    fields=_fields,
)
