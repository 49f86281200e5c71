"""Prints how many parameters the originals of the presets have, and where a layer of ours differs from theirs.

Needs ``wellshaped.spec`` and, in an environment of its own, ``torch==2.13.0 segmentation-models-pytorch==0.6.0
monai==1.6.1 diffusers==0.42.1 dynamic-network-architectures==0.4.4``. The repositories that are no packages are read
from a folder of clones, from GitHub: 4uiiurz1/pytorch-nested-unet, ZJUGiveLab/UNet-Version,
LeeJunHyun/Image_Segmentation, xuebinqin/U-2-Net, junyanz/pytorch-CycleGAN-and-pix2pix, and facebookresearch/demucs at
f7654e3, which has the layers of its version 2.
From the top of the repository: ``python tests/spec/preset_counts.py FOLDER``.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import Module

from wellshaped.spec import PRESETS, parameter_shapes

LEFT_OUT = (".attentions.", "lstm.", *(f"decoder.seg_layers.{i}." for i in range(4)))
"""What no preset has: attention, LSTM layers, and the heads of nnU-Net that serve training alone."""


def _smp_resnet34() -> Module:
    from segmentation_models_pytorch import Unet

    return Unet("resnet34", encoder_weights=None)


def _monai_unet() -> Module:
    from monai.networks.nets import UNet

    return UNet(3, 1, 2, (16, 32, 64, 128, 256), (2, 2, 2, 2), num_res_units=2)


def _monai_basicunet() -> Module:
    from monai.networks.nets import BasicUNet

    return BasicUNet(3, 1, 2)


def _nnunet_3d_fullres() -> Module:
    from dynamic_network_architectures.architectures.unet import PlainConvUNet

    kernels, strides = [(1, 3, 3), *[(3, 3, 3)] * 5], [(1, 1, 1), (1, 2, 2), *[(2, 2, 2)] * 4]
    features = (32, 64, 128, 256, 320, 320)
    norm = {"norm_op": nn.InstanceNorm3d, "norm_op_kwargs": {"eps": 1e-5, "affine": True}}
    more = {"conv_bias": True, "nonlin": nn.LeakyReLU, "nonlin_kwargs": {"inplace": True}}
    return PlainConvUNet(1, 6, features, nn.Conv3d, kernels, strides, (2,) * 6, 2, (2,) * 5, **norm, **more)


def _nnunet_3d_resenc() -> Module:  # nnU-Net's ResEncM
    from dynamic_network_architectures.architectures.unet import ResidualEncoderUNet

    features, strides, blocks = (32, 64, 128, 256, 320, 320), (1, 2, 2, 2, 2, 2), (1, 3, 4, 6, 6, 6)
    norm = {"norm_op": nn.InstanceNorm3d, "norm_op_kwargs": {"eps": 1e-5, "affine": True}}
    more = {"conv_bias": True, "nonlin": nn.LeakyReLU, "nonlin_kwargs": {"inplace": True}}
    return ResidualEncoderUNet(1, 6, features, nn.Conv3d, 3, strides, blocks, 2, (1,) * 5, **norm, **more)


def _ddpm() -> Module:  # the config.json of google/ddpm-cifar10-32
    from diffusers import UNet2DModel

    return UNet2DModel(
        sample_size=32,
        center_input_sample=False,
        flip_sin_to_cos=False,
        freq_shift=1,
        down_block_types=("DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(128, 256, 256, 256),
        layers_per_block=2,
        downsample_padding=0,
        attention_head_dim=None,
        norm_eps=1e-6,
    )


def _stable_diffusion_vae() -> Module:  # the vae/config.json of Stable Diffusion 1.5
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
    )


def _unetplusplus() -> Module:
    from archs import NestedUNet

    return NestedUNet(1)


def _unet3plus() -> Module:
    from UNet_3Plus import UNet_3Plus

    return UNet_3Plus()


def _attention_unet() -> Module:
    from network import AttU_Net

    return AttU_Net()


def _u2net_rsu7() -> Module:
    from model.u2net import RSU7

    return RSU7(3, 32, 64)


def _u2net() -> Module:
    from model.u2net import U2NET

    return U2NET()


def _pix2pix() -> Module:
    from models.networks import UnetGenerator

    return UnetGenerator(3, 3, 8)


def _demucs() -> Module:
    from demucs.model import Demucs

    return Demucs()


ORIGINALS: dict[str, tuple[str, Callable[[], Module]]] = {
    "smp_resnet34": ("", _smp_resnet34),
    "monai_unet": ("", _monai_unet),
    "monai_basicunet": ("", _monai_basicunet),
    "nnunet_3d_fullres": ("", _nnunet_3d_fullres),
    "nnunet_3d_resenc": ("", _nnunet_3d_resenc),
    "ddpm": ("", _ddpm),
    "stable_diffusion_vae": ("", _stable_diffusion_vae),
    "unetplusplus": ("pytorch-nested-unet", _unetplusplus),
    "unet3plus": ("UNet-Version/models", _unet3plus),
    "attention_unet": ("Image_Segmentation", _attention_unet),
    "u2net_rsu7": ("U-2-Net", _u2net_rsu7),
    "u2net": ("U-2-Net", _u2net),
    "pix2pix": ("pytorch-CycleGAN-and-pix2pix", _pix2pix),
    "demucs": ("demucs", _demucs),
}
"""The presets whose original runs in PyTorch, the folder of its code, and how it is built there."""


def theirs(name: str, clones: Path) -> dict[str, tuple[int, ...]]:
    """The shapes of the original's parameters, without those that are left out."""
    folder, build = ORIGINALS[name]
    if folder:
        sys.path.insert(0, str(clones / folder))
    built = build().named_parameters()
    return {path: tuple(array.shape) for path, array in built if not any(part in path for part in LEFT_OUT)}


def ours(name: str) -> dict[str, tuple[int, ...]]:
    """The shapes of the preset's parameters, under PyTorch's names."""
    network: Any = PRESETS[name]
    shapes = parameter_shapes(network, network.inputs[0].channels).items()
    return {
        f"{layer}.{'bias' if of == 'bias' else 'weight'}": shape for layer, each in shapes for of, shape in each.items()
    }


def main() -> None:
    """One line for each preset: its name, the original's count, and whether every layer has its name and shape."""
    for name in ORIGINALS:
        original, preset = theirs(name, Path(sys.argv[1])), ours(name)
        differ = [
            path
            for path in sorted(original.keys() | preset.keys())
            if preset.get(path, ())[: len(original.get(path, ()))]
            != original.get(path)  # a linear layer has no positions
        ]
        count = sum(torch.Size(shape).numel() for shape in original.values())
        print(f"{name}: {count:_}", "as ours" if not differ else f"differ: {differ[:5]}")


if __name__ == "__main__":
    main()
