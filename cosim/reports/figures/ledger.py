"""How far the AC cost is above the bound, and how far the relaxation was from the physics."""

from __future__ import annotations

from cosim.reports import frames, style
from cosim.reports.plot import Figure
from cosim.results.store import RunResult

PLACE = ("Proof", 1)
TITLE = "Trust ledger"
CAPTION = (
    "AC cost above the lower bound (relative) and cone gap of the relaxation before any repair, on a logarithmic axis. "
    "A missing point of the cost means that an AC limit is broken: then no upper bound is known."
)
_MEASURES = (
    ("gap_rel", "AC cost above bound", "", "#0072b2"),
    ("relaxed_gap_pu2", "Cone gap of the relaxation (pu²)", "pu²", "#d55e00"),
    ("cone_gap_pu2", "Cone gap of the answer (pu²)", "pu²", "#009e73"),
)


def draw(result: RunResult) -> Figure:
    """Draw the gaps of the trust ledger per period.

    Parameters
    ----------
    result
        A run that was verified.

    Raises
    ------
    NothingToDraw
        If it was not.
    """
    if "ledger" not in result:
        raise frames.NothingToDraw("not verified; cosim verify RUN writes it")
    ledger, axis = frames.table(result, "ledger"), frames.period_axis(result)
    figure = style.canvas(axis, TITLE, ["gap (see legend)"], height=360)
    for column, name, unit, colour in _MEASURES:
        if frames.known(ledger, column):
            figure.add_trace(style.log_curve(axis, frames.by_period(ledger, column, axis), name, colour, unit))
    if not figure.data:
        raise frames.NothingToDraw("the ledger of this run has no gap")
    style.log_axis(figure)
    return figure
