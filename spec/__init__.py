"""What is true: the config, the size functions, the obligations, and the sizes that satisfy them.

Importing this package loads nothing beyond the standard library.
"""

from .architecture import LAYERS as LAYERS
from .architecture import Layer as Layer
from .architecture import parameter_shapes as parameter_shapes
from .check import check as check
from .check import repair as repair
from .compatible import compatible_sizes as compatible_sizes
from .config import FIELDS as FIELDS
from .config import WELL_FORMED as WELL_FORMED
from .config import Condition as Condition
from .config import UNet2Config as UNet2Config
from .config import check_config as check_config
from .files import load_config as load_config
from .files import save_config as save_config
from .naturals import Reading as Reading
from .naturals import monus as monus
from .naturals import natural as natural
from .naturals import positive as positive
from .naturals import quotient as quotient
from .naturals import read_as as read_as
from .obligations import OBLIGATIONS as OBLIGATIONS
from .obligations import Obligation as Obligation
from .obligations import h_convH as h_convH
from .obligations import h_convH_down as h_convH_down
from .obligations import h_convW as h_convW
from .obligations import h_convW_down as h_convW_down
from .obligations import h_downH as h_downH
from .obligations import h_downW as h_downW
from .obligations import h_outH as h_outH
from .obligations import h_outW as h_outW
from .obligations import h_upH as h_upH
from .obligations import h_upW as h_upW
from .report import Report as Report
from .report import ShapeError as ShapeError
from .report import Verdict as Verdict
from .size_set import SizeSet as SizeSet
from .sizes import conv_transpose_size as conv_transpose_size
from .sizes import sliding_window_size as sliding_window_size
from .trace import Stage as Stage
from .trace import trace as trace
