"""Co-simulation of electric-vehicle traffic and the distribution grid."""

__version__ = "0.1.0"
