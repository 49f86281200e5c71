"""Well-known U-Nets that a :class:`UNetConfig` describes. Change one with ``dataclasses.replace``.

>>> from dataclasses import replace
>>> from wellshaped.spec import compatible_sizes
>>> print(compatible_sizes(replace(CONFIGS["milesial"], join="exact")))
n ≡ 0 (mod 16), n ≥ 16
"""

from ..unet.config import UNetConfig

CONFIGS: dict[str, UNetConfig] = {
    # SPEC section 7; channels first here.
    "tiny": UNetConfig(
        levels=2, base_channels=16, convs_per_block=1, norm="batch", concat="upsampled first", head=False
    ),
    # Ronneberger, Fischer and Brox, U-Net, MICCAI 2015, figure 1.
    "ronneberger2015": UNetConfig(padding="none"),
    # github.com/milesial/Pytorch-UNet with its defaults: the upsampled image is padded to the size of the skip.
    "milesial": UNetConfig(norm="batch", bias=False, join="pad"),
    # The channels and norm of MONAI's BasicUNet, but with ReLU instead of leaky ReLU, and with exact joins.
    "monai_like": UNetConfig(base_channels=32, multipliers=(1, 1, 2, 4, 8), norm="instance"),
}
"""The presets that are configs, by name."""
