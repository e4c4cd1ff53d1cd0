"""Voltage of every bus in every period."""

from __future__ import annotations

import numpy as np

from cosim.reports import frames, style
from cosim.reports.plot import Figure
from cosim.results.store import RunResult

PLACE = ("Power", 5)
TITLE = "Voltage by bus"
CAPTION = "AC voltage (that of the dispatch where there is no AC power flow); white is 1 pu, blue above, brown below."


def draw(result: RunResult) -> Figure:
    """Draw bus by period, voltage [pu], colours centred at 1 pu.

    Parameters
    ----------
    result
        A run with table ``buses``.

    Raises
    ------
    NothingToDraw
        If the run has no buses or no voltage.
    """
    buses, axis = frames.table(result, "buses", "bus"), frames.period_axis(result)
    column = next((name for name in ("vm_ac_pu", "vm_pu") if frames.known(buses, name)), None)
    if column is None:
        raise frames.NothingToDraw("the buses of this run have no voltage")
    values = frames.matrix(buses, "bus", column, axis)
    reach = max(float(np.nanmax(np.abs(values.to_numpy() - 1.0))), 1e-3)
    figure = style.heat_canvas(axis, TITLE, list(values.index), "bus")
    trace = style.heat(
        axis, values, row_name="Bus", unit="pu", scale=style.VOLTAGE_SCALE, hover="%{z:.5f} pu",
        zmin=1.0 - reach, zmax=1.0 + reach, colorbar={"tickformat": ".3f"},
    )  # fmt: skip
    figure.add_trace(trace)
    return figure
