"""The page of a study: how its rows ended, what they say together, and which are worth a look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cosim.reports import style
from cosim.reports.page import environment, write_page
from cosim.reports.plot import Figure, plotly_js, scatter
from cosim.reports.rows import Row

if TYPE_CHECKING:
    import pandas as pd

HEADLINES = ("cost", "margin_low_pu", "vmin_ac_pu", "ev_not_served_mwh", "loss_mwh", "import_peak_mw", "wait_mean_min")
"""Measures that are drawn, if a study has them."""
_DRAWN, _FACTORS, _WORST = 3, 6, 10
_FEW = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPage:
    """What the page tells.

    Attributes
    ----------
    title, facts
        The study, and lines of what it is.
    rows
        Collected rows.
    measures, factors
        Names of its columns: what was measured, and what varied by numbers.
    units
        Units of measures.
    tables
        Statistics by heading; each a list of rows.
    remarks
        What the reader must know.
    worst
        Rows worth a look: what they are, how they ended, the command that repeats each.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    rows: pd.DataFrame
    measures: Sequence[str]
    factors: Sequence[str]
    units: Mapping[str, str]
    tables: Mapping[str, Sequence[Mapping[str, Any]]]
    remarks: Sequence[str]
    worst: Sequence[tuple[str, str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """A table as text."""

    heading: list[str]
    cells: list[list[str]]


def write_study(page: StudyPage, path: Path) -> Path:
    """Write the page and return where it lies; it needs no other file and no network.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    figures = [(title, figure.to_html(f"figure{k}")) for k, (title, figure) in enumerate(_figures(page))]
    text = environment().get_template("study.html.j2").render(
        page=page, tables={name: _told(rows, page.units) for name, rows in page.tables.items() if rows},
        figures=figures, plotlyjs=plotly_js() if figures else "",
    )  # fmt: skip
    write_page(path, text)
    return path


def _figures(page: StudyPage) -> list[tuple[str, Figure]]:
    drawn = [name for name in HEADLINES if name in page.measures] or list(page.measures)
    chosen = [name for name in drawn if page.rows[name].nunique() >= _FEW][:_DRAWN]
    found = [(f"{name} over each factor", _panels(page, name)) for name in chosen if page.factors]
    return [*found, *((f"Mean of {name} with more rows", _convergence(page, name)) for name in chosen[:1])]


def _panels(page: StudyPage, measure: str) -> Figure:
    """Draw a measure over each factor, a mark a row."""
    factors = list(page.factors)[:_FACTORS]
    figure = Figure((1.0,) * len(factors), spacing=0.06, beside=True)
    style.paper(figure, "", 340)
    for panel, factor in enumerate(factors, start=1):
        for k, (name, group) in enumerate(page.rows.groupby("alternative", sort=False)):
            marks = {"size": 6, "color": style.SERIES[k % len(style.SERIES)], "opacity": 0.75}
            words = [f"row {row}" for row in group["row"]]
            trace = scatter(
                group[factor].tolist(), group[measure].tolist(), mode="markers", name=str(name), marker=marks,
                text=words, legendgroup=str(name), showlegend=panel == 1,
            )  # fmt: skip
            figure.add_trace(trace, panel=panel)
        figure.update_xaxes(panel, title={"text": style.escape(factor)})
    figure.update_yaxes(1, title={"text": style.escape(_named(measure, page.units))})
    return figure


def _convergence(page: StudyPage, measure: str) -> Figure:
    """Draw the mean of the first rows over their number, with twice its standard error."""
    figure = Figure()
    style.paper(figure, "", 320)
    for k, (name, group) in enumerate(page.rows.groupby("alternative", sort=False)):
        values = group[measure].to_numpy(dtype=float)
        values = values[np.isfinite(values)]
        count = np.arange(1, values.size + 1)
        mean = np.cumsum(values) / count
        spread = np.sqrt(np.maximum(np.cumsum(values**2) / count - mean**2, 0.0) / count)
        colour = style.SERIES[k % len(style.SERIES)]
        line = {"color": colour, "width": 2}
        figure.add_trace(scatter(count, mean, mode="lines", name=str(name), line=line))
        for side in (-2.0, 2.0):
            thin = {"color": colour, "width": 1, "dash": "dot"}
            edge = scatter(count, mean + side * spread, mode="lines", line=thin, showlegend=False, hoverinfo="skip")
            figure.add_trace(edge)
    figure.update_xaxes(1, title={"text": "rows"})
    figure.update_yaxes(1, title={"text": style.escape(_named(measure, page.units))})
    return figure


def _named(measure: str, units: Mapping[str, str]) -> str:
    unit = units.get(measure, "")
    return f"{measure} ({unit})" if unit else measure


def _told(rows: Sequence[Mapping[str, Any]], units: Mapping[str, str]) -> _Table:
    """Return heading and cells of a table as text; columns without a value are left out."""
    names = [name for name in rows[0] if any(_known(row.get(name)) for row in rows)]
    cells = [[_text(row.get(name)) for name in names] for row in rows]
    if "measure" in names:
        for row, line in zip(rows, cells, strict=True):
            line.append(units.get(str(row["measure"]), ""))
        names.append("unit")
    return _Table(heading=names, cells=cells)


def _known(value: object) -> bool:
    return value is not None and not (isinstance(value, float) and np.isnan(value))


def _text(value: object) -> str:
    if not _known(value):
        return "–"
    if isinstance(value, float) and np.isinf(value):
        return "beyond the rows"
    return Row(key="", label="", value=value).text if isinstance(value, int | float) else str(value)
