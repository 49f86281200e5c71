"""Why it is true: theorems as data, and who proves them.

Importing this package needs nothing beyond the specification; Z3 and Coq are asked for when they prove.
"""

from .provers import Proof as Proof
from .provers import prove as prove
from .provers import smallest_counterexample as smallest_counterexample
from .theorem import Theorem as Theorem
from .theorems import THEOREMS as THEOREMS
