"""Checks of results: pure functions over frozen data."""
