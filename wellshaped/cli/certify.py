"""``wellshaped certify``: a proof, in a file, that exactly the compatible sizes fit."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..spec import AnyNetwork, compatible_shapes, graph_of
from ..spec.answers.door import title
from ..spec.answers.repairs import mending
from ..spec.files import wrong_suffix
from ..spec.messages.choices import nearest_choice
from ..spec.messages.report import UsageError
from .image import require_built
from .network import Flags, Name, network_of
from .output import say, working
from .wording import by_axes, in_words

EXAMPLE = """\
  wellshaped certify milesial
  wellshaped certify nnunet_3d_fullres --axis depth --output depth.json
"""


def certify(
    network: Name = None,
    *,
    output: Annotated[Path, Parameter(help="The certificate to write, .json.")] = Path("certificate.json"),
    axis: Annotated[
        str | None, Parameter(help="The axis by its name, where the axes differ: depth, height, width or length.")
    ] = None,
    flags: Flags = None,
) -> int:
    """Prove with Z3 that a network fits exactly its compatible sizes, and write a certificate.

    The proof is about one axis and holds for all sizes; it takes up to a few seconds. What is required over all axes
    together is not part of it. Exit with 0 if some size fits, else with 1: then the certificate says that none does.
    """
    from ..proofs_of_shape import certificates

    if output.suffix != ".json":
        raise wrong_suffix(f"output {output}", output, (".json",))
    given = network_of(network, flags)
    require_built(given)
    along = _axis(given, axis)
    with working("Z3 proves the sizes"):
        certificate = certificates.certify(given, axis=along)
    certificates.save_certificate(certificate, output)
    of = title(given) if along is None else f"the {graph_of(given).axis_names[along]} of {title(given)}"
    fits = f"for all n, {of} fits n iff {certificate.sizes}" if certificate.sizes else f"no size fits {of}"
    text = f"wrote {output}: {fits} ({certificate.prover})"
    fix = "" if certificate.sizes else mending(given)
    say(f"{text}\nfix: {fix}" if fix else text, "green" if certificate.sizes else "red")
    return 0 if certificate.sizes else 1


def _axis(network: AnyNetwork, axis: str | None) -> int | None:
    """The number of an axis, by its name; ``None`` where all are alike and none was named."""
    names = graph_of(network).axis_names
    if axis is None:
        found = by_axes(compatible_shapes(network))
        if len(found) > 1:
            says = f"the sizes differ: {'; '.join(f'{of} {fit}' for of, fit in found)}"
            raise UsageError.of("--axis", "axis", "a certificate is about one axis", says, f"--axis {names[0]}")
        return None
    if axis not in names:
        says = f"it is {axis[:60]!r}, and the network has {in_words(names)}"
        raise UsageError.of("--axis", "axis", "no such axis", says, f"--axis {nearest_choice(axis, names)}")
    return names.index(axis)
