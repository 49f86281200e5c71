"""Checked annotations, and the diagnosis of a call that does not fit them.

``checking`` judges a call. ``entries`` says when a value fits an annotation, and ``conversion`` turns NumPy's arrays
into JAX's. ``memory`` lets the built-in layers skip calls like those that they accepted. ``diagnosis`` says which
argument is wrong, and how to fix it.
"""

from .checking import checked as checked
from .diagnosis import before_vmap as before_vmap
from .diagnosis import shown as shown
from .memory import remembered as remembered
from .memory import unchecked as unchecked
