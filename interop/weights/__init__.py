"""Models in files: their arrays and what they need to be built again."""
