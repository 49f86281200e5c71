"""``wellshaped input-for``: the smallest image for an output."""

from typing import Annotated

from cyclopts import Parameter

from ..spec import compatible_shapes
from ..spec import input_for as smallest_for
from ..spec.answers.any_network import title
from ..spec.messages.written import written_sizes
from ..words.shapes import any_image
from .network import Flags, Name, network_of, number_first
from .output import AsJson, print_json, say
from .sizes import sizes_in

EXAMPLE = """\
  wellshaped input-for ronneberger2015 388
  wellshaped input-for unet3d 44x44x28 --exactly
"""


def input_for(
    network: Name = None,
    size: Annotated[
        str | None,
        Parameter(
            help="Size of the output: 388 for all axes, or 388x512. [default: 1, the smallest output]",
        ),
    ] = None,
    *,
    exactly: Annotated[bool, Parameter(negative="", help="Require exactly this size, not a larger one.")] = False,
    flags: Flags = None,
    as_json: AsJson = False,
) -> int:
    """Find the smallest image that fits and has an output of at least this size.

    Exits with 0 if there is one, else with 1.
    """
    name, size = number_first(network, size)
    given = network_of(name, flags)
    any_image(given, None).raise_if_failed()
    shapes = compatible_shapes(given)
    wanted = sizes_in("1" if size is None else size, shapes)
    found = smallest_for(given, wanted, exactly=exactly)
    if as_json:
        sizes = {"wanted": wanted, "exactly": exactly, "sizes": found.sizes, "output": found.output}
        print_json({"network": title(given), **sizes})
    else:
        image, output = written_sizes(found.sizes), written_sizes(found.output)
        say(f"an image of {image} gives an output of {output}, in {title(given)}")
    return 0
