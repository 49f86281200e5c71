"""Examples of values for the keys that are read: what an error proposes where the file has nothing better."""

from collections.abc import Mapping
from typing import Any

_ARCHITECTURE = {
    "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
    "arch_kwargs": {
        "conv_op": "torch.nn.modules.conv.Conv3d",
        "n_stages": 3,
        "features_per_stage": [32, 64, 128],
        "kernel_sizes": 3,
        "strides": [1, 2, 2],
        "n_conv_per_stage": 2,
        "n_conv_per_stage_decoder": 2,
    },
}

CONFIGURATION: Mapping[str, Any] = {"architecture": _ARCHITECTURE}
"""A whole configuration of a plans file."""

NETWORK: Mapping[str, Any] = {
    "_target_": "UNet",
    "spatial_dims": 3,
    "in_channels": 1,
    "out_channels": 2,
    "channels": [16, 32, 64],
    "strides": [2, 2],
}
"""The whole network of a bundle."""

EXAMPLES: Mapping[str, Any] = {
    # A plans file of nnU-Net, in both generations.
    "configurations": {"3d_fullres": CONFIGURATION},
    **CONFIGURATION,
    **_ARCHITECTURE,
    "patch_size": [128],
    "conv_op": "torch.nn.modules.conv.Conv3d",
    "n_stages": 6,
    "features_per_stage": [32, 64, 128, 256, 320],
    "kernel_sizes": [3],
    "n_conv_per_stage": [2],
    "n_blocks_per_stage": [1, 3, 4, 6],
    "n_conv_per_stage_decoder": [2],
    "norm_op_kwargs": {},
    "dropout_op_kwargs": {},
    "nonlin": "torch.nn.LeakyReLU",
    "nonlin_kwargs": {},
    "nonlin_first": False,
    "conv_bias": True,
    "block": "dynamic_network_architectures.building_blocks.residual.BasicBlockD",
    "bottleneck_channels": [32],
    "stem_channels": 32,
    "UNet_class_name": "PlainConvUNet",
    "UNet_base_num_features": 32,
    "unet_max_num_features": 320,
    "n_conv_per_stage_encoder": [2],
    "conv_kernel_sizes": [3],
    "pool_op_kernel_sizes": [1, 2],
    # The dataset file beside it.
    "modality": {"0": "CT"},
    "channel_names": {"0": "CT"},
    "labels": {"background": 0, "tumor": 1},
    "background": 0,
    # A bundle of MONAI.
    **NETWORK,
    "strides": [1, 2],
    "kernel_size": [3],
    "up_kernel_size": 3,
    "num_res_units": 2,
    "adn_ordering": "NDA",
    "norm": "instance",
    "norm_name": "instance",
    "act": "relu",
    "act_name": "relu",
    "bias": True,
    "dropout": 0.1,
    "dropout_prob": 0.1,
    "features": [32, 32, 64, 128, 256, 32],
    "upsample": "deconv",
    "upsample_mode": "deconv",
    "upsample_kernel_size": [2],
    "filters": [32, 64, 128, 256, 320],
    "res_block": True,
    "trans_bias": True,
    "init_filters": 8,
    "blocks_down": [1, 2, 2, 4],
    "blocks_up": [1, 1, 1],
    "use_conv_final": True,
    # The arguments of a layer.
    "num_groups": 8,
    "affine": True,
    "track_running_stats": False,
    "eps": 1e-5,
    "p": 0.1,
    "negative_slope": 0.01,
    "alpha": 1.0,
    "approximate": "none",
    "num_parameters": 1,
}
"""An example for each key. A reading method of an entry fits it to what it accepts (:mod:`.entry`)."""
