"""The flags for the shape of an image, as ``--input 1x304x384``, and for the channels of the output."""

from typing import Annotated

from cyclopts import Parameter

from .numbers import Natural

Image = Annotated[
    str,
    Parameter(
        name="--input",
        allow_leading_hyphen=True,
        help="Shape of the image: channels, then the size of each axis. For example 1x304x384.",
    ),
]
Images = Annotated[
    list[str] | None,
    Parameter(
        name="--input",
        negative="",
        allow_leading_hyphen=True,
        help="Shape of the image: channels, then the size of each axis. For example 1x304x384. "
        "For a model in your code: all axes that the model takes, and the option again for each further image.",
    ),
]
OutChannels = Annotated[
    Natural | None, Parameter(help="Channels of the output. [default: 1, or what the network makes]")
]
