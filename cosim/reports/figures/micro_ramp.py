"""A rising and falling demand in slices: where the model is within the spread of the simulation."""

from __future__ import annotations

from cosim.reports import frames, plot, style
from cosim.reports.plot import Figure
from cosim.results.store import RunResult

PLACE = ("Microsimulation", 4)
TITLE = "Ramp in slices of 15 minutes"
CAPTION = (
    "Share of links whose flow and time are where another seed could have been as well, and the slice's demand "
    "over that of the busiest validated period."
)
TABLE = "validation_ramp"
_SERIES = (("flow_inside", "Flows inside", "#0072b2"), ("time_inside", "Times inside", "#009e73"))


def draw(result: RunResult) -> Figure:
    """Draw the share of links inside the tolerance, slice by slice.

    Parameters
    ----------
    result
        A run that was validated with a ramp.

    Raises
    ------
    NothingToDraw
        If it was not.
    """
    from cosim.reports.scatter import panels

    if TABLE not in result:
        raise frames.NothingToDraw("this run has no ramp; cosim validate RUN --ramp writes it")
    table = frames.table(result, TABLE, "slice", "factor", *(column for column, *_ in _SERIES))
    figure = panels(TITLE, [("slice of 15 min", "share of links (%)")], height=340)
    grouped = table.groupby("slice")
    for column, label, colour in _SERIES:
        share = 100.0 * grouped[column].mean()
        figure.add_trace(
            plot.bar(x=list(share.index), y=list(share), name=label, marker={"color": style.faded(colour, 0.8)})
        )
    factor = 100.0 * grouped["factor"].first()
    line = {"color": style.DEMAND, "width": 2, "shape": "hvh"}
    figure.add_trace(plot.scatter(x=list(factor.index), y=list(factor), mode="lines", name="Demand (%)", line=line))
    return figure
