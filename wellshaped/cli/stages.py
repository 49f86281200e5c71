"""``wellshaped stages``: the stages of a network, with their costs."""

from dataclasses import asdict

from ..spec import AnyNetwork, Stage
from ..spec import stages as stages_of
from ..spec.messages.written import written_sizes
from ..words.shapes import count_of, shape_of
from .image import Image, OutChannels
from .network import Flags, Name, network_of
from .output import AsJson, print_json, table

EXAMPLE = """\
  wellshaped stages milesial --input 3x304x384 --out-channels 2
  wellshaped stages demucs --input 2x44100 --json
"""


def stages(
    network: Name = None,
    *,
    image: Image,
    out_channels: OutChannels = None,
    flags: Flags = None,
    as_json: AsJson = False,
) -> int:
    """Show every stage of the forward pass: its shape, parameters and multiply-adds.

    Shapes have the channels first. Multiply-adds are those of convolutions, for one image.
    """
    found = stages_for(network_of(network, flags, image), image, out_channels)
    if as_json:
        print_json([asdict(stage) | {"scale": str(stage.scale)} for stage in found])
        return 0
    rows = [(s.name, s.op, s.layer or "", written_sizes(s.shape), s.parameters, s.multiply_adds) for s in found]
    total = ("total", "", "", "", sum(s.parameters for s in found), sum(s.multiply_adds for s in found))
    table(("stage", "operation", "layer", "shape", "parameters", "multiply-adds"), rows, total)
    return 0


def stages_for(network: AnyNetwork, image: str, out_channels: OutChannels) -> tuple[Stage, ...]:
    """Return the stages of the network of a command."""
    out_channels = count_of(out_channels)
    return stages_of(network, shape_of(image, network, out_channels), out_channels=out_channels)
