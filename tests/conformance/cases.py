"""What must agree with PyTorch, as data: the one list that the recorder and the tests both read.

It needs neither PyTorch nor JAX, so that the recorder runs without this library and the tests without PyTorch.
A case's text holds all its numbers and is its key in ``torch_vectors.npz``: a case changed but not recorded is missed.
"""

from dataclasses import dataclass
from itertools import cycle, product


@dataclass(frozen=True, slots=True)
class LayerCase:
    """One layer on one image. ``operation`` is the name of the function, in this library and in PyTorch."""

    operation: str
    channels: tuple[int, int]
    size: tuple[int, int]
    kernel: int
    stride: int
    padding: int = 0

    def __str__(self) -> str:
        channels, size = ("x".join(map(str, pair)) for pair in (self.channels, self.size))
        return f"{self.operation},c{channels},{size},k{self.kernel}s{self.stride}p{self.padding}"

    @property
    def kernel_shape(self) -> tuple[int, int, int, int] | None:
        """``(out, in, k, k)``, transposed ``(in, out, k, k)``; a pooling has no kernel array."""
        if self.operation == "max_pool2d":
            return None
        channels = self.channels if self.operation == "conv_transpose2d" else self.channels[::-1]
        return (*channels, self.kernel, self.kernel)


@dataclass(frozen=True, slots=True, kw_only=True)
class UNet2Case:
    """One two-level U-Net on one image. A window is written kernel, stride, padding; the pooling has no padding."""

    channels: tuple[int, int] = (1, 1)
    size: tuple[int, int]
    base: int = 2
    pool: tuple[int, int] = (2, 2)
    conv: tuple[int, int, int] = (3, 1, 1)
    up: tuple[int, int, int] = (2, 2, 0)
    head: tuple[int, int, int] = (1, 1, 0)

    def __str__(self) -> str:
        channels, size = ("x".join(map(str, pair)) for pair in (self.channels, self.size))
        pool, conv, up, head = ("".join(map(str, window)) for window in (self.pool, self.conv, self.up, self.head))
        return f"unet2,c{channels},{size},b{self.base},pool{pool},conv{conv},up{up},head{head}"

    @property
    def config(self) -> dict[str, int]:
        """The twelve numbers under the names that the specification gives them."""
        windows = {"pool": self.pool, "conv": self.conv, "up": self.up, "head": self.head}
        numbers = {
            f"{part}_{name}": number
            for part, window in windows.items()
            for name, number in zip(("kernel", "stride", "padding"), window, strict=False)
        }
        return numbers | {"base_channels": self.base}


# Their numbers have no common factor with the lengths below, so every kernel meets several sizes and channel counts.
_SIZES = cycle(((5, 8), (7, 6), (6, 6), (9, 5), (5, 5), (6, 10), (8, 7)))
_CHANNELS = cycle(((1, 1), (2, 3), (3, 2), (1, 4)))
_WINDOWS = tuple(product(range(1, 6), range(1, 4), range(3)))

LAYER_CASES = (
    *(LayerCase("conv2d", next(_CHANNELS), next(_SIZES), *window) for window in _WINDOWS),
    # All of kernel at least stride, kernel below stride, and padding that takes more than the kernel adds.
    *(LayerCase("conv_transpose2d", next(_CHANNELS), next(_SIZES), *window) for window in _WINDOWS),
    # One input position, which is all that some poolings leave.
    LayerCase("conv_transpose2d", (3, 2), (1, 3), 4, 2, 1),
    *(
        LayerCase("max_pool2d", (c, c), next(_SIZES), kernel, stride)
        for c, kernel, stride in product((1, 3), (2, 3), (1, 2, 3))
    ),
)

UNET2_CASES = (
    UNet2Case(size=(8, 12), base=4),
    UNet2Case(size=(6, 4), base=3, channels=(3, 2)),
    UNet2Case(size=(2, 2), base=2, channels=(2, 1)),
    UNet2Case(size=(9, 6), base=2, channels=(2, 3), pool=(3, 3), up=(3, 3, 0)),
    UNet2Case(size=(10, 6), base=2, up=(4, 2, 1)),
    UNet2Case(size=(9, 13), base=3, pool=(3, 2), up=(3, 2, 0)),
    UNet2Case(size=(8, 10), base=2, channels=(3, 1), pool=(3, 2), up=(4, 2, 0)),
    UNet2Case(size=(6, 9), base=2, pool=(2, 3), up=(3, 3, 0)),
    UNet2Case(size=(5, 7), base=2, channels=(1, 2), pool=(3, 1), up=(3, 1, 0)),
    UNet2Case(size=(8, 6), base=4, channels=(3, 3), conv=(1, 1, 0)),
    UNet2Case(size=(6, 8), base=2, channels=(1, 3), conv=(5, 1, 2)),
    UNet2Case(size=(6, 10), base=3, head=(3, 1, 1)),
    UNet2Case(size=(9, 9), base=2, channels=(2, 2), pool=(3, 3), conv=(5, 1, 2), up=(5, 3, 1), head=(5, 1, 2)),
    # Few sizes fit these: a strided convolution that keeps 2 and 1, and an upsampling that is not the pooling's stride.
    UNet2Case(size=(2, 2), base=4, conv=(2, 2, 1), head=(2, 2, 1)),
    UNet2Case(size=(2, 5), base=2, up=(2, 3, 0)),
)
