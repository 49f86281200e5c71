"""``wellshaped verify``: check a certificate from scratch."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .output import say, working

EXAMPLE = "  wellshaped verify certificate.json\n"


def verify(certificate: Annotated[Path, Parameter(help="A certificate that certify wrote, .json.")]) -> int:
    """Check a certificate from scratch: make its statement again, and have Z3 prove it again, in seconds."""
    from ..proofs_of_shape import certificates

    loaded = certificates.load_certificate(certificate)
    with working("Z3 proves the sizes"):
        certificates.verify(loaded)
    say(f"{certificate} holds: {loaded.says()}")
    return 0
