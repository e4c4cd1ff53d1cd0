"""A rising and falling demand in slices: where the spread of the simulation itself is the tolerance.

An equilibrium knows no time. Its path flows of each slice are moved along their paths at its own travel times;
what then leaves a link within a slice is held against the simulation. A difference that another seed could make as well
tells nothing against the model (the idea of the guidelines of 2019 of the US Federal Highway Administration, which
replaced fixed limits on GEH).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosim.arrays import Array, BoolArray
from cosim.errors import InputError
from cosim.traffic.paths import PathSet
from cosim.validation.metrics import geh, prediction_half_width

FACTORS = (0.55, 0.7, 0.85, 1.0, 1.0, 0.85, 0.7, 0.55)
"""Demand of each slice over that of the period: an hour of rise, an hour of fall."""
SLICE_MIN = 15.0


def moved_along(paths: PathSet, path_flow_vph: Array, link_time_min: Array, slice_min: float) -> Array:
    """Return how many vehicles leave each link in each slice, as an hourly flow.

    Parameters
    ----------
    paths
        K paths over L links.
    path_flow_vph
        Departures in each slice, shape (J, K), veh/h, uniform within a slice.
    link_time_min
        Times that vehicles departing in a slice find, shape (J, L), min.
    slice_min
        Length of a slice, min.

    Returns
    -------
    Array
        Shape (J, L), veh/h; what leaves after the last slice is not counted.

    Raises
    ------
    InputError
        If the shapes do not fit.
    """
    flows, times = np.asarray(path_flow_vph), np.asarray(link_time_min)
    n_slices, n_links = len(flows), len(paths.link_ids)
    if flows.shape != (n_slices, len(paths)) or times.shape != (n_slices, n_links):
        raise InputError(f"flows {flows.shape} and times {times.shape} do not fit {len(paths)} paths, {n_links} links")
    total = np.zeros((n_slices + 1, n_links))
    for j in range(n_slices):
        entered = times[j][paths.links]
        along = np.cumsum(entered)
        before = np.concatenate([[0.0], along])[paths.row_start[:-1]]
        left_at = j + (along - before[paths.entry_path]) / slice_min
        first = np.floor(left_at).astype(np.intp)
        late = left_at - first
        flow = flows[j][paths.entry_path]
        for at, share in ((first, 1.0 - late), (first + 1, late)):
            np.add.at(total, (np.minimum(at, n_slices), paths.links), flow * share)
    return total[:n_slices]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RampComparison:
    """Expected and measured values of every slice and link, shape (J, L); NaN where nothing can be compared.

    Attributes
    ----------
    expected, measured
        By the model, and the mean over the seeds.
    tolerance
        How far a further seed may be from the mean.
    """

    expected: Array
    measured: Array
    tolerance: Array

    @property
    def inside(self) -> BoolArray:
        """Whether the model is where another seed could be."""
        return np.asarray(np.abs(self.expected - self.measured) <= self.tolerance)

    @property
    def compared(self) -> BoolArray:
        """Where there is anything to compare."""
        return np.asarray(np.isfinite(self.expected) & np.isfinite(self.measured) & np.isfinite(self.tolerance))

    @property
    def share_inside(self) -> float:
        """Share of what can be compared that is inside; NaN for a single seed, which has no spread."""
        counted = self.compared
        return float(self.inside[counted].mean()) if counted.any() else float("nan")

    @property
    def geh(self) -> Array:
        """GEH of every slice and link, for hourly flows."""
        return geh(self.measured, self.expected)


def compare_ramp(expected: Array, runs: Array) -> RampComparison:
    """Return the comparison of a model with several runs.

    Parameters
    ----------
    expected
        Shape (J, L).
    runs
        One run per seed, shape (n, J, L); NaN where nobody passed.
    """
    runs = np.asarray(runs, dtype=np.float64)
    told = np.isfinite(runs).all(axis=0)
    filled = np.where(told, runs, 0.0)
    return RampComparison(
        expected=np.where(told, expected, np.nan),
        measured=np.where(told, filled.mean(axis=0), np.nan),
        tolerance=np.where(told, prediction_half_width(filled), np.nan),
    )
