"""Models as exported programs: one file that runs where JAX is, and this library need not be."""
