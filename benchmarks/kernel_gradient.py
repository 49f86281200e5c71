"""The cost of keeping infinities in their place: forms of a kernel's gradient, ours and stock JAX's.

``uv run python -m benchmarks.kernel_gradient``. In one form the image is the filter, in the other the output's
gradient; so they multiply different numbers by zeros (``_kernel_gradient`` in ``models/cpu/algorithms.py``). The last
column counts the numbers of the gradient that are not finite if the first pixel of the image is infinite. Fewer is
better.
"""

import sys
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import jax
import numpy as np
from cyclopts import Parameter
from rich.console import Console

from wellshaped.models.cpu import algorithms
from wellshaped.models.cpu.convolution import Geometry, stock

from .measure import alternately, command_line, compile_afresh, progress, require_at_least, run
from .report import Table

LAYERS = ((32, 32, 256), (64, 64, 128), (64, 32, 256), (32, 16, 256), (64, 2, 256), (64, 2, 64))
"""Input channels, output channels and the edge of the image, for 3×3 convolutions with padding 1."""


def forms(geometry: Geometry) -> dict[str, Callable[[Any, Any], Any]]:
    """Return the ways to compute a kernel's gradient, by title. The padding must be less than half of the kernel."""
    return {
        "ours": lambda x, y: algorithms.contract("k", x, y, geometry, None),
        "the output is the filter": lambda x, y: algorithms._in_form(False, x, y, geometry, None),
        "the image is the filter": lambda x, y: algorithms._in_form(True, x, y, geometry, None),
        "stock JAX": lambda x, y: stock("k", x, y, geometry, None),
    }


def measure(ins: int, outs: int, size: int, rounds: int, seconds: float) -> list[list[str]]:
    """Return a row for each form: its title, milliseconds, seconds to compile, and count of numbers not finite."""
    geometry = Geometry((size, size), 3, 1, 1)
    rng = np.random.default_rng(0)
    x, y = (jax.device_put(rng.standard_normal((1, size, size, c), np.float32)) for c in (ins, outs))
    compiled = {title: compile_afresh(form, (x, y)) for title, form in forms(geometry).items()}
    calls = {title: partial(function, x, y) for title, (function, _) in compiled.items()}
    times = alternately(calls, rounds=rounds, seconds=seconds)
    infinite = x.at[0, 0, 0, 0].set(np.inf)
    rows = []
    for title, (function, to_compile) in compiled.items():
        spread = int((~np.isfinite(np.asarray(function(infinite, y)))).sum())
        milliseconds = 1e3 * float(np.median(times[title]))
        rows.append([f"{ins}→{outs} at {size}²", title, f"{milliseconds:.3g}", f"{to_compile:.3f}", str(spread)])
    return rows


app = command_line("kernel_gradient", __doc__)


@app.default
def compare(
    *,
    rounds: Annotated[int, Parameter(help="The largest number of rounds.")] = 25,
    seconds_per_layer: Annotated[float, Parameter(help="Seconds after which a layer's rounds stop.")] = 10.0,
) -> None:
    """Time the gradient of a kernel in each form, and count its numbers that are not finite."""
    require_at_least("--rounds", rounds, 1)
    require_at_least("--seconds-per-layer", seconds_per_layer, 0)
    rows = []
    with progress(len(LAYERS)) as tell:
        for done, (ins, outs, size) in enumerate(LAYERS):
            tell(done, f"{ins}→{outs} at {size}²", "measuring")
            rows += measure(ins, outs, size, rounds, seconds_per_layer)
    header = ["layer", "form", "a call, ms", "compiling, s", "not finite"]
    Table("The gradient of a 3×3 kernel, padding 1", header, rows, []).show(Console())


if __name__ == "__main__":
    jax.config.update("jax_enable_compilation_cache", False)  # compiling is measured
    sys.exit(run(app))
