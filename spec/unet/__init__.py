"""U-Nets of any number of levels: their config, when they can be built, their graph, and presets."""
