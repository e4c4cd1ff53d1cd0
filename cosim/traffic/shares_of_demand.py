"""Equilibria at shares of one demand, as those who drive a network fuller and fuller ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cosim.arrays import Array
from cosim.errors import InputError
from cosim.traffic.batch import cells, solve_batch
from cosim.traffic.equilibrium import solve
from cosim.traffic.methods.base import DENSE_CELLS
from cosim.traffic.problem import SueProblem


def at_shares(problem: SueProblem, shares: Sequence[float]) -> Array:
    """Return path flows, shape (B, K), of the equilibria at shares of a problem's demand.

    All at once where that fits into dense matrices; the others, and those that the batch gives up, one by one.

    Raises
    ------
    InputError
        If an equilibrium is not found.
    """
    demand = np.multiply.outer(np.asarray(shares, dtype=np.float64), problem.demand_vph)
    if cells(problem) > DENSE_CELLS:
        flows, left = np.empty((len(demand), len(problem.path_set))), list(range(len(demand)))
    else:
        batch = solve_batch(problem, demand)
        flows, left = batch.path_flow_vph.copy(), np.flatnonzero(~batch.converged).tolist()
    for b in left:
        found = solve(replace(problem, demand_vph=demand[b]))
        if not found.converged:
            raise InputError(f"no equilibrium at {shares[b]:g} of the demand: {found.status}, R = {found.residual:.2g}")
        flows[b] = found.path_flow_vph
    return flows
