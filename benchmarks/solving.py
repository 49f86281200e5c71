"""How long it takes to solve the compatible sizes of deep networks, and to explain a size that does not fit.

``uv run python -m benchmarks.solving``. The networks are the sketches of :mod:`wellshaped.spec.families`, which older
versions have too: copied into the ``benchmarks`` of one, this file measures that one.
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
    """Deep networks by name, each with a size that does not fit."""
    assert Transposed is not None  # one of the two names is there
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
    """To solve a network, and to explain a size, each from the beginning."""
    forget = _forget()

    def solve() -> object:
        forget()
        return spec.compatible_sizes(network)

    def explained() -> object:
        forget()
        return spec.explain(network, size)

    return {"solving": solve, "explaining": explained}


def _forget() -> Callable[[], None]:
    """What empties the memory of solved networks; older versions have none."""
    try:
        from wellshaped.spec.answers.compatibility import _solution
    except ImportError:
        return lambda: None
    return _solution.cache_clear


app = command_line("solving", __doc__)


@app.default
def compare(*, seconds: Annotated[float, Parameter(help="For each network and task.")] = 2.0) -> None:
    """Time solving and explaining for deep networks."""
    require_at_least("--seconds", seconds, 0)
    rows = []
    for name, (network, size) in networks().items():
        of_it = tasks(network, size)
        rows.append([name, *(f"{1e3 * timed(task, seconds):.3g}" for task in of_it.values())])
    Table("Milliseconds of the processor, median", ["network", "solving", "explaining"], rows, []).show(Console())


def timed(task: Callable[[], object], seconds: float) -> float:
    """The median processor time of the task, run once or for so long."""
    times: list[float] = []
    end = perf_counter() + seconds
    while not times or perf_counter() < end:
        start = process_time()  # of one thread; so other work on the machine does not count
        task()
        times.append(process_time() - start)
    return median(times)


if __name__ == "__main__":
    sys.exit(run(app))
