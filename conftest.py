"""Settings of the test suite."""

from hypothesis import settings

# The first call of a compiled kernel takes seconds, so no single example has a deadline; and CI must not depend on luck.
settings.register_profile("mecopt", deadline=None, derandomize=True)
settings.load_profile("mecopt")
