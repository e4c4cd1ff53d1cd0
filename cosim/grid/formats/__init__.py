"""Feeders of other tools, read as data and written as our three tables."""
