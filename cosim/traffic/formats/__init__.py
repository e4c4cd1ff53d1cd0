"""Readers of road networks; the only files that the traffic model opens."""
