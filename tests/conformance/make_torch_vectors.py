"""Records what PyTorch computes on the cases, in ``torch_vectors.npz``, so that the tests need no PyTorch.

Needs PyTorch and NumPy alone. From the top of the repository: ``python -m tests.conformance.make_torch_vectors``.
The same versions of both write the same bytes.
"""

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from .cases import LAYER_CASES, UNET2_CASES, LayerCase
from .torch_unet2 import computed, draw

SEED = 2718


def record_layer(case: LayerCase, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The image ``x``, where there are parameters ``kernel`` and ``bias``, and PyTorch's output ``y``."""
    arrays = {"x": rng.standard_normal((case.channels[0], *case.size)).astype(np.float32)}
    if case.kernel_shape is not None:
        arrays["kernel"] = rng.standard_normal(case.kernel_shape).astype(np.float32)
        arrays["bias"] = rng.standard_normal(case.channels[1]).astype(np.float32)
        numbers = {"stride": case.stride, "padding": case.padding}
    else:
        numbers = {"kernel_size": case.kernel, "stride": case.stride}
    tensors = map(torch.from_numpy, arrays.values())
    return arrays | {"y": getattr(functional, case.operation)(*tensors, **numbers).numpy()}


def main() -> None:
    """Write the file, beside this one."""
    rng = np.random.default_rng(SEED)
    records = {str(case): record_layer(case, rng) for case in LAYER_CASES}
    for case in UNET2_CASES:
        arrays = draw(case.config, case.channels, case.size, rng)
        records[str(case)] = arrays | computed(case.config, arrays, rng)
    vectors = {f"{case}/{name}": array for case, arrays in records.items() for name, array in arrays.items()}
    np.savez_compressed(
        Path(__file__).with_name("torch_vectors.npz"),
        torch_version=np.array(torch.__version__),
        **vectors,
    )


if __name__ == "__main__":
    main()
