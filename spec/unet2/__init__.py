"""The two-level U-Net of the Lean specification: config, obligations, layers and graph (SPEC sections 3, 4, 6)."""
