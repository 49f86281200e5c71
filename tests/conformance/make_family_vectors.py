"""Records what PyTorch computes on the cases of the family, in ``family_vectors.npz``: the tests need no PyTorch.

Needs PyTorch and NumPy alone. From the top of the repository: ``python -m tests.conformance.make_family_vectors``.
The same versions of both write the same bytes.
"""

from pathlib import Path

import numpy as np
import torch

from .family_cases import FAMILY_CASES, FamilyCase
from .torch_family import TorchUNet, draw, run

SEED = 1828


def record(case: FamilyCase, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """What PyTorch is given, and what it computes of it."""
    model = TorchUNet(*case.channels, **case.config)
    given = draw(model, (case.channels[0], *case.size), rng)
    return {"given": packed(given), "computed": packed(run(model, given))}


def packed(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """The arrays as the fields of one: each by itself would take more bytes to name than to hold."""
    whole = np.zeros((), [(name, array.dtype, array.shape) for name, array in arrays.items()])
    for name, array in arrays.items():
        whole[name] = array
    return whole


def main() -> None:
    """Write the file, beside this one."""
    # A generator for each case: to change one leaves the others as they are.
    records = {str(case): record(case, np.random.default_rng([SEED, i])) for i, case in enumerate(FAMILY_CASES)}
    vectors = {f"{case}/{name}": array for case, arrays in records.items() for name, array in arrays.items()}
    np.savez_compressed(
        Path(__file__).with_name("family_vectors.npz"), torch_version=np.array(torch.__version__), **vectors
    )


if __name__ == "__main__":
    main()
