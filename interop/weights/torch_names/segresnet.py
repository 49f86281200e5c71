"""The names in github.com/Project-MONAI/MONAI, ``monai/networks/nets/segresnet.py``. They are ours."""

from .table import NameTable

SEGRESNET = NameTable(
    title="MONAI's SegResNet",
    level="down_layers.{i}.0.conv",
    unused=("conv_final.{part}", "act_mod.{part}"),  # with use_conv_final=False, nothing reads them
)
