"""What a period tells of the loop between roads and grid: columns of table ``periods``."""

COUPLING_COLUMNS = """
coupling_rounds      | -      | dispatches of the price-flow loop
coupling_residual_mw | MW     | load sent less load at the price it was answered with
coupling_converged   | -      | whether the loop is within its tolerance
coupling_method      | -      | ways to its fixed point that were taken, in order
coupling_nodal       | -      | whether drivers pay the nodal price of the dispatch, marked up
coupling_gap_road?   | money  | certificate, roads: route choice above its optimum at the prices, per hour
coupling_gap_grid?   | money  | certificate, grid: dispatch of the window above its optimum, per hour
coupling_bound_vph?  | veh/h  | path flows are within this of the one coupled equilibrium (sum of differences)
coupling_objection   | -      | why no such bound is claimed; empty where it is
coupling_starts?     | -      | where none is: loops from random prices (coupling.random_starts) that converged
coupling_spread_vph? | veh/h  | largest sum of path-flow differences between their results and this one
coupling_spread_rel? | -      | the same of this period, over its demand
"""
