"""The networks whose weights go between PyTorch and here: those with published code in PyTorch, and MONAI's bundles.

It needs neither PyTorch nor JAX.
"""

from .plan_cases import BUNDLES
from .published_cases import CASES

WITHOUT_CODE = {"ronneberger2015", "unet3d", "wave_unet"}
"""Presets that were published in another framework. Their names in PyTorch are ours."""

KEYS = [*(key for key, case in CASES.items() if case.preset not in WITHOUT_CODE), *BUNDLES]
"""The keys of the networks."""
