"""``wellshaped verify``: check a certificate from scratch."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .output import AsJson, print_json, say, working

EXAMPLE = "  wellshaped verify certificate.json\n"


def verify(
    certificate: Annotated[Path, Parameter(help="A certificate from wellshaped certify, a .json file.")],
    *,
    nodes: Annotated[bool, Parameter(negative="", help="Also show the inputs and nodes of the network.")] = False,
    as_json: AsJson = False,
) -> int:
    """Check a certificate from scratch.

    Build its statement again, and let Z3 prove it, in up to a few seconds.
    Exits with 0 if it holds, else with 1.
    """
    from ..proofs_of_shape import certificates

    loaded = certificates.load_certificate(certificate)
    with working("Z3 proves the sizes"):
        certificates.verify(loaded)
    if as_json:
        print_json({"certificate": str(certificate), "holds": True, **loaded.to_dict()})
        return 0
    claim, *parts = loaded.says().splitlines()
    say("\n".join([f"{certificate} holds: {claim}", *(parts if nodes else [])]))
    return 0
