"""Formally specified, shape-typed U-Nets for JAX.

The rooms: :mod:`wellshaped.spec` (what is true), :mod:`wellshaped.models` (what runs) and
:mod:`wellshaped.proofs_of_shape` (why it is true).
"""
