"""The names in github.com/MIC-DKFZ/dynamic-network-architectures. They are ours; many arrays have several.

A block holds its layers by name and in ``all_modules``, and the decoder holds the encoder. The decoder has a head at
each level, also without deep supervision.
"""

from .table import NameTable

NNUNET = NameTable(
    title="nnU-Net",
    level="decoder.seg_layers.{i}",
    copies=(
        ("{path}.conv.{part}", "{path}.all_modules.0.{part}"),
        ("{path}.norm.{part}", "{path}.all_modules.1.{part}"),
        ("encoder.{path}", "decoder.encoder.{path}"),
    ),
    unused=("decoder.seg_layers.{i}.{part}",),
)
