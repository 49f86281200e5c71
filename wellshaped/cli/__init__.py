"""The command line. A command has a file; what commands share is in :mod:`.network`, :mod:`.image`, :mod:`.output`.

Every command about one network takes it in the same way: a preset's name, ``unet`` or ``unet2`` with fields, or a file.
The exit status is 0 where everything fits, 1 where something does not (a size, a config, a file, a number), and 2 for
words that are not a command of ours. Only the demo loads JAX. On a terminal there are colours and tables; elsewhere the
output is plain text.
"""

from .program import app as app
from .program import main as main
