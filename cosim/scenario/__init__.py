"""The scenario layer: YAML with positions, the schema, cross-checks, and the way into domain objects.

`load` reads a scenario and names every mistake at once; `build` turns it into networks, demand and series.
"""
