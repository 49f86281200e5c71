"""``wellshaped draw``: a picture of a network."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .image import Image, OutChannels
from .network import Flags, Name
from .output import say, working
from .stages import stages_for

EXAMPLE = """\
  wellshaped draw milesial --input 3x304x384
  wellshaped draw unet3d --input 3x132x132x116 --output unet3d.png
"""


def draw(
    network: Name = None,
    *,
    image: Image,
    output: Annotated[Path, Parameter(help="The picture to write, a .svg or .png file.")] = Path("unet.svg"),
    out_channels: OutChannels = None,
    flags: Flags = None,
) -> int:
    """Draw a network with its shapes, one row for each scale."""
    found = stages_for(network, image, out_channels, flags)
    with working("drawing"):
        from ..drawing import draw as draw_stages

        draw_stages(found, output)
    say(f"wrote {output}")
    return 0
