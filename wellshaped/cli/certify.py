"""``wellshaped certify``: prove that exactly the compatible sizes fit, and write a certificate."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..spec import AnyNetwork, compatible_shapes, graph_of, on_mesh
from ..spec.answers.any_network import title
from ..spec.answers.repairs import repair_description
from ..spec.files.disk import wrong_suffix
from ..spec.messages.choices import near_name
from ..spec.messages.report import UsageError
from ..spec.messages.written import in_words
from ..words.fixes import typed_fix
from ..words.meshes import mesh_in
from ..words.shapes import require_built
from ..words.sizes import by_axes, known_shapes, together_line
from .mesh import MeshOption
from .network import Flags, Name, network_of
from .output import say, working

EXAMPLE = """\
  wellshaped certify milesial
  wellshaped certify nnunet_3d_fullres --axis depth --output depth.json
  wellshaped certify milesial --halo
  wellshaped certify milesial --mesh height=4 --axis height
"""


def certify(
    network: Name = None,
    *,
    output: Annotated[Path, Parameter(help="The certificate to write, a .json file.")] = Path("certificate.json"),
    axis: Annotated[str | None, Parameter(help="The axis, if the axes differ: depth, height, width or length.")] = None,
    halo: Annotated[
        bool, Parameter(negative="", help="Also prove the halo of tiles: no position of the output reads further.")
    ] = False,
    mesh: MeshOption = None,
    flags: Flags = None,
) -> int:
    """Prove with Z3 that exactly the compatible sizes fit a network, and write a certificate.

    The proof is about one axis, or all if they are alike, and covers all sizes. It takes up to a few seconds.
    Requirements over all axes together are not part of it. With --mesh, it covers what several devices require.
    Exits with 0 if some size fits, else with 1: the certificate says that none fits.
    """
    from ..proofs_of_shape import certificates

    if output.suffix != ".json":
        raise wrong_suffix(f"output {output}", output, (".json",))
    given = network_of(network, flags)
    require_built(given)
    named = title(given)
    if mesh is not None:
        given, named = on_mesh(given, mesh_in(mesh, given)), f"{named} on {mesh}"
    along = _axis(given, axis)
    with working("Z3 proves the sizes"):
        certificate = certificates.certify(given, axis=along, halo=halo)
    certificates.save_certificate(certificate, output)
    fits, more = certificate.claim(named), ""
    if certificate.sizes:
        fits = f"proved for every n: {fits}"
        shapes = known_shapes(given)
        more = together_line(shapes) if shapes is not None else ""
    text = f"wrote {output}: {fits} ({certificate.prover})"
    about = "each axis" if len(certificate.axis_names) > 1 else certificate.axis_names[0]
    fix = "" if certificate.sizes else typed_fix(repair_description(given))
    lines = [
        text,
        *([f"the proof is about {about} alone; together, {more}"] if more else []),
        *([f"fix: {fix}"] if fix else []),
    ]
    say("\n".join(lines), "green" if certificate.sizes else "red")
    return 0 if certificate.sizes else 1


def _axis(network: AnyNetwork, axis: str | None) -> int | None:
    """Return the number of an axis, by its name; ``None`` if none is named and all are alike."""
    names = graph_of(network).axis_names
    if axis is None:
        found = by_axes(compatible_shapes(network))
        if len(found) > 1:
            differ = "; ".join(f"{of} {fit}" for of, fit in found)
            says = f"a certificate is about one axis, and the axes have different sizes: {differ}"
            raise UsageError.of("certify without --axis", "axis", "", says, f"--axis {names[0]}")
        return None
    if axis not in names:
        says = f"it is {axis[:60]!r}, and the network has {in_words(names)}"
        raise UsageError.of("--axis", "axis", "", says, f"--axis {near_name(axis, names) or names[0]}")
    return names.index(axis)
