"""Exact reference in NumPy: every operation of the two-level network, and the network itself (SPEC section 6)."""

from .graphs import graph_value as graph_value
from .operations import ConvGrads as ConvGrads
from .operations import concat_channels as concat_channels
from .operations import concat_channels_backward as concat_channels_backward
from .operations import conv2d as conv2d
from .operations import conv2d_backward as conv2d_backward
from .operations import conv_transpose2d as conv_transpose2d
from .operations import conv_transpose2d_backward as conv_transpose2d_backward
from .operations import max_pool2d as max_pool2d
from .operations import max_pool2d_backward as max_pool2d_backward
from .operations import relu as relu
from .operations import relu_backward as relu_backward
from .operations import relu_derivative as relu_derivative
from .two_level import unet2_backward as unet2_backward
from .two_level import unet2_forward as unet2_forward
from .two_level import unet2_stages as unet2_stages
