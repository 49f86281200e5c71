"""The function that computes each operation, by its class. A new operation is one line here, and its function."""

from ...spec.network import (
    Activation,
    Add,
    AvgPool,
    Concat,
    Conv,
    ConvTranspose,
    Crop,
    CropTo,
    CropToSmallest,
    DepthToSpace,
    Dropout,
    MaxPool,
    Mean,
    Multiply,
    Norm,
    Operation,
    Pad,
    PadTo,
    PadToMultiple,
    Require,
    Resize,
    ResizeTo,
    Scale,
    Slice,
    SpaceToDepth,
    Window,
)
from . import edges, joins, resizing, values, windows
from .signature import Value

VALUES: dict[type[Operation], Value] = {
    Conv: windows.conv,
    ConvTranspose: windows.conv_transpose,
    MaxPool: windows.max_pool,
    AvgPool: windows.avg_pool,
    Window: windows.window,
    Resize: resizing.resize,
    ResizeTo: resizing.resize_to,
    DepthToSpace: resizing.depth_to_space,
    SpaceToDepth: resizing.space_to_depth,
    Crop: edges.crop,
    CropTo: edges.crop_to,
    CropToSmallest: edges.crop_to_smallest,
    Pad: edges.pad,
    PadTo: edges.pad_to,
    PadToMultiple: edges.pad_to_multiple,
    Concat: joins.concat,
    Add: joins.add,
    Multiply: joins.multiply,
    Activation: values.activation,
    Scale: values.scale,
    Slice: values.channels_of,
    Mean: values.mean,
    Require: values.unchanged,
}
"""Norms and dropout are not here: they are Flax's layers, because a batch norm and a stream have a state."""


def has_value(operation: Operation) -> bool:
    """Whether the operation can be computed: by a layer of Flax or :data:`VALUES`; a :class:`Window` has a kernel of 1.

    >>> from ...spec.network import MaxPool, TransposedWindow, Window
    >>> has_value(MaxPool(2)), has_value(Window(1, 2)), has_value(Window(3)), has_value(TransposedWindow(3))
    (True, True, False, False)
    """
    if isinstance(operation, Window):
        return operation == Window(1, operation.stride)
    return type(operation) in (Norm, Dropout, *VALUES)
