"""Plans of nnU-Net and networks of MONAI bundles, narrow, of every kind that is read."""

from typing import Any

_NORM = {"norm_op_kwargs": {"eps": 1e-05, "affine": True}, "dropout_op": None, "dropout_op_kwargs": None}
_LEAKY = {"nonlin": "torch.nn.LeakyReLU", "nonlin_kwargs": {"inplace": True}}
_SMALL = {
    "n_stages": 2,
    "features_per_stage": [4, 8],
    "kernel_sizes": 3,
    "strides": [1, 2],
    "n_conv_per_stage": 1,
    "n_conv_per_stage_decoder": 1,
}
_SMALL_BLOCKS = {"n_blocks_per_stage" if of == "n_conv_per_stage" else of: value for of, value in _SMALL.items()}
_RATE = {"dropout_op_kwargs": {"p": 0.2, "inplace": True}}
_IMPORTED = ["conv_op", "norm_op", "dropout_op", "nonlin"]


def _old(axes: int, kind: str, strides: list[list[int]], counts: list[int], up: int = 2, **more: Any) -> dict[str, Any]:
    stages = len(strides)
    return {
        "patch_size": [32] * axes,
        "UNet_class_name": kind,
        "UNet_base_num_features": 4,
        "n_conv_per_stage_encoder": counts,
        "n_conv_per_stage_decoder": [up] * (stages - 1),
        "num_pool_per_axis": [stages - 1] * axes,
        "pool_op_kernel_sizes": strides,
        "conv_kernel_sizes": [[3] * axes] * stages,
        "unet_max_num_features": 10,
        **more,
    }


def new_plan(axes: int, kind: str, **arguments: Any) -> dict[str, Any]:
    """A configuration in the newer form, with nnU-Net's usual norm and activation."""
    package = "residual_unet" if kind == "ResidualEncoderUNet" else "unet"
    return {
        "patch_size": [32] * axes,
        "architecture": {
            "network_class_name": f"dynamic_network_architectures.architectures.{package}.{kind}",
            "arch_kwargs": {
                "conv_op": f"torch.nn.modules.conv.Conv{axes}d",
                "conv_bias": True,
                "norm_op": f"torch.nn.modules.instancenorm.InstanceNorm{axes}d",
                **_NORM,
                **_LEAKY,
                **arguments,
            },
            "_kw_requires_import": [*_IMPORTED, *(["block"] if "block" in arguments else [])],
        },
    }


PLANS: dict[str, dict[str, Any]] = {
    "old 2d": _old(2, "PlainConvUNet", [[1, 1], [2, 2], [2, 2]], [2, 2, 2]),
    "old 3d": _old(
        3,
        "PlainConvUNet",
        [[1, 1, 1], [1, 2, 2], [2, 2, 2], [1, 2, 3]],
        [2, 2, 1, 2],
        conv_kernel_sizes=[[1, 3, 3], [1, 3, 3], [3, 3, 3], [3, 3, 5]],
    ),
    "old 3d residual": _old(3, "ResidualEncoderUNet", [[1, 1, 1], [1, 2, 2], [2, 2, 2]], [1, 3, 2], 1),
    "new 2d": new_plan(
        2,
        "PlainConvUNet",
        n_stages=4,
        features_per_stage=[4, 6, 8, 8],
        kernel_sizes=[[3, 3]] * 4,
        strides=[[1, 1], [2, 2], [2, 2], [2, 1]],
        n_conv_per_stage=[2, 2, 2, 2],
        n_conv_per_stage_decoder=[2, 2, 2],
    ),
    "new 3d": new_plan(
        3,
        "PlainConvUNet",
        n_stages=3,
        features_per_stage=[4, 8, 10],
        kernel_sizes=[[1, 3, 3], [3, 3, 3], [3, 3, 3]],
        strides=[[1, 1, 1], [1, 2, 2], [2, 2, 2]],
        n_conv_per_stage=[2, 2, 2],
        n_conv_per_stage_decoder=[2, 2],
    ),
    "new 3d batch norm after the activation, one number for all": new_plan(
        3,
        "PlainConvUNet",
        n_stages=3,
        features_per_stage=6,
        kernel_sizes=3,
        strides=2,
        n_conv_per_stage=1,
        n_conv_per_stage_decoder=1,
        conv_bias=False,
        norm_op="torch.nn.modules.batchnorm.BatchNorm3d",
        nonlin="torch.nn.modules.activation.ReLU",
        nonlin_first=True,
    ),
    "new 2d without norm, even kernel": new_plan(
        2,
        "PlainConvUNet",
        n_stages=2,
        features_per_stage=[4, 8],
        kernel_sizes=[[3, 3], [4, 3]],
        strides=[[1, 1], [2, 2]],
        n_conv_per_stage=[1, 1],
        n_conv_per_stage_decoder=[1],
        norm_op=None,
        norm_op_kwargs=None,
    ),
    "new 2d residual": new_plan(
        2,
        "ResidualEncoderUNet",
        n_stages=4,
        features_per_stage=[4, 8, 8, 8],
        kernel_sizes=[[3, 3]] * 4,
        strides=[[1, 1], [2, 2], [2, 2], [1, 2]],
        n_blocks_per_stage=[1, 2, 3, 1],
        n_conv_per_stage_decoder=[1, 1, 1],
    ),
    "new 2d residual, strided from the first stage": new_plan(
        2,
        "ResidualEncoderUNet",
        n_stages=2,
        features_per_stage=[4, 4],
        kernel_sizes=3,
        strides=[[2, 1], [2, 2]],
        n_blocks_per_stage=1,
        n_conv_per_stage_decoder=1,
    ),
    "new 3d bottlenecks": new_plan(
        3,
        "ResidualEncoderUNet",
        n_stages=3,
        features_per_stage=[8, 8, 12],
        kernel_sizes=[[1, 3, 3], [3, 3, 3], [3, 3, 3]],
        strides=[[1, 1, 1], [1, 2, 2], [2, 2, 2]],
        n_blocks_per_stage=[1, 2, 2],
        n_conv_per_stage_decoder=[1, 1],
        block="dynamic_network_architectures.building_blocks.residual.BottleneckD",
        bottleneck_channels=[4, 4, 6],
        stem_channels=6,
    ),
    "new 2d with dropout": new_plan(2, "PlainConvUNet", **_SMALL, dropout_op="torch.nn.Dropout2d", **_RATE),
    "new 2d with dropout before an activation that comes first": new_plan(
        2,
        "PlainConvUNet",
        **_SMALL,
        dropout_op="torch.nn.modules.dropout.Dropout",
        dropout_op_kwargs={},
        nonlin_first=True,
    ),
    "new 2d residual with dropout": new_plan(
        2, "ResidualEncoderUNet", **_SMALL_BLOCKS, dropout_op="torch.nn.modules.dropout.Dropout2d", **_RATE
    ),
    "new 2d bottlenecks with dropout": new_plan(
        2,
        "ResidualEncoderUNet",
        **_SMALL_BLOCKS,
        dropout_op="torch.nn.modules.dropout.Dropout",
        **_RATE,
        block="dynamic_network_architectures.building_blocks.residual.BottleneckD",
        bottleneck_channels=2,
    ),
}
"""Configurations of a plans file, by what they try."""

_RESIDUAL_DYNUNET = {
    "_target_": "DynUNet",
    "spatial_dims": 2,
    "in_channels": 1,
    "out_channels": 2,
    "kernel_size": [3, 3, 3],
    "strides": [1, 2, 2],
    "upsample_kernel_size": [2, 2],
    "filters": [4, 4, 8],
    "res_block": True,
}

BUNDLES: dict[str, dict[str, Any]] = {
    "UNet": {
        "_target_": "UNet",
        "spatial_dims": 3,
        "in_channels": 1,
        "out_channels": 2,
        "channels": [4, 6, 8],
        "strides": [2, 2],
        "num_res_units": 2,
        "norm": "batch",
    },
    "UNet without residual units": {
        "_target_": "monai.networks.nets.UNet",
        "spatial_dims": 2,
        "in_channels": 3,
        "out_channels": 2,
        "channels": [4, 6, 8, 8],
        "strides": [2, 1, 2],
    },
    "UNet with other kernels": {
        "_target_": "monai.networks.nets.unet.UNet",
        "spatial_dims": 2,
        "in_channels": 1,
        "out_channels": 1,
        "channels": [4, 8, 8],
        "strides": [[2, 1], 3],
        "kernel_size": [5, 3],
        "up_kernel_size": 5,
        "num_res_units": 1,
        "bias": False,
        "act": ["LeakyReLU", {"negative_slope": 0.2}],
        "norm": ["GROUP", {"num_groups": 1}],
        "adn_ordering": "ADN",
    },
    "UNet with dropout": {
        "_target_": "UNet",
        "spatial_dims": 2,
        "in_channels": 1,
        "out_channels": 2,
        "channels": [4, 8],
        "strides": [2],
        "num_res_units": 1,
        "dropout": 0.3,
        "adn_ordering": "dan",
    },
    "BasicUNet with dropout": {
        "_target_": "BasicUNet",
        "spatial_dims": 2,
        "features": [4, 4, 6, 8, 8, 4],
        "dropout": ["Dropout", {"p": 0.25}],
        "act": ["gelu", {"approximate": "tanh"}],
    },
    "BasicUNet": {"_target_": "BasicUNet", "spatial_dims": 2, "features": [4, 4, 6, 8, 8, 4]},
    "BasicUNet with resizing": {
        "_target_": "BasicUNet",
        "spatial_dims": 2,
        "features": [4, 4, 6, 6, 8, 4],
        "upsample": "nontrainable",
        "norm": ["batch", {"eps": 0.001}],
    },
    "BasicUNet with shuffled pixels": {
        "_target_": "BasicUNet",
        "spatial_dims": 2,
        "features": [4, 4, 6, 6, 8, 4],
        "upsample": "pixelshuffle",
    },
    "DynUNet": {
        "_target_": "DynUNet",
        "spatial_dims": 3,
        "in_channels": 2,
        "out_channels": 3,
        "kernel_size": [[3, 3, 1], 3, 3, 5],
        "strides": [1, [2, 2, 1], 2, 1],
        "upsample_kernel_size": [[2, 2, 1], 2, 1],
        "filters": [4, 6, 8, 8, 8],
    },
    "DynUNet with residual blocks": {
        **_RESIDUAL_DYNUNET,
        "trans_bias": True,
        "norm_name": "batch",
        "act_name": "PRELU",
    },
    "DynUNet with dropout": {**_RESIDUAL_DYNUNET, "dropout": 0.1},
    "one level of SegResNet": {"_target_": "SegResNet", "blocks_down": [1], "blocks_up": []},
    "SegResNet": {
        "_target_": "SegResNet",
        "blocks_down": [1, 2, 2],
        "blocks_up": [1, 1],
        "init_filters": 8,
        "in_channels": 4,
        "out_channels": 3,
        "dropout_prob": 0.2,
    },
    "SegResNet with transposed convolutions": {
        "_target_": "SegResNet",
        "spatial_dims": 2,
        "init_filters": 4,
        "norm": ["group", {"num_groups": 2}],
        "upsample_mode": "deconv",
        "use_conv_final": False,
        "act": "prelu",
    },
    "SegResNet with shuffled pixels": {
        "_target_": "SegResNet",
        "spatial_dims": 2,
        "init_filters": 4,
        "blocks_down": [0, 1],
        "blocks_up": [2],
        "norm": "instance",
        "act": "prelu",
        "upsample_mode": "pixelshuffle",
    },
}
"""The ``network_def`` of a bundle, by what it tries."""

HELD = 48
"""The size of the other axes while one varies. It fits every network here."""

LARGEST = 56
"""The largest size that is tried."""
