"""The time to solve for the compatible sizes of deep networks, and to explain a size that does not fit.

``uv run python -m benchmarks.solving``. To measure an older version, copy this file into its ``benchmarks``: it only
uses networks of :mod:`wellshaped.spec.families`, which older versions have too.
"""

import sys
from collections.abc import Callable
from statistics import median
from time import perf_counter, process_time
from typing import Annotated, Any

from cyclopts import Parameter
from rich.console import Console

from wellshaped import spec
from wellshaped.spec.families import unet

from .measure import command_line, require_at_least, run
from .report import Table

Window, Transposed = spec.Window, getattr(spec, "TransposedWindow", None) or getattr(spec, "Transposed", None)


def networks() -> dict[str, tuple[Any, int]]:
    """Return deep networks by name, each with a size that does not fit."""
    assert Transposed is not None  # every version has one of the two names
    long = {"convs": 1, "kernel": 5, "down": Window(1, 2), "up": Transposed(1, 2)}
    return {
        "2-D, 4 levels": (unet(4), 303),
        "4 levels, unpadded, even crops": (unet(4, padding=0, join="even crop"), 512),
        "6 levels of stride 4": (unet(6, down=Window(4, 4), up=Transposed(4, 4)), 10_000),
        "1-D, 14 levels": (unet(14, convs=1), 100_001),
        "1-D, 14 levels, unpadded, crops": (unet(14, convs=1, padding=0, join="crop"), 90_000),
        "1-D, 14 levels, unpadded, even crops": (unet(14, convs=1, padding=0, join="even crop"), 100_001),
        "Wave-U-Net-like, 12 levels, even crops": (unet(12, padding=0, join="even crop", **long), 100_001),
    }


def tasks(network: Any, size: int) -> dict[str, Callable[[], object]]:
    """Return the two tasks, each without cached results: solve the network, and explain the size."""
    forget = _forget()

    def solve() -> object:
        forget()
        return spec.compatible_sizes(network)

    def explained() -> object:
        forget()
        return spec.explain(network, size)

    return {"solving": solve, "explaining": explained}


def _forget() -> Callable[[], None]:
    """Return a function that clears the cache of solved networks, which older versions do not have."""
    try:
        from wellshaped.spec.answers.compatibility import _solution
    except ImportError:
        return lambda: None
    return _solution.cache_clear


app = command_line("solving", __doc__)


@app.default
def compare(*, seconds: Annotated[float, Parameter(help="Seconds for each network and task.")] = 2.0) -> None:
    """Time solving and explaining for deep networks."""
    require_at_least("--seconds", seconds, 0)
    rows = []
    for name, (network, size) in networks().items():
        of_it = tasks(network, size)
        rows.append([name, *(f"{1e3 * timed(task, seconds):.3g}" for task in of_it.values())])
    Table("Processor time in milliseconds, median", ["network", "solving", "explaining"], rows, []).show(Console())


def timed(task: Callable[[], object], seconds: float) -> float:
    """Return the median processor time of the task in seconds. It runs for ``seconds``, and at least once."""
    times: list[float] = []
    end = perf_counter() + seconds
    while not times or perf_counter() < end:
        start = process_time()  # processor time, so that other programs do not count
        task()
        times.append(process_time() - start)
    return median(times)


if __name__ == "__main__":
    sys.exit(run(app))
