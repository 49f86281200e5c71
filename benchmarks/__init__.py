"""Benchmarks of this library and of other libraries. They run from a checkout and are not in the wheel.

- ``python -m benchmarks.unet2``: the two-level U-Net, forward and backward, in JAX, Flax, Equinox and PyTorch;
- ``python -m benchmarks.eager``: the cost of the checks when you call one layer eagerly;
- ``python -m benchmarks.tracing``: the cost of the checks when a network is traced;
- ``python -m benchmarks.profile``: where forward and backward spend their time, ours and stock JAX's;
- ``python -m benchmarks.kernel_gradient``: the forms of a kernel's gradient;
- ``python -m benchmarks.solving``: the time to solve for compatible sizes, and to explain a size;
- ``python -m benchmarks.typed_network``: networks built from a graph beside the same network written by hand;
- ``python -m benchmarks.checkpointing``: what gradient checkpointing keeps in a training step;
- ``python -m benchmarks.seams``: the pictures of ``docs/tiles.md``, and what guessed halos cost;
- ``python -m benchmarks.report``: tables of these results, for ``docs/performance.md``.

Run each with ``uv run``; ``uv run --group bench`` adds Equinox. PyTorch is measured if it can be imported. In an
environment that has it, install this project as editable, and run that environment's Python here::

    uv pip install --python torch-env/bin/python -e ".[demo]" equinox
    torch-env/bin/python -m benchmarks.unet2
"""

import sys
from pathlib import Path

# `python -m` puts this checkout first on the path. Its folder wellshaped/ has the public face only, and would hide the
# installed package. `benchmarks` is already imported, so the checkout can move to the end.
_ROOT = str(Path(__file__).resolve().parents[1])
if _ROOT in sys.path:
    sys.path.remove(_ROOT)
    sys.path.append(_ROOT)
