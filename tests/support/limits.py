"""The backends, and the limits that decide which of our algorithms computes: as shipped, and for very small images."""

from wellshaped.models.cpu import algorithms

BACKENDS = ("cpu", "stock")
SMALL = {"LONG_ROWS": 500, "WORTH_IT": 0, "CHUNK": 20, "MAX_CHUNKS": 4, "PATCH": 9, "FEW": 2, "LANES": 2, "PAIR": 0}
SMALL |= {"CHEAPER": 2, "FEW_POSITIONS": 10**6}
AS_SHIPPED = {name: getattr(algorithms, name) for name in SMALL}
