"""The keys that are read, with examples of their values: what an error proposes where the file has nothing better.

A reading method of an entry fits the example to what it accepts (:mod:`.entry`). A key that is here is never taken for
another key, misspelt.
"""

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

_OF_LAYERS: Mapping[str, Any] = {
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

OF_PLANS: Mapping[str, Any] = {
    "configurations": {"3d_fullres": CONFIGURATION},
    "inherits_from": None,
    "patch_size": [128],
    **CONFIGURATION,
    **_ARCHITECTURE,
    "conv_op": "torch.nn.modules.conv.Conv3d",
    "n_stages": 6,
    "features_per_stage": [32, 64, 128, 256, 320],
    "kernel_sizes": [3],
    "strides": [1, 2],
    "n_conv_per_stage": [2],
    "n_blocks_per_stage": [1, 3, 4, 6],
    "n_conv_per_stage_decoder": [2],
    "norm_op": "torch.nn.InstanceNorm3d",
    "norm_op_kwargs": {},
    "dropout_op": "torch.nn.Dropout3d",
    "dropout_op_kwargs": {},
    "nonlin": "torch.nn.LeakyReLU",
    "nonlin_kwargs": {},
    "nonlin_first": False,
    "conv_bias": True,
    "deep_supervision": True,
    "block": "dynamic_network_architectures.building_blocks.residual.BasicBlockD",
    "bottleneck_channels": [32],
    "stem_channels": 32,
    "UNet_class_name": "PlainConvUNet",
    "UNet_base_num_features": 32,
    "unet_max_num_features": 320,
    "n_conv_per_stage_encoder": [2],
    "conv_kernel_sizes": [3],
    "pool_op_kernel_sizes": [1, 2],
    **_OF_LAYERS,
}
"""The keys of a plans file of nnU-Net, in both generations."""

OF_DATASETS: Mapping[str, Any] = {
    "modality": {"0": "CT"},
    "channel_names": {"0": "CT"},
    "labels": {"background": 0, "tumor": 1},
    "background": 0,
    "ignore": 2,
}
"""The keys of the dataset file beside it."""

OF_BUNDLES: Mapping[str, Any] = {
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
    "deep_supervision": False,
    "deep_supr_num": 1,
    "init_filters": 8,
    "blocks_down": [1, 2, 2, 4],
    "blocks_up": [1, 1, 1],
    "use_conv_final": True,
    **_OF_LAYERS,
}
"""The keys of a network in a bundle of MONAI."""
