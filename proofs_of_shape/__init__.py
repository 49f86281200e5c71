"""Why it is true: theorems as data, and the provers that check them.

Importing this package needs only the specification. Each prover is loaded on its first use.
"""

from .certificates import Certificate as Certificate
from .certificates import CertificateError as CertificateError
from .certificates import certify as certify
from .certificates import load_certificate as load_certificate
from .certificates import save_certificate as save_certificate
from .certificates import verify as verify
from .provers.by_enumeration import smallest_counterexample as smallest_counterexample
from .provers.choice import prove as prove
from .provers.proof import Proof as Proof
from .theorem import Theorem as Theorem
from .theorems import THEOREMS as THEOREMS
