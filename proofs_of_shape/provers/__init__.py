"""The provers, one file each, and the choice between them."""
