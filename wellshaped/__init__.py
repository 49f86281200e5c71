"""Formally specified, shape-typed U-Nets for JAX.

The rooms: :mod:`wellshaped.spec` (what is true) and :mod:`wellshaped.models` (what runs).
"""
