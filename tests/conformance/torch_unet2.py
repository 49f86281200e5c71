"""The two-level U-Net of SPEC section 6, written plainly in PyTorch: what this library's network is compared with.

It shares no code with the library, the shapes of the kernels included. It runs where PyTorch and NumPy are installed.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch.nn import functional

Arrays = Mapping[str, np.ndarray]


def kernel_shapes(config: Mapping[str, int], in_channels: int, out_channels: int) -> dict[str, tuple[int, ...]]:
    """The shape of each layer's kernel, in the order of the specification."""
    base, k = config["base_channels"], config["conv_kernel"]
    return {
        "down1_1": (base, in_channels, k, k),
        "down1_2": (base, base, k, k),
        "down2_1": (2 * base, base, k, k),
        "down2_2": (2 * base, 2 * base, k, k),
        "upT": (2 * base, base, config["up_kernel"], config["up_kernel"]),
        "up1_1": (base, 2 * base, k, k),
        "up1_2": (base, base, k, k),
        "out1x1": (out_channels, base, config["head_kernel"], config["head_kernel"]),
    }


def draw(
    config: Mapping[str, int], channels: tuple[int, int], size: tuple[int, int], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """An image ``x``, and a kernel ``<layer>.kernel`` and bias ``<layer>.bias`` for each layer, all float32."""
    arrays = {"x": rng.standard_normal((channels[0], *size))}
    for name, shape in kernel_shapes(config, *channels).items():
        inputs = shape[0] if name == "upT" else shape[1]
        # He's scale and biases well above 0, so that no layer drowns the others and no ReLU closes a small network.
        arrays[f"{name}.kernel"] = rng.standard_normal(shape) * (2 / (inputs * shape[2] * shape[3])) ** 0.5
        arrays[f"{name}.bias"] = 0.5 + rng.random(shape[1] if name == "upT" else shape[0])
    # A head that only adds: an output that cancels to almost nothing would be no scale to measure differences by.
    arrays["out1x1.kernel"] = np.abs(arrays["out1x1.kernel"])
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def tensors(arrays: Arrays) -> dict[str, torch.Tensor]:
    """The arrays as PyTorch's."""
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def computed(config: Mapping[str, int], arrays: Arrays, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The network on ``arrays["x"]``, with the parameters that :func:`draw` names, and its gradients.

    The output is ``y``. A gradient of it is drawn, ``grad_output``, and ``d <name>`` is that of each of ``arrays``.
    """
    given = {name: tensor.requires_grad_() for name, tensor in tensors(arrays).items()}
    y = forward(config, given)
    # Well above 0, as the biases: sums over it that cancel would be no scale either.
    grad_output = (0.5 + rng.random(y.shape)).astype(arrays["x"].dtype)
    y.backward(torch.from_numpy(grad_output))
    gradients = {f"d {name}": tensor.grad.numpy() for name, tensor in given.items()}
    return {"y": y.detach().numpy(), "grad_output": grad_output} | gradients


def forward(config: Mapping[str, int], given: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """The output of the network on ``given["x"]``, with the parameters that :func:`draw` names."""

    def window(part: str) -> dict[str, int]:
        return {"stride": config[f"{part}_stride"], "padding": config[f"{part}_padding"]}

    def conv(name: str, x: torch.Tensor, part: str = "conv") -> torch.Tensor:
        return functional.conv2d(x, given[f"{name}.kernel"], given[f"{name}.bias"], **window(part))

    skip1 = conv("down1_2", conv("down1_1", given["x"]).relu()).relu()
    pooled = functional.max_pool2d(skip1, config["pool_kernel"], config["pool_stride"])
    bottleneck = conv("down2_2", conv("down2_1", pooled).relu()).relu()
    up = functional.conv_transpose2d(bottleneck, given["upT.kernel"], given["upT.bias"], **window("up"))
    merged = torch.cat((skip1, up))
    u2 = conv("up1_2", conv("up1_1", merged).relu()).relu()
    return conv("out1x1", u2, "head")
