"""The command line. Each command has a file. Shared parts are in :mod:`.network`, :mod:`.output` and
:mod:`wellshaped.words`.

Every command about one network takes it as the first argument: the name of a preset, ``unet`` or ``unet2`` with flags
for fields, or a file. ``sizes`` and ``check`` also take a model in somebody's code (:mod:`.objects`).

The exit status is 0 if the answer is yes, 1 if it is no, and 2 if the question can't be read: an unknown command, an
option that can't be used, a file or code that can't be read. Only ``demo`` and a model in somebody's code load JAX. On
a terminal the output has colours and tables, elsewhere it is plain text.
"""

from .program import app as app
from .program import main as main
