"""What runs: typed layers over ``(C, H, W)``, the two-level U-Net and the family, in JAX and Flax NNX.

The channels-last systems have their own modules: ``tiny_unet``, ``tiny_unet_linen``, ``resnet`` and ``conv``.
"""

from . import conv as conv
from . import resnet as resnet
from . import tiny_unet as tiny_unet
from . import tiny_unet_linen as tiny_unet_linen
from .backward import ConvGrads as ConvGrads
from .backward import concat_channels_backward as concat_channels_backward
from .backward import conv2d_backward as conv2d_backward
from .backward import conv_transpose2d_backward as conv_transpose2d_backward
from .backward import max_pool2d_backward as max_pool2d_backward
from .backward import relu_backward as relu_backward
from .functional import concat_channels as concat_channels
from .functional import conv2d as conv2d
from .functional import conv_transpose2d as conv_transpose2d
from .functional import max_pool2d as max_pool2d
from .functional import relu as relu
from .layers import Conv2d as Conv2d
from .layers import ConvTranspose2d as ConvTranspose2d
from .layers import JoinedGrads as JoinedGrads
from .layers import MaxPool2d as MaxPool2d
from .norms import BatchNorm2d as BatchNorm2d
from .norms import GroupNorm as GroupNorm
from .norms import InstanceNorm2d as InstanceNorm2d
from .params import LayerParams as LayerParams
from .params import UNet2Grads as UNet2Grads
from .params import UNet2Params as UNet2Params
from .resampling import AvgPool2d as AvgPool2d
from .resampling import Resize2d as Resize2d
from .typed import checked as checked
from .unet import ConvBlock as ConvBlock
from .unet import NormedConv2d as NormedConv2d
from .unet import ResizeConv2d as ResizeConv2d
from .unet import UNet as UNet
from .unet2 import UNet2 as UNet2
from .ways import convolutions as convolutions
