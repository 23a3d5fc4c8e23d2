"""Settings of all tests."""

import os

from hypothesis import settings

# A deadline would be a timed test; in CI the examples are the same at every run.
settings.register_profile("gsv", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("gsv")
