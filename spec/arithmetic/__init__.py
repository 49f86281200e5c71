"""Natural numbers, the two size functions of one axis, and sets of sizes."""
