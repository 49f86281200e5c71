"""Know which image sizes fit a U-Net before anything is built, and use typed U-Nets for JAX.

The names below are what most people need. Each is loaded on first use, so questions about sizes do not load JAX.
Everything else is in :mod:`wellshaped.spec` (questions and answers), :mod:`wellshaped.models` (networks that run),
:mod:`wellshaped.interop` (networks that somebody wrote) and :mod:`wellshaped.proofs_of_shape` (the proofs).

>>> from wellshaped import compatible_sizes
>>> print(compatible_sizes("milesial"))
n ≥ 16
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what type checkers and editors read
    from .models import UNet as UNet
    from .models import UNet2 as UNet2
    from .spec import PRESETS as PRESETS
    from .spec import ConfigError as ConfigError
    from .spec import FileError as FileError
    from .spec import Network as Network
    from .spec import Report as Report
    from .spec import ShapeError as ShapeError
    from .spec import SizeSet as SizeSet
    from .spec import UNet2Config as UNet2Config
    from .spec import UNetConfig as UNetConfig
    from .spec import UsageError as UsageError
    from .spec import WellshapedError as WellshapedError
    from .spec import check as check
    from .spec import compatible_shapes as compatible_shapes
    from .spec import compatible_sizes as compatible_sizes
    from .spec import explain as explain
    from .spec import load_network as load_network
    from .spec import plan as plan
    from .spec import repair as repair
    from .spec import save_network as save_network
    from .spec import stages as stages

__all__ = [
    *("PRESETS", "Network", "Report", "SizeSet", "UNet", "UNet2", "UNet2Config", "UNetConfig"),
    *("ConfigError", "FileError", "ShapeError", "UsageError", "WellshapedError"),
    *("check", "compatible_shapes", "compatible_sizes", "explain", "load_network", "plan", "repair"),
    *("save_network", "stages"),
]

_MODELS = ("UNet", "UNet2")  # these load JAX


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    package = import_module(".models" if name in _MODELS else ".spec", __name__)
    value: object = getattr(package, name)
    globals()[name] = value  # the next access finds it without this function
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
