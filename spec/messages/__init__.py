"""Reports and errors: how values and numbers are written for people."""
