"""How far each period is from equilibrium."""

from __future__ import annotations

from cosim.reports import frames, plot, style
from cosim.reports.plot import Figure
from cosim.results.store import RunResult

PLACE = ("Proof", 4)
TITLE = "Residuals of the equilibrium"
CAPTION = (
    "R: fixed-point residual of the assignment, relative. Coupling: how far the station power of roads and grid still "
    "differ in the last round. Bars: iterations and rounds."
)

_RESIDUALS = (
    ("sue_residual", "R of the assignment", "", "#0072b2"),
    ("coupling_residual_mw", "Coupling (MW)", "MW", "#d55e00"),
)
_COUNTS = (("sue_iterations", "Iterations of the assignment", "#8fbbdb"), ("coupling_rounds", "Rounds", "#e5b98f"))


def draw(result: RunResult) -> Figure:
    """Draw residuals (relative, and MW) on a logarithmic axis, and the work that was needed.

    Parameters
    ----------
    result
        A run whose ``periods`` have ``sue_residual`` or ``coupling_residual_mw``.

    Raises
    ------
    NothingToDraw
        If the run has neither.
    """
    periods, axis = frames.table(result, "periods"), frames.period_axis(result)
    counts = [measure for measure in _COUNTS if frames.known(periods, measure[0])]
    units = ["residual", "count"][: 1 + bool(counts)]
    figure = style.canvas(axis, TITLE, units, height=480 if counts else 380, shares=(0.68, 0.32)[: len(units)])
    for column, name, unit, colour in _RESIDUALS:
        if frames.known(periods, column):
            line = style.log_curve(axis, frames.by_period(periods, column, axis), name, colour, unit)
            figure.add_trace(line, panel=1)
    if not figure.data:
        raise frames.NothingToDraw("this run has no residual of an equilibrium")
    style.log_axis(figure)
    _limits(figure, result)
    for column, name, colour in counts:
        bar = plot.bar(x=axis.labels, y=list(frames.by_period(periods, column, axis)), name=name)
        figure.add_trace(bar | {"marker": {"color": colour}, "hovertemplate": "%{y:d}"}, panel=2)
    return figure


def _limits(figure: Figure, result: RunResult) -> None:
    """Draw the largest accepted residuals, where the manifest tells them."""
    gates = result.manifest.get("gates")
    drawn = {trace["name"] for trace in figure.data}
    for column, name, unit, colour in _RESIDUALS:
        accepted = gates.get(column) if isinstance(gates, dict) else None
        if name in drawn and isinstance(accepted, int | float) and accepted > 0.0:
            style.limit(figure, float(accepted), f"accepted {accepted:g} {unit}".rstrip(), colour=colour, log=True)
