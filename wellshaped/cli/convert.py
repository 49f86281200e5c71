"""``wellshaped convert``: weights of a PyTorch network as a model in a file."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..spec.answers.any_network import title
from ..spec.files.disk import OutputError, wrong_suffix
from ..spec.files.tensors import PICKLED, SUFFIX
from ..spec.messages.written import in_words
from ..words.shapes import require_built
from .network import Flags, network_of
from .output import say, working

EXAMPLE = """\
  wellshaped convert weights.pt milesial model.safetensors
  wellshaped convert w.ckpt pix2pix model.safetensors --prefix netG.
"""


def convert(
    weights: Annotated[
        Path, Parameter(help=f"The weights, as PyTorch users save them: a {in_words((*PICKLED, SUFFIX), 'or')} file.")
    ],
    network: Annotated[
        str,
        Parameter(
            help="The network that they are for: a preset (wellshaped list), unet, unet2, a .toml or .json file, or a "
            "configuration in nnU-Net's plans: nnUNetPlans.json:3d_fullres."
        ),
    ],
    output: Annotated[Path, Parameter(help="The model to write, a .safetensors file.")],
    *,
    prefix: Annotated[
        str,
        Parameter(allow_leading_hyphen=True, help="Read only the names that start with this, and take it off: model."),
    ] = "",
    momentum: Annotated[
        float, Parameter(help="Momentum of batch norms as in PyTorch, for further training: the weight of a new batch.")
    ] = 0.1,
    flags: Flags = None,
) -> int:
    """Write the weights of a PyTorch network as a model that wellshaped loads.

    The file of weights is read without PyTorch, and no code in it runs. The channels are those of the weights.
    Every array must have its place in the network. Exits with 0 if all have.
    """
    if output.suffix != SUFFIX:
        raise wrong_suffix(f"output {output}", output, (SUFFIX,))
    if output.exists() and weights.exists() and output.samefile(weights):
        says = "it is the file of the weights, which would be lost"
        raise OutputError.of(f"output {output}", "output", "", says, "another file")
    given = network_of(network, flags)
    require_built(given)
    with working(f"reading {weights}"):
        from ..interop import save
        from ..interop.weights.torch_weights import loaded

        model, found = loaded(weights, given, prefix=prefix, momentum=momentum)
        save(model, output)
    count = sum(array.size for array in found.arrays.values())
    said = f", {in_words(found.said)}" if found.said else ""
    say(f"wrote {output}: {title(given)} with the {count:,} numbers of {weights}{said}")
    return 0
