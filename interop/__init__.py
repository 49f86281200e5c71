"""What comes in and goes out: exact sizes and graphs of networks in JAX or PyTorch (SPEC section 11)."""

from .jax_reader import graph_of_jax as graph_of_jax
from .jax_reader import read_jax as read_jax
from .sizes.answer import AxisSizes as AxisSizes
from .sizes.answer import ModelSizes as ModelSizes
from .sizes.exploring import Budget as Budget
