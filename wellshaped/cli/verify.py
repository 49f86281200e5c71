"""``wellshaped verify``: check a certificate from scratch."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .output import say, working

EXAMPLE = "  wellshaped verify certificate.json\n"


def verify(certificate: Annotated[Path, Parameter(help="A certificate that certify wrote, .json.")]) -> int:
    """Check a certificate from scratch.

    Its statement is made again, and Z3 proves it again, in up to a few seconds. Exit with 0 if it holds, else with 1.
    """
    from ..proofs_of_shape import certificates

    loaded = certificates.load_certificate(certificate)
    with working("Z3 proves the sizes"):
        certificates.verify(loaded)
    say(f"{certificate} holds: {loaded.says()}")
    return 0
