"""Measurements of this library beside its peers. They run from a checkout and are no part of the wheel.

- ``python -m benchmarks.unet2``: the two-level U-Net, forward and backward, in JAX, Flax, Equinox and PyTorch;
- ``python -m benchmarks.eager``: what the checks of one layer cost when it is called eagerly;
- ``python -m benchmarks.profile``: where the time of forward and backward goes, ours and stock JAX's;
- ``python -m benchmarks.report``: tables of what those wrote, for ``docs/performance.md``.

Each in front of ``uv run``; with ``uv run --group bench``, Equinox takes part. PyTorch takes part where it can be
imported: in an environment that has it, install this project editable, and start that environment's own Python here::

    uv pip install --python torch-env/bin/python -e ".[demo]" equinox
    torch-env/bin/python -m benchmarks.unet2
"""

import sys
from pathlib import Path

# `python -m` puts this checkout first on the path, where the folder wellshaped/ has the front door only, and would
# hide an installed package. This package is found by now, so the checkout can come last.
_ROOT = str(Path(__file__).resolve().parents[1])
if _ROOT in sys.path:
    sys.path.remove(_ROOT)
    sys.path.append(_ROOT)
