"""What comes in and goes out: exact sizes for networks that somebody wrote in JAX or PyTorch (SPEC section 11)."""

from .jax_reader import read_jax as read_jax
from .loading import load_model as load_model
from .sizes.answer import AxisSizes as AxisSizes
from .sizes.answer import ModelSizes as ModelSizes
from .sizes.exploring import Budget as Budget
from .torch_reader import read_torch as read_torch
