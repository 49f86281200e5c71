"""Records what published PyTorch networks compute, in ``published_vectors.npz``: outputs, and gradients.

Needs ``wellshaped.spec``, and in an environment of its own ``torch==2.14.1 monai==1.6.1 diffusers==0.42.1
segmentation-models-pytorch==0.6.0 dynamic-network-architectures==0.4.4``. Networks that are in no package are in
``published_modules.py``. From the top of the repository: ``python -m tests.conformance.make_published_vectors``.

All is in float64. Weights, images and the gradient of the output are drawn by name on both sides. An output, the
gradient of an image, and that of each parameter are recorded as a few numbers (``published_arrays.summary``). Beside
them is how far PyTorch is from them in float32.
"""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from . import published_modules as modules
from .published_arrays import Record, distances, drawn, noise, summary
from .published_cases import BOTTLENECKS, CASES, COARSE, DECODER_NESTS, FIVE, NESTS, PublishedCase, arrays_of

NAMES = {"kernel": "weight", "scale": "weight", "slope": "weight", "mean": "running_mean", "var": "running_var"}
"""Our names of arrays, and PyTorch's where they differ."""


def _monai_unet() -> nn.Module:
    from monai.networks.nets import UNet

    return UNet(3, 1, 2, FIVE, (2,) * 4, num_res_units=2)


def _monai_unet_of_strided_convolutions() -> nn.Module:
    from monai.networks.nets import UNet

    return UNet(2, 1, 2, (4, 6, 8), (2, 3), kernel_size=5)


def _monai_basicunet(axes: int, upsample: str) -> nn.Module:
    from monai.networks.nets import BasicUNet

    return BasicUNet(axes, 1, 2, (*FIVE, 4), upsample=upsample)


def _planned(kind: str, axes: int, features: Any, kernels: Any, strides: Any, counts: Any, **more: Any) -> nn.Module:
    """One of nnU-Net's networks, with what nnU-Net plans for every one."""
    from dynamic_network_architectures.architectures import unet

    conv, norm = ((nn.Conv2d, nn.InstanceNorm2d), (nn.Conv3d, nn.InstanceNorm3d))[axes - 2]
    always = {"conv_bias": True, "norm_op": norm, "norm_op_kwargs": {"eps": 1e-5, "affine": True}}
    always |= {"nonlin": nn.LeakyReLU, "nonlin_kwargs": {"inplace": True}}
    stages = (len(features), features, conv, kernels, strides, counts)
    return getattr(unet, kind)(1, *stages, 2, **always, **more)


def _nnunet_3d_fullres() -> nn.Module:
    kernels, strides = [(1, 3, 3), *[(3, 3, 3)] * 5], [(1, 1, 1), (1, 2, 2), *[(2, 2, 2)] * 4]
    return _planned("PlainConvUNet", 3, (*FIVE, 12), kernels, strides, (2,) * 6, n_conv_per_stage_decoder=(2,) * 5)


def _nnunet_3d_resenc() -> nn.Module:
    strides = [(of,) * 3 if isinstance(of, int) else of for of in COARSE]
    more = {"n_conv_per_stage_decoder": (1,) * 5}
    return _planned("ResidualEncoderUNet", 3, (*FIVE, 12), 3, strides, (1, 3, 4, 6, 6, 6), **more)


def _nnunet_of_bottlenecks() -> nn.Module:
    from dynamic_network_architectures.building_blocks.residual import BottleneckD

    plan, kernels, strides = BOTTLENECKS, [(1, 3), (3, 3), (3, 3)], [(1, 1), (1, 2), (2, 2)]
    more = {"block": BottleneckD, "bottleneck_channels": plan.bottlenecks, "stem_channels": plan.stem_channels}
    more |= {"n_conv_per_stage_decoder": plan.decoder_counts, "deep_supervision": True}
    return _planned("ResidualEncoderUNet", 2, plan.features, kernels, strides, plan.counts, **more)


def _smp_resnet34() -> nn.Module:
    from segmentation_models_pytorch import Unet

    return Unet("resnet34", encoder_weights=None)


class _Timed(nn.Module):
    """A network of diffusers that takes the vector of the time itself, and returns the image alone."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        model.time_proj = nn.Identity()

    def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.model(x, t).sample
        return made


def _ddpm() -> nn.Module:  # google/ddpm-cifar10-32 without attention
    from diffusers import UNet2DModel

    model = UNet2DModel(
        down_block_types=("DownBlock2D",) * 4,
        up_block_types=("UpBlock2D",) * 4,
        block_out_channels=(8, 12, 16, 16),
        downsample_padding=0,
        norm_eps=1e-6,
        norm_num_groups=4,
        add_attention=False,
    )
    return _Timed(model)


class _Mean(nn.Module):
    """An autoencoder that decodes the mean of its latent."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.model(x, sample_posterior=False).sample
        return made


def _stable_diffusion_vae() -> nn.Module:
    from diffusers import AutoencoderKL

    blocks = {"down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4}
    model = AutoencoderKL(
        **blocks,
        block_out_channels=(8, 12, 16, 16),
        layers_per_block=2,
        norm_num_groups=4,
        mid_block_add_attention=False,
    )
    return _Mean(model)


PUBLISHED: dict[str, Callable[[], nn.Module]] = {
    "milesial": lambda: modules.Milesial((4, 8, 16, 32, 64)),
    "ronneberger2015": lambda: modules.Ronneberger((2, 4, 8, 16, 32)),
    "unet3d": lambda: modules.UNet3D(2),
    "monai_unet": _monai_unet,
    "monai_unet, strided convolutions": _monai_unet_of_strided_convolutions,
    "monai_basicunet": lambda: _monai_basicunet(3, "deconv"),
    "monai_basicunet, nontrainable": lambda: _monai_basicunet(2, "nontrainable"),
    "monai_basicunet, pixelshuffle": lambda: _monai_basicunet(2, "pixelshuffle"),
    "nnunet_3d_fullres": _nnunet_3d_fullres,
    "nnunet_3d_resenc": _nnunet_3d_resenc,
    "nnunet_3d_resenc, bottlenecks": _nnunet_of_bottlenecks,
    "smp_resnet34": _smp_resnet34,
    "unetplusplus": lambda: modules.NestedUNet(FIVE),
    "unet3plus": lambda: modules.UNet3Plus(FIVE),
    "attention_unet": lambda: modules.AttentionUNet(FIVE),
    "u2net_rsu7": lambda: modules.Nest(7, 3, 4, 6),
    "u2net": lambda: modules.U2Net(NESTS, DECODER_NESTS),
    "pix2pix": lambda: modules.Pix2Pix(2),
    "pix2pix, five levels": lambda: modules.Pix2Pix(2, 5, 2, 1),
    "demucs": lambda: modules.Demucs(2),
    "demucs, two levels": lambda: modules.Demucs(4, 2, 3),
    "wave_unet": lambda: modules.WaveUNet(2),
    "wave_unet, three levels": lambda: modules.WaveUNet(4, 3, 2),
    "ddpm": _ddpm,
    "stable_diffusion_vae": _stable_diffusion_vae,
}
"""How the published module of each case is built."""


def in_order(module: nn.Module, images: list[torch.Tensor]) -> list[nn.Module]:
    """The layers that have arrays, in the order in which they run."""
    ran: dict[nn.Module, None] = {}
    layers = [of for of in module.modules() if next(of.parameters(recurse=False), None) is not None]
    hooks = [layer.register_forward_pre_hook(lambda layer, _: ran.setdefault(layer)) for layer in layers]
    with torch.no_grad():
        module(*images)
    for hook in hooks:
        hook.remove()
    return list(ran)


def tensors_of(
    case: PublishedCase, module: nn.Module, images: list[torch.Tensor]
) -> dict[tuple[str, str], torch.Tensor]:
    """The tensor of each array of a case: by the path in PyTorch, or by the order of the layers if paths differ."""
    arrays = dict(arrays_of(case.network()))
    inner = module.model if isinstance(module, _Timed | _Mean) else module
    named = dict(inner.named_modules())
    layers = list(dict.fromkeys(layer for layer, _ in arrays))
    if not all(layer in named for layer in layers):
        named = dict(zip(layers, in_order(module, images), strict=True))
    tensors = {(layer, part): getattr(named[layer], NAMES.get(part, part)) for layer, part in arrays}
    for array, tensor in tensors.items():  # a linear layer has no positions
        assert arrays[array][: tensor.ndim] == tensor.shape, (array, arrays[array], tensor.shape)
        assert set(arrays[array][tensor.ndim :]) <= {1}, (array, arrays[array], tensor.shape)
    return tensors


def computed(key: str, mode: str, dtype: torch.dtype = torch.float64, draw: str | None = None) -> Record:
    """What is recorded of one mode of a case, by name. Another ``draw`` has other weights and images."""
    case, draw = CASES[key], draw or key
    images = [torch.tensor(noise(name, shape), dtype=dtype) for name, shape in case.images(draw, mode)]
    module = PUBLISHED[key]().to(dtype).eval()
    tensors, arrays = tensors_of(case, module, images), dict(arrays_of(case.network()))
    with torch.no_grad():
        for (layer, part), tensor in tensors.items():
            values = drawn(f"{draw}: {layer}.{part}", part, arrays[layer, part])
            tensor.copy_(torch.tensor(values).reshape(tensor.shape))
    module.train(mode == "training").zero_grad()
    made = module(*[x.requires_grad_() for x in images])
    outputs = made if isinstance(made, list | tuple) else (made,)
    names = [f"{draw}: gradient of output {i}" for i in range(len(outputs))]
    d_y = [torch.tensor(noise(name, y.shape), dtype=dtype) for name, y in zip(names, outputs, strict=True)]
    torch.autograd.backward(outputs, d_y)
    mapped = {id(tensor) for tensor in tensors.values()}
    assert all(of.grad is None for of in module.parameters() if id(of) not in mapped), key
    found = {f"output {i}": y.detach() for i, y in enumerate(outputs)}
    found |= {f"d input {i}": x.grad for i, x in enumerate(images)}
    learned = {array: tensor for array, tensor in tensors.items() if tensor.requires_grad}
    found |= {f"d {layer}.{part}": of.grad.reshape(arrays[layer, part]) for (layer, part), of in learned.items()}
    return {name: summary(name, tensor.numpy()) for name, tensor in found.items()}


def main() -> None:
    """Write the file, beside this one: for each run the names, the numbers in one row, and how far float32 is."""
    warnings.simplefilter("ignore")
    vectors = {"torch_version": np.array(torch.__version__)}
    for key, case in CASES.items():
        for mode in case.batches:
            found = computed(key, mode)
            of_float32 = max(distances(computed(key, mode, torch.float32), found).values())
            vectors[f"{key}/{mode}/names"] = np.array("\n".join(found))
            vectors[f"{key}/{mode}/numbers"] = np.concatenate([*found.values()])
            vectors[f"{key}/{mode}/float32"] = np.array(of_float32)
            print(f"{key}, {mode}: {len(found)} arrays, float32 is {of_float32:.1g} away")
    np.savez_compressed(Path(__file__).with_name("published_vectors.npz"), **vectors)


if __name__ == "__main__":
    main()
