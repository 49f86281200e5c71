"""Small parts that several presets share."""

from ..network.builder import NetworkBuilder
from ..network.operation import Operation
from ..network.values import Activation, Norm
from ..network.windows import Conv

RELU = Activation("relu")
BATCH = Norm("batch")


def same_conv(channels: int, kernel: int = 3, stride: int = 1, *, bias: bool = True) -> Conv:
    """Return a convolution padded by half of its odd kernel. With stride 1 it keeps the size.

    >>> same_conv(16).size([303], 0), same_conv(16, stride=2).size([303], 0)
    (303, 152)
    """
    return Conv(kernel, stride, padding=kernel // 2, channels=channels, bias=bias)


def normed(
    net: NetworkBuilder,
    prefix: str,
    names: str,
    given: str,
    conv: Operation,
    norm: Operation = BATCH,
    activation: Operation = RELU,
) -> str:
    """Add a convolution, its norm and its activation, under a ``prefix`` and the three ``names``.

    >>> net = NetworkBuilder({"x": 3})
    >>> normed(net, "encoder.", "conv1 bn1 relu", "x", same_conv(8))
    'encoder.relu'
    """
    operations = zip(names.split(), (conv, norm, activation), strict=True)
    return net.chain(given, {f"{prefix}{name}": operation for name, operation in operations})
