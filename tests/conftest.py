"""Settings that all tests share."""

from hypothesis import settings

# A shared machine may be slow for a moment; pytest's own timeout catches what hangs.
settings.register_profile("cosim", deadline=None)
settings.load_profile("cosim")
