"""Comparing a description with a network: each wrong number, the right one, and why (SPEC section 9)."""

import os

from ...spec.answers.any_network import AnyNetwork, graph_of, title
from ...spec.answers.compatibility import solved_axis
from ...spec.messages.report import Report, Verdict
from .description import BioimageDescription
from .findings import Found, verdicts_of
from .judging import Judge
from .pairing import paired
from .reading import read_bioimage
from .right import bioimage_description

RULES = ("inputs", "outputs", "axes", "size", "min", "step", "scale", "offset", "halo", "tile_starts")
"""The rules, root causes first."""


def compare_bioimage(description: BioimageDescription | str | os.PathLike[str], network: AnyNetwork) -> Report:
    """Return a :class:`Report` on what a description in the BioImage Model Zoo says wrongly about a network.

    ``description`` is a file, or what :func:`read_bioimage` returned. These rules are judged, along each axis:

    - ``inputs``, ``outputs``, ``axes``: there are as many as the network has, and outputs refer to the right axis.
    - ``size``, ``min``, ``step``: all sizes that the description allows fit the network, and leave something of a
      tile's result after the halo is cut off.
    - ``scale``, ``offset``: the output's size is right for all of them.
    - ``halo``: results of tiles without the halo are those of the whole image. If not, the result has seams.
    - ``tile_starts``: tiles begin at multiples of the total stride, if they follow each other every ``size`` positions
      less twice the halo.

    Warnings are about numbers that are larger than needed, about channels that differ from the network's, and about
    nodes that read the whole image. ``fixes`` have the right numbers.

    Raises the errors of :func:`read_bioimage` and :func:`bioimage_description`. Source: SPEC section 9.

    >>> from wellshaped.interop import BioimageDescription, InputAxis, InputTensor, OutputAxis, OutputTensor
    >>> from wellshaped.spec import Network, Node
    >>> from wellshaped.spec.network import Conv, ConvTranspose, MaxPool
    >>> nodes = [Node("down", MaxPool(8)), Node("conv", Conv(9, padding=4)), Node("y", ConvTranspose(8, 8, channels=2))]
    >>> network = Network({"x": 2}, nodes, axes=1, name="mine")
    >>> inputs = (InputTensor("raw", 2, (InputAxis("x", min=128, step=8),)),)
    >>> outputs = (OutputTensor("wave", 2, (OutputAxis("x", of=("raw", "x"), halo=20),)),)
    >>> print(compare_bioimage(BioimageDescription("rdf.yaml", inputs, outputs), network))
    rdf.yaml as a description of mine does not fit.
      halo: output wave, axis x: halo 20 leaves seams: up to 32 positions at each side of a tile's
          result differ from the whole image's.
      fix: output wave, axis x: halo 32
    """
    if not isinstance(description, BioimageDescription):
        description = read_bioimage(description)
    right = bioimage_description(network)
    graph = graph_of(network)
    found = Found()
    pairs = paired(description, graph, found)
    if not found.faults:
        ranges = next(tensor for tensor in right.inputs if tensor.axes).axes
        for axis in range(graph.axes):
            Judge(graph, axis, solved_axis(graph, axis), pairs, ranges[axis], description.generation, found).judge()
    broken = {fault.name for fault in found.faults}
    verdicts = [*(Verdict(rule, True, "", "") for rule in RULES if rule not in broken), *verdicts_of(found.faults)]
    return Report(
        f"{description.of} as a description of {title(network)}",
        tuple(sorted(verdicts, key=lambda verdict: RULES.index(verdict.name))),
        tuple(found.fixes()),
        tuple(verdicts_of(found.notes)),
        holds="sizes, scales, offsets and halos are right",
    )
