"""The CPU backend of the operations, and the choice between it and JAX's own operations."""
