"""Hypothesis strategies: configs, networks, sizes that fit or just miss, and arrays.

They build valid values instead of filtering. Each docstring says what the strategy shrinks toward, so that a failing
test shows the smallest config, network or array that fails. Only this folder needs Hypothesis.

>>> from hypothesis import given
>>> from wellshaped.spec import compatible_sizes
>>> @given(configs())
... def these_fit(cfg):
...     assert not compatible_sizes(cfg).is_finite
>>> these_fit()
"""

from .annotated_arrays import from_annotation as from_annotation
from .array_strategies import images as images
from .array_strategies import params as params
from .config_strategies import any_configs as any_configs
from .config_strategies import configs as configs
from .config_strategies import ill_formed_configs as ill_formed_configs
from .config_strategies import nearly_fitting_configs as nearly_fitting_configs
from .config_strategies import unet_configs as unet_configs
from .graph_strategies import graphs as graphs
from .size_strategies import compatible as compatible
from .size_strategies import image_sizes as image_sizes
from .size_strategies import minimally_incompatible as minimally_incompatible
from .unet_strategies import networks as networks
from .unet_strategies import sized_steps as sized_steps
from .unet_strategies import transposed_windows as transposed_windows
from .unet_strategies import windows as windows
