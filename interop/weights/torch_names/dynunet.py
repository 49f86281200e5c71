"""The names in github.com/Project-MONAI/MONAI, ``monai/networks/nets/dynunet.py``. They are ours; each array has two.

The layers stand in lists, and again in ``skip_layers``, where each level holds the next one.
"""

from collections.abc import Mapping

from .table import NameTable


def _fields(levels: int, numbers: Mapping[str, int]) -> dict[str, object]:
    """The path to a level from the top: of a block on the way down, of one on the way up, and of the bottom."""
    i = numbers.get("i", 0)
    counts = {"down": i + 1, "up": levels - 1 - i, "bottom": levels}
    return {field: "next_layer." * count for field, count in counts.items()}


DYNUNET = NameTable(
    title="MONAI's DynUNet",
    level="upsamples.{i}.transp_conv.conv",
    copies=(
        ("input_block.{part}", "skip_layers.downsample.{part}"),
        ("downsamples.{i}.{part}", "skip_layers.{down}downsample.{part}"),
        ("upsamples.{i}.{part}", "skip_layers.{up}upsample.{part}"),
        ("bottleneck.{part}", "skip_layers.{bottom}{part}"),
    ),
    unused=("deep_supervision_heads.{i}.{part}", "skip_layers.{path}super_head.{part}"),
    fields=_fields,
)
