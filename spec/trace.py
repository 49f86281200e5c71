"""Every intermediate of the forward pass, with its shape and its cost (SPEC section 6)."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from .architecture import Channels, channels
from .check import check
from .config import UNet2Config
from .naturals import natural
from .network import axis_network
from .obligations import h_downH, h_downW
from .parameters import parameter_shapes
from .unet import UNetConfig, program
from .written import Written


@dataclass(frozen=True, slots=True, repr=False)
class Stage(Written):
    """One intermediate: its ``name`` in the specification, the operation ``op`` that makes it, and its ``inputs``.

    ``shape`` is its ``(C, H, W)`` and ``layer`` the name of the layer whose parameters it uses, if any. ``parameters``
    and ``multiply_adds`` are counts; pooling, ReLU and concatenation have none.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    shape: tuple[int, int, int]
    layer: str | None = None
    parameters: int = 0
    multiply_adds: int = 0


# Name, operation, inputs, channels, whether after the pooling and before the upsampling, layer.
_STAGES: tuple[tuple[str, str, tuple[str, ...], Channels, bool, str | None], ...] = (
    ("x", "input", (), "in", False, None),
    ("s1", "conv, relu", ("x",), 1, False, "down1_1"),
    ("skip1", "conv, relu", ("s1",), 1, False, "down1_2"),
    ("pooled", "max-pool", ("skip1",), 1, True, None),
    ("b1", "conv, relu", ("pooled",), 2, True, "down2_1"),
    ("bottleneck", "conv, relu", ("b1",), 2, True, "down2_2"),
    ("up", "transposed conv", ("bottleneck",), 1, False, "upT"),
    ("merged", "concat", ("skip1", "up"), 2, False, None),
    ("u1", "conv, relu", ("merged",), 1, False, "up1_1"),
    ("u2", "conv, relu", ("u1",), 1, False, "up1_2"),
    ("y", "conv", ("u2",), "out", False, "out1x1"),
)


def trace(
    cfg: UNet2Config | UNetConfig, in_channels: int, out_channels: int, height: int, width: int
) -> tuple[Stage, ...]:
    """The stages from ``x`` to ``y``, in order: eleven for a :class:`UNet2Config`.

    Raises :class:`ShapeError`, with the report of :func:`check`, where the input does not fit.

    >>> for stage in trace(UNet2Config(base_channels=8), 1, 1, 304, 384)[:4]:
    ...     print(stage.name, "|", stage.op, "|", stage.shape, stage.parameters, stage.multiply_adds)
    x | input | (1, 304, 384) 0 0
    s1 | conv, relu | (8, 304, 384) 80 8404992
    skip1 | conv, relu | (8, 304, 384) 584 67239936
    pooled | max-pool | (8, 152, 192) 0 0
    """
    check(cfg, in_channels, out_channels, height, width).raise_if_failed()
    # As Python's own integers, which do not overflow.
    in_channels, out_channels = natural(in_channels, "in_channels"), natural(out_channels, "out_channels")
    height, width = natural(height, "height"), natural(width, "width")
    if isinstance(cfg, UNetConfig):
        return tuple(_stages(cfg, in_channels, out_channels, height, width))
    arrays = {layer.name: (kernel, bias) for layer, kernel, bias in parameter_shapes(cfg, in_channels, out_channels)}
    shapes: dict[str, tuple[int, int, int]] = {}
    stages = []
    for name, op, inputs, channel_count, pooled, layer in _STAGES:
        size = (h_downH(cfg, height), h_downW(cfg, width)) if pooled else (height, width)
        shapes[name] = (channels(channel_count, cfg, in_channels, out_channels), *size)
        if layer is None:
            stages.append(Stage(name, op, inputs, shapes[name]))
            continue
        kernel, bias = arrays[layer]
        cost = _multiply_adds(kernel, op, shapes[inputs[0]], shapes[name])
        stages.append(Stage(name, op, inputs, shapes[name], layer, prod(kernel) + prod(bias), cost))
    return tuple(stages)


def _stages(cfg: UNetConfig, in_channels: int, out_channels: int, height: int, width: int) -> Iterator[Stage]:
    along = [axis_network(cfg).run(n).sizes for n in (height, width)]
    shapes: dict[str, tuple[int, int, int]] = {}
    done = 0
    for node in program(cfg, in_channels, out_channels):
        done += len(node.steps)
        shapes[node.name] = (node.channels, along[0][done], along[1][done])
        parameters = sum(prod(shape) for _, shape in node.arrays)
        kernel = next((shape for array, shape in node.arrays if array.endswith("kernel")), None)
        cost = 0 if kernel is None else _multiply_adds(kernel, node.op, shapes[node.inputs[0]], shapes[node.name])
        yield Stage(node.name, node.op, node.inputs, shapes[node.name], node.layer, parameters, cost)


def _multiply_adds(kernel: tuple[int, ...], op: str, given: tuple[int, ...], made: tuple[int, ...]) -> int:
    """A kernel meets every output position of a convolution, and every input position of a transposed one."""
    return prod(kernel) * prod((given if op == "transposed conv" else made)[1:])
