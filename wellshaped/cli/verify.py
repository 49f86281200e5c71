"""``wellshaped verify``: check a certificate from scratch."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..spec.files.tensors import SUFFIX
from .output import AsJson, print_json, say, working

EXAMPLE = """\
  wellshaped verify certificate.json
  wellshaped verify model.safetensors
"""


def verify(
    certificate: Annotated[
        Path, Parameter(help="A certificate from wellshaped certify, a .json file; or a model's .safetensors file.")
    ],
    *,
    nodes: Annotated[bool, Parameter(negative="", help="Also show the inputs and nodes of the network.")] = False,
    as_json: AsJson = False,
) -> int:
    """Check a certificate from scratch.

    Build its statement again, and let Z3 prove it, in up to a few seconds.
    Exits with 0 if it holds, else with 1.
    """
    from ..proofs_of_shape import certificates

    if certificate.suffix == SUFFIX:
        found = certificates.model_certificates(certificate)
    else:
        found = (certificates.load_certificate(certificate),)
    with working("Z3 proves the sizes"):
        for of_it in found:
            certificates.verify(of_it)
    if as_json:
        data = [of_it.to_dict() for of_it in found]
        print_json({"certificate": str(certificate), "holds": True, **(data[0] if len(data) == 1 else {"parts": data})})
        return 0
    claims = [of_it.claim("this network") for of_it in found]
    parts = found[0].says().splitlines()[1:]
    say("\n".join([*(f"{certificate} holds: {claim}" for claim in claims), *(parts if nodes else [])]))
    return 0
