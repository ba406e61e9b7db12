"""Settings of the test suite."""

import os

from hypothesis import settings

# Whether kernels must be compiled depends on earlier runs; what commands say must not.
os.environ.setdefault("MECOPT_QUIET", "1")

# The first call of a compiled kernel takes seconds, so no single example has a deadline; and CI must not depend on luck.
settings.register_profile("mecopt", deadline=None, derandomize=True)
settings.load_profile("mecopt")
