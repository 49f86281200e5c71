"""The zoo: every entry, and which of them are pitfalls from SPEC section 7."""

from . import axes, joins, sizes, values
from .entry import Entry

ENTRIES: tuple[Entry, ...] = (*joins.ENTRIES, *sizes.ENTRIES, *axes.ENTRIES, *values.ENTRIES)

OF_THE_SPECIFICATION = (
    "decoder convolution given f channels",
    "concatenation on a spatial axis",
    "a skip from the wrong stage",
    "a skip from the wrong stage, of the right shape",
    "a forgotten pooling",
    "transposed convolution whose kernel and stride disagree",
    "SAME pooling that rounds up",
    "a forgotten skip",
    "sizes that poolings do not divide",
    "ReLU between bn2 and the addition",
    "VALID where SAME is meant",
    "C is not features",
    "an OIHW kernel where HWIO is meant",
    "a missing batch axis",
    "H // stride where ceil(H / stride) is meant",
    "equal-sized axes swapped",
)
"""The names of their entries. A skip from the wrong stage has two entries; the swapped axes are our addition."""
