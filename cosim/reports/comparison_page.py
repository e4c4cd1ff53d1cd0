"""Runs side by side as one offline page: the table, and the day of each run in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cosim.reports import frames, style
from cosim.reports.comparison import Comparison
from cosim.reports.difference_maps import difference_maps
from cosim.reports.frames import NothingToDraw, PeriodAxis
from cosim.reports.page import environment, write_page
from cosim.reports.plot import Figure, plotly_js
from cosim.results.store import RunResult

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Period by period"
CAPTION = "Charging that was not served, the lowest AC voltage, and the import, one line per run."


_COLUMNS = {
    "ev_curtailed_mw": ("charging not served (MW)", "MW"),
    "vmin_ac_pu": ("lowest voltage (pu)", "pu"),
    "import_mw": ("import (MW)", "MW"),
}


def write_comparison(comparison: Comparison, path: Path) -> Path:
    """Write the page and return where it lies; it needs no other file and no network.

    Parameters
    ----------
    comparison
        The table; its runs are read for the picture.
    path
        Where to write.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    results, names = comparison.results(), [run.name for run in comparison.runs]
    try:
        figure = draw(results, names)
        figure.update_layout(title={"text": ""}, margin={"t": 14})  # it stands above the picture
        html, missing = figure.to_html("figure"), ""
    except NothingToDraw as reason:
        html, missing = "", str(reason)
    drawn, begin = difference_maps(results[0], results[-1], names[0], names[-1])
    sections: dict[str, list[object]] = {}
    for row in comparison.rows:
        sections.setdefault(row.section, []).append(row)
    text = environment().get_template("comparison.html.j2").render(
        comparison=comparison, sections=sections, caption=CAPTION, title=TITLE, figure=html, missing=missing,
        plotlyjs=plotly_js(), maps=drawn, begin=begin,
    )  # fmt: skip
    write_page(path, text)
    return path


def draw(results: Sequence[RunResult], names: Sequence[str]) -> Figure:
    """Draw power not served [MW], lowest AC voltage [pu] and import [MW] of each run over the periods.

    Raises
    ------
    NothingToDraw
        If no run has a grid.
    """
    axis = frames.period_axis(results[0])
    found = [_by_period(result, axis) for result in results]
    panels = [
        (label, unit, [one.get(column) for one in found])
        for column, (label, unit) in _COLUMNS.items()
        if any(column in one for one in found)
    ]
    if not panels:
        raise NothingToDraw("no run has a grid")
    figure = style.canvas(axis, TITLE, [label for label, _, _ in panels], height=120 + 190 * len(panels))
    for row, (_, unit, by_run) in enumerate(panels, start=1):
        for k, (name, values) in enumerate(zip(names, by_run, strict=True)):
            if values is None:
                continue
            colour = style.SERIES[k % len(style.SERIES)]
            line = style.curve(axis, values, name, colour, legendgroup=name, hovertemplate=f"%{{y:,.4f}} {unit}")
            figure.add_trace(line | {"showlegend": row == 1}, panel=row)
    return figure


def _by_period(result: RunResult, axis: PeriodAxis) -> dict[str, pd.Series[float]]:
    """Return those columns of table ``periods`` that the run has, over the axis."""
    periods = result["periods"].set_index("period")
    return {name: frames.numbers(periods, name).reindex(list(axis.numbers)) for name in _COLUMNS if name in periods}
