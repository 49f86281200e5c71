"""The two-level U-Net of the source: its config, its obligations, its layers, and its graph (SPEC sections 3, 4, 6)."""
