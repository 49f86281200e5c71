"""The public strategies for networks along one axis, and values of those for their steps."""

from wellshaped.proofs_of_shape import strategies
from wellshaped.proofs_of_shape.strategies import networks, programs
from wellshaped.spec import AxisNetwork, Join, Save, Transposed, Window

__all__ = ["HARD", "networks", "programs", "sized", "transposed", "windows"]

windows, transposed, sized = strategies.windows(), strategies.transposed_windows(), strategies.sized_steps()


def _hard():
    """A network whose sizes leave even remainders by eight primes: the remainders by their product are too many."""
    for p in (3, 5, 7, 11, 13, 17, 19, 23):
        yield from (Window(p, p), Transposed(p, p), Join("n", "even crop"), Join("n", "resize"))


HARD = AxisNetwork((Save("n"), *_hard()))
