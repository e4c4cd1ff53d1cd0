"""Charging stations, charging demand and charging load, shared by the road and the grid side."""
