"""The devices over which images are split, as ``--mesh batch=2,height=4``."""

import re

from ..spec import AnyNetwork, graph_of
from ..spec.answers.meshes import BATCH, Mesh, devices_along
from ..spec.messages.report import UsageError
from ..spec.messages.written import clipped
from .numbers import natural_in

_PART = re.compile(r"\s*([^\W\d]\w*)\s*[=:]\s*(\d{1,18})\s*")


def mesh_in(text: str | None, network: AnyNetwork) -> Mesh:
    """Return the number of devices for each axis in ``batch=2,height=4``; without a text, no axis is split.

    Raises :class:`UsageError` for another text, an axis that the network does not have, and 0 devices.

    >>> mesh_in("batch=2,height=4", "milesial"), mesh_in(None, "milesial")
    ({'batch': 2, 'height': 4}, {})
    """
    if text is None:
        return {}
    graph = graph_of(network)
    parts = [_PART.fullmatch(part) for part in text.split(",")]
    found = {part[1]: int(part[2]) for part in parts if part}
    if len(found) < len(parts):
        needs = "one number of devices" if all(parts) else "a number of devices"
        says = f"it is {clipped(text)!r}, and needs {needs} for each axis that is split"
        raise UsageError.of("--mesh", "mesh", "", says, f"--mesh {graph.axis_names[0]}=4")
    devices_along(graph, found)
    return found


def batch_in(text: object, mesh: Mesh) -> int | None:
    """Return the number of images of a batch as typed, or ``None`` if none was given.

    >>> batch_in("6", {"batch": 4}), batch_in(None, {})
    (6, None)
    """
    return None if text is None else natural_in(str(text), "--batch", mesh.get(BATCH, 1))
