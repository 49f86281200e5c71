"""Records the names in the state dicts of published PyTorch networks, in ``torch_names.npz``.

In the environment of ``make_published_vectors.py``, from the top of the repository:
``python -m tests.conformance.make_torch_names``.
"""

import warnings
from pathlib import Path

import numpy as np
import torch

from .torch_name_cases import KEYS
from .torch_twins import names_of


def main() -> None:
    """Write the file, beside this one: for each network a text with a line for each name."""
    warnings.simplefilter("ignore")
    texts = {"torch_version": np.array(torch.__version__)}
    for key in KEYS:
        texts[key] = np.array("\n".join("\t".join(row) for row in names_of(key)))
        print(key)
    np.savez_compressed(Path(__file__).with_name("torch_names.npz"), **texts)


if __name__ == "__main__":
    main()
