"""What comes in and goes out: exact sizes and graphs of networks in JAX or PyTorch (SPEC section 11)."""

from .any_size import FittedModel as FittedModel
from .any_size import fitted as fitted
from .fitting.planning import FittedPlan as FittedPlan
from .jax_reader import graph_of_jax as graph_of_jax
from .jax_reader import read_jax as read_jax
from .loading import load_model as load_model
from .plans.bundle import monai_bundle as monai_bundle
from .plans.nnunet import nnunet_plans as nnunet_plans
from .plans.result import PlannedNetwork as PlannedNetwork
from .plans.result import PlannedNetworks as PlannedNetworks
from .programs.exporting import export as export
from .programs.index import ProgramIndex as ProgramIndex
from .programs.loading import LoadedProgram as LoadedProgram
from .programs.loading import load_program as load_program
from .sizes.answer import AxisSizes as AxisSizes
from .sizes.answer import ModelSizes as ModelSizes
from .sizes.exploring import Budget as Budget
from .torch_reader import graph_of_torch as graph_of_torch
from .torch_reader import read_torch as read_torch
from .weights.model_files import load as load
from .weights.model_files import save as save
