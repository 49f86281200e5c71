"""``wellshaped demo``: train a network, and show what it learned."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..words.numbers import natural_in
from .numbers import Natural

EXAMPLE = "  wellshaped demo --output coins.png --seed 7\n"


def demo(
    *,
    output: Annotated[Path, Parameter(help="The picture to write, a .png file.")] = Path("demo.png"),
    seed: Annotated[Natural, Parameter(help="Random seed for parameters and training.")] = 0,
) -> int:
    """Train a small network on half of a photograph, and show its prediction for the other half.

    Takes about half a minute on two cores. Needs the extra "demo".
    """
    start = natural_in(str(seed), "--seed", 0)
    from ..demo import run_demo

    run_demo(output, seed=start)
    return 0
