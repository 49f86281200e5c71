"""One size of a PyTorch network: its calls are recorded, and each becomes a node."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..sizes.shapes import OpenShape
from .draft import Draft
from .drafting import Roles, draft, input_images
from .torch_layout import LAYOUT
from .torch_values import VALUES
from .torch_walking import Rule, TorchWalker
from .torch_windows import WINDOWS

RULES: dict[str, Rule] = {**WINDOWS, **LAYOUT, **VALUES}


def drafted(recorded: Any, shapes: Sequence[OpenShape], sizes: Mapping[str, int], roles: Roles) -> Draft:
    """The nodes at these sizes, from the calls that a :class:`..frameworks.torch_calls.Recorded` has."""
    walker = TorchWalker(len(roles.axes), RULES, recorded.paths, recorded.buffers)
    images = input_images(walker, shapes, sizes, roles, channels_first=True)
    results = walker.walk(recorded.calls, list(zip(recorded.images, images, strict=True)), recorded.outputs)
    return draft(walker, sizes, results, recorded.finished)
