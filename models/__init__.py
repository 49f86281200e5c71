"""Typed layers over ``(C, H, W)`` images, the two-level U-Net, the U-Net family and any graph, in JAX and Flax NNX.

The channels-last systems have their own modules: ``tiny_unet``, ``tiny_unet_linen``, ``resnet`` and ``conv``.
"""

from .channels_last import conv as conv
from .channels_last import resnet as resnet
from .channels_last import tiny_unet as tiny_unet
from .channels_last import tiny_unet_linen as tiny_unet_linen
from .cpu.backend import convolutions as convolutions
from .functional.functional import concat_channels as concat_channels
from .functional.functional import conv2d as conv2d
from .functional.functional import conv_transpose2d as conv_transpose2d
from .functional.functional import max_pool2d as max_pool2d
from .functional.functional import relu as relu
from .functional.gradients import ConvGrads as ConvGrads
from .functional.gradients import concat_channels_backward as concat_channels_backward
from .functional.gradients import conv2d_backward as conv2d_backward
from .functional.gradients import conv_transpose2d_backward as conv_transpose2d_backward
from .functional.gradients import max_pool2d_backward as max_pool2d_backward
from .functional.gradients import relu_backward as relu_backward
from .layers.norms import BatchNorm2d as BatchNorm2d
from .layers.norms import GroupNorm as GroupNorm
from .layers.norms import InstanceNorm2d as InstanceNorm2d
from .layers.resampling import AvgPool2d as AvgPool2d
from .layers.resampling import Resize2d as Resize2d
from .layers.windows import Conv2d as Conv2d
from .layers.windows import ConvTranspose2d as ConvTranspose2d
from .layers.windows import JoinedGrads as JoinedGrads
from .layers.windows import MaxPool2d as MaxPool2d
from .networks.params import LayerParams as LayerParams
from .networks.params import UNet2Grads as UNet2Grads
from .networks.params import UNet2Params as UNet2Params
from .networks.typed_network import TypedNetwork as TypedNetwork
from .networks.unet import ConvBlock as ConvBlock
from .networks.unet import NormedConv2d as NormedConv2d
from .networks.unet import ResizeConv2d as ResizeConv2d
from .networks.unet import UNet as UNet
from .networks.unet2 import UNet2 as UNet2
from .typed import checked as checked
