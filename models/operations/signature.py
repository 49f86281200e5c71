"""What computes the operation of a node."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jaxtyping import Array

Parameters = Mapping[str, Array]
"""The parameters of an operation by name: ``kernel``, ``bias`` …"""

Value = Callable[[Any, Sequence[Array], Parameters, Any], Array]
"""From the operation, its images, its parameters and the precision to the image that it makes."""
