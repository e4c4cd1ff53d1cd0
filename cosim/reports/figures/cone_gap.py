"""Relaxation gap of every line in every period."""

from __future__ import annotations

import numpy as np

from cosim.reports import frames, style
from cosim.reports.plot import Figure
from cosim.results.store import RunResult

PLACE = ("Proof", 2)
TITLE = "Gap of the cone relaxation"
CAPTION = (
    "Squared current less (P² + Q²)/U² on every line, in pu², as a power of ten. Zero means that the dispatch obeys "
    "the power-flow equations; values below 10⁻¹² are shown as 10⁻¹²."
)

_FLOOR = 1e-12


def draw(result: RunResult) -> Figure:
    """Draw line by period, log10 of the size of the gap [pu^2]; a negative gap counts by its size.

    Parameters
    ----------
    result
        A run with table ``lines``.

    Raises
    ------
    NothingToDraw
        If the run has no lines or no gap.
    """
    lines, axis = frames.table(result, "lines", "line", "cone_gap_pu2"), frames.period_axis(result)
    if not frames.known(lines, "cone_gap_pu2"):
        raise frames.NothingToDraw("the lines of this run have no gap")
    gap = frames.matrix(lines, "line", "cone_gap_pu2", axis)
    power = gap.abs().clip(lower=_FLOOR).apply(np.log10)
    figure = style.heat_canvas(axis, TITLE, list(gap.index), "line")
    bar = {"title": {"text": "pu²"}, "tickprefix": "10<sup>", "ticksuffix": "</sup>", "dtick": 1}
    trace = style.heat(
        axis, power, row_name="Line", unit="pu²", scale=style.GAP_SCALE, hover="%{customdata:.2e} pu²",
        customdata=gap.to_numpy(), colorbar=bar,
        zmin=np.log10(_FLOOR), zmax=max(-4.0, float(np.nanmax(power.to_numpy()))),
    )  # fmt: skip
    figure.add_trace(trace)
    return figure
