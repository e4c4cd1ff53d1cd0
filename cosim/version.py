"""The version; it stands below everything, so that whoever writes it down need not know the public names."""

__version__ = "0.2.0"
