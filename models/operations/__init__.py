"""The value of every operation of a graph in JAX, over ``(C, *sizes)`` images of one, two or three axes."""
