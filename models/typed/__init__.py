"""Checked annotations, and the diagnosis of a call that does not fit them.

``checking`` checks a call. ``entries`` decides whether a value fits an annotation. ``conversion`` turns NumPy arrays
into JAX arrays. ``memory`` lets built-in layers skip the check of a call like an earlier one. ``diagnosis`` finds the
wrong argument and its fix.
"""

from .checking import checked as checked
from .diagnosis import before_vmap as before_vmap
from .diagnosis import shown as shown
from .memory import remembered as remembered
from .memory import unchecked as unchecked
