"""Networks in files, as TOML or JSON."""

from .networks import load_config as load_config
from .networks import load_network as load_network
from .networks import save_config as save_config
from .networks import save_network as save_network
