"""Studies: many runs of one scenario, planned, carried out, kept and told together.

A *study* is a base scenario, factors that vary, and what is kept; a *row* is one point of it.
"""
