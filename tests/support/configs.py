"""The public strategies for configs and their sizes, under the short names of these tests."""

from wellshaped.proofs_of_shape import strategies
from wellshaped.proofs_of_shape.strategies import compatible as fitting_sizes
from wellshaped.proofs_of_shape.strategies import configs as fitting_configs

__all__ = ["any_configs", "configs", "fitting_configs", "fitting_sizes"]

any_configs = strategies.any_configs()
configs = strategies.nearly_fitting_configs() | any_configs
