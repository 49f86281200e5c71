"""Hypothesis profiles: ``default``, ``thorough`` to look further, ``nightly`` for CrossHair (see CONTRIBUTING)."""

import os

from hypothesis import HealthCheck, settings

# Derandomized, so that a red run can be repeated; thorough looks elsewhere each time.
settings.register_profile("default", deadline=None, derandomize=True, max_examples=200)
settings.register_profile("thorough", deadline=None, max_examples=5000)
# The shipped Python on CrossHair's symbols, path by path: for properties of integers, not of arrays.
settings.register_profile(
    "nightly", deadline=None, backend="crosshair", max_examples=50, suppress_health_check=list(HealthCheck)
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
