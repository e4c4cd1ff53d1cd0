"""Likelihoods of link counts given OD trips: one file each, one signature, found by name.

A likelihood gets the problem, a point to start from, whether theta is estimated too, its tolerance and
limit (None: its own default), and options by keyword; it returns a `Fit`.
"""

from __future__ import annotations

from collections.abc import Callable

from cosim.traffic.likelihoods import fisher, gaussian
from cosim.traffic.od_problem import Fit

LIKELIHOODS: dict[str, Callable[..., Fit]] = {"fisher": fisher.run, "gaussian": gaussian.run}
"""Every likelihood by its name on the command line."""
