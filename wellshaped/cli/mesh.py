"""The flags for several devices: ``--mesh height=4``, and the images of a batch."""

from typing import Annotated

from cyclopts import Parameter

from ..spec.messages.report import UsageError
from ..spec.messages.written import clipped
from .numbers import Natural

MeshOption = Annotated[
    str | None,
    Parameter(
        name="--mesh",
        help="Devices over which images are split: a number for each axis, such as height=4 or batch=2,height=4.",
    ),
]
BatchOption = Annotated[Natural | None, Parameter(name="--batch", help="Images in a batch, for --mesh batch=...")]


def reject_mesh(name: str, mesh: str | None, batch: object = None) -> None:
    """Raise :class:`UsageError` if a model in somebody's code has flags for several devices."""
    given = [flag for flag, value in (("--mesh", mesh), ("--batch", batch)) if value is not None]
    if given:
        says = "only a preset, a config and a network file can be split over devices"
        subject = f"{clipped(name)} with {' '.join(given)}"
        raise UsageError.of(subject, "network", "", says, f"leave out {' and '.join(given)}")
