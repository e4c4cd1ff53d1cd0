"""Microscopic traffic simulation of an equilibrium's path flows; the only SUMO, imported where it is used."""
