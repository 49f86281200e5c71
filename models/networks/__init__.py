"""Networks of layers: the two-level U-Net, U-Nets of any number of levels, any graph, and their parameters."""
