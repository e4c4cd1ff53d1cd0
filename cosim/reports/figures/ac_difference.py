"""What the relaxed dispatch and the AC power flow disagree on."""

from __future__ import annotations

from cosim.reports import frames, style
from cosim.reports.plot import Figure
from cosim.results.store import RunResult

PLACE = ("Proof", 3)
TITLE = "Dispatch against AC power flow"
CAPTION = "Largest difference of voltage, current, losses and injections per period, on a logarithmic axis."

_MEASURES = (
    ("ac_dv_pu", "Voltage (pu)", "pu", "#0072b2"),
    ("ac_di_a", "Current (A)", "A", "#d55e00"),
    ("ac_dloss_kw", "Losses (kW)", "kW", "#009e73"),
    ("injection_error_mw", "Injection (MW)", "MW", "#cc79a7"),
)


def draw(result: RunResult) -> Figure:
    """Draw the size of the differences per period on a logarithmic axis.

    Parameters
    ----------
    result
        A run whose ``periods`` have at least one of the AC differences.

    Raises
    ------
    NothingToDraw
        If the run has no AC power flow.
    """
    periods, axis = frames.table(result, "periods"), frames.period_axis(result)
    figure = style.canvas(axis, TITLE, ["difference (see legend)"], height=400)
    for column, name, unit, colour in _MEASURES:
        if frames.known(periods, column):
            figure.add_trace(style.log_curve(axis, frames.by_period(periods, column, axis), name, colour, unit))
    if not figure.data:
        raise frames.NothingToDraw("this run has no AC power flow")
    style.log_axis(figure)
    return figure
