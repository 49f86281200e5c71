"""U-Nets of any number of levels: their config, when they can be built, and their graph."""
