"""How operations are computed on a CPU, and the choice between that and JAX's own."""
