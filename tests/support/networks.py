"""The public strategies for networks along one axis, and values of those for their steps."""

from wellshaped.proofs_of_shape import strategies
from wellshaped.proofs_of_shape.strategies import networks, programs

__all__ = ["networks", "programs", "sized", "transposed", "windows"]

windows, transposed, sized = strategies.windows(), strategies.transposed_windows(), strategies.sized_steps()
