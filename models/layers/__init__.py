"""Layers over one, two and three axes as modules: one for each operation of a graph."""
