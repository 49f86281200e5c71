"""Images larger than memory, tile by tile: the program of a tile, where results go, and ``tiled``."""
