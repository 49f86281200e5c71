"""The cost of the checks when a network is traced: at new sizes, at known sizes, and without checks.

``uv run python -m benchmarks.tracing``. A size is known if the layers remember an accepted call with it. Compiled code
has no checks in any of the three cases.
"""

import sys
from collections.abc import Callable
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
from cyclopts import Parameter
from flax import nnx
from jaxtyping import config
from rich.console import Console

from wellshaped.models import UNet2
from wellshaped.models.typed.memory import MEMORIES
from wellshaped.spec import UNet2Config

from .measure import alternately, command_line, require_at_least, run
from .report import Table


def tracings() -> dict[str, Callable[[], object]]:
    """Return the three ways to trace a two-level network, by name."""
    model = UNet2(UNet2Config(base_channels=16), 3, 1, rngs=nnx.Rngs(0))
    x = jnp.ones((3, 64, 64))

    def traced() -> object:
        return jax.make_jaxpr(lambda x: model(x))(x)  # a new function, which JAX has not traced

    def at_new_sizes() -> object:
        for memory in MEMORIES:
            memory.accepted.clear()
        return traced()

    def unchecked() -> object:
        config.update("jaxtyping_disable", True)
        try:
            return at_new_sizes()
        finally:
            config.update("jaxtyping_disable", False)

    return {"new sizes": at_new_sizes, "known sizes": traced, "no checks": unchecked}


app = command_line("tracing", __doc__)


@app.default
def compare(
    *,
    rounds: Annotated[int, Parameter(help="The largest number of rounds.")] = 100,
    seconds: Annotated[float, Parameter(help="Seconds after which the rounds stop.")] = 20.0,
) -> None:
    """Time the tracing of a two-level network at new sizes, at known sizes, and without checks."""
    require_at_least("--rounds", rounds, 1)
    require_at_least("--seconds", seconds, 0)
    times = {name: 1e3 * float(np.median(each)) for name, each in run_all(rounds, seconds).items()}
    rows = [[name, f"{each:.3g}", f"{each / times['no checks']:.2f}"] for name, each in times.items()]
    Table("Tracing a two-level network", ["sizes", "a trace, ms", "ratio to no checks"], rows, []).show(Console())


def run_all(rounds: int, seconds: float) -> dict[str, list[float]]:
    """Return the seconds of each way to trace, one for each round."""
    calls = tracings()
    for call in calls.values():
        call()
    return alternately(calls, rounds=rounds, seconds=seconds)


if __name__ == "__main__":
    sys.exit(run(app))
