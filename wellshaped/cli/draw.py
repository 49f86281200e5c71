"""``wellshaped draw``: a picture of a network."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..image_map import image_map
from ..words.numbers import tile_in
from ..words.shapes import count_of, shape_of
from .image import Image, OutChannels
from .network import Flags, Name, network_of
from .output import say, working
from .stages import stages_for
from .tiles import Tile

EXAMPLE = """\
  wellshaped draw milesial --input 3x304x384
  wellshaped draw unet3d --input 3x132x132x116 --output unet3d.png
  wellshaped draw milesial --input 3x1024x1024 --tile 512
  wellshaped draw milesial --input 3x1024x1024 --field 'pooled[3]'
"""


def draw(
    network: Name = None,
    *,
    image: Image,
    output: Annotated[Path, Parameter(help="The picture to write, a .svg or .png file.")] = Path("unet.svg"),
    tile: Tile = None,
    field: Annotated[
        str | None, Parameter(help="Draw what one position of this node reads, and write it on every node.")
    ] = None,
    out_channels: OutChannels = None,
    flags: Flags = None,
) -> int:
    """Draw a network with its shapes, one row for each scale.

    With --tile or --field, the image is drawn below it to scale: its tiles, the core and the halo of one of them, and
    the receptive field of a position, of the output or of --field. Of three axes, height and width are drawn.
    Exits with 1 if the tiles are not possible.
    """
    given = network_of(network, flags, image)
    found = stages_for(given, image, out_channels)
    drawn = None
    if tile is not None or field is not None:
        _, *sizes = shape_of(image, given, count_of(out_channels))
        drawn = image_map(given, sizes, None if tile is None else tile_in(tile, len(sizes)), field=field)
    with working("drawing"):
        from ..drawing import draw as draw_stages

        draw_stages(found, output, drawn)
    say(f"wrote {output}")
    return 0
