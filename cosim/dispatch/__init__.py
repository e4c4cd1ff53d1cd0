"""Dispatch of a radial feeder by a second-order cone programme; the only home of cvxpy and the solvers."""
