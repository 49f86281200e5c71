"""All theorems, as a list."""

from .size_theorems import SIZE_THEOREMS
from .theorem import Theorem
from .tile_theorems import TILE_THEOREMS

THEOREMS: tuple[Theorem, ...] = (*SIZE_THEOREMS, *TILE_THEOREMS)
"""All theorems. Provers refute those with a counterexample and prove the rest."""
