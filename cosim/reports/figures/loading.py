"""Loading of transformers and lines over the day."""

from __future__ import annotations

from cosim.reports import frames, loading, style
from cosim.reports.plot import Figure
from cosim.results.store import RunResult

PLACE = ("Power", 4.5)
TITLE = "Loading"
CAPTION = (
    "AC loading of every transformer, and of the fullest lines, in percent of the rating, at the fuller end: of the "
    "current or of the apparent power, as the net says."
)
_MOST = 8


def draw(result: RunResult) -> Figure:
    """Draw the loading [%] of transformers and of the fullest lines per period.

    Parameters
    ----------
    result
        A run of a feeder with transformers.

    Raises
    ------
    NothingToDraw
        If the run has no branch with a rating, or a feeder of plain lines.
    """
    lines, axis = frames.table(result, "lines", "line", "loading_percent", "kind"), frames.period_axis(result)
    if not frames.known(lines, "loading_percent"):
        raise frames.NothingToDraw("no branch of this run has a rating")
    percent = frames.matrix(lines, "line", "loading_percent", axis)
    percent = percent[percent.notna().any(axis=1)]
    first = set(lines["line"][loading.transformers(lines)].astype(str))
    most = percent.max(axis=1)
    order = list(most.sort_values(ascending=False).index)
    order = [name for name in order if str(name) in first] + [name for name in order if str(name) not in first]
    figure = style.canvas(axis, TITLE, ["loading (%)"], height=420)
    for k, name in enumerate(order[:_MOST]):
        colour = style.SERIES[k % len(style.SERIES)]
        figure.add_trace(style.step(axis, percent.loc[name], name, colour, hovertemplate="%{y:.1f} %"))
    style.limit(figure, loading.FULL, "rating")
    figure.update_yaxes(rangemode="tozero")
    return figure
