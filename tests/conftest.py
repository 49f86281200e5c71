"""Hypothesis profiles: the default for every run, and ``thorough`` for the slow part (see CONTRIBUTING)."""

import os

from hypothesis import settings

# Derandomized, so that a red run can be repeated; thorough looks elsewhere each time.
settings.register_profile("default", deadline=None, derandomize=True, max_examples=200)
settings.register_profile("thorough", deadline=None, max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
