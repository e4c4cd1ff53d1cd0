"""Doors to other tools: a run's tables, its map, its roads and its feeder in their formats."""
