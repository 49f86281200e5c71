"""``wellshaped check``: does an image fit, and if not, why not?"""

from ..spec.messages.report import WellshapedError
from ..words.meshes import batch_in, mesh_in
from ..words.shapes import count_of, one_image, report_on
from ..words.sizes import known_shapes, lines_of_known
from .image import Images, OutChannels
from .mesh import BatchOption, MeshOption, reject_mesh
from .network import Flags, given_fields, network_of
from .objects import AnyName, DTypes, check_object, names_object, reject_dtypes, reject_flags, reject_module
from .output import AsJson, print_json, say, status_of

EXAMPLE = """\
  wellshaped check milesial --input 3x303x384
  wellshaped check unet --levels 3 --padding none
  wellshaped check my_network.toml --input 1x96x160x160 --json
  wellshaped check milesial --input 1x512x512 --mesh batch=2,height=4 --batch 8
  wellshaped check my_package.nets:make_unet --input 3x303x384
"""


def check(
    network: AnyName = None,
    *,
    image: Images = None,
    out_channels: OutChannels = None,
    mesh: MeshOption = None,
    batch: BatchOption = None,
    dtype: DTypes = None,
    flags: Flags = None,
    as_json: AsJson = False,
) -> int:
    """Check whether an image fits a network. If not, say why, and how to fix it.

    Without --input, check whether any image fits.
    A model in your code always needs --input, with all axes that the model takes.
    Exits with 0 if it fits, else with 1.
    """
    try:
        if network is not None and names_object(network):
            reject_flags(network, given_fields(flags), out_channels)
            reject_mesh(network, mesh, batch)
            return check_object(network, image or (), dtype, as_json)
        reject_module(network, "check", image)
        given = network_of(network, flags)
        reject_dtypes(dtype)
        devices = mesh_in(mesh, given)
        report = report_on(given, one_image(image), count_of(out_channels), devices, batch_in(batch, devices))
        shapes = known_shapes(given, devices) if report.ok else None
    except WellshapedError as error:
        report = error.report
    if as_json:
        print_json(report.to_dict())
    elif report.ok:
        say("\n".join([str(report), *lines_of_known(shapes)]))
    else:
        report.raise_if_failed()
    return 0 if report.ok else status_of(report.error)
