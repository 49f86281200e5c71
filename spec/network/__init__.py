"""Networks as graphs of named operations, and what follows from them (SPEC section 8).

Operations are small values. Each says its step along an axis, its channels, the shapes of its parameters and its
requirements. A :class:`Network` gives them names and inputs. Every answer is a fold over its nodes.
"""

from .builder import NetworkBuilder as NetworkBuilder
from .causes import Cause as Cause
from .causes import requirements_and_causes as requirements_and_causes
from .data import data_of as data_of
from .data import network_from as network_from
from .edges import Crop as Crop
from .edges import CropTo as CropTo
from .edges import CropToSmallest as CropToSmallest
from .edges import Pad as Pad
from .edges import PadTo as PadTo
from .edges import PadToMultiple as PadToMultiple
from .filling import fill_open_numbers as fill_open_numbers
from .filling import transposed_for as transposed_for
from .joins import Add as Add
from .joins import Concat as Concat
from .joins import Multiply as Multiply
from .network import Input as Input
from .network import Network as Network
from .network import Node as Node
from .open_number import OPEN as OPEN
from .open_number import Open as Open
from .operation import Operation as Operation
from .requirement import Relation as Relation
from .requirement import Requirement as Requirement
from .requiring import Require as Require
from .resampling import DepthToSpace as DepthToSpace
from .resampling import Resize as Resize
from .resampling import ResizeTo as ResizeTo
from .resampling import SpaceToDepth as SpaceToDepth
from .running import ImageRun as ImageRun
from .running import Run as Run
from .running import run as run
from .running import run_image as run_image
from .solving import sizes_that_fit as sizes_that_fit
from .values import Activation as Activation
from .values import Dropout as Dropout
from .values import Mean as Mean
from .values import Norm as Norm
from .values import Scale as Scale
from .values import Slice as Slice
from .weights import parameter_count as parameter_count
from .weights import parameter_shapes as parameter_shapes
from .windows import AvgPool as AvgPool
from .windows import Conv as Conv
from .windows import ConvTranspose as ConvTranspose
from .windows import MaxPool as MaxPool
from .windows import TransposedWindow as TransposedWindow
from .windows import Window as Window
