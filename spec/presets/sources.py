"""Where each preset comes from, in one line for a terminal. The function of a preset says more."""

SOURCES: dict[str, str] = {
    "unet2": "The U-Net of the Lean specification (halves once): NN/Spec/Models/Unet.lean",
    "tiny": "The small U-Net of the Lean specification, with batch norm and no head",
    "ronneberger2015": "Ronneberger, Fischer and Brox, U-Net, MICCAI 2015, figure 1",
    "milesial": "github.com/milesial/Pytorch-UNet with its defaults",
    "monai_like": "Like MONAI's BasicUNet, but with ReLU and joins of equal sizes only",
    "smp_resnet34": "segmentation_models_pytorch 0.2; 0.3, 0.4: multiples of 32; later: any size",
    "monai_unet": "MONAI's UNet (nets/unet.py) with two residual units, for volumes",
    "monai_basicunet": "MONAI's BasicUNet (nets/basic_unet.py), for volumes",
    "unetplusplus": "UNet++, Zhou and others, 2018: github.com/4uiiurz1/pytorch-nested-unet",
    "unet3plus": "UNet 3+, Huang and others, 2020: github.com/ZJUGiveLab/UNet-Version",
    "attention_unet": "Oktay and others, 2018: github.com/LeeJunHyun/Image_Segmentation, AttU_Net",
    "pix2pix": "pix2pix's unet_256: github.com/junyanz/pytorch-CycleGAN-and-pix2pix",
    "u2net_rsu7": "The first nest of U²-Net, 2020: github.com/xuebinqin/U-2-Net, RSU7",
    "u2net": "U²-Net, Qin and others, 2020: github.com/xuebinqin/U-2-Net, U2NET",
    "unet3d": "Çiçek and others, 3D U-Net, 2016, figure 2",
    "nnunet_3d_fullres": "nnU-Net's PlainConvUNet, with a 3d_fullres plan for a coarse first axis",
    "nnunet_3d_resenc": "nnU-Net's ResidualEncoderUNet, with the stages of ResEncM",
    "ddpm": "google/ddpm-cifar10-32 without attention: diffusers, UNet2DModel",
    "stable_diffusion_vae": "Stable Diffusion's autoencoder without attention: diffusers, AutoencoderKL",
    "demucs": "Demucs 1 and 2, Défossez and others, 2019: github.com/facebookresearch/demucs",
    "wave_unet": "Wave-U-Net, Stoller and others, 2018: github.com/f90/Wave-U-Net",
}
"""The source of each preset, by its name."""
