"""One file for each framework: how it traces a network with open sizes."""
