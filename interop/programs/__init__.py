"""Models as exported programs: one file that needs JAX to run, and not this library."""
